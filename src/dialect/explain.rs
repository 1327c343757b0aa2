//! The evaluator's words for an error, in words that a person knows, and how to mend it. Text in, text out.

/// What to say for a message of the evaluator, and how to mend it, by the piece of code that it is about.
pub fn explained(message: &str, code: &str) -> (String, Option<String>) {
    let known = [immutable, key, operation, call, attribute, name].iter().find_map(|explain| explain(message, code));
    known.unwrap_or_else(|| (message.to_owned(), None))
}

type Explained = Option<(String, Option<String>)>;

/// What stands between two texts.
fn between<'m>(message: &'m str, start: &str, end: &str) -> Option<&'m str> {
    message.strip_prefix(start)?.split(end).next()
}

fn immutable(message: &str, _: &str) -> Explained {
    let help = "values of the file are the same for all jobs: make a new one, as in `items + [item]`";
    message.starts_with("Immutable").then(|| ("this value cannot be changed here".to_owned(), Some(help.to_owned())))
}

fn key(message: &str, code: &str) -> Explained {
    let key = between(message, "Key `\"", "\"")?;
    let object = code.split('[').next().unwrap_or_default().trim();
    let help = if object == "config" {
        format!(
            "give it on the command line, `-C {key}=…`, or in a file, `--configfile FILE`; or write \
             config.get(\"{key}\", default)"
        )
    } else {
        let object = if object.is_empty() || object.contains(['(', ' ', '\n']) { "…" } else { object };
        format!("ask whether it is there, `\"{key}\" in {object}`, or write {object}.get(\"{key}\", default)")
    };
    Some((message.to_owned(), Some(help)))
}

/// The types as a person calls them.
fn type_name(name: &str) -> &str {
    match name {
        "string" => "a text",
        "int" => "an integer",
        "float" => "a number",
        "list" => "a list",
        "dict" => "a dictionary",
        "tuple" => "a tuple",
        "bool" => "True or False",
        "NoneType" => "None",
        "function" => "a function",
        other => other,
    }
}

fn operation(message: &str, _: &str) -> Explained {
    let operator = between(message, "Operation `", "`")?;
    let (_, types) = message.split_once("not supported for types `")?;
    let (left, right) = types.split_once("` and `")?;
    let right = right.trim_end_matches('`');
    let said = format!("`{operator}` does not go between {} and {}", type_name(left), type_name(right));
    let other = if left == "string" { right } else { left };
    let help = match other {
        _ if operator != "+" || (left == "string") == (right == "string") => None,
        "int" | "float" => {
            Some(format!("for a text of both, f\"{{first}}{{second}}\"; for a number, {other}(…) around the text"))
        }
        "image" => None,
        _ => Some("make a text of both: f\"{first}{second}\", or str(…) around the other".to_owned()),
    };
    Some((said, help))
}

/// Calls without an argument that the function needs. The name of the function has that of its unit before it.
fn call(message: &str, _: &str) -> Explained {
    let parameter = between(message, "Missing parameter `", "`")?;
    let (_, function) = message.split_once("for call to `")?;
    let function = function.trim_end_matches('`');
    let function = function.rsplit('.').next().unwrap_or(function);
    let said = format!("`{function}` is called without its `{parameter}`");
    let help = (parameter == "wildcards" || parameter == "w")
        .then(|| format!("give the function itself, `{function}`: flow calls it for each job"));
    Some((said, help))
}

/// The name that a list of the job (`params`, `wildcards`) was asked for and does not have.
pub fn missing_item(message: &str) -> Option<&str> {
    between(message, "Object of type `Namedlist` has no attribute `", "`")
}

/// The same, where only the code tells which list it is.
pub fn without_item(message: &str, code: &str) -> Option<(String, Option<String>)> {
    let name = missing_item(message)?;
    let list = code.rsplit_once('.').map_or("it", |(list, _)| list.trim());
    let near = message.split_once("did you mean `").and_then(|(_, rest)| rest.split('`').next());
    Some((format!("`{list}` has no `{name}`"), near.map(|near| format!("did you mean `{list}.{near}`?"))))
}

fn attribute(message: &str, _: &str) -> Explained {
    let rule = between(message, "Object of type `rules` has no attribute `", "`")?;
    let near = message.split_once("did you mean `").and_then(|(_, rest)| rest.split('`').next());
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a rule is known below the line where it stands: is it further down, or in a file not yet included?"
            .to_owned(),
    };
    Some((format!("there is no rule `{rule}` above this line"), Some(help)))
}

/// Names that only a job has.
fn name(message: &str, _: &str) -> Explained {
    let name = between(message, "name `", "` is not defined")?;
    let help = match name {
        "wildcards" => {
            "its values are known when a job is made: write a function, `lambda wildcards: … wildcards.name …`"
        }
        "input" | "output" | "params" | "threads" | "resources" | "log" => {
            "it is known when a job is made: write a function that asks for it, `lambda wildcards, NAME: …`"
        }
        _ => return None,
    };
    Some((message.to_owned(), Some(help.replace("NAME", name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evaluators_words_are_put_in_ours() {
        for (message, code, said, help) in [
            ("Immutable", "", "this value cannot be changed here", "make a new one"),
            ("Key `\"a\"` was not found", "config[\"a\"]", "Key `\"a\"` was not found", "-C a=…"),
            ("Key `\"b\"` was not found", "FILES[\"b\"]", "Key `\"b\"` was not found", "FILES.get(\"b\", default)"),
            (
                "Operation `+` not supported for types `string` and `int`",
                "",
                "`+` does not go between a text and an integer",
                "int(…)",
            ),
            (
                "Missing parameter `wildcards` for call to `unit 0.f`",
                "f()",
                "`f` is called without its `wildcards`",
                "`f`:",
            ),
            (
                "Object of type `rules` has no attribute `frist`, did you mean `first`?",
                "",
                "there is no rule `frist` above this line",
                "did you mean `first`?",
            ),
            ("name `wildcards` is not defined", "", "name `wildcards` is not defined", "lambda wildcards"),
        ] {
            let (got, mend) = explained(message, code);
            assert_eq!(got, said);
            assert!(mend.as_deref().unwrap_or_default().contains(help), "{mend:?}");
        }
        assert_eq!(explained("anything else", ""), ("anything else".to_owned(), None));
    }
}
