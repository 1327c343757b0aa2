//! Scripts: the job as each language sees it.

mod run_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use flow::run::runner::Ending;
use flow::run::spec::Work;
use flow::value::{Dict, Named, Value};
use run_support::Bench;

/// A job with a script `name` of this text, and a bit of everything that a script can ask for.
fn job(bench: &mut Bench, name: &str, text: &str) {
    fs::create_dir_all(bench.path("scripts")).unwrap();
    fs::write(bench.path(&format!("scripts/{name}")), text).unwrap();
    for input in ["it's a.txt", "b.txt", "c.txt"] {
        fs::write(bench.path(input), "").unwrap();
    }
    let log = bench.path("job.log");
    let spec = bench.job(Work::Script { path: format!("scripts/{name}") }, &["it's a.txt", "b.txt", "c.txt"], &["out"]);
    spec.input.names = vec![("first".into(), 0, None), ("rest".into(), 1, Some(2))];
    spec.log = Named { items: vec![log], names: vec![] };
    spec.wildcards = vec![("sample".into(), "s1".into())];
    let list = Value::List(vec![Value::Int(1), Value::Float(2.5)]);
    let most = Value::List(vec![Value::Float(f64::INFINITY), Value::Float(f64::NAN)]);
    spec.params = Named {
        items: vec![Value::Str("a \"quoted\" $x".into()), list, Value::Bool(true), most],
        names: vec![
            ("text".into(), 0, None),
            ("list".into(), 1, None),
            ("flag".into(), 2, None),
            ("most".into(), 3, None),
        ],
    };
    spec.resources.insert("mem_mb".into(), Value::Int(100));
    spec.threads = 2;
    let inner = Dict::from_iter(vec![("b".into(), Value::None)]);
    spec.config =
        Arc::new(Value::Dict(Dict::from_iter(vec![("a".into(), Value::Dict(inner)), ("n".into(), Value::Int(3))])));
}

fn has(program: &str) -> bool {
    std::process::Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn python_sees_the_snakemake_object() {
    if !has("python3") {
        return;
    }
    let mut bench = Bench::new();
    let script = r#"
import os, sys
from snakemake.script import snakemake as same
import sibling
assert same is snakemake
assert __name__ == "__main__" and os.path.basename(__file__) == "x.py", __file__
assert __real_file__ == __file__
s = snakemake
assert os.path.basename(s.input[0]) == "it's a.txt" and s.input.first == s.input["first"] == s.input[0]
assert len(s.input.rest) == 2 and str(s.input.rest) == " ".join(s.input[1:])
assert s.params.text == 'a "quoted" $x' and s.params.list == [1, 2.5] and s.params[2] is True
assert s.params.get("none", 5) == 5 and list(s.params.keys()) == ["text", "list", "flag", "most"]
assert s.params.most[0] == float("inf") and s.params.most[1] != s.params.most[1], s.params.most
assert s.wildcards.sample == "s1" and s.threads == 2 and s.resources.mem_mb == 100
assert s.config == {"a": {"b": None}, "n": 3} and s.rule == "rule0"
assert s.log_fmt_shell().endswith("job.log 2>&1")
del os, sys
link = s.report_href("a/test.html")
assert str(link.url_args(foo=4).anchor("b c")) == "../f43283828649d3ce/test.html?foo=4#b%20c", str(link.url_args(foo=4).anchor("b c"))
assert str(s.report_href("subdir").child_path("x/y.html")) == "../bdf6c15545b679e2/x/y.html"
with open(s.output[0], "w") as file:
    file.write(sibling.word)
"#;
    job(&mut bench, "x.py", script);
    fs::write(bench.path("scripts/sibling.py"), "word = 'whole'\n").unwrap();
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Done, "{:?}", ran.events);
    assert_eq!(bench.read("out"), "whole");
}

#[test]
fn an_error_in_python_names_the_scripts_line() {
    if !has("python3") {
        return;
    }
    let mut bench = Bench::new();
    job(&mut bench, "x.py", "x = 1\nraise ValueError('no')\n");
    let ran = bench.run();
    let tail = &ran.failure(0).log_tail;
    assert!(tail.iter().any(|line| line.contains("x.py\", line 2")), "{tail:?}");
    assert_eq!(tail.last().unwrap(), "ValueError: no");
}

#[test]
fn bash_sees_associative_arrays() {
    let mut bench = Bench::new();
    let script = r#"
[ -z "${BASH_ENV+x}" ] || exit 1
printf '%s|' "${snakemake_input[0]##*/}" "${snakemake_input[rest]##*/}" "${snakemake_params[text]}" \
  "${snakemake_params[list]}" "${snakemake_wildcards[sample]}" "${snakemake[threads]}" "${snakemake_config[n]}" \
  "${snakemake_resources[mem_mb]}" "${0##*/}" > "${snakemake_output[0]}"
"#;
    job(&mut bench, "x.sh", script);
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Done, "{:?}", ran.events);
    assert_eq!(bench.read("out"), "it's a.txt|c.txt|a \"quoted\" $x|1 2.5|s1|2|3|100|x.sh|");
}

#[test]
fn any_executable_gets_the_job_as_json() {
    let mut bench = Bench::new();
    job(&mut bench, "x.weird", "#!/bin/sh\ncp \"$FLOW_JOB\" \"$(dirname \"$0\")/../out\"\n");
    let path = bench.path("scripts/x.weird");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Done, "{:?}", ran.events);
    let job: serde_json::Value = serde_json::from_str(&bench.read("out")).unwrap();
    assert_eq!(job["params"]["named"]["list"]["one"], serde_json::json!([1, 2.5]));
    assert_eq!(job["input"]["named"]["rest"]["many"].as_array().unwrap().len(), 2);
    assert_eq!(job["wildcards"]["items"][0], "s1");
}

#[test]
fn a_script_without_an_interpreter_or_a_file_is_an_error_that_says_so() {
    let mut bench = Bench::new();
    bench.keep_going = true;
    job(&mut bench, "x.unknown", "text");
    bench.job(Work::Script { path: "scripts/none.py".into() }, &[], &[]);
    let ran = bench.run();
    assert!(ran.failure(0).cause.contains("no interpreter"));
    assert!(ran.failure(1).cause.contains("cannot read the script"));
}

#[test]
fn r_sees_an_s4_object() {
    if !has("Rscript") {
        return;
    }
    let mut bench = Bench::new();
    let script = r#"
s <- snakemake
stopifnot(basename(s@input[[1]]) == "it's a.txt", s@input[["first"]] == s@input[[1]], length(s@input[["rest"]]) == 2)
stopifnot(s@params[["text"]] == 'a "quoted" $x', identical(s@params[["list"]], list(1, 2.5)), s@params[[3]])
stopifnot(identical(s@params[["most"]], c(Inf, NaN)))
stopifnot(s@wildcards[["sample"]] == "s1", s@threads == 2, s@resources[["mem_mb"]] == 100, s@config[["n"]] == 3)
stopifnot(is.null(s@config[["a"]][["b"]]), s@rule == "rule0", basename(s@scriptdir) == "scripts")
s@source("sibling.R")
writeLines(word, s@output[[1]])
"#;
    job(&mut bench, "x.R", script);
    fs::write(bench.path("scripts/sibling.R"), "word <- 'whole'\n").unwrap();
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Done, "{:?}", ran.events);
    assert_eq!(bench.read("out"), "whole\n");
}

const RUST: &str = r#"//! What a script may begin with.
use std::error::Error;
use std::fs;

fn main() -> Result<(), Box<dyn Error>> {
    let _redirected = snakemake.redirect_stderr(&snakemake.log[0])?;
    eprintln!("to the log");
    assert!(snakemake.input[0].ends_with("it's a.txt") && snakemake.input.first == snakemake.input[0]);
    assert_eq!(snakemake.input.rest, [snakemake.input[1].as_str(), snakemake.input[2].as_str()]);
    assert_eq!((&*snakemake.params.text, snakemake.params.flag), ("a \"quoted\" $x", true));
    assert_eq!(snakemake.params.list, [1.0, 2.5]);
    assert!(snakemake.params.most[0] == f64::INFINITY && snakemake.params.most[1].is_nan());
    assert_eq!((&*snakemake.wildcards.sample, snakemake.threads, snakemake.resources.mem_mb), ("s1", 2, 100));
    assert_eq!((snakemake.config.n, snakemake.config.a.b, &*snakemake.rule), (3, None, "rule0"));
    let names: Vec<&str> = snakemake.input.iter().filter_map(|path| path.rsplit('/').next()).collect();
    fs::write(&snakemake.output[0], names.join("|"))?;
    Ok(())
}
"#;

#[test]
fn a_rust_script_has_fields() {
    if !has("rustc") {
        return;
    }
    let mut bench = Bench::new();
    job(&mut bench, "x.rs", RUST);
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Done, "{:?}", ran.events);
    assert_eq!(bench.read("out"), "it's a.txt|b.txt|c.txt");
    assert_eq!(bench.read("job.log"), "to the log\n");
}

#[test]
fn a_fault_in_a_rust_script_is_shown_by_its_line() {
    if !has("rustc") {
        return;
    }
    let mut bench = Bench::new();
    job(&mut bench, "x.rs", &RUST.replace("snakemake.config.n", "snakemake.config.m"));
    let ran = bench.run();
    let log = ran.failure(0).log_tail.join("\n");
    assert!(log.contains("x.rs:14:"), "{log}");
    assert!(log.contains("no field `m`"), "{log}");
}

#[test]
fn any_script_and_any_name_compile() {
    if !has("rustc") {
        return;
    }
    let mut bench = Bench::new();
    let script = r##"#![forbid(unsafe_code)]
#![deny(warnings)]
fn main() {
    let config = &snakemake.config;
    let sum = config.a_b + config.a_b_ + config.many.iter().sum::<i64>();
    std::fs::write(&snakemake.output[0], format!("{sum} {}", config.words.len())).unwrap();
}
"##;
    job(&mut bench, "my script-1.2.rs", script);
    let numbers = Value::List((0..2000).map(Value::Int).collect());
    let words = Value::List((0..2000).map(|n| Value::Str(format!("\"{n}\n"))).collect());
    let entries = [("a-b", Value::Int(1)), ("a_b", Value::Int(2)), ("m²", Value::None), ("", Value::None)];
    let entries = entries.into_iter().chain([("many", numbers), ("words", words)]);
    let spec = &mut bench.jobs[0];
    spec.config = Arc::new(Value::Dict(entries.map(|(name, value)| (name.to_owned(), value)).collect()));
    spec.wildcards = vec![("Sample".into(), "s".into())];
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Done, "{:?}", ran.events);
    assert_eq!(bench.read("out"), "1999003 2000");
}
