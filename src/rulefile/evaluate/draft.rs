//! From the values of a rule's directives to a [`Rule`]: checks what each directive may hold, and takes patterns apart.

use std::sync::Arc;

use starlark::eval::Evaluator;

use super::loader::{Draft, Loader, fail};
use super::objects::RuleFacts;
use super::programs;
use super::statements::Arguments;
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::instance::{describe, pattern_error};
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::{Action, Argument, Expr, Flags, FunctionId, LogPattern, OutputPattern, Rule};
use crate::value::{Named, Value};

/// Adds a rule to the loader.
///
/// # Errors
/// What is wrong with its directives, at its place.
pub fn add_rule<'v>(
    site: u32,
    name: Option<String>,
    given: &[(String, Arguments<'v>)],
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<()> {
    let loader = Loader::of(eval);
    let (span, doc, has_run) = {
        let sites = loader.sites.borrow();
        let site = &sites[site as usize];
        (site.span, site.doc.clone(), site.run.is_some())
    };

    let directive = given.iter().find(|(keyword, _)| keyword == "name");
    let name = match (directive, name) {
        (Some((_, arguments)), _) => {
            let argument = one(&arguments.expressions(site, "name", eval)?, "name", span).map_err(fail)?;
            text(&argument, "name").map_err(fail)?
        }
        (None, Some(name)) => name,
        // An anonymous rule is called by its number.
        (None, None) => (loader.drafts.borrow().len() + 1).to_string(),
    };
    if let Some(other) = loader.drafts.borrow().iter().find(|draft| draft.rule.name == name) {
        return Err(fail(
            Diagnostic::error(format!("there are two rules called `{name}`"))
                .at(span, "the second")
                .at(other.rule.span, "the first")
                .help("rename one of them; a rule in a loop can have its name computed: `name: f\"make_{x}\"`"),
        ));
    }
    let mut builder = Builder {
        rule: Rule {
            name,
            span,
            doc,
            input: Arc::default(),
            output: Named::default(),
            log: Named::default(),
            benchmark: None,
            benchmark_repeats: 1,
            params: Vec::new(),
            threads: None,
            resources: Vec::new(),
            priority: None,
            retries: None,
            message: None,
            default_target: false,
            local: false,
            action: Action::None,
            action_span: span,
            wildcard_names: Vec::new(),
        },
        constraints: Vec::new(),
        basedir: loader.basedir.borrow().clone(),
    };
    for (keyword, arguments) in given {
        let arguments = arguments.expressions(site, keyword, eval)?;
        check_functions(keyword, &arguments, loader).map_err(fail)?;
        builder.directive(keyword, arguments).map_err(fail)?;
    }
    if has_run && builder.rule.action != Action::None {
        return Err(fail(two_actions(span)));
    }
    builder.settle_wildcards(has_run).map_err(fail)?;
    let Builder { rule, constraints, .. } = builder;
    loader.facts.write().unwrap_or_else(std::sync::PoisonError::into_inner).push(facts(&rule));
    let captured = if has_run { programs::capture(site, eval)? } else { Vec::new() };
    loader.drafts.borrow_mut().push(Draft { rule, site, constraints, captured });
    Ok(())
}

/// What a function of each directive may ask for by the name of a parameter, beside the wildcards in its first.
fn askable(keyword: &str) -> &'static [&'static str] {
    match keyword {
        "params" => &["wildcards", "input", "output", "resources", "threads", "attempt", "rule", "rulename"],
        "resources" => &["wildcards", "input", "threads", "attempt", "rule", "rulename"],
        "threads" => &["wildcards", "input", "attempt", "rule", "rulename"],
        _ => &["wildcards", "attempt", "rule", "rulename"],
    }
}

/// Refuses a function that asks for what no job has.
fn check_functions(keyword: &str, arguments: &[Argument], loader: &Loader) -> Result<(), Diagnostic> {
    fn walk(expr: &Expr, each: &mut dyn FnMut(FunctionId) -> Result<(), Diagnostic>) -> Result<(), Diagnostic> {
        match expr {
            Expr::Function(function) => each(*function),
            Expr::Flagged(inner, _) | Expr::Unpack(inner) => walk(inner, each),
            Expr::List(items) => items.iter().try_for_each(|item| walk(item, each)),
            Expr::Dict(entries) => entries.iter().try_for_each(|(_, value)| walk(value, each)),
            Expr::Value(_) => Ok(()),
        }
    }
    let known = askable(keyword);
    for argument in arguments {
        walk(&argument.expr, &mut |function| {
            let parameters = loader.parameters.borrow();
            let parameters = &parameters[function.0 as usize];
            let first = parameters.names.first();
            let unknown = |name: &&String| Some(*name) != first && !known.contains(&name.as_str());
            let Some(name) = parameters.required.iter().find(unknown) else { return Ok(()) };
            let diagnostic =
                Diagnostic::error(format!("no job has a value for the parameter `{name}` of this function"))
                    .at(argument.span, "")
                    .note(format!(
                        "a function of `{keyword}:` is given the wildcards, and by name: {}",
                        known.join(", ")
                    ));
            Err(match crate::spelling::nearest(name, known.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("to give it a value of the file, write a default: `{name}={name}`")),
            })
        })?;
    }
    Ok(())
}

struct Builder {
    rule: Rule,
    constraints: Vec<(String, String)>,
    basedir: String,
}

impl Builder {
    fn directive(&mut self, keyword: &str, arguments: Vec<Argument>) -> Result<(), Diagnostic> {
        let span = arguments.first().map_or(self.rule.span, |argument| argument.span);
        let rule = &mut self.rule;
        match keyword {
            "name" => {}
            "input" => rule.input = arguments.into(),
            "output" => rule.output = outputs(&arguments)?,
            "log" => rule.log = logs(&arguments)?,
            "benchmark" => {
                let argument = one(&arguments, keyword, span)?;
                rule.benchmark = Some((pattern(&text(&argument, keyword)?, argument.span)?, argument.span));
            }
            "params" => rule.params = arguments,
            "resources" => {
                if let Some(argument) = arguments.iter().find(|argument| argument.name.is_none()) {
                    return Err(Diagnostic::error("a resource needs a name")
                        .at(argument.span, "")
                        .help("write `resources: NAME=AMOUNT`, such as `mem_mb=500`"));
                }
                for argument in &arguments {
                    let is_negative = match &argument.expr {
                        Expr::Value(Value::Int(n)) => *n < 0,
                        Expr::Value(Value::Float(n)) => !(n.is_finite() && *n >= 0.0),
                        _ => false,
                    };
                    if is_negative {
                        let name = argument.name.as_deref().unwrap_or(keyword);
                        return Err(wrong(argument, name, "an amount from 0", &argument.expr));
                    }
                }
                rule.resources = arguments;
            }
            "threads" => {
                let argument = one(&arguments, keyword, span)?;
                match &argument.expr {
                    Expr::Function(_) => {}
                    Expr::Value(Value::Int(n)) if u32::try_from(*n).is_ok_and(|n| n > 0) => {}
                    other => return Err(wrong(&argument, keyword, "a whole number from 1, or a function", other)),
                }
                rule.threads = Some(argument);
            }
            "priority" => rule.priority = Some(one(&arguments, keyword, span)?),
            "retries" => rule.retries = Some(count(&one(&arguments, keyword, span)?, keyword)?),
            "message" => {
                let argument = one(&arguments, keyword, span)?;
                rule.message = Some((text(&argument, keyword)?, argument.span));
            }
            "default_target" => rule.default_target = truth(&one(&arguments, keyword, span)?, keyword)?,
            "localrule" => rule.local = truth(&one(&arguments, keyword, span)?, keyword)?,
            "wildcard_constraints" => {
                for argument in &arguments {
                    let Some(name) = &argument.name else {
                        return Err(Diagnostic::error("a constraint needs the name of its wildcard")
                            .at(argument.span, "")
                            .help("write `wildcard_constraints: NAME=\"REGEX\"`"));
                    };
                    self.constraints.push((name.clone(), text(argument, keyword)?));
                }
            }
            "shell" | "script" => {
                if rule.action != Action::None {
                    return Err(two_actions(span));
                }
                let argument = one(&arguments, keyword, span)?;
                let text = text(&argument, keyword)?;
                rule.action_span = argument.span;
                rule.action = if keyword == "shell" {
                    Action::Shell(text)
                } else {
                    Action::Script { path: text, basedir: self.basedir.clone() }
                };
            }
            other => {
                return Err(
                    Diagnostic::error(format!("this version does not have the directive `{other}:` yet")).at(span, "")
                );
            }
        }
        Ok(())
    }

    /// The wildcards of a rule are those of its outputs, which all must have the same; so must logs and benchmarks,
    /// or two jobs would write one file.
    fn settle_wildcards(&mut self, has_run: bool) -> Result<(), Diagnostic> {
        let rule = &mut self.rule;
        if let Some(first) = rule.output.items.first() {
            rule.wildcard_names = first.pattern.names().to_vec();
        }
        let outputs = rule.output.items.iter().map(|output| (&output.pattern, output.span, "output"));
        let logs = rule.log.items.iter().map(|log| (&log.pattern, log.span, "log"));
        let benchmarks = rule.benchmark.iter().map(|(pattern, span)| (pattern, *span, "benchmark"));
        for (pattern, span, what) in outputs.chain(logs).chain(benchmarks) {
            let missing = rule.wildcard_names.iter().find(|name| !pattern.names().contains(name));
            let extra = pattern.names().iter().find(|name| !rule.wildcard_names.contains(name));
            if let Some(name) = missing.or(extra) {
                let first = rule.output.items.first().map_or(rule.span, |output| output.span);
                let headline =
                    format!("rule `{}`: all outputs, logs and benchmarks need the same wildcards", rule.name);
                let (without, with) = if missing.is_some() { (span, first) } else { (first, span) };
                return Err(Diagnostic::error(headline)
                    .at(without, format!("`{{{name}}}` is missing here"))
                    .at(with, format!("and is used in this {}", if missing.is_some() { "output" } else { what }))
                    .help("otherwise jobs with different values would write the same file"));
            }
        }
        let idle = rule.action == Action::None && !has_run;
        let touches = rule.output.items.iter().all(|output| output.flags.touch);
        if idle && !rule.output.is_empty() && !touches {
            return Err(Diagnostic::error(format!("rule `{}` has outputs, and nothing that makes them", rule.name))
                .at(rule.span, "")
                .help("add `shell:`, `run:` or `script:`"));
        }
        Ok(())
    }
}

fn two_actions(span: Span) -> Diagnostic {
    Diagnostic::error("a rule does one thing: `shell:`, `run:` or `script:`")
        .at(span, "a second one")
        .help("call shell(\"…\") inside `run:`, or split the rule in two")
}

/// The only argument of a directive that takes one.
fn one(arguments: &[Argument], keyword: &str, span: Span) -> Result<Argument, Diagnostic> {
    match arguments {
        [argument] if argument.name.is_none() => Ok(argument.clone()),
        [argument] => {
            Err(Diagnostic::error(format!("`{keyword}:` takes a value without a name")).at(argument.span, ""))
        }
        [] => {
            Err(Diagnostic::error(format!("`{keyword}:` is empty")).at(span, "").help("give it a value, or remove it"))
        }
        [_, second, ..] => Err(Diagnostic::error(format!("`{keyword}:` takes one value"))
            .at(second.span, "this is a second one")
            .help("is the comma before it meant to be there? Strings without a comma between them are joined")),
    }
}

fn text(argument: &Argument, keyword: &str) -> Result<String, Diagnostic> {
    match &argument.expr {
        Expr::Value(Value::Str(text)) => Ok(text.clone()),
        other => Err(wrong(argument, keyword, "text", other)),
    }
}

fn count(argument: &Argument, keyword: &str) -> Result<u32, Diagnostic> {
    match &argument.expr {
        Expr::Value(Value::Int(n)) if u32::try_from(*n).is_ok() => Ok(u32::try_from(*n).unwrap_or_default()),
        other => Err(wrong(argument, keyword, "a whole number from 0", other)),
    }
}

fn truth(argument: &Argument, keyword: &str) -> Result<bool, Diagnostic> {
    match &argument.expr {
        Expr::Value(Value::Bool(b)) => Ok(*b),
        other => Err(wrong(argument, keyword, "True or False", other)),
    }
}

fn wrong(argument: &Argument, keyword: &str, wanted: &str, got: &Expr) -> Diagnostic {
    let got = match got {
        Expr::Value(value) => describe(value),
        Expr::Flagged(..) => "a file under a flag".into(),
        Expr::List(_) => "a list".into(),
        Expr::Dict(_) => "a dictionary".into(),
        Expr::Function(_) => "a function".into(),
        Expr::Unpack(_) => "unpack(…)".into(),
    };
    Diagnostic::error(format!("`{keyword}:` takes {wanted}, not {got}")).at(argument.span, "")
}

fn pattern(text: &str, span: Span) -> Result<Pattern, Diagnostic> {
    if text.is_empty() {
        return Err(Diagnostic::error("an empty string is no path").at(span, ""));
    }
    Pattern::parse(&crate::path::normalise(text)).map_err(|error| pattern_error(&error, span))
}

/// Patterns with their flags, flattened, with names over ranges.
fn flatten(arguments: &[Argument], what: &str) -> Result<Named<OutputPattern>, Diagnostic> {
    fn walk(
        expr: &Expr,
        flags: &Flags,
        span: Span,
        what: &str,
        out: &mut Vec<OutputPattern>,
    ) -> Result<(), Diagnostic> {
        match expr {
            Expr::Value(Value::Str(text)) => {
                out.push(OutputPattern { pattern: pattern(text, span)?, flags: flags.clone(), span });
                Ok(())
            }
            Expr::Value(Value::List(items)) => {
                items.iter().try_for_each(|item| walk(&Expr::Value(item.clone()), flags, span, what, out))
            }
            Expr::List(items) => items.iter().try_for_each(|item| walk(item, flags, span, what, out)),
            Expr::Flagged(inner, own) => walk(inner, &flags.and(own), span, what, out),
            Expr::Function(_) => Err(Diagnostic::error(format!("a function cannot give {what} files"))
                .at(span, "")
                .help("the outputs decide what the wildcards are, so they must be patterns; use wildcards in them")),
            Expr::Value(value) => {
                Err(Diagnostic::error(format!("a path must be text, not {}", describe(value))).at(span, ""))
            }
            Expr::Dict(_) | Expr::Unpack(_) => Err(Diagnostic::error(format!("{what} takes paths")).at(span, "")),
        }
    }
    let mut out = Named::default();
    let mut add = |name: Option<&String>, expr: &Expr, span: Span| -> Result<(), Diagnostic> {
        let start = out.items.len();
        walk(expr, &Flags::default(), span, what, &mut out.items)?;
        if let Some(name) = name {
            let count = out.items.len() - start;
            let is_list = !matches!(expr, Expr::Value(Value::Str(_)))
                && !matches!(expr, Expr::Flagged(inner, _) if matches!(**inner, Expr::Value(Value::Str(_))));
            let number = |n: usize| u32::try_from(n).expect("fewer than 2^32 files a rule");
            out.names.push((name.clone(), number(start), is_list.then(|| number(count))));
        }
        Ok(())
    };
    for argument in arguments {
        match &argument.expr {
            Expr::Unpack(inner) => match &**inner {
                Expr::Value(Value::Dict(dict)) => {
                    for (name, value) in dict {
                        add(Some(name), &Expr::Value(value.clone()), argument.span)?;
                    }
                }
                Expr::Dict(entries) => {
                    for (name, expr) in entries {
                        add(Some(name), expr, argument.span)?;
                    }
                }
                other => add(None, other, argument.span)?,
            },
            other => add(argument.name.as_ref(), other, argument.span)?,
        }
    }
    Ok(out)
}

fn outputs(arguments: &[Argument]) -> Result<Named<OutputPattern>, Diagnostic> {
    let outputs = flatten(arguments, "output")?;
    for (at, output) in outputs.items.iter().enumerate() {
        if let Some(first) = outputs.items[..at].iter().find(|first| first.pattern.text() == output.pattern.text()) {
            return Err(Diagnostic::error(format!("the output `{}` is there twice", output.pattern.text()))
                .at(output.span, "the second")
                .at(first.span, "the first"));
        }
        if output.flags.ancient {
            return Err(Diagnostic::error("ancient() is for inputs").at(output.span, ""));
        }
    }
    Ok(outputs)
}

fn logs(arguments: &[Argument]) -> Result<Named<LogPattern>, Diagnostic> {
    let flat = flatten(arguments, "log")?;
    let items = flat.items.into_iter().map(|log| LogPattern { pattern: log.pattern, span: log.span }).collect();
    Ok(Named { items, names: flat.names })
}

/// What `rules.NAME` shows of a rule.
fn facts(rule: &Rule) -> RuleFacts {
    let text = |pattern: &Pattern| Value::Str(pattern.text().to_owned());
    let mut params = Named::default();
    for argument in &rule.params {
        if let Expr::Value(value) = &argument.expr {
            if let Some(name) = &argument.name {
                params.names.push((name.clone(), u32::try_from(params.items.len()).expect("few params"), None));
            }
            params.items.push(value.clone());
        }
    }
    RuleFacts {
        name: rule.name.clone(),
        input: Arc::clone(&rule.input),
        output: rule.output.map(|output| text(&output.pattern)),
        log: rule.log.map(|log| text(&log.pattern)),
        params,
    }
}
