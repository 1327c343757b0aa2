//! `use rule`: rules of a module, or one of the same file, under other names and with some directives changed. Each is
//! made anew from what is written of it.

use std::sync::Arc;

use starlark::eval::Evaluator;

use super::evaluated;
use super::object::ModuleObject;
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::evaluate::draft::{draft, register};
use crate::rulefile::evaluate::loader::{Draft, Given, Loader, Written, fail};
use crate::rulefile::rule::{Argument, Expr, NamespaceId};
use crate::spelling::nearest;

/// A `use rule` statement.
pub struct Statement {
    pub site: u32,
    pub rules: Vec<String>,
    pub module: Option<String>,
    pub exclude: Vec<String>,
    pub alias: Option<String>,
    /// What stands under `with:`.
    pub changes: Vec<Given>,
}

/// Adds the rules that a statement uses to the current namespace.
///
/// # Errors
/// What names nothing; what is wrong in the module or in the changed rules.
pub fn use_rules(statement: Statement, eval: &mut Evaluator<'_, '_, '_>) -> starlark::Result<()> {
    let (span, doc) = {
        let loader = Loader::of(eval);
        let sites = loader.sites.borrow();
        let site = &sites[statement.site as usize];
        (site.span, site.doc.clone())
    };
    match statement.module.clone() {
        Some(module) => from_module(&module, &statement, span, doc.as_ref(), eval),
        None => from_here(&statement, span, doc.as_ref(), eval),
    }
}

fn from_here(
    statement: &Statement,
    span: Span,
    doc: Option<&String>,
    eval: &Evaluator<'_, '_, '_>,
) -> starlark::Result<()> {
    let loader = Loader::of(eval);
    let [name] = statement.rules.as_slice() else { unreachable!("lowering lets one through") };
    let new = statement.alias.as_deref().unwrap_or(name).replace('*', name);
    let old = loader.here_in(|space| {
        space.find(name).cloned().ok_or_else(|| {
            let known: Vec<String> = space.drafts.iter().map(|draft| draft.rule.name.clone()).collect();
            no_rule(name, "", known.iter().map(String::as_str)).at(span, "")
        })
    });
    let old = old.map_err(fail)?;
    let written = changed(&old.written, statement, span, doc);
    let made = draft(new, written, loader).map_err(fail)?;
    register(made, false, eval)
}

fn from_module(
    word: &str,
    statement: &Statement,
    span: Span,
    doc: Option<&String>,
    eval: &Evaluator<'_, '_, '_>,
) -> starlark::Result<()> {
    let loader = Loader::of(eval);
    let (module, alias) = names(word, statement.alias.as_deref(), span, eval).map_err(fail)?;
    let info = loader.here_in(|space| space.modules[&module].clone());
    let namespace = evaluated(&info, loader).map_err(fail)?;
    let names = loader.frozen.borrow()[namespace.index()].clone().expect("it was evaluated");
    eval.module().set(&module, eval.heap().alloc(ModuleObject { name: module.clone(), names }));

    let is_all = statement.rules.iter().any(|rule| rule == "*");
    let (drafts, order) = loader
        .namespace(namespace, |space| {
            let known = || space.drafts.iter().map(|draft| draft.rule.name.as_str());
            for rule in statement.rules.iter().filter(|rule| *rule != "*") {
                if known().all(|name| name != rule) {
                    return Err(no_rule(rule, &format!(" in module `{module}`"), known()).at(span, ""));
                }
            }
            let is_wanted = |draft: &&Draft| {
                let name = &draft.rule.name;
                !statement.exclude.contains(name) && (is_all || statement.rules.contains(name))
            };
            let local = |draft: &Draft| space.local_rules.iter().any(|(name, _)| *name == draft.rule.name);
            let mut drafts: Vec<Draft> = space.drafts.iter().filter(is_wanted).cloned().collect();
            for draft in &mut drafts {
                draft.rule.local |= local(draft);
            }
            Ok((drafts, space.order.clone()))
        })
        .map_err(fail)?;

    let new_name = |old: &str| alias.as_deref().map_or_else(|| old.to_owned(), |alias| alias.replace('*', old));
    for draft in &drafts {
        loader
            .renamed
            .borrow_mut()
            .insert((namespace, draft.rule.name.clone()), (loader.current(), new_name(&draft.rule.name)));
    }
    for old in &drafts {
        let mut written = old.written.clone();
        for given in &mut written.directives {
            renamed(given, namespace, loader);
        }
        let mut made =
            draft(new_name(&old.rule.name), changed(&written, statement, span, doc), loader).map_err(fail)?;
        made.rule.local |= old.rule.local;
        // What was used as it is with all others can be used once more, changed.
        let replaces = !is_all
            && loader.here_in(|space| {
                space.find(&made.rule.name).is_some_and(|known| known.used_from.as_ref() == Some(&module))
            });
        made.used_from = is_all.then(|| module.clone());
        register(made, replaces, eval)?;
    }
    loader.here_in(|space| {
        for clause in order.clauses {
            let used = clause.iter().filter(|name| drafts.iter().any(|draft| draft.rule.name == **name));
            let clause: Vec<String> = used.map(|name| new_name(name)).collect();
            if clause.len() > 1 && !space.order.clauses.contains(&clause) {
                space.order.clauses.push(clause);
            }
        }
    });
    Ok(())
}

/// The module that a word means, and the pattern of the new names. A word that is no module's name is a variable with
/// the name of one; then the pattern, too, begins with a variable if there is one of that name.
fn names(
    word: &str,
    alias: Option<&str>,
    span: Span,
    eval: &Evaluator<'_, '_, '_>,
) -> Result<(String, Option<String>), Diagnostic> {
    let loader = Loader::of(eval);
    let is_module = |name: &str| loader.here_in(|space| space.modules.contains_key(name));
    if is_module(word) {
        return Ok((word.to_owned(), alias.map(str::to_owned)));
    }
    let variable = |name: &str| eval.module().get(name).and_then(|value| value.unpack_str().map(str::to_owned));
    let Some(module) = variable(word) else {
        let known = loader.here_in(|space| space.modules.keys().cloned().collect::<Vec<_>>());
        let diagnostic = Diagnostic::error(format!("there is no module called `{word}`")).at(span, "");
        return Err(match nearest(word, known.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!("say where it is, before it is used: `module {word}:` with `snakefile:`")),
        });
    };
    if !is_module(&module) {
        let error = format!("there is no module called `{module}`, which is the value of `{word}`");
        return Err(Diagnostic::error(error).at(span, ""));
    }
    let alias = alias.map(|alias| match alias.strip_suffix('*') {
        Some(name) => variable(name).map_or_else(|| alias.to_owned(), |value| format!("{value}*")),
        None => variable(alias).unwrap_or_else(|| alias.to_owned()),
    });
    Ok((module, alias))
}

fn no_rule<'n>(name: &str, place: &str, known: impl Iterator<Item = &'n str>) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("there is no rule called `{name}`{place}"));
    match nearest(name, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// What is written of a rule, with the changes of a statement. Positional params are replaced together, named ones one by
/// one; of every other directive the whole.
fn changed(old: &Written, statement: &Statement, span: Span, doc: Option<&String>) -> Written {
    let mut new = Written { span, ..old.clone() };
    if let Some(doc) = doc {
        new.doc = Some(doc.clone());
    }
    for change in statement.changes.iter().filter(|change| change.keyword != "name") {
        match new.directives.iter_mut().find(|given| given.keyword == change.keyword) {
            Some(given) if change.keyword == "params" => given.arguments = merged(&given.arguments, &change.arguments),
            Some(given) => *given = change.clone(),
            None => new.directives.push(change.clone()),
        }
    }
    new
}

fn merged(old: &[Argument], new: &[Argument]) -> Arc<[Argument]> {
    let mut out: Vec<Argument> = Vec::new();
    let keeps_positional = new.iter().all(|argument| argument.name.is_some());
    let positional = if keeps_positional { old } else { new };
    out.extend(positional.iter().filter(|argument| argument.name.is_none()).cloned());
    let named = |argument: &&Argument| argument.name.is_some();
    for argument in old.iter().filter(named) {
        out.push(new.iter().find(|change| change.name == argument.name).unwrap_or(argument).clone());
    }
    let is_new = |argument: &&Argument| old.iter().all(|known| known.name != argument.name);
    out.extend(new.iter().filter(named).filter(is_new).cloned());
    out.into()
}

/// Gives the rules that paths are asked from the names that they have where they are used.
fn renamed(given: &mut Given, namespace: NamespaceId, loader: &Loader) {
    if !given.arguments.iter().any(|argument| names_a_producer(&argument.expr)) {
        return;
    }
    let mut arguments = given.arguments.to_vec();
    for argument in &mut arguments {
        loader.rename_producers(&mut argument.expr, namespace, loader.current());
    }
    given.arguments = arguments.into();
}

fn names_a_producer(expr: &Expr) -> bool {
    match expr {
        Expr::Flagged(inner, flags) => flags.producer.is_some() || names_a_producer(inner),
        Expr::Unpack(inner) => names_a_producer(inner),
        Expr::List(items) => items.iter().any(names_a_producer),
        Expr::Dict(entries) => entries.iter().any(|(_, value)| names_a_producer(value)),
        Expr::Value(_) | Expr::Function(_) | Expr::Later(_) => false,
    }
}
