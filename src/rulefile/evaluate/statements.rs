//! What statements of a Rulefile lower to: calls that add rules and settings to the loader.

use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::{AllocDict, DictMut, DictRef};
use starlark::values::list::{AllocList, ListRef};
use starlark::values::none::NoneType;
use starlark::values::tuple::{TupleRef, UnpackTuple};

use super::data::data_error;
use super::draft;
use super::flags::expr;
use super::loader::{Include, Loader, fail};
use super::settings::{merge, read_config};
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::{from_starlark, to_starlark};
use crate::rulefile::lower::refused;
use crate::rulefile::relocation::Level;
use crate::rulefile::rule::{Argument, Expr, Flags, Need};
use crate::value::{Dict, Value as Plain};

/// The positional and named values of one directive, as `__args__` puts them together.
pub struct Arguments<'v> {
    pub positional: Vec<Value<'v>>,
    pub named: Vec<(String, Value<'v>)>,
}

impl<'v> Arguments<'v> {
    pub fn of(value: Value<'v>) -> Self {
        let pair = TupleRef::from_value(value).expect("__args__ gives a pair");
        let [positional, named] = pair.content() else { unreachable!("__args__ gives a pair") };
        let positional = ListRef::from_value(*positional).expect("a list").content().to_vec();
        let named = DictRef::from_value(*named).expect("a dictionary");
        Arguments { positional, named: named.iter().map(|(key, value)| (key.to_str(), value)).collect() }
    }

    /// As the arguments of a rule, each with its place.
    pub fn expressions(
        &self,
        site: u32,
        keyword: &str,
        eval: &Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<Argument>> {
        let loader = Loader::of(eval);
        let named = self.named.iter().map(|(name, value)| (Some(name.clone()), *value));
        let all = self.positional.iter().map(|&value| (None, value)).chain(named);
        let mut out = Vec::new();
        for (at, (name, value)) in all.enumerate() {
            let span = loader.argument_span(site, keyword, at);
            let placed = |error: starlark::Error| {
                let mut diagnostic = loader.diagnostic(error);
                diagnostic.labels = vec![(span, String::new())];
                fail(diagnostic)
            };
            out.push(Argument { name, expr: expr(value, eval).map_err(placed)?, span });
        }
        Ok(out)
    }
}

/// The configuration as the module has it now.
fn current_config<'v>(eval: &Evaluator<'v, '_, '_>) -> starlark::Result<Dict> {
    let Some(config) = eval.module().get("config") else { return Ok(Dict::default()) };
    match from_starlark(config, eval.heap()) {
        Ok(Plain::Dict(dict)) => Ok(dict),
        _ => Err(fail(
            Diagnostic::error("`config` is no longer a dictionary of plain data")
                .help("give the variable another name: `config` holds the configuration"),
        )),
    }
}

/// A path that a statement takes.
pub fn path_text<'v>(statement: &str, path: Value<'v>, eval: &Evaluator<'v, '_, '_>) -> starlark::Result<String> {
    match super::flags::texts(&expr(path, eval)?).as_slice() {
        [path] => Ok(path.clone()),
        _ => Err(fail(Diagnostic::error(format!("{statement}: takes a path as text, not {}", path.get_type())))),
    }
}

/// A container for all rules.
fn container(statement: &str, image: &[Value<'_>], eval: &Evaluator<'_, '_, '_>) -> starlark::Result<NoneType> {
    let loader = Loader::of(eval);
    let [image] = image else {
        return Err(fail(Diagnostic::error(format!("{statement}: takes one image"))));
    };
    let need = (!image.is_none()).then(|| loader.here(eval)).flatten();
    let need = need.map(|span| Need { directive: statement.to_owned(), span, is_action: false });
    loader.here_in(|space| space.container = need);
    Ok(NoneType)
}

/// What flag functions say of every file that they are given.
fn default_flags<'v>(
    statement: &str,
    functions: &[Value<'v>],
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<Flags> {
    let sample = eval.heap().alloc("any file");
    let mut all = Flags::default();
    for &function in functions {
        let flagged = eval.eval_function(function, &[sample], &[])?;
        match expr(flagged, eval)? {
            Expr::Flagged(_, flags) => all = all.and(&flags),
            _ => {
                return Err(fail(
                    Diagnostic::error(format!("{statement}: takes flags, not {}", function.to_repr()))
                        .help("name them without parentheses, as in `temp`, or with their arguments in a function"),
                ));
            }
        }
    }
    Ok(all)
}

#[starlark_module]
pub fn statements(builder: &mut GlobalsBuilder) {
    fn __args__<'v>(
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(kwargs)] kwargs: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        let positional = heap.alloc(AllocList(args.items));
        let named = heap.alloc(AllocDict(kwargs.iter().map(|(key, &value)| (key.as_str(), value))));
        Ok(heap.alloc((positional, named)))
    }

    fn __rule__<'v>(
        #[starlark(require = pos)] site: u32,
        #[starlark(kwargs)] directives: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let mut name = None;
        let mut given = Vec::new();
        for (keyword, &value) in &directives {
            match keyword.as_str() {
                "name" if value.is_none() => {}
                "name" => {
                    let text = value.unpack_str().map(str::to_owned).ok_or_else(|| {
                        fail(Diagnostic::error(format!("`name:` takes text, not {}", value.get_type())))
                    })?;
                    name = Some(text);
                }
                "run" => {}
                _ => given.push((keyword.clone(), Arguments::of(value))),
            }
        }
        draft::add_rule(site, name, &given, eval)?;
        Ok(NoneType)
    }

    fn __def__<'v>(
        #[starlark(require = pos)] id: u32,
        #[starlark(require = pos)] function: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        eval.module().set(&format!("source {id}"), function);
        Ok(function)
    }

    fn __global__<'v>(
        #[starlark(require = pos)] name: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        if let Some(value) = eval.module().get(name) {
            return Ok(value);
        }
        if let Some(value) = super::imported_by_snakemake(name) {
            return Ok(eval.heap().access_owned_frozen_value(&value));
        }
        if let Some(value) = super::frozen::module_value(eval, name) {
            return Ok(value);
        }
        if let Some(diagnostic) = refused::name(name) {
            return Err(fail(diagnostic));
        }
        let (message, help) = crate::dialect::explained(&format!("name `{name}` is not defined"), "");
        let mut diagnostic = Diagnostic::error(message);
        diagnostic.helps.extend(help);
        let known: Vec<String> = eval.module().names().map(|known| known.as_str().to_owned()).collect();
        if let Some(near) = crate::spelling::nearest(name, known.iter().map(String::as_str)) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        Err(fail(diagnostic))
    }

    fn __include__<'v>(
        #[starlark(require = pos)] path: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let loader = Loader::of(eval);
        let Some(text) = path.unpack_str().map(str::to_owned).or_else(|| match expr(path, eval) {
            Ok(Expr::Value(Plain::Str(text))) => Some(text),
            _ => None,
        }) else {
            return Err(fail(Diagnostic::error("include: takes a path as text")));
        };
        let span = loader.here(eval);
        loader.here_in(|space| space.includes.push(Include { path: text, span, basedir: space.basedir.clone() }));
        Ok(NoneType)
    }

    fn __configfile__<'v>(
        #[starlark(require = pos)] path: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let loader = Loader::of(eval);
        let path = &path_text("configfile", path, eval)?;
        let layers = loader.here_in(|space| space.config.clone());
        if layers.replaced {
            return Ok(NoneType);
        }
        let overrides = layers.overrides;
        // As in Snakemake, a file that the command line replaces need not exist.
        let from_file = match read_config(path) {
            Ok(dict) => dict,
            Err(super::settings::DataError::Read { .. }) if layers.files_given => Dict::default(),
            Err(error) => return Err(fail(data_error(error, loader))),
        };
        loader.read.borrow_mut().push(path.to_owned());
        let mut merged = current_config(eval)?;
        merge(&mut merged, &from_file);
        merge(&mut merged, &overrides);
        let heap = eval.heap();
        let config = eval.module().get("config").expect("it is set before the first statement");
        let mut dict = DictMut::from_value(config)?;
        for (key, value) in &merged {
            let key = heap.alloc(key.as_str());
            dict.aref.insert_hashed(key.get_hashed()?, to_starlark(value, heap));
        }
        drop(dict);
        super::modules::take_pathvars(&merged, Level::Config, loader)?;
        Ok(NoneType)
    }

    fn __workdir__<'v>(
        #[starlark(require = pos)] path: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let loader = Loader::of(eval);
        let path = &path_text("workdir", path, eval)?;
        if loader.directory_is_fixed.get() {
            return Ok(NoneType);
        }
        crate::witness::go_to(path)
            .map_err(|error| fail(Diagnostic::error(format!("cannot work in {path}: {error}"))))?;
        *loader.workdir.borrow_mut() = Some(path.to_owned());
        Ok(NoneType)
    }

    fn __localrules__<'v>(
        #[starlark(args)] names: UnpackTuple<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let loader = Loader::of(eval);
        let here = loader.here(eval);
        loader.here_in(|space| space.local_rules.extend(names.items.iter().map(|&name| (name.to_owned(), here))));
        Ok(NoneType)
    }

    fn __ruleorder__<'v>(
        #[starlark(args)] names: UnpackTuple<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let clause = names.items.iter().map(|&name| name.to_owned()).collect();
        Loader::of(eval).here_in(|space| space.order.clauses.push(clause));
        Ok(NoneType)
    }

    fn __wildcard_constraints__<'v>(
        #[starlark(kwargs)] constraints: SmallMap<String, &str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let constraints = constraints.iter().map(|(name, &regex)| (name.clone(), regex.to_owned()));
        Loader::of(eval).here_in(|space| space.constraints.extend(constraints));
        Ok(NoneType)
    }

    fn __pathvars__<'v>(
        #[starlark(kwargs)] items: SmallMap<String, &str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let items = items.iter().map(|(name, &value)| (name.as_str(), value));
        let added = Loader::of(eval).here_in(|space| {
            space.pathvars.add(Level::File, items).map_err(|error| draft::relocation_error(&error, &space.pathvars))
        });
        added.map_err(fail)?;
        Ok(NoneType)
    }

    fn __inputflags__<'v>(
        #[starlark(args)] flags: UnpackTuple<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let flags = default_flags("inputflags", &flags.items, eval)?;
        Loader::of(eval).here_in(|space| space.input_flags = flags);
        Ok(NoneType)
    }

    fn __outputflags__<'v>(
        #[starlark(args)] flags: UnpackTuple<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let flags = default_flags("outputflags", &flags.items, eval)?;
        Loader::of(eval).here_in(|space| space.output_flags = flags);
        Ok(NoneType)
    }

    /// Jobs see the environment as it is; what is asked for must be there.
    fn __envvars__<'v>(#[starlark(args)] names: UnpackTuple<&str>) -> starlark::Result<NoneType> {
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if let Some(name) = names.items.iter().find(|name| !is_name(name)) {
            return Err(fail(Diagnostic::error(format!("envvars: {name:?} is no name of an environment variable"))));
        }
        let missing: Vec<&str> =
            names.items.into_iter().filter(|name| crate::witness::variable(name).is_none()).collect();
        if missing.is_empty() {
            return Ok(NoneType);
        }
        let are = if missing.len() == 1 { "this variable is" } else { "these variables are" };
        Err(fail(
            Diagnostic::error(format!(
                "the workflow needs environment variables, and {are} not set: {}",
                missing.join(", ")
            ))
            .help(format!("set it where flow is started: `export {}=…`", missing[0])),
        ))
    }

    fn __resource_scopes__<'v>(
        #[starlark(kwargs)] scopes: SmallMap<String, &str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        if let Some((name, scope)) = scopes.iter().find(|(_, scope)| !["local", "global", "excluded"].contains(scope)) {
            return Err(fail(
                Diagnostic::error(format!("resource_scopes: `{name}` cannot have the scope {scope:?}"))
                    .help("a resource is counted over the whole run, \"global\", or by each group of jobs, \"local\""),
            ));
        }
        let scopes = scopes.iter().map(|(name, &scope)| (name.clone(), scope.to_owned()));
        Loader::of(eval).resource_scopes.borrow_mut().extend(scopes);
        Ok(NoneType)
    }

    fn __scattergather__<'v>(
        #[starlark(kwargs)] counts: SmallMap<String, u32>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let loader = Loader::of(eval);
        let set = |name: &String| loader.scatter_set.get(name).copied();
        let counts = counts.iter().map(|(name, &count)| (name.clone(), set(name).unwrap_or(count)));
        loader.scatter.borrow_mut().extend(counts);
        loader.here_in(|space| space.constraints.push(("scatteritem".to_owned(), r"\d+-of-\d+".to_owned())));
        Ok(NoneType)
    }

    fn __container__<'v>(
        #[starlark(args)] image: UnpackTuple<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        container("container", &image.items, eval)
    }

    fn __containerized__<'v>(
        #[starlark(args)] image: UnpackTuple<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        container("containerized", &image.items, eval)
    }

    fn __singularity__<'v>(
        #[starlark(args)] image: UnpackTuple<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        container("singularity", &image.items, eval)
    }

    fn __handler__<'v>(
        #[starlark(require = pos)] event: &str,
        #[starlark(require = pos)] site: u32,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        Loader::of(eval).here_in(|space| space.handlers.insert(event.to_owned(), site));
        Ok(NoneType)
    }
}
