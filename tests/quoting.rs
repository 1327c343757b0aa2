//! Names in commands, against bash itself: commands of random shape with a name in a random place, filled in and run.
//! The name comes out as it is, or is refused; nothing in it is ever executed.

use std::collections::BTreeMap;
use std::process::Command;

use flow::rulefile::rule::NamespaceId;
use flow::rulefile::template::{JobValues, TemplateError, shell_with};
use flow::value::Named;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The command with the name in place of `{input}`.
fn filled(template: &str, name: &str) -> Result<String, TemplateError> {
    let input = Named { items: vec![name.to_owned()], names: Vec::new() };
    let (none, params, resources) = (Named::default(), Named::default(), std::collections::BTreeMap::new());
    let values = JobValues {
        namespace: NamespaceId::MAIN,
        rule: "rule",
        input: &input,
        output: &none,
        log: &none,
        benchmark: None,
        wildcards: &[],
        params: &params,
        resources: &resources,
        threads: 1,
        attempt: 1,
        job: 1,
    };
    shell_with(template, &values, &BTreeMap::new(), &|_| None)
}

/// What bash prints, in a folder of its own that stays empty.
fn printed(command: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new("bash")
        .args(["-O", "extglob", "-c", command])
        .current_dir(folder.path())
        .output()
        .expect("bash is there");
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").flatten().map(|e| e.file_name()).collect();
    if !left.is_empty() {
        return Err(format!("a name was executed: it made {left:?}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Ways to print the name, each with a bar behind it.
const PRINTS: [&str; 18] = [
    "printf '%s|' x{input}",
    "printf '%s|' x'{input}'",
    "printf '%s|' \"x{input}\"",
    "printf '%s|' $'x{input}'",
    "printf '%s|' \"$(printf '%s' x{input}; printf .)\"",
    "printf '%s|' \"$(printf '%s.' \"x{input}\" # it's )\n)\"",
    "printf '%s|' \"${{X:-\"x{input}\"}}\"",
    "printf '%s|' \"${{X:-x{input}}}\"",
    "printf '%s|' ${{X:-'x{input}'}}",
    "printf '%s|' `printf %s x{input}`",
    "cat <<EOF\nx{input}|\nEOF\n",
    "cat <<'EOF'\nx{input}|\nEOF\n",
    "cat <<-EOF\n\tx{input}|\n\tEOF\n",
    "cat <<EOF\n$(printf '%s.' x{input})|\nEOF\n",
    "cat <<EOF\n{input}EOF|\nEOF\n",
    "cat <<EOF\n\tEOF\nx{input}|\nEOF\n",
    "cat < <(printf '%s|' x{input})",
    "a=(1 2 x{input}); printf '%s|' \"${{a[2]}}\"",
];

/// What may stand before, in which a scanner could lose its way.
const BEFORES: [&str; 24] = [
    ":",
    ": $((1 << 3))",
    "x=$(( 1<<2 ))",
    "((x=1, x<<=2))",
    "for ((i=0; i<1; i++)); do :; done",
    ": \"$(case a in a) echo b;; esac)\"",
    ": $(case a in (a|b) echo ')';; *) ;; esac; echo $(echo))",
    "case x in x) : ;; 'esac') : ;; esac",
    ": \\$(: ')' )",
    ": \"\\$(\"",
    ": \"\\$'\"",
    ": \\$'a'",
    ": $$'a'",
    ": \"$$(a\"",
    ": a#b '#' # it's a comment",
    ": <<< \"a\"",
    ": ${#a} ${a#b} \"${a%\\\"}\"",
    "[[ a < b && ( a == @(a|b) ) ]]",
    "f() { case a in a) : ;; esac; }",
    "function g { :; }; g",
    "a[1<<2]=3",
    ": <<EOF\n\tEOF\n$( : ')' ) `:`\nEOF\n",
    ": <<-'E F'\n\tE F\n",
    "( ( : ); (: case ) )",
];

/// What the whole may stand in.
const AROUNDS: [(&str, &str); 10] = [
    ("", ""),
    ("(", "\n)"),
    ("{ ", "\n}"),
    ("if :; then ", "\nfi"),
    ("for i in 1; do ", "\ndone"),
    ("case a in b) : ;; a) ", "\n;; esac"),
    ("case a in (a)\n", "\nesac"),
    ("printf '%s' \"$(", "\n)\""),
    ("printf '%s' \"$(case a in a) ", "\n;; esac)\""),
    ("x() { ", "\n}; x"),
];

fn command() -> impl Strategy<Value = String> {
    let before = prop::collection::vec(prop::sample::select(&BEFORES[..]), 0..3);
    let around = prop::collection::vec(prop::sample::select(&AROUNDS[..]), 0..3);
    let print = prop::sample::select(&PRINTS[..]);
    (before, around, print).prop_map(|(before, around, print)| {
        // Braces of the shell are doubled in a template.
        let braces = |text: &str| text.replace('{', "{{").replace('}', "}}");
        let mut out: String = before.iter().map(|line| braces(line) + "\n").collect();
        out.push_str(print);
        around.iter().fold(out, |inner, (open, close)| format!("{}{inner}{}", braces(open), braces(close)))
    })
}

const PARTS: [&str; 22] = [
    "a",
    "-",
    " ",
    "'",
    "\"",
    "\\",
    "\n",
    ";touch pwned;",
    "$(touch pwned)",
    "`touch pwned`",
    "(touch pwned)",
    "$",
    "{",
    "}",
    ")",
    "EOF",
    "#",
    "a[$(touch pwned)]",
    "\t",
    "*",
    "!",
    "~",
];

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PARTS[..]), 1..5).prop_map(|parts| parts.concat())
}

#[test]
fn a_name_comes_out_as_it_is_or_is_refused() {
    let config = Config { cases: 1500, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let outcome = runner.run(&(command(), name()), |(template, name)| {
        // With a plain name, what the command prints; the name's place in it is then the name's.
        let plain = filled(&template, "plain").expect("a plain name can stand anywhere");
        let Ok(command) = filled(&template, &name) else { return Ok(()) };
        let expected = printed(&plain).map_err(TestCaseError::fail)?.replace("plain", &name);
        let got = printed(&command).map_err(|fault| TestCaseError::fail(format!("{fault}\n{command}")))?;
        prop_assert_eq!(got, expected, "{}", command);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Places that are common are followed, and not given up.
#[test]
fn names_are_not_refused_where_the_place_is_certain() {
    for template in [
        "cat {input} '{input}' \"{input}\" $'{input}'",
        "x=$((1 << 3)); cat {input}",
        "n=\"$(case $x in a) echo {input};; (b|c) echo \"{input}\";; esac)\"; cat {input}",
        "cat <<EOF > out\n$(wc -l {input}) x {input} ${{HOME}}\nEOF\ncat {input}",
        "if [[ -s {input} ]]; then cat \"{input}\"; fi",
        "while read -r line; do echo \"$line\"; done < <(sort {input}) > \"{input}\"",
        "f() {{ cat \"$1\"; }}; f {input}",
        "awk 'NR > 1 {{ print $1 }}' {input} | sed \"s/\\$x//\" # it's {input}\ncat {input}",
        "echo \"${{X:-none}}\" {input}",
    ] {
        let filled = filled(template, "it's $(x)");
        assert!(filled.is_ok(), "{template}: {filled:?}");
    }
}

#[test]
fn names_are_refused_where_they_would_be_code() {
    for template in [
        "echo $(( {input} ))",
        "(( x = {input} ))",
        "echo `cat {input}`",
        "echo \"${{X:{input}}}\"",
        "echo \"${input}\"",
        "echo \\{input}",
        "cat <<{input}\n",
        "cat <<EOF\n{input}\nEOF\n",
    ] {
        let name = if template.contains("<<EOF") { "EOF" } else { "a[$(touch pwned)]" };
        let filled = filled(template, name);
        assert!(matches!(filled, Err(TemplateError::Quoting { .. })), "{template}: {filled:?}");
    }
}
