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
use crate::rulefile::rule::{Argument, Expr};
use crate::value::{Dict, Value as Plain};

/// The positional and named values of one directive, as `__args__` puts them together.
pub struct Arguments<'v> {
    pub positional: Vec<Value<'v>>,
    pub named: Vec<(String, Value<'v>)>,
}

impl<'v> Arguments<'v> {
    fn of(value: Value<'v>) -> Self {
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
                "name" if value.unpack_str().is_some() => name = value.unpack_str().map(str::to_owned),
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
        let include = Include { path: text, span: loader.here(eval), basedir: loader.basedir.borrow().clone() };
        loader.includes.borrow_mut().push(include);
        Ok(NoneType)
    }

    fn __configfile__<'v>(
        #[starlark(require = pos)] path: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let loader = Loader::of(eval);
        if loader.config.borrow().replaced {
            return Ok(NoneType);
        }
        let overrides = loader.config.borrow().overrides.clone();
        // As in Snakemake, a file that the command line replaces need not exist.
        let from_file = match read_config(path) {
            Ok(dict) => dict,
            Err(super::settings::DataError::Read { .. }) if loader.config.borrow().files_given => Dict::default(),
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
        Ok(NoneType)
    }

    fn __workdir__<'v>(
        #[starlark(require = pos)] path: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let loader = Loader::of(eval);
        if loader.directory_is_fixed.get() {
            return Ok(NoneType);
        }
        let moved = std::fs::create_dir_all(path).and_then(|()| std::env::set_current_dir(path));
        moved.map_err(|error| fail(Diagnostic::error(format!("cannot work in {path}: {error}"))))?;
        *loader.workdir.borrow_mut() = Some(path.to_owned());
        Ok(NoneType)
    }

    fn __localrules__<'v>(
        #[starlark(args)] names: UnpackTuple<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let loader = Loader::of(eval);
        let here = loader.here(eval);
        loader.local_rules.borrow_mut().extend(names.items.iter().map(|&name| (name.to_owned(), here)));
        Ok(NoneType)
    }

    fn __ruleorder__<'v>(
        #[starlark(args)] names: UnpackTuple<&str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let clause = names.items.iter().map(|&name| name.to_owned()).collect();
        Loader::of(eval).order.borrow_mut().clauses.push(clause);
        Ok(NoneType)
    }

    fn __wildcard_constraints__<'v>(
        #[starlark(kwargs)] constraints: SmallMap<String, &str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<NoneType> {
        let constraints = constraints.iter().map(|(name, &regex)| (name.clone(), regex.to_owned()));
        Loader::of(eval).constraints.borrow_mut().extend(constraints);
        Ok(NoneType)
    }
}
