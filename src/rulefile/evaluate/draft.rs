//! From the values of a rule's directives to a [`Rule`]: checks what each directive may hold, and takes patterns apart.

use std::sync::Arc;

use starlark::eval::Evaluator;

use super::loader::{Draft, Given, Loader, Written, fail};
use super::objects::RuleFacts;
use super::programs;
use super::statements::Arguments;
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::instance::{describe, pattern_error};
use crate::rulefile::pattern::Pattern;
use crate::rulefile::relocation::{Level, PathVars, Relocation, RelocationError};
use crate::rulefile::rule::{Action, Argument, Expr, Flags, FunctionId, LogPattern, Need, OutputPattern, Rule};
use crate::rulefile::tree::RuleKind;
use crate::run::spec::ShadowKind;
use crate::value::{Named, Value};

/// Adds a rule to the namespace that is being evaluated.
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
    let directives = directives(site, given, eval)?;
    let (namespace, basedir) = loader.here_in(|space| (space.id, space.basedir.clone()));
    let captured = if has_run { programs::capture(site, eval)? } else { Vec::new() };
    let written = Written { site, span, doc, namespace, basedir, directives, has_run, run: None, captured };
    // An anonymous rule is called by its number.
    let name = name.unwrap_or_else(|| (loader.here_in(|space| space.rules_met) + 1).to_string());
    let draft = draft(name, written, loader).map_err(fail)?;
    register(draft, false, eval)
}

/// The directives as they are given, in this namespace.
///
/// # Errors
/// A value that no directive can have, a function that asks for what no job has.
pub fn directives<'v>(
    site: u32,
    given: &[(String, Arguments<'v>)],
    eval: &Evaluator<'v, '_, '_>,
) -> starlark::Result<Vec<Given>> {
    let loader = Loader::of(eval);
    let mut out = Vec::new();
    for (keyword, arguments) in given {
        let arguments = arguments.expressions(site, keyword, eval)?;
        check_functions(keyword, &arguments, loader).map_err(fail)?;
        out.push(Given { keyword: keyword.clone(), arguments: arguments.into(), namespace: loader.current() });
    }
    Ok(out)
}

/// Adds a rule to the namespace that is being evaluated, or puts it in the place of the one of its name.
///
/// # Errors
/// Another rule has the name.
pub fn register(draft: Draft, replace: bool, eval: &Evaluator<'_, '_, '_>) -> starlark::Result<()> {
    let loader = Loader::of(eval);
    let facts = facts(&draft.rule, loader);
    loader
        .here_in(|space| {
            let at = space.drafts.iter().position(|known| known.rule.name == draft.rule.name);
            if let Some(at) = at
                && !replace
            {
                let other = &space.drafts[at];
                return Err(Diagnostic::error(format!("there are two rules called `{}`", draft.rule.name))
                    .at(draft.rule.span, "the second")
                    .at(other.rule.span, "the first")
                    .help("rename one of them; a rule in a loop can have its name computed: `name: f\"make_{x}\"`"));
            }
            if draft.rule.default_target || space.default_target.is_none() {
                space.default_target = Some(draft.rule.name.clone());
            }
            space.rules_met += 1;
            let mut known = space.facts.write().unwrap_or_else(std::sync::PoisonError::into_inner);
            match at {
                Some(at) => (space.drafts[at], known[at]) = (draft, facts),
                None => {
                    known.push(facts);
                    space.drafts.push(draft);
                }
            }
            Ok(())
        })
        .map_err(fail)
}

/// A rule from what is written of it.
///
/// # Errors
/// What is wrong with its directives, at its place.
pub fn draft(name: String, written: Written, loader: &Loader) -> Result<Draft, Diagnostic> {
    let span = written.span;
    let mut builder = Builder {
        rule: Rule {
            name,
            span,
            doc: written.doc.clone(),
            namespace: written.namespace,
            input: Arc::default(),
            input_relocation: Arc::default(),
            input_flags: Flags::default(),
            output: Named::default(),
            log: Named::default(),
            benchmark: None,
            benchmark_repeats: 1,
            shadow: None,
            handover: false,
            params: Vec::new(),
            threads: None,
            resources: Vec::new(),
            priority: None,
            retries: None,
            message: None,
            default_target: false,
            cache: false,
            outputs_are_told_apart: false,
            local: false,
            is_checkpoint: loader.sites.borrow()[written.site as usize].kind == RuleKind::Checkpoint,
            action: Action::None,
            action_span: span,
            needs: Vec::new(),
            wildcard_names: Vec::new(),
        },
        constraints: Vec::new(),
        basedir: written.basedir.clone(),
        output_flags: Flags::default(),
    };
    loader.namespace(written.namespace, |space| {
        builder.rule.input_flags = space.input_flags.clone();
        builder.output_flags = space.output_flags.clone();
    });
    let pathvars = pathvars(&written, loader)?;
    for Given { keyword, arguments, namespace } in &written.directives {
        if !PATHS.contains(&keyword.as_str()) {
            builder.directive(keyword, Arc::clone(arguments))?;
            continue;
        }
        let prefixes = loader.namespace(*namespace, |space| space.prefixes.clone());
        let relocation = Relocation { prefixes, pathvars: pathvars.clone() };
        let settled = relocation
            .arguments(arguments)
            .map_err(|(at, error)| relocation_error(&error, &pathvars).at(arguments[at].span, ""))?;
        builder.directive(keyword, settled.map_or_else(|| Arc::clone(arguments), Arc::from))?;
        if keyword == "input" {
            builder.rule.input_relocation = Arc::new(relocation);
        }
    }
    if written.has_run && builder.rule.action != Action::None {
        return Err(two_actions(span));
    }
    builder.settle_wildcards(written.has_run)?;
    let has_own = written.directives.iter().any(|given| CONTAINERS.contains(&given.keyword.as_str()));
    let of_all = loader.namespace(written.namespace, |space| space.container.clone());
    builder.rule.needs.extend(of_all.filter(|_| !has_own));
    if let Some(run) = &written.run {
        builder.rule.action = Action::Run(Arc::clone(run));
        builder.rule.action_span =
            loader.sites.borrow()[written.site as usize].run.as_ref().map_or(span, |run| run.span);
    }
    let Builder { rule, constraints, .. } = builder;
    Ok(Draft { rule, written, constraints, used_from: None })
}

/// Directives that put a rule into a container.
const CONTAINERS: [&str; 3] = ["container", "containerized", "singularity"];

/// What `cache:` may say beside True and False.
const CACHES: [&str; 4] = ["all", "omit-software", "omit-storage-content", "omit-all"];

/// Directives whose values are paths.
const PATHS: [&str; 4] = ["input", "output", "log", "benchmark"];

/// The path variables of a rule: its own over those of its namespace.
fn pathvars(written: &Written, loader: &Loader) -> Result<PathVars, Diagnostic> {
    let mut pathvars = loader.namespace(written.namespace, |space| space.pathvars.clone());
    if let Some(given) = written.directives.iter().find(|given| given.keyword == "pathvars") {
        let named = text_items(&given.arguments, "pathvars", written.span)?;
        let items = named.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let added = pathvars.add(Level::Rule, items);
        added.map_err(|error| relocation_error(&error, &pathvars).at(given.arguments[0].span, ""))?;
    }
    Ok(pathvars)
}

/// The names and texts of a directive that takes nothing else.
///
/// # Errors
/// A value without a name, or that is no text.
pub fn text_items(arguments: &[Argument], keyword: &str, span: Span) -> Result<Vec<(String, String)>, Diagnostic> {
    let mut out = Vec::new();
    for argument in arguments {
        let Some(name) = &argument.name else {
            return Err(Diagnostic::error(format!("`{keyword}:` takes values with names"))
                .at(argument.span, "")
                .help(format!("write `{keyword}: NAME=\"TEXT\"`")));
        };
        out.push((name.clone(), text(argument, keyword)?));
    }
    if out.is_empty() {
        return Err(Diagnostic::error(format!("`{keyword}:` is empty")).at(span, ""));
    }
    Ok(out)
}

/// The message of a path that cannot be moved.
pub fn relocation_error(error: &RelocationError, pathvars: &PathVars) -> Diagnostic {
    let diagnostic = Diagnostic::error(error.to_string());
    match error {
        RelocationError::Undefined { name, .. } => match crate::spelling::nearest(name, pathvars.names()) {
            Some(near) => diagnostic.help(format!("did you mean `<{near}>`?")),
            None => diagnostic.help(format!("give it a value: `pathvars: {name}=\"…\"`")),
        },
        RelocationError::Cycle(_) => diagnostic.help("give one of them a value without the others"),
        RelocationError::Name(_) => {
            diagnostic.help("a name is lower-case letters, digits and underscores, and begins with a letter")
        }
        RelocationError::Ambiguous { .. } => diagnostic.help("give prefixes of which none begins another"),
    }
}

/// What a function of each directive may ask for by the name of a parameter, beside the wildcards in its first.
fn askable(keyword: &str) -> &'static [&'static str] {
    match keyword {
        "params" => &["wildcards", "input", "output", "resources", "threads", "attempt", "rule", "rulename"],
        "resources" => &["wildcards", "input", "threads", "attempt", "rule", "rulename"],
        "threads" => &["wildcards", "input", "attempt", "rule", "rulename"],
        "group" => &["wildcards", "groupid", "rule", "rulename"],
        "priority" => &["wildcards", "input", "attempt", "rule", "rulename"],
        _ => &["wildcards", "groupid", "attempt", "rule", "rulename"],
    }
}

/// Refuses a function that asks for what no job has.
fn check_functions(keyword: &str, arguments: &[Argument], loader: &Loader) -> Result<(), Diagnostic> {
    fn walk(expr: &Expr, each: &mut dyn FnMut(FunctionId) -> Result<(), Diagnostic>) -> Result<(), Diagnostic> {
        match expr {
            Expr::Function(function) => each(*function),
            // Helpers ask for what they need by themselves.
            Expr::Later(_) => Ok(()),
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
    /// Of `outputflags:`.
    output_flags: Flags,
}

impl Builder {
    fn directive(&mut self, keyword: &str, arguments: Arc<[Argument]>) -> Result<(), Diagnostic> {
        let span = arguments.first().map_or(self.rule.span, |argument| argument.span);
        let rule = &mut self.rule;
        match keyword {
            "name" | "pathvars" => {}
            "conda" | "container" | "containerized" | "singularity" | "envmodules" => {
                let is_none =
                    |argument: &Argument| matches!(argument.expr, Expr::Value(Value::None | Value::Bool(false)));
                if !arguments.iter().all(is_none) {
                    rule.needs.push(Need { directive: keyword.to_owned(), span, is_action: false });
                }
            }
            "notebook" | "wrapper" | "cwl" | "template_engine" => {
                if rule.action != Action::None {
                    return Err(two_actions(span));
                }
                rule.needs.push(Need { directive: keyword.to_owned(), span, is_action: true });
            }
            "input" => rule.input = arguments,
            "output" => {
                rule.outputs_are_told_apart =
                    arguments.len() == 1 || arguments.iter().all(|argument| argument.name.is_some());
                rule.output = outputs(&arguments, &self.output_flags)?;
                if let Some(remote) = rule.output.items.iter().find(|output| output.flags.storage) {
                    rule.needs.push(Need { directive: "storage".to_owned(), span: remote.span, is_action: true });
                }
            }
            "params" if let Some(unpacked) = arguments.iter().find(|a| matches!(a.expr, Expr::Unpack(_))) => {
                return Err(Diagnostic::error(
                    "unpack() is for inputs: what it gives here would be params without a name to call them by",
                )
                .at(unpacked.span, "")
                .help(
                    "give the dictionary a name, as in `params: options=FUNCTION`, and write `{params.options[key]}`",
                ));
            }
            "log" => rule.log = logs(&arguments)?,
            "benchmark" => {
                let mut argument = one(&arguments, keyword, span)?;
                // `repeat("x.tsv", 3)`
                if let Expr::Flagged(path, flags) = &argument.expr
                    && flags.repeat > 0
                {
                    rule.benchmark_repeats = flags.repeat;
                    argument.expr = (**path).clone();
                }
                rule.benchmark = Some((pattern(&text(&argument, keyword)?, argument.span)?, argument.span));
            }
            "params" => rule.params = arguments.to_vec(),
            "resources" => {
                if let Some(argument) = arguments.iter().find(|argument| argument.name.is_none()) {
                    return Err(Diagnostic::error("a resource needs a name")
                        .at(argument.span, "")
                        .help("write `resources: NAME=AMOUNT`, such as `mem_mb=500`"));
                }
                for argument in arguments.iter() {
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
                rule.resources = arguments.to_vec();
            }
            "threads" => {
                let argument = one(&arguments, keyword, span)?;
                match &argument.expr {
                    Expr::Function(_) | Expr::Later(_) => {}
                    Expr::Value(Value::Int(n)) if u32::try_from(*n).is_ok() => {}
                    // `workflow.cores * 0.75`: a job takes the whole ones of them.
                    Expr::Value(Value::Float(n)) if n.is_finite() && *n > 0.0 => {}
                    other => return Err(wrong(&argument, keyword, "a whole number from 0, or a function", other)),
                }
                rule.threads = Some(argument);
            }
            // Jobs of a group are sent to another machine together; here each runs when its turn comes.
            "group" => {
                let argument = one(&arguments, keyword, span)?;
                if !matches!(&argument.expr, Expr::Value(Value::Str(_) | Value::Int(_)) | Expr::Function(_)) {
                    return Err(wrong(&argument, keyword, "a name", &argument.expr));
                }
            }
            "priority" => rule.priority = Some(one(&arguments, keyword, span)?),
            "retries" => rule.retries = Some(count(&one(&arguments, keyword, span)?, keyword)?),
            "message" => {
                let argument = one(&arguments, keyword, span)?;
                rule.message = Some((text(&argument, keyword)?, argument.span));
            }
            "default_target" => rule.default_target = truth(&one(&arguments, keyword, span)?, keyword)?,
            // What Snakemake can leave out of an entry's key, software and storage, is not in it here.
            "cache" => {
                let argument = one(&arguments, keyword, span)?;
                rule.cache = match &argument.expr {
                    Expr::Value(Value::Bool(cache)) => *cache,
                    Expr::Value(Value::Str(text)) if CACHES.contains(&text.as_str()) => true,
                    other => return Err(wrong(&argument, keyword, "True, False or \"omit-software\"", other)),
                };
            }
            "handover" => rule.handover = truth(&one(&arguments, keyword, span)?, keyword)?,
            "shadow" => {
                let argument = one(&arguments, keyword, span)?;
                rule.shadow = match &argument.expr {
                    Expr::Value(Value::Str(text)) if text == "minimal" => Some(ShadowKind::Minimal),
                    Expr::Value(Value::Str(text)) if text == "copy-minimal" => Some(ShadowKind::CopyMinimal),
                    Expr::Value(Value::Str(text)) if text == "shallow" => Some(ShadowKind::Shallow),
                    Expr::Value(Value::Str(text)) if text == "full" => Some(ShadowKind::Full),
                    Expr::Value(Value::Bool(true)) => Some(ShadowKind::Shallow),
                    Expr::Value(Value::Bool(false) | Value::None) => None,
                    other => {
                        let wanted = "\"minimal\", \"copy-minimal\", \"shallow\" or \"full\"";
                        return Err(wrong(&argument, keyword, wanted, other));
                    }
                };
            }
            "localrule" => rule.local = truth(&one(&arguments, keyword, span)?, keyword)?,
            "wildcard_constraints" => {
                for argument in arguments.iter() {
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
        if rule.is_checkpoint && rule.output.is_empty() {
            return Err(Diagnostic::error(format!("checkpoint `{}` has no output", rule.name))
                .at(rule.span, "")
                .help("what is asked of a checkpoint is what it has made: give it an output, or make it a `rule`"));
        }
        let idle = rule.action == Action::None && !has_run && !rule.needs.iter().any(|need| need.is_action);
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
        Expr::Flagged(inner, flags) if flags.tell_only_origin() => {
            let inner = Argument { expr: (**inner).clone(), ..argument.clone() };
            self::text(&inner, keyword)
        }
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
        Expr::Function(_) | Expr::Later(_) => "a function".into(),
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
            Expr::Function(_) | Expr::Later(_) => {
                Err(Diagnostic::error(format!("a function cannot give {what} files"))
                    .at(span, "")
                    .help("the outputs decide what the wildcards are, so they must be patterns; use wildcards in them"))
            }
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

fn outputs(arguments: &[Argument], defaults: &Flags) -> Result<Named<OutputPattern>, Diagnostic> {
    let mut outputs = flatten(arguments, "output")?;
    for output in &mut outputs.items {
        output.flags = output.flags.with_defaults(defaults);
    }
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
fn facts(rule: &Rule, loader: &Loader) -> RuleFacts {
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
        is_checkpoint: rule.is_checkpoint,
        input: Arc::clone(&rule.input),
        input_relocation: Arc::clone(&rule.input_relocation),
        notes: Arc::clone(&loader.notes),
        origins: Arc::default(),
        output: rule.output.map(|output| text(&output.pattern)),
        log: rule.log.map(|log| text(&log.pattern)),
        params,
    }
}
