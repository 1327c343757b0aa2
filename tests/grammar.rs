//! From text to Starlark: every construct is lowered and evaluated, with the natives written in a few lines of Starlark.
//! The laws: layout keeps every offset, no text makes the reader panic, and lowering keeps the value of expressions.

use std::sync::Arc;

use flow::diagnostic::{Diagnostic, SourceId, Sources};
use flow::rulefile::layout::layout;
use flow::rulefile::lower::{Lowering, NextIds, Unit};
use flow::rulefile::parse::parse;
use flow::rulefile::tree::{BinaryOp, BoolOp, CompareOp, Expr, ExprKind, StatementKind};
use proptest::prelude::*;
use starlark::environment::{Globals, LibraryExtension, Module};
use starlark::eval::Evaluator;
use starlark::syntax::{AstModule, Dialect, DialectTypes};

/// Natives as simple as they can be; `RULES` collects what is registered.
const PRELUDE: &str = r#"
RULES = []
def __sub__(a, b): return a - b
def __floordiv__(a, b): return a // b
def __mod__(a, b): return a % b
def __pow__(a, b):
    x = 1
    for _ in range(b): x = x * a
    return x
def __lt__(a, b): return a < b
def __le__(a, b): return a <= b
def __gt__(a, b): return a > b
def __ge__(a, b): return a >= b
def __eq__(a, b): return a == b
def __ne__(a, b): return a != b
def __is__(a, b): return a == b
def __truth__(x): return x
def __iter__(x): return list(x.elems()) if type(x) == "string" else x
def __digits__(x): return x
def __add__(a, b): return int(a) + int(b)
def __mul__(a, b): return int(a) * int(b)
def __method__(x, name, *args): return getattr(x, name)(*args)
def __type_is__(x, kind): return type(x) == type(kind("1"))
def __concat__(*parts): return [x for part in parts for x in part]
def __merge__(*parts): return {k: v for part in parts for k, v in part.items()}
def __fstr__(*parts): return "".join(parts)
def __fmt__(value, conversion, spec):
    return (repr(value) if conversion == "r" else str(value)) + ("<" + spec + ">" if spec else "")
def __format__(template, *args, **kwargs): return template.format(*args, **kwargs)
def __slice__(a, b, c): return ("slice", a, b, c)
def __index__(x, index): return index
def __args__(*args, **kwargs): return (list(args), kwargs)
def __rule__(id, **directives): RULES.append((id, directives))
def __def__(id, f): return f
def __include__(path): RULES.append(path)
def __localrules__(*names): RULES.append(names)
def __ruleorder__(*names): RULES.append(names)
def __wildcard_constraints__(**names): RULES.append(names)
def __global__(name): return "global " + name
def __import__(name): return struct(join=name + ".join", path=name + ".path", **{"load": name + ".load"})
def __assert__(message): fail("assert", message)
def __raise__(kind, message): fail(kind, message)
"#;

fn globals() -> Globals {
    Globals::extended_by(&[LibraryExtension::StructType, LibraryExtension::SetType])
}

fn units(text: &str) -> Result<Vec<Unit>, Diagnostic> {
    let file = parse(SourceId(0), &Arc::from(text))?;
    let globals = globals();
    let known = |name: &str| name == "RULES" || globals.names().any(|n| n.as_str() == name);
    let mut lowering = Lowering::new(&file);
    let mut ids = NextIds::default();
    let mut units = Vec::new();
    while let Some(unit) = lowering.next_unit(ids, &known) {
        let unit = unit?;
        ids.site += u32::try_from(unit.sites.len()).expect("few rules");
        units.push(unit);
    }
    Ok(units)
}

fn unit(text: &str) -> Unit {
    units(text).expect("the text can be lowered").pop().expect("the text has a statement")
}

/// The value of `name` after all units, as Starlark writes it.
fn evaluate(text: &str, name: &str) -> Result<String, String> {
    let units = units(text).map_err(|error| error.message)?;
    let dialect = Dialect {
        enable_types: DialectTypes::Disable,
        enable_top_level_stmt: true,
        enable_keyword_only_arguments: true,
        ..Dialect::Standard
    };
    let globals = globals();
    Module::with_temp_heap(|module| {
        for code in std::iter::once(PRELUDE).chain(units.iter().map(|unit| unit.code.as_str())) {
            let ast =
                AstModule::parse("unit", code.to_owned(), &dialect).map_err(|error| format!("{error}\n{code}"))?;
            let mut evaluator = Evaluator::new(&module);
            evaluator.eval_module(ast, &globals).map_err(|error| format!("{error}\n{code}"))?;
        }
        Ok(module.get(name).ok_or("the name has no value")?.to_repr())
    })
}

fn result(text: &str) -> String {
    evaluate(text, "result").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn value(expression: &str) -> String {
    result(&format!("result = {expression}\n"))
}

fn rules(text: &str) -> String {
    evaluate(text, "RULES").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The message of the error, with its place and its first help.
fn refusal(text: &str) -> String {
    let error = units(text).err().unwrap_or_else(|| panic!("this should be refused:\n{text}"));
    let mut sources = Sources::default();
    sources.add("f", text);
    let place = error.labels.first().map(|(span, _)| sources.place(*span)).unwrap_or_default();
    let help = error.helps.first().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{place} {}{help}", error.message)
}

fn assert_table(table: &[(&str, &str)], got: impl Fn(&str) -> String) {
    for (text, expected) in table {
        assert_eq!(got(text), *expected, "for:\n{text}");
    }
}

#[test]
fn strings_have_pythons_values() {
    assert_table(
        &[
            ("'a' 'b'", "\"ab\""),
            (r#""a" r"\n" 'c'"#, r#""a\\nc""#),
            (r#""\x41\101\u0042""#, "\"AAB\""),
            (r#"'''a"b'''"#, r#""a\"b""#),
            ("\"\"\"a\nb\"\"\"", r#""a\nb""#),
            ("'a\\\nb'", "\"ab\""),
            ("u'x' R'\\d'", r#""x\\d""#),
            ("r'\\''", r#""\\'""#),
            ("'' '''''' \"\"", "\"\""),
            ("f'{1 + 2}' 'x'", "\"3x\""),
            ("f'a{{b}}{1}'", "\"a{b}1\""),
            ("f'{3:>{2 + 3}}'", "\"3<>5>\""),
            ("f'{\"x\"!r}'", r#""\"x\"""#),
            ("f'{[1, 2][0]=}'", "\"[1, 2][0]=1\""),
            ("f'{'a' + f'{1}'}'", "\"a1\""),
            ("f'''{\n1 # one\n}'''", "\"1\""),
            ("rf'\\d{1}'", r#""\\d1""#),
            ("'{} {x}'.format(1, x=2)", "\"1 2\""),
        ],
        value,
    );
}

#[test]
fn expressions_mean_what_they_mean_in_python() {
    assert_table(
        &[
            ("1 + 2 * 3", "7"),
            ("-2 ** 2", "-4"),
            ("2 ** 3 ** 0", "2"),
            ("not 1 == 2", "True"),
            ("1 < [2][0] < 3", "True"),
            ("3 if 1 > 2 else 4 if True else 5", "4"),
            ("1 in [1] and 2 not in [1]", "True"),
            ("None is None and 1 is not None", "True"),
            ("6 & 3 | 8 ^ 1", "11"),
            ("(lambda x, y=2: x * y)(4)", "8"),
            ("0x1F + 0o17 + 0b11 + 1_000", "1049"),
            ("1e3 + .5", "1000.5"),
            ("[*[1, 2], 3, *[4]]", "[1, 2, 3, 4]"),
            ("(*[1],), (1,), ()", "((1,), (1,), ())"),
            ("{**{'a': 1}, 'b': 2}", r#"{"a": 1, "b": 2}"#),
            ("sorted({x for x in {1, 1}})", "[1]"),
            ("max(x for x in [1, 3])", "3"),
            ("[x for x in [[1], []] for x in x]", "[1]"),
            ("dict(*[[('a', 1)]], **{'b': 2}, c=3)", r#"{"a": 1, "c": 3, "b": 2}"#),
            ("[1, 2, 3][::-1][1:]", "[2, 1]"),
            ("0[1:2, ::3, 4]", r#"(("slice", 1, 2, None), ("slice", None, None, 3), 4)"#),
        ],
        value,
    );
}

#[test]
fn statements_do_what_python_does() {
    assert_table(
        &[
            ("a = b = [1]\nb += [2]\nresult = a\n", "[1, 2]"),
            ("x = 7\nx -= 2; x *= 3\nresult = x\n", "15"),
            ("d = {'k': 9}\nd[str('k')] //= 2\nresult = d\n", r#"{"k": 4}"#),
            ("(a, [b, c]) = 1, (2, 3)\nresult = c, a\n", "(3, 1)"),
            ("x: int = 3\ny: str\nresult = x\n", "3"),
            ("if 1 > 2: result = 1\nelif True: result = 2\nelse:\n  result = 3\n", "2"),
            ("result = 0\nfor i in range(5):\n\tif i == 3: break\n\tresult += i\n", "3"),
            ("def f(a: int, *, b=2) -> int:\n    '''doc'''\n    return a - b\nresult = f(5)\n", "3"),
            ("f = lambda x: x + 1\nresult = f(1)\n", "2"),
            ("import os.path\nresult = os.path\n", r#""os.path""#),
            ("from os.path import (join as j, path,)\nresult = [j, path]\n", r#"["os.path.join", "os.path.path"]"#),
            ("import json\nresult = json.load\n", r#""json.load""#),
            ("load = 1\nnaïve = 2\nresult = load + naïve\n", "3"),
            ("def f(): return later\nresult = f()\n", r#""global later""#),
            ("def f(): return later\nlater = 1\nresult = f()\n", "1"),
            ("assert 1 < 2, 'no'\nresult = 1\n", "1"),
            ("\u{feff}result = [1, # one\r\n  2\r\n]\r\n\x0Cx = 1 + \\\r\n  2", "[1, 2]"),
        ],
        result,
    );
    let failed = evaluate("raise ValueError(\"bad %s\" % 3)\n", "x").unwrap_err();
    assert!(failed.contains("ValueError bad 3"), "{failed}");
}

#[test]
fn rules_become_calls() {
    assert_table(
        &[
            ("rule:\n    name: f'r{1}'\n    threads: 4\n", r#"[(0, {"name": "r1", "threads": ([4], {})})]"#),
            (
                "rule a:\n    input:\n        'x'  # first\n        'y',\n\n# far out\n        k=[1,\n 2],\n    output: 'o'\n",
                r#"[(0, {"name": "a", "input": (["xy"], {"k": [1, 2]}), "output": (["o"], {})})]"#,
            ),
            (
                "for i in range(2):\n    if i:\n        rule:\n            input: f'{i}'\n",
                r#"[(0, {"name": None, "input": (["1"], {})})]"#,
            ),
            ("rule a:\n    run:\n        x = input[0]\n", r#"[(0, {"name": "a", "run": 0})]"#),
            ("localrules: a, b\nruleorder: a > b > c\n", r#"[("a", "b"), ("a", "b", "c")]"#),
            ("wildcard_constraints: x='[0-9]+'\n", r#"[{"x": "[0-9]+"}]"#),
            ("if True: include: 'x'\n", r#"["x"]"#),
            ("rule a:\n    params: load=1\n", r#"[(0, {"name": "a", "params": ([], {"load": 1})})]"#),
        ],
        rules,
    );
}

#[test]
fn a_unit_ends_where_a_file_is_included() {
    let units = units("a = 1\ninclude: 'x'\nrule b:\n    input: a\nif a:\n    include: 'y'\n").unwrap();
    assert_eq!(units.len(), 2);
    assert_eq!(units[1].sites[0].id, 0);
    assert!(units[1].code.contains("__global__(\"a\")"), "{}", units[1].code);
}

#[test]
fn sites_say_what_a_rule_is_made_of() {
    let text = "rule first:\n    input: 'a'\n\nrule second:\n    \"\"\"Doc.\"\"\"\n    output: 'x', y='z'\n    run:\n        # why\n        t = later(input)\n\n        write(t, output[0])  # done\n";
    let lowered = unit(text);
    let site = &lowered.sites[1];
    assert_eq!((site.id, site.doc.as_deref(), &text[site.span.range()]), (1, Some("Doc."), "rule second:"));
    let values: Vec<&str> = site.directives[0].values.iter().map(|span| &text[span.range()]).collect();
    assert_eq!(values, ["'x'", "y='z'"]);
    let source = &site.run.as_ref().unwrap().source;
    assert_eq!(source.free, ["later", "write"]);
    assert_eq!(source.text, "t = later(input)\nwrite(t, output[0])");
    let respaced = text.replace("        # why\n", "\n\n").replace("later(input)", "later( input )");
    assert_eq!(unit(&respaced).sites[1].run.as_ref().unwrap().source.code, source.code);
}

#[test]
fn functions_at_file_level_have_sources() {
    let unit = unit("N = 1\ndef f(x, k=N):\n    def g(y): return y + z\n    return g(x)\nh = lambda w: w.x + N\n");
    let free: Vec<(&str, String)> = unit.functions.iter().map(|f| (f.name.as_str(), f.free.join(" "))).collect();
    assert_eq!(free, [("f", "N z".to_owned()), ("h", "N".to_owned())]);
    assert_eq!(unit.functions[1].code, "def h(w):\n    return (w.x + N)\n");
}

#[test]
fn places_are_found_again() {
    let text = "x = 1\nrule a:\n    input: foo(x - 'ü', bar)\n";
    let unit = unit(text);
    let back = |code: &str| {
        let start = unit.code.find(code).expect("the code is there");
        &text[unit.map.origin(start..start + code.len()).expect("it has an origin").range()]
    };
    assert_eq!(back("__sub__(x, \"ü\")"), "x - 'ü'");
    assert_eq!(back("__rule__(0"), "rule a:");
    assert_eq!(back("__global__(\"bar\")"), "bar");
}

#[test]
fn mistakes_are_explained() {
    let words = "separate values with `,`; only string literals may follow each other";
    let comma = format!("f:1:8 expected a comma between these two values ({words})");
    assert_table(
        &[
            ("rule a\n    input: 'x'\n", "f:1:7 expected `:` after `rule a`"),
            (
                "rule a-b:\n    input: 'x'\n",
                "f:1:6 a rule is named by a word of letters, digits and `_` (write `rule a_b:`)",
            ),
            ("rule a:\n    inptu:\n        'x'\n", "f:2:5 a rule has no directive `inptu` (did you mean `input`?)"),
            ("rule a:\n    input = 'x'\n", "f:2:5 a directive is followed by a colon, not by `=` (write `input:`)"),
            ("inculde: 'x'\n", "f:1:1 there is no statement `inculde` (did you mean `include`?)"),
            (
                "rule a:\n    input: 'x'\n  output: 'y'\n",
                "f:3:3 the indentation of this line matches no line above it (give it the indentation of the block it belongs to)",
            ),
            (
                "if x:\n    y = 1\n\tz = 2\n",
                "f:3:1 tabs and blanks are mixed in the indentation (indent with blanks only, or with tabs only)",
            ),
            ("x = f(1 2)\n", comma.as_str()),
            ("x = “a”\n", "f:1:5 this character does not belong to the language (write straight quotes: \")"),
            ("print 'a'\n", "f:1:7 expected `(` after `print` (write `print('a')`)"),
            ("x = (1,\nrule a:\n", "f:1:5 `(` is never closed (add `)` where its content ends)"),
            ("x = [1)\n", "f:1:7 `)` does not close `[`"),
            ("x = '''a\n", "f:1:5 this string is never closed (end it with ''')"),
            ("if x = 1:\n    pass\n", "f:1:6 `=` cannot stand here (to compare, write `==`)"),
            ("def f(x)\n    return x\n", "f:1:9 expected `:` at the end of the `def` line"),
            ("rule a:\n    input: a=1, a=2\n", "f:2:17 `a` is given twice"),
            ("rule a:\n    input: 1\n    input: 2\n", "f:3:5 `input` is given twice (put all its values into one)"),
            (
                "while x:\n    pass\n",
                "f:1:1 `while` is not available in a Rulefile (use `for … in range(…)` with a `break`)",
            ),
            (
                "configfile: 'a.yaml'; x = 1\n",
                "f:1:1 nothing else stands on the line of `configfile:` (write what comes after `;` on a line of its own)",
            ),
            (
                "localrules: a; x = 1\n",
                "f:1:1 nothing else stands on the line of `localrules:` (write what comes after `;` on a line of its own)",
            ),
            (
                "rule a:\n    shell: 'x'\n    params: 1\n",
                "f:3:5 `params:` stands after `shell:`, which goes last in a rule (write `params:` above `shell:`)",
            ),
            (
                "pepfile: 'x'\n",
                "f:1:1 flow does not have `pepfile:` (flow reads no PEPs: read the table of samples with `read_csv`, and the rest with `configfile:`)",
            ),
        ],
        refusal,
    );
}

#[test]
fn nothing_stands_after_a_statement_on_its_line_and_all_statements_say_so() {
    let grammar = include_str!("../grammar/rulefile.pest");
    let (_, rest) = grammar.split_once("statement_keyword = @{").expect("the grammar has the words");
    let words: Vec<&str> = rest.split('}').next().unwrap_or_default().split('"').skip(1).step_by(2).collect();
    assert!(words.len() > 15, "{words:?}");
    for word in words {
        let told = refusal(&format!("{word}: x; y = 1\n"));
        assert!(told.starts_with(&format!("f:1:1 nothing else stands on the line of `{word}:`")), "{told}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_an_overflow() {
    for text in [
        format!("x = {}{}\n", "(".repeat(1000), ")".repeat(1000)),
        format!("x = {}{}\n", "[".repeat(180), "]".repeat(180)),
        format!("x = {}1\n", "lambda: ".repeat(5000)),
        format!("x = {}1\n", "not ".repeat(5000)),
        format!("x = {}1\n", "1 + ".repeat(5000)),
        format!("x = a{}\n", ".b".repeat(5000)),
        (0..300).map(|depth| " ".repeat(depth) + "if x:\n").collect::<String>() + &" ".repeat(300) + "y\n",
    ] {
        if let Err(error) = units(&text) {
            assert!(error.message.contains("deep"), "{}: {}", &text[..20], error.message);
        }
    }
}

/// Pieces that texts are made of, so that random ones get beyond the first character.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "rule a:",
        "input:",
        "run:",
        "if x:",
        "else:",
        "def f(x):",
        "x = 1",
        "\n",
        "\n    ",
        "\n\t",
        "\r\n",
        " ",
        "'",
        "\"",
        "\"\"\"",
        "f'",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "#",
        "\\",
        ",",
        ":",
        "=",
        "==",
        "*",
        "**",
        "lambda",
        "for ",
        " in ",
        "é",
        "\u{feff}",
        "\x0C",
        "1",
        "x",
        ".",
        "!r",
        ";",
        "@",
        "->",
        "“",
        "not ",
        "class A:",
        "include: ",
    ]);
    let piece = prop_oneof![9 => pieces.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

#[derive(Debug, Clone, PartialEq, PartialOrd)]
enum Value {
    Bool(bool),
    Int(i128),
    Str(String),
    List(Vec<Value>),
}

impl Value {
    fn truth(&self) -> bool {
        match self {
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::Str(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
        }
    }

    fn starlark(&self) -> String {
        match self {
            Value::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
            Value::Int(value) => value.to_string(),
            Value::Str(text) => format!("{text:?}"),
            Value::List(items) => format!("[{}]", items.iter().map(Value::starlark).collect::<Vec<_>>().join(", ")),
        }
    }
}

/// The value of the tree itself, before lowering; `None` for what is not generated.
fn value_of(expr: &Expr) -> Option<Value> {
    Some(match &expr.kind {
        ExprKind::Int(digits) => Value::Int(digits.parse().ok()?),
        ExprKind::Str(text) => Value::Str(text.clone()),
        ExprKind::Paren(inner) => value_of(inner)?,
        ExprKind::List(items) => Value::List(items.iter().map(value_of).collect::<Option<_>>()?),
        ExprKind::Unary { operand, .. } => match value_of(operand)? {
            Value::Int(value) => Value::Int(-value),
            _ => return None,
        },
        ExprKind::Binary { op, left, right } => match (op, value_of(left)?, value_of(right)?) {
            (BinaryOp::Add, Value::Str(left), Value::Str(right)) => Value::Str(left + &right),
            (BinaryOp::Add, Value::Int(left), Value::Int(right)) => Value::Int(left + right),
            (BinaryOp::Sub, Value::Int(left), Value::Int(right)) => Value::Int(left - right),
            (BinaryOp::Mul, Value::Int(left), Value::Int(right)) => Value::Int(left * right),
            (BinaryOp::FloorDiv, Value::Int(left), Value::Int(right)) => Value::Int(left.div_euclid(right)),
            (BinaryOp::Mod, Value::Int(left), Value::Int(right)) => Value::Int(left.rem_euclid(right)),
            _ => return None,
        },
        ExprKind::Bool { op, left, right } => {
            let left = value_of(left)?;
            if left.truth() == (*op == BoolOp::And) { value_of(right)? } else { left }
        }
        ExprKind::Conditional { condition, then, otherwise } => {
            value_of(if value_of(condition)?.truth() { then } else { otherwise })?
        }
        ExprKind::Compare { first, rest } => {
            let mut left = value_of(first)?;
            let mut all = true;
            for (op, operand) in rest {
                let right = value_of(operand)?;
                all &= match op {
                    CompareOp::Less => left < right,
                    CompareOp::LessEqual => left <= right,
                    CompareOp::Greater => left > right,
                    CompareOp::GreaterEqual => left >= right,
                    CompareOp::Equal => left == right,
                    _ => left != right,
                };
                left = right;
            }
            Value::Bool(all)
        }
        _ => return None,
    })
}

/// Expressions over integers.
fn int_expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![(0..100_u32).prop_map(|n| n.to_string()), (1..9_u32).prop_map(|n| format!("-{n}"))];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let compare = prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
        let condition = (inner.clone(), compare.clone(), inner.clone(), compare, inner.clone())
            .prop_map(|(a, op, b, op2, c)| format!("{a} {op} {b} {op2} {c}"));
        let flat = prop::sample::select(vec!["+ 1 -", "* 2 +", "- 3 *", "+ 7 %", "// 3 -"]);
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*"]), inner.clone())
                .prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), flat, 1..50_u32).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), condition, inner).prop_map(|(a, c, b)| format!("({a} if {c} else {b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn layout_keeps_every_offset(text in text()) {
        if let Ok(layout) = layout(SourceId(0), &text) {
            prop_assert_eq!(layout.text.len(), text.len());
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in text()) {
        if let Err(error) = units(&text) {
            let mut sources = Sources::default();
            sources.add("f", text);
            prop_assert!(!error.render(&sources, false).is_empty());
        }
    }

    #[test]
    fn lowering_keeps_values(a in int_expression(), b in int_expression(), c in int_expression()) {
        let text = format!("result = [{a}, {a} < {b} <= {c}, {b} or {c}, {a} and 'x' + 'y' if {c} else [{a}]]\n");
        let file = parse(SourceId(0), &Arc::from(text.as_str())).map_err(|error| TestCaseError::fail(error.message))?;
        let StatementKind::Assign { value, .. } = &file.statements[0].kind else { panic!("an assignment") };
        let expected = value_of(value).expect("only what is generated").starlark();
        prop_assert_eq!(evaluate(&text, "result"), Ok(expected));
    }
}

/// Each of these once took a time that doubled with every line or level.
#[test]
fn unfinished_constructs_are_read_once() {
    let lines = |line: &dyn Fn(usize) -> String| (0..1000).map(|n| line(n) + "\n").collect::<String>();
    for text in [
        lines(&|_| "f\"{ ".to_owned()),
        lines(&|n| format!("x{n} = f'{{a'")),
        format!("x = f'{{{}\n", "(".repeat(1000)),
        format!("x = f'{{{}\n", "[".repeat(1000)),
        format!("x = f'{}\n", "{f'".repeat(1000)),
        format!("x = f'{{{}\n", "a:{".repeat(1000)),
        format!("x = {}1 1{}\n", "lambda x: (".repeat(90), ")".repeat(90)),
        format!("x = [y {}1 1{}\n", "for y in z if lambda: (".repeat(90), ")".repeat(90) + "]"),
        format!("x = {}1 1{}\n", "[".repeat(99), "]".repeat(99)),
    ] {
        assert!(parse(SourceId(0), &Arc::from(text.as_str())).is_err());
    }
}
