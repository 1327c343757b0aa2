//! `run:` bodies as programs of their own: the body, and the values of all that it uses of its Rulefile, as one text.
//! So a worker, or another machine, needs nothing else; and a change in what the body uses is a change of its code.

use std::collections::BTreeMap;
use std::sync::Arc;

use starlark::environment::Module;
use starlark::eval::Evaluator;
use starlark::values::dict::DictRef;
use starlark::values::{Heap, Value};

use super::loader::{Draft, Loader};
use super::{Misuse, Misused};
use crate::diagnostic::{Diagnostic, Span};
use crate::dialect::convert::from_starlark;
use crate::dialect::format::repr_value;
use crate::rulefile::lower::{FunctionSource, RunSite};
use crate::rulefile::offset_map::OffsetMap;
use crate::rulefile::rule::{Action, RunBody};
use crate::run::spec::{Origin, Program};
use crate::value::Value as Plain;

/// The free names of a `run:` body whose values are plain and cannot change later: kept as they are where the rule
/// stands, so that a rule in a loop sees its own round.
pub fn capture<'v>(site: u32, eval: &Evaluator<'v, '_, '_>) -> starlark::Result<Vec<(String, String)>> {
    let loader = Loader::of(eval);
    let sites = loader.sites.borrow();
    let Some(run) = &sites[site as usize].run else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for name in &run.source.free {
        let Some(value) = eval.module().get(name) else { continue };
        if matches!(value.get_type(), "string" | "int" | "float" | "bool" | "NoneType" | "tuple" | "struct")
            && let Some(text) = literal(value, eval.heap())
        {
            out.push((name.clone(), text));
        }
    }
    Ok(out)
}

/// A plain value as Starlark text.
fn literal<'v>(value: Value<'v>, heap: Heap<'v>) -> Option<String> {
    let items = || value.iterate(heap).ok()?.map(|item| literal(item, heap)).collect::<Option<Vec<String>>>();
    match value.get_type() {
        "function" | "namespace" => None,
        // A module is one too, of functions. Names of fields need not be words.
        "struct" => {
            let field = |name: String| {
                let value = literal(value.get_attr(&name, heap).ok()??, heap)?;
                Some(format!("{}: {value}", repr_value(&Plain::Str(name))))
            };
            let fields: Option<Vec<String>> = value.dir_attr().into_iter().map(field).collect();
            fields.map(|fields| format!("struct(**{{{}}})", fields.join(", ")))
        }
        "list" => items().map(|items| format!("[{}]", items.join(", "))),
        "dict" => {
            let pair = |(key, value)| Some(format!("{}: {}", literal(key, heap)?, literal(value, heap)?));
            let pairs: Option<Vec<String>> = DictRef::from_value(value)?.iter().map(pair).collect();
            pairs.map(|pairs| format!("{{{}}}", pairs.join(", ")))
        }
        "tuple" => {
            let items = items()?;
            Some(format!("({}{})", items.join(", "), if items.len() == 1 { "," } else { "" }))
        }
        "set" => from_starlark(value, heap).ok().map(|plain| format!("set({})", repr_value(&plain))),
        "Path" => Some(format!("__import__(\"pathlib\").Path({})", repr_value(&Plain::Str(value.to_str())))),
        _ => from_starlark(value, heap).ok().map(|plain| match plain {
            Plain::Float(number) if !number.is_finite() => format!("float(\"{number}\")"),
            plain => repr_value(&plain),
        }),
    }
}

/// What a program is put together from, in the order in which it is written.
#[derive(Default)]
struct Parts {
    constants: BTreeMap<String, String>,
    functions: BTreeMap<String, usize>,
}

/// Gives every rule with a `run:` body its program, and the handlers theirs.
///
/// # Errors
/// A name that is not defined, or a value that cannot be written down, at the body that uses it.
pub fn compose<'v>(loader: &Loader, module: &Module<'v>) -> Result<(), Diagnostic> {
    let sites = loader.sites.borrow();
    let functions = loader.functions.borrow();
    let composer = Composer { module, functions: &functions, actions: &loader.actions, misuse: loader.misuse };
    let body = |site: &RunSite, draft: Option<&Draft>| -> Result<Arc<RunBody>, Diagnostic> {
        let program = composer.program(draft, &site.source, site.span)?;
        Ok(Arc::new(RunBody {
            program: Arc::new(program),
            text: site.source.text.clone(),
            config_keys: config_keys(&site.source.code),
        }))
    };
    loader.here_in(|space| {
        // Those of modules have theirs already.
        let own = space.drafts.iter_mut().filter(|draft| draft.written.has_run && draft.written.run.is_none());
        for draft in own {
            let Some(site) = &sites[draft.written.site as usize].run else { continue };
            let run = body(site, Some(draft))?;
            draft.rule.action_span = site.span;
            draft.rule.action = Action::Run(Arc::clone(&run));
            draft.written.run = Some(run);
        }
        for (event, &site) in &space.handlers {
            let Some(site) = &sites[site as usize].run else { continue };
            let run = Some(body(site, None)?);
            match event.as_str() {
                "onstart" => space.composed.onstart = run,
                "onsuccess" => space.composed.onsuccess = run,
                _ => space.composed.onerror = run,
            }
        }
        Ok(())
    })
}

struct Composer<'a, 'v> {
    module: &'a Module<'v>,
    functions: &'a [FunctionSource],
    /// Names of the built-in actions.
    actions: &'a [&'a str],
    misuse: Option<Misuse>,
}

impl Composer<'_, '_> {
    fn program(&self, draft: Option<&Draft>, body: &FunctionSource, span: Span) -> Result<Program, Diagnostic> {
        let mut parts = Parts::default();
        let captured: BTreeMap<&str, &str> = draft
            .iter()
            .flat_map(|draft| &draft.written.captured)
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        let mut names: Vec<String> = body.free.clone();
        let mut calls_shell = false;
        while let Some(name) = names.pop() {
            calls_shell |= name == "shell";
            if parts.constants.contains_key(&name) || parts.functions.contains_key(&name) {
                continue;
            }
            if let Some(text) = captured.get(name.as_str()) {
                parts.constants.insert(name, (*text).to_owned());
                continue;
            }
            let Some(value) = self.module.get(&name) else {
                if self.is_builtin(&name) {
                    continue;
                }
                if let Some(text) =
                    super::imported_by_snakemake(&name).and_then(|value| super::import_text(value.value()))
                {
                    parts.constants.insert(name, text);
                    continue;
                }
                return Err(self.undefined(&name, draft, span));
            };
            if let Some(at) = self.source_of(value) {
                names.extend(self.functions[at].free.iter().cloned());
                parts.functions.insert(name, at);
            } else if let Some(text) = literal(value, self.module.heap()).or_else(|| module_text(value)) {
                parts.constants.insert(name, text);
            } else if !self.is_builtin(&name) {
                return Err(Diagnostic::error(format!(
                    "`{name}`, which {} uses, is a {} and cannot be sent to a job",
                    body_of(draft),
                    value.get_type()
                ))
                .at(span, "")
                .note("a job gets text, numbers, lists, dictionaries, structs of these, and functions defined at file level")
                .help("define the function at file level with `def`, or compute the value inside `run:`"));
            }
        }
        for source in parts.functions.values().map(|&at| &self.functions[at]).chain([body]) {
            self.check_calls(source, &parts)?;
        }
        Ok(Program { calls_shell, ..self.write(&parts, body) })
    }

    /// Refuses calls of built-in actions with arguments that they do not take. A name that the file gives a value is the
    /// file's, and one that is also Python's may be that.
    fn check_calls(&self, source: &FunctionSource, parts: &Parts) -> Result<(), Diagnostic> {
        let Some(misuse) = self.misuse else { return Ok(()) };
        for call in &source.calls {
            let is_own = parts.constants.contains_key(&call.name) || parts.functions.contains_key(&call.name);
            if is_own || super::is_builtin(&call.name) || !self.actions.contains(&call.name.as_str()) {
                continue;
            }
            if let Some(Misused { named, message, help }) = misuse(call) {
                let span = named.and_then(|at| call.named.get(at)).map_or(call.span, |argument| argument.span);
                return Err(Diagnostic::error(message).at(span, "").help(help));
            }
        }
        Ok(())
    }

    fn write(&self, parts: &Parts, body: &FunctionSource) -> Program {
        let mut code = String::new();
        let mut map = OffsetMap::default();
        for (name, text) in &parts.constants {
            code.push_str(&format!("{name} = {text}\n"));
        }
        for (name, &at) in &parts.functions {
            let source = &self.functions[at];
            map.extend_shifted(&source.map, code.len());
            code.push_str(&source.code);
            if !code.ends_with('\n') {
                code.push('\n');
            }
            if *name != source.name {
                code.push_str(&format!("{name} = {}\n", source.name));
            }
        }
        map.extend_shifted(&body.map, code.len());
        code.push_str(&body.code);
        let origin = map
            .origins()
            .map(|(range, span)| Origin {
                start: range.start,
                end: range.end,
                source: span.source.0,
                source_start: span.start,
                source_end: span.end,
            })
            .collect();
        Program { code, origin, calls_shell: false }
    }

    fn is_builtin(&self, name: &str) -> bool {
        super::is_builtin(name) || self.actions.contains(&name)
    }

    /// The function of the Rulefile that a value is.
    fn source_of(&self, value: Value<'_>) -> Option<usize> {
        (0..self.functions.len())
            .find(|id| self.module.get(&format!("source {id}")).is_some_and(|known| known.ptr_eq(value)))
    }

    fn undefined(&self, name: &str, draft: Option<&Draft>, span: Span) -> Diagnostic {
        let mut diagnostic =
            Diagnostic::error(format!("`{name}` is not defined, and {} uses it", body_of(draft))).at(span, "");
        let mut known: Vec<String> = self.module.names().map(|known| known.as_str().to_owned()).collect();
        known.extend(super::builtin_names().map(str::to_owned));
        known.extend(self.actions.iter().map(|&action| action.to_owned()));
        if let Some(near) = crate::spelling::nearest(name, known.iter().map(String::as_str)) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        } else {
            diagnostic = diagnostic.help("`flow --actions` lists what a `run:` body can call");
        }
        diagnostic
    }
}

/// Whose body it is, for messages.
fn body_of(draft: Option<&Draft>) -> String {
    draft.map_or_else(|| "this body".to_owned(), |draft| format!("the body of rule `{}`", draft.rule.name))
}

/// An imported module as text.
fn module_text(value: Value<'_>) -> Option<String> {
    (value.get_type() == "namespace" || value.get_type() == "function").then(|| super::import_text(value)).flatten()
}

/// The keys of `config` that a body reads, if it reads it by constant keys only.
fn config_keys(code: &str) -> Option<Vec<String>> {
    let body = code.split_once('\n').map_or("", |(_, body)| body);
    let mut keys = Vec::new();
    let bytes = body.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') => at = string_end(bytes, at, quote),
            b if b.is_ascii_alphabetic() || b == b'_' => {
                let end = (at..bytes.len())
                    .find(|&i| !(bytes[i].is_ascii_alphanumeric() || bytes[i] == b'_'))
                    .unwrap_or(bytes.len());
                if &body[at..end] == "config" && (at == 0 || bytes[at - 1] != b'.') {
                    let rest = &body[end..];
                    let literal = rest.strip_prefix("[\"").or_else(|| rest.strip_prefix(".get(\""))?;
                    let key = &literal[..literal.find('"')?];
                    if key.contains('\\') {
                        return None;
                    }
                    keys.push(key.to_owned());
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    keys.sort();
    keys.dedup();
    Some(keys)
}

fn string_end(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use super::config_keys;

    #[test]
    fn constant_keys_are_found() {
        let keys = |body: &str| config_keys(&format!("def __run__(config):\n{body}"));
        assert_eq!(keys("  x = 1"), Some(vec![]));
        assert_eq!(keys("  x = config[\"b\"] + config.get(\"a\", 1)"), Some(vec!["a".into(), "b".into()]));
        assert_eq!(keys("  x = config[name]"), None);
        assert_eq!(keys("  f(config)"), None);
        assert_eq!(keys("  x = \"config\" + y.config"), Some(vec![]));
    }
}
