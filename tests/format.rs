//! The laws of the formatter, on all examples and on texts made from them and from pieces: what it gives is read as the
//! same workflow, formatting it again changes nothing, and every comment is kept.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use flow::diagnostic::{Diagnostic, SourceId};
use flow::format::format;
use flow::rulefile::lower::{Lowering, NextIds};
use flow::rulefile::parse::parse;
use proptest::prelude::*;

fn formatted(text: &str) -> Result<String, Diagnostic> {
    format(SourceId(0), &Arc::from(text))
}

/// What a text is lowered to: code, rules and functions; or the message that it cannot be.
fn lowered(text: &str) -> Result<Vec<String>, String> {
    let file = parse(SourceId(0), &Arc::from(text)).map_err(|error| error.message)?;
    let mut lowering = Lowering::new(&file);
    let mut ids = NextIds::default();
    let mut out = Vec::new();
    while let Some(unit) = lowering.next_unit(ids, &|_| false) {
        let unit = unit.map_err(|error| error.message)?;
        ids.site += u32::try_from(unit.sites.len()).expect("few rules");
        out.push(unit.code);
        for site in unit.sites {
            out.push(format!("{:?} {:?}", site.name.map(|(name, _)| name), site.doc));
            out.extend(site.run.map(|run| run.source.code));
        }
        out.extend(unit.functions.into_iter().map(|function| function.code));
    }
    Ok(out)
}

/// The words of all comments, in order.
fn comments(text: &str) -> Vec<String> {
    let file = parse(SourceId(0), &Arc::from(text)).expect("the text can be read");
    let words = file.comments.iter().flat_map(|span| file.slice(*span).split_whitespace());
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.sort();
    words
}

#[track_caller]
fn holds(text: &str) -> String {
    let once = formatted(text).unwrap_or_else(|error| panic!("{}\n{text}", error.message));
    assert_eq!(lowered(&once), lowered(text), "the meaning changed:\n{text}\n---\n{once}");
    assert_eq!(comments(&once), comments(text), "comments were lost:\n{text}\n---\n{once}");
    let twice = formatted(&once).unwrap_or_else(|error| panic!("{}\n{once}", error.message));
    assert_eq!(twice, once, "a second time changes more");
    once
}

/// The Rulefiles of the repository, by name.
static RULEFILES: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("examples"), root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it can be listed") {
            let path = entry.expect("it can be listed").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') {
                folders.push(path);
            } else if name.starts_with("Rulefile") {
                found.push((path.display().to_string(), fs::read_to_string(path).expect("it is text")));
            }
        }
    }
    found.push(("Rulefile.example".into(), fs::read_to_string(root.join("Rulefile.example")).expect("it is text")));
    found.sort();
    found
});

#[test]
fn the_rulefiles_of_the_repository_are_formatted() {
    for (name, text) in RULEFILES.iter() {
        assert!(holds(text) == *text, "{name}: run `flow --fmt {name}`");
    }
}

#[test]
fn every_kind_of_statement_keeps_its_meaning() {
    for text in [
        "",
        "\n\n",
        "# nothing but a comment",
        "x=1;y=2 ; # both\n",
        "x = (1,)\ny = 1,\nz = a[1,]\nf(x,)\n[x,]\n(a, b,)\n",
        "if a : b=1\nelif c: d=2 # d\nelse :\n  e=3\n",
        "for i , j in zip ( a,b ) :\n\tprint ( i , end = '' )\nelse: pass\n",
        "@cache\ndef f ( a:int , * , b = 2 , ** c )->int : return a if b else c\n",
        "try:\n  x\nexcept (A, B) as e : pass\nfinally : y\n",
        "with open ( a ) as b , c : pass\n",
        "match x:\n  case [1, *y] if z : pass\n  case {'a': 1, **r}: pass\n",
        "class A ( B , metaclass = C ) :\n  x : int=1\n",
        "x = not a  in b; y = -1 ** - 2; z = lambda * a , b=1 , ** c : a @ b\n",
        "a[ 1 : 2 , : , :: 3 ]; a[i+1 : j - 1]; a[:, x() : ]\n",
        "from . import a; from ..b import ( c as d , e )\nimport a.b as c\n",
        "x = 'a' \"b\" r'\\d' f'{ x !r:>{ w }}' b'' '''c\nd'''\n",
        "rule a : input : 'x' , y = 'z'\nrule :\n    'doc'\n    output: 'x'\n",
        "rule a:\n    input:\n        # first\n        'x', # of x\n        # second\n        y='z' # of y\n        # last\n    # of output\n    output: 'o'\n\n    # end\nx = 1\n",
        "rule a:\n    run: x = 1; y = 2\nrule b:\n    run : x\nrule c:\n    run:\n        # why\n        x\n",
        "module m:\n    snakefile : 'x'\n    config : config\nuse rule * from m exclude a , b as m_*\nuse rule c from m as d with :\n    input : 'x'\n",
        "onsuccess : print('x')\nonerror:\n    print('y')\n    print('z')\n",
        "localrules : a , b\nruleorder : a>b > c\nwildcard_constraints: x='a', y='b',\ninclude : 'x'\n",
        "x = a + \\\n    b\n",
        "x = [ # of the list\n  1, # one\n  # two\n  2\n  # end\n]\n",
        "f(a # of a\n  , b)\n",
        "rule a:\n    shell:\n        \"one \" # of one\n        \"two\"\n",
        "x = 1 # no newline at the end",
        "x = 1\r\ny = \"\"\"a\nb\"\"\"\r\n",
        "\u{feff}x = 1\r\nrule a:\r\n    output: 'o'\r\n",
    ] {
        holds(text);
    }
}

#[test]
fn long_lines_are_split_where_they_bind_least() {
    let long = |count: usize| (0..count).map(|i| format!("argument_number_{i}")).collect::<Vec<_>>().join(", ");
    for text in [
        format!("x = function({})\n", long(8)),
        format!("x = function({})\n", long(6)),
        format!("x = first({})(b)[c].d(e) + other(f)\n", long(7)),
        format!("rule a:\n    params: x=f({}), y=lambda w, i: [z for z in i if z if w or 2]\n", long(9)),
        format!("rule a:\n    input: expand('{}', x=[1])\n", "long/".repeat(30)),
        format!("x = [a for a, b in zip({}) if a and b or c not in d]\n", long(9)),
        format!("if {} and {}: pass\n", "a".repeat(90), "b".repeat(90)),
        format!("x = {} + \\\n  {}\n", "a".repeat(90), "b".repeat(90)),
        format!("x = ('{}' '{}' % (a, b))\n", "a".repeat(90), "b".repeat(90)),
        format!("def f({}=1, *args, **kwargs) -> List[int]: return 1\n", long(9)),
    ] {
        let once = holds(&text);
        assert!(once.lines().count() > 1, "{once}");
    }
}

#[test]
fn names_end_where_the_parser_ends_them() {
    // Letters of other scripts, marks that go on a name, and a middle dot.
    assert_eq!(holds("größe=1\nक्षेत्र =größe\nl\u{b7}l= 2\n"), "größe = 1\nक्षेत्र = größe\nl\u{b7}l = 2\n");
}

#[test]
fn comments_after_imports_stay_together() {
    let text = "import os\n\n# One.\n# Two.\nrule all:\n    input: 'x'\n";
    assert_eq!(holds(text), "import os\n\n\n# One.\n# Two.\nrule all:\n    input: \"x\"\n");
    let text = "import os\n# One.\n# Two.\nX = 1\n";
    assert_eq!(holds(text), "import os\n\n# One.\n# Two.\nX = 1\n");
}

/// An expression as people write it, badly spaced.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-d]",
        "[0-9]{1,3}",
        Just("'text'".to_owned()),
        Just("\"it's\"".to_owned()),
        Just("f'{a}-{b!r:>3}'".to_owned()),
        Just("r'\\d+'".to_owned()),
        Just("'''long\n  text'''".to_owned()),
        "[a-z_]{10,40}",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(&["+", "-", "*", "**", "//", "%", "<", "==", " in ", " and ", " not in "][..]),
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("({a}{op} {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} {b}").replace(' ', "+")),
            (list.clone(), any::<bool>()).prop_map(|(items, comma)| {
                format!("[ {}{}]", items.join(" ,"), if comma && !items.is_empty() { ", " } else { "" })
            }),
            (list.clone(), any::<bool>())
                .prop_map(|(items, broken)| { format!("call({})", items.join(if broken { ",# why\n" } else { "," })) }),
            (list, inner.clone()).prop_map(|(items, b)| format!("call( *[{}], k ={b} )", items.join(","))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{ {a} :{b} , **x}}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("x[{a} : {b}]")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a} for y , z in {b} if not y]")),
            inner.clone().prop_map(|a| format!("(lambda w , *k: {a})")),
            inner.prop_map(|a| format!("({a}).method( ).name")),
        ]
    })
}

fn rule() -> impl Strategy<Value = String> {
    let keyword = prop::sample::select(&["input", "output", "params", "shell", "log", "resources"][..]);
    let value = (prop::option::of("[a-z]"), expression());
    let values = prop::collection::vec(value, 1..4);
    let directive = (keyword, values, 0..4usize, any::<bool>()).prop_map(|(keyword, values, shape, comment)| {
        let mut named = false;
        let values: Vec<String> = values
            .into_iter()
            .enumerate()
            .map(|(at, (name, value))| {
                named |= name.is_some();
                if named { format!("{}{at} = {value}", name.unwrap_or_default() + "n") } else { value }
            })
            .collect();
        let (open, gap, end) = match shape {
            0 => (" ", " , ", ""),
            1 => ("\n          ", ",\n          ", ""),
            2 => ("\n      # first\n          ", ", # of it\n\n        ", ","),
            _ => ("# head\n          ", ",\n          ", " # end\n            # below"),
        };
        let above = if comment { "  # above\n" } else { "" };
        format!("{above}  {keyword} :{open}{}{end}\n", values.join(gap))
    });
    (prop::collection::vec(directive, 0..4), prop::option::of(expression())).prop_map(|(directives, run)| {
        let mut seen = Vec::new();
        let mut out = "rule  name:\n".to_owned();
        for directive in directives {
            let keyword = directive.split(':').next().unwrap_or_default().rsplit(' ').nth(1).map(str::to_owned);
            if !seen.contains(&keyword) {
                seen.push(keyword);
                out.push_str(&directive);
            }
        }
        if let Some(run) = run {
            out.push_str(&format!("  run:\n    x={run};y = 1\n    # done\n"));
        }
        out
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn expressions_of_all_kinds_keep_their_meaning(a in expression(), b in expression()) {
        let text = format!("x={a}\nif {b} :\n  y = {a}\n");
        prop_assume!(parse(SourceId(0), &Arc::from(text.as_str())).is_ok());
        holds(&text);
    }

    #[test]
    fn rules_of_all_kinds_keep_their_meaning(rules in prop::collection::vec(rule(), 1..3)) {
        let text = rules.join("# between\n");
        prop_assume!(parse(SourceId(0), &Arc::from(text.as_str())).is_ok());
        holds(&text);
    }

    /// Line ends and comments put in where a bracket is open.
    #[test]
    fn examples_spaced_otherwise_keep_their_meaning(which in 0..64usize, places in prop::collection::vec((0..100_000usize, 0..4usize), 1..20)) {
        let (_, text) = &RULEFILES[which % RULEFILES.len()];
        let mut text = text.clone();
        for (at, what) in places {
            let commas: Vec<usize> = text.match_indices(", ").map(|(at, _)| at).collect();
            if commas.is_empty() {
                continue;
            }
            let at = commas[at % commas.len()] + 1;
            let changed = format!("{}{}{}", &text[..at], ["\n", "   ", "  # here\n", "\n\n# there\n "][what], &text[at..]);
            // Outside of brackets, and within strings, it says something else.
            if lowered(&changed).is_ok() && lowered(&changed) == lowered(&text) {
                text = changed;
            }
        }
        holds(&text);
    }
}
