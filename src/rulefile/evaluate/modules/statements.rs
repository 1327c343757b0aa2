//! What `module` and `use rule` lower to.

use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::list::UnpackList;
use starlark::values::none::{NoneOr, NoneType};

use super::use_rule::{Statement, use_rules};
use super::{ModuleInfo, pathvars_of};
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::from_starlark;
use crate::rulefile::evaluate::draft;
use crate::rulefile::evaluate::loader::{Loader, fail};
use crate::rulefile::evaluate::relative_to;
use crate::rulefile::evaluate::statements::{Arguments, path_text};
use crate::rulefile::relocation::{Level, Prefix};
use crate::value::Value as Plain;

#[starlark_module]
pub fn modules(builder: &mut GlobalsBuilder) {
    fn __module__<'v>(
        #[starlark(require = pos)] name: &str,
        #[starlark(kwargs)] directives: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let info = info(name, &directives, eval)?;
        Loader::of(eval).here_in(|space| space.modules.insert(name.to_owned(), info));
        Ok(NoneType)
    }

    fn __use_rule__<'v>(
        #[starlark(require = pos)] site: u32,
        #[starlark(require = pos)] rules: UnpackList<String>,
        #[starlark(require = pos)] module: NoneOr<&str>,
        #[starlark(require = pos)] exclude: UnpackList<String>,
        #[starlark(require = pos)] alias: NoneOr<&str>,
        #[starlark(kwargs)] directives: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let given: Vec<_> =
            directives.iter().map(|(keyword, &value)| (keyword.clone(), Arguments::of(value))).collect();
        let statement = Statement {
            site,
            rules: rules.items,
            module: module.into_option().map(str::to_owned),
            exclude: exclude.items,
            alias: alias.into_option().map(str::to_owned),
            changes: draft::directives(site, &given, eval)?,
        };
        use_rules(statement, eval)?;
        Ok(NoneType)
    }
}

/// What the directives of a `module` statement say.
fn info<'v>(
    name: &str,
    directives: &SmallMap<String, Value<'v>>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<ModuleInfo> {
    let loader = Loader::of(eval);
    let value = |keyword: &str| -> starlark::Result<Option<Value<'v>>> {
        let Some(&value) = directives.get(keyword) else { return Ok(None) };
        let arguments = Arguments::of(value);
        match (arguments.positional.as_slice(), arguments.named.as_slice()) {
            ([value], []) => Ok(Some(*value)),
            _ => Err(fail(Diagnostic::error(format!("module `{name}`: `{keyword}:` takes one value without a name")))),
        }
    };
    if let Some(wrapper) = value("meta_wrapper")? {
        let diagnostic = Diagnostic::error(format!("module `{name}`: the wrapper {} is not here", wrapper.to_repr()));
        return Err(fail(diagnostic.help("fetch its workflow, and name it with `snakefile:`")));
    }
    let Some(path) = value("snakefile")? else {
        let diagnostic = Diagnostic::error(format!("module `{name}` does not say where it is"));
        return Err(fail(diagnostic.help("name its file: `snakefile: \"PATH\"`, relative to this file")));
    };
    let path = path_text("snakefile", path, eval)?;
    if path.contains("://") {
        let diagnostic = Diagnostic::error(format!("module `{name}`: {path} is not on this machine"));
        return Err(fail(diagnostic.help("fetch it, and name the file with `snakefile:`")));
    }
    let config = match value("config")? {
        Some(config) => Some(from_starlark(config, eval.heap()).map_err(|error| {
            fail(Diagnostic::error(format!("module `{name}`: its configuration is no plain data: {error}")))
        })?),
        None => None,
    };
    let prefix = prefix(name, value("prefix")?, value("replace_prefix")?, eval)?;
    let (basedir, outer, mut pathvars) =
        loader.here_in(|space| (space.basedir.clone(), space.prefixes.clone(), space.pathvars.clone()));
    if let Some(&given) = directives.get("pathvars") {
        let items = Arguments::of(given).named;
        let texts = items.iter().map(|(key, value)| {
            let text = value.unpack_str().map(|text| (key.as_str(), text));
            text.ok_or_else(|| {
                fail(Diagnostic::error(format!("module `{name}`: the path variable `{key}` is no text")))
            })
        });
        let texts = texts.collect::<starlark::Result<Vec<_>>>()?;
        let added = pathvars.add(Level::Module, texts);
        added.map_err(|error| fail(draft::relocation_error(&error, &pathvars)))?;
    }
    if let Some(Plain::Dict(dict)) = &config {
        pathvars_of(dict, Level::Module, &mut pathvars).map_err(fail)?;
    }
    Ok(ModuleInfo {
        name: name.to_owned(),
        span: loader.here(eval),
        path: relative_to(&path, &basedir),
        config,
        prefixes: prefix.into_iter().chain(outer).collect(),
        pathvars,
        evaluated: None,
    })
}

/// `prefix:` or `replace_prefix:`.
fn prefix<'v>(
    name: &str,
    prefix: Option<Value<'v>>,
    replace: Option<Value<'v>>,
    eval: &Evaluator<'v, '_, '_>,
) -> starlark::Result<Option<Prefix>> {
    if let (Some(_), Some(_)) = (prefix, replace) {
        let diagnostic = Diagnostic::error(format!("module `{name}` has a `prefix:` and a `replace_prefix:`"));
        return Err(fail(diagnostic.help("keep one: `prefix` goes before all paths, `replace_prefix` changes some")));
    }
    if let Some(value) = prefix {
        let mut text = path_text("prefix", value, eval)?;
        if text.is_empty() {
            return Ok(None);
        }
        if !text.ends_with('/') {
            text.push('/');
        }
        return Ok(Some(Prefix::Add(text)));
    }
    let Some(value) = replace else { return Ok(None) };
    let pairs = match from_starlark(value, eval.heap()) {
        Ok(Plain::Dict(dict)) => dict.into_iter().map(|(from, to)| Some((from, to.as_str()?.to_owned()))).collect(),
        _ => None,
    };
    let pairs: Option<Vec<(String, String)>> = pairs;
    let pairs = pairs.ok_or_else(|| {
        fail(
            Diagnostic::error(format!("module `{name}`: `replace_prefix:` takes a dictionary of texts"))
                .help("write it as in {\"results/\": \"results/module/\"}"),
        )
    })?;
    Ok((!pairs.is_empty()).then_some(Prefix::Replace(pairs)))
}
