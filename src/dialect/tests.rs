//! The dialect against Python: tables of expressions with what Python gives for them, and what tables cannot say.

use std::sync::LazyLock;

use starlark::environment::{Globals, GlobalsBuilder, Module};
use starlark::eval::Evaluator;
use starlark::syntax::{AstModule, Dialect};
use starlark::values::Value;

use super::convert::{from_starlark, to_starlark};
use super::namedlist::Namedlist;
use super::text::repr_of;
use crate::value::{self, Dict, Named};

static GLOBALS: LazyLock<Globals> = LazyLock::new(|| {
    let mut builder = GlobalsBuilder::standard();
    super::globals(&mut builder, |io| io.set("marker", "handed in"));
    builder.build()
});

const IMPORTS: &str = r#"
[os, sys, math, re, json, itertools] = [__import__(name) for name in ["os", "sys", "math", "re", "json", "itertools"]]
Path = __import__("pathlib").Path
io = __import__("snakemake.io")
min_version = __import__("snakemake.utils").min_version
"#;

/// Evaluates code after `prepare` has set names, and hands its last value on.
fn with<T>(code: &str, prepare: impl Fn(&Module<'_>), take: impl Fn(Value<'_>) -> T) -> Result<T, String> {
    let dialect = Dialect { enable_top_level_stmt: true, enable_keyword_only_arguments: true, ..Dialect::Standard };
    let parse = |text: &str| AstModule::parse("test", text.to_owned(), &dialect).map_err(|error| error.to_string());
    Module::with_temp_heap(|module| {
        prepare(&module);
        let mut eval = Evaluator::new(&module);
        eval.eval_module(parse(IMPORTS)?, &GLOBALS).map_err(|error| error.to_string())?;
        let value = eval.eval_module(parse(code)?, &GLOBALS).map_err(|error| error.to_string())?;
        Ok(take(value))
    })
}

fn eval(code: &str) -> Result<String, String> {
    with(code, |_| {}, repr_of)
}

/// The rows of a table: what to evaluate, and what Python gives.
fn rows(table: &str) -> impl Iterator<Item = (Vec<&str>, &str)> {
    table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| {
        let mut cells: Vec<&str> = line.split('\t').collect();
        let expected = cells.pop().expect("a row has cells");
        (cells, expected)
    })
}

/// Checks a table; all differences are shown at once.
fn agree(table: &str, take: fn(Value<'_>) -> String, code: impl Fn(&[&str]) -> String) {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (cells, expected) in rows(table) {
        count += 1;
        let code = code(&cells);
        let ours = with(&code, |_| {}, take);
        let same = match (&ours, expected.strip_prefix('=')) {
            (Ok(ours), Some(expected)) => ours == expected,
            (result, None) => result.is_err(),
            (Err(_), Some(_)) => false,
        };
        if !same {
            wrong.push(format!("{code}\n    Python {expected}\n    flow   {ours:?}"));
        }
    }
    assert!(count > 20, "the table is there");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn format_specs_are_pythons() {
    agree(
        include_str!("../../tests/dialect/format.tsv"),
        |value| value.to_str(),
        |cells| format!("__fmt__({}, \"\", \"{}\")", cells[0], cells[1]),
    );
}

#[test]
fn printf_templates_are_pythons() {
    let table = include_str!("../../tests/dialect/printf.tsv");
    agree(table, repr_of, |cells| format!("__mod__({}, {})", cells[0], cells[1]));
}

#[test]
fn str_format_is_pythons() {
    agree(include_str!("../../tests/dialect/str_format.tsv"), repr_of, |cells| match cells[1] {
        "" => format!("__format__({})", cells[0]),
        arguments => format!("__format__({}, {arguments})", cells[0]),
    });
}

#[test]
fn operators_are_pythons() {
    let table = include_str!("../../tests/dialect/operators.tsv");
    agree(table, repr_of, |cells| format!("{}({}, {})", cells[0], cells[1], cells[2]));
}

#[test]
fn modules_are_pythons() {
    agree(include_str!("../../tests/dialect/modules.tsv"), repr_of, |cells| cells[0].to_owned());
}

#[test]
fn what_lowering_calls() {
    for (code, expected) in [
        (r#"__fstr__("a", 1, 2.0, ["x"], None)"#, r#""a12.0['x']None""#),
        ("__concat__([1], (2,), range(2))", "[1, 2, 0, 1]"),
        ("__merge__({\"a\": 1}, {\"a\": 2, \"b\": 3})", "{'a': 2, 'b': 3}"),
        ("__index__([1, 2, 3], __slice__(None, 2))", "[1, 2]"),
        ("__index__({(1, 2): 3}, (1, 2))", "3"),
        ("__is__(None, None) and __is__(1, 1) and not __is__([], []) and not __is__(1, True)", "True"),
        ("(__div__(\"a\", Path(\"b\")), __div__(Path(\"a\"), \"b\"))", "(PosixPath('a/b'), PosixPath('a/b'))"),
        ("io.marker", "'handed in'"),
        ("min_version(\"7.0\")", "None"),
        ("os.environ.get(\"NO_SUCH_VARIABLE\", \"x\")", "'x'"),
    ] {
        assert_eq!(eval(code).as_deref(), Ok(expected), "{code}");
    }
    for (code, words) in [
        ("__assert__(\"low\")", "assertion failed: low"),
        ("__raise__(\"ValueError\", \"bad\")", "ValueError: bad"),
        ("__import__(\"numpy\")", "there is no module `numpy` here"),
        ("min_version(\"99.0\")", "needs Snakemake 99.0"),
        ("__index__([1], (1, 2))", "takes one index"),
        ("__pow__(10, 1000000)", "more than"),
    ] {
        let error = eval(code).expect_err(code);
        assert!(error.contains(words), "{code}: {error}");
    }
}

fn sample() -> value::Value {
    let dict = Dict::from_iter(vec![("k".to_owned(), value::Value::None), ("n".to_owned(), value::Value::Float(0.5))]);
    value::Value::List(vec![value::Value::Int(1 << 40), value::Value::Bool(true), value::Value::Dict(dict)])
}

#[test]
fn plain_values_survive_the_way_there_and_back() {
    let back = with("x", |module| module.set("x", to_starlark(&sample(), module.heap())), repr_of);
    assert_eq!(back.as_deref(), Ok("[1099511627776, True, {'k': None, 'n': 0.5}]"));
    Module::with_temp_heap(|module| {
        let there = to_starlark(&sample(), module.heap());
        assert_eq!(from_starlark(there, module.heap()), Ok(sample()));
        let number = module.heap().alloc(starlark::values::dict::AllocDict([(1, "a")]));
        let text = Dict::from_iter(vec![("1".to_owned(), value::Value::Str("a".to_owned()))]);
        assert_eq!(from_starlark(number, module.heap()), Ok(value::Value::Dict(text)));
    });
}

#[test]
fn what_is_not_plain_is_named_with_its_place() {
    let error = eval("json.dumps({\"a\": [1, len]})").expect_err("a function is no data");
    assert!(error.contains(r#"the value["a"][1] is a function"#), "{error}");
}

#[test]
fn named_lists_are_sequences_with_names() {
    let text = |text: &str| text.to_owned();
    let named = Named {
        items: vec![text("a.txt"), text("b 1"), text("b2")],
        names: vec![(text("first"), 0, None), (text("rest"), 1, Some(2))],
    };
    let named = Namedlist::from(&named);
    for (code, expected) in [
        ("x[0], x[-1], x[\"first\"], len(x)", "('a.txt', 'b2', 'a.txt', 3)"),
        ("x.first, x.rest[0], str(x.rest), list(x.rest)", "('a.txt', 'b 1', 'b 1 b2', ['b 1', 'b2'])"),
        ("str(x)", "'a.txt b 1 b2'"),
        ("[i for i in x]", "['a.txt', 'b 1', 'b2']"),
        (
            "x[1:], x + [\"c\"], [\"c\"] + x",
            "(['b 1', 'b2'], ['a.txt', 'b 1', 'b2', 'c'], ['c', 'a.txt', 'b 1', 'b2'])",
        ),
        ("\"b2\" in x, \"c\" in x, bool(x)", "(True, False, True)"),
        ("x.get(\"first\"), x.get(\"none\"), x.get(\"none\", 1), x.keys()", "('a.txt', None, 1, ['first', 'rest'])"),
        ("isinstance(x, list), repr(x)", "(True, \"['a.txt', 'b 1', 'b2']\")"),
        ("\" \".join(x)", "'a.txt b 1 b2'"),
    ] {
        let prepare = |module: &Module<'_>| module.set("x", module.heap().alloc(named.clone()));
        assert_eq!(with(&format!("({code})"), prepare, repr_of).as_deref(), Ok(expected), "{code}");
    }
    let prepare = |module: &Module<'_>| module.set("x", module.heap().alloc(named.clone()));
    assert!(with("x[3]", prepare, |_| ()).is_err_and(|error| error.contains("out of bound")));
    assert!(with("x.nothing", prepare, |_| ()).is_err_and(|error| error.contains("nothing")));
}
