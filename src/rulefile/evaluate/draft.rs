//! From the values of a rule's directives to a [`Rule`]: checks what each directive may hold, and takes patterns apart.

use std::sync::Arc;

use starlark::eval::Evaluator;

use super::loader::{Draft, Given, Loader, Written, fail};
use super::objects::RuleFacts;
use super::outputs::{logs, outputs, pattern};
use super::programs;
use super::single::{count, one, text, text_items, truth, wrong};
use super::statements::Arguments;
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::pattern::Pattern;
use crate::rulefile::relocation::{Level, PathVars, Relocation, RelocationError};
use crate::rulefile::rule::{Action, Argument, Expr, Flags, FunctionId, Need, Rule};
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
            let at = space.known.position(&draft.rule.name);
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
            space.known.put(facts);
            match at {
                Some(at) => space.drafts[at] = draft,
                None => space.drafts.push(draft),
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
            group: None,
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
                rule.group = match &argument.expr {
                    Expr::Value(Value::Str(name)) => Some(name.clone()),
                    Expr::Value(Value::Int(number)) => Some(number.to_string()),
                    // Which of its jobs belong together is not known before they are.
                    Expr::Function(_) => Some(rule.name.clone()),
                    other => return Err(wrong(&argument, keyword, "a name", other)),
                };
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
