use super::*;
use crate::value::{Dict, Value};

fn parsed(words: &str) -> Settings {
    attempt(words).unwrap_or_else(|exit| panic!("{words}: {}", exit.text))
}

fn attempt(words: &str) -> Result<Settings, Exit> {
    Line::read(std::iter::once("flow").chain(words.split_whitespace()).map(OsString::from), false)?.settings(&[])
}

fn refused(words: &str) -> String {
    let exit = attempt(words).expect_err(words);
    assert_eq!(exit.code, 2, "{words}: {}", exit.text);
    exit.text
}

fn dict(entries: &[(&str, Value)]) -> Dict {
    entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
}

#[test]
fn options_of_clap_are_consistent() {
    Options::command().debug_assert();
}

#[test]
fn nothing_typed_is_a_run_of_the_first_rule_on_all_cores() {
    let settings = parsed("");
    assert_eq!(settings.mode, Mode::Run);
    assert_eq!(settings.jobs, Jobs::AllCores);
    assert!(settings.targets.is_empty() && settings.notes.is_empty());
    assert_eq!(settings.rerun_triggers, Trigger::ALL);
}

#[test]
fn configuration_does_not_swallow_targets() {
    let settings = parsed("-C size=51 filter.sigma=2.5 filter.name=a=b names=[x,1] out.fits");
    assert_eq!(settings.targets, ["out.fits"]);
    let filter = dict(&[("sigma", Value::Float(2.5)), ("name", Value::Str("a=b".into()))]);
    let names = Value::List(vec![Value::Str("x".into()), Value::Int(1)]);
    assert_eq!(settings.config, dict(&[("size", Value::Int(51)), ("filter", Value::Dict(filter)), ("names", names)]));
    assert_eq!(parsed("--config=a=1 x").targets, ["x"]);
    assert_eq!(parsed("-C frames=*.fits").config, dict(&[("frames", Value::Str("*.fits".to_owned()))]));
    assert_eq!(parsed("-Ca= dir/a=1").config, dict(&[("a", Value::None)]));
    assert!(refused("-C out.fits").contains("`out.fits` is not that"));
    assert!(refused("-C").contains("NAME=VALUE"));
    assert!(refused("-C a..b=1").contains("empty part"));
}

#[test]
fn jobs_take_a_number_all_or_nothing() {
    for words in ["-j", "-j all", "-c", "--cores all", "--jobs=all", "-j out.txt", "-nj out.txt", "-j -n"] {
        assert_eq!(parsed(words).jobs, Jobs::AllCores, "{words}");
    }
    for words in ["-j 4", "-j4", "-j=4", "-c4", "--cores 4", "--cores=4", "--jobs 4", "-nj4", "-npj 4", "-j 2 -j 4"] {
        assert_eq!(parsed(words).jobs.count(), 4, "{words}");
    }
    assert_eq!(parsed("-nj out.txt").targets, ["out.txt"]);
    assert_eq!(parsed("-j 4 5").targets, ["5"]);
    assert!(refused("-j0").contains("number from 1"));
    assert!(refused("-jx").contains("number from 1"));
}

#[test]
fn lists_end_at_the_next_option_or_two_dashes() {
    let settings = parsed("-R a b -U c -O d e -- f -n");
    assert_eq!(settings.force.names, ["a", "b"]);
    assert_eq!(settings.until, ["c"]);
    assert_eq!(settings.omit_from, ["d", "e"]);
    assert_eq!(settings.targets, ["f", "-n"]);
    let settings = parsed("--configfile a b.yaml c.toml out.fits");
    assert_eq!(settings.configfiles, ["a", "b.yaml", "c.toml"]);
    assert_eq!(settings.targets, ["out.fits"]);
}

#[test]
fn triggers_come_as_words_or_with_commas() {
    for words in
        ["--rerun-triggers params mtime x", "--rerun-triggers mtime,params x", "--rerun-triggers=params,mtime x"]
    {
        let settings = parsed(words);
        assert_eq!(settings.rerun_triggers, [Trigger::Mtime, Trigger::Params], "{words}");
        assert_eq!(settings.targets, ["x"], "{words}");
    }
    assert!(refused("--rerun-triggers=age").contains("`age` is not one of"));
}

#[test]
fn resources_have_human_units() {
    let settings = parsed(
        "--resources mem=1.5GB gpu=2 runtime=2h --set-resources a:disk=1GiB b:partition=big --set-threads a=3 x",
    );
    let totals = [("gpu", 2), ("mem_mb", 1500), ("runtime", 120)];
    assert!(settings.resources.iter().map(|(k, v)| (k.as_str(), *v)).eq(totals));
    assert_eq!(settings.set_resources["a"]["disk_mb"], Amount::Value(Value::Int(1074)));
    assert_eq!(settings.set_resources["b"]["partition"], Amount::Text("big".into()));
    assert_eq!(settings.set_threads["a"], Amount::Value(Value::Int(3)));
    assert_eq!(settings.targets, ["x"]);
    assert!(refused("--resources mem=lots").contains("`1.5GB`"));
    assert!(refused("--resources gpu=many").contains("not a number"));
    assert!(refused("--set-resources a=1").contains("RULE:NAME=VALUE"));
    assert!(refused("--set-threads a=0").contains("number from 1"));
}

#[test]
fn amounts_are_rounded_up() {
    for (text, amount) in [("1.1GB", 1100), ("1 B", 1), ("2G", 2000), ("512MiB", 537), ("7", 7), ("0", 0)] {
        assert_eq!(megabytes(text), Some(amount), "{text}");
    }
    for (text, amount) in [("90m", 90), ("1d 6h", 1800), ("1d6h", 1800), ("45s", 1), ("30", 30), ("1.5 hours", 90)] {
        assert_eq!(minutes(text), Some(amount), "{text}");
    }
    for text in ["", "GB", "1 parsec", "-1", "1..2GB"] {
        assert_eq!((megabytes(text), text), (None, text));
    }
}

#[test]
fn every_mode_has_its_option() {
    let draw = |drawing, format| Mode::Draw(drawing, format);
    for (words, mode) in [
        ("-n", Mode::DryRun),
        ("--dryrun", Mode::DryRun),
        ("--why a.txt", Mode::Why),
        ("-n --why", Mode::Why),
        ("-S", Mode::Summary { detailed: false }),
        ("-D", Mode::Summary { detailed: true }),
        ("-l", Mode::ListRules { targets: false }),
        ("--list", Mode::ListRules { targets: false }),
        ("--dag", draw(Drawing::Dag, DrawingFormat::Dot)),
        ("--dag svg a.txt", draw(Drawing::Dag, DrawingFormat::Svg)),
        ("--rulegraph=mermaid-js", draw(Drawing::Rulegraph, DrawingFormat::Mermaid)),
        ("--filegraph json", draw(Drawing::Filegraph, DrawingFormat::Json)),
        ("--actions", Mode::Actions(None)),
        ("--actions median_filter", Mode::Actions(Some("median_filter".into()))),
        ("-t", Mode::Touch { dry_run: false }),
        ("--delete-all-output -n", Mode::DeleteAllOutput { dry_run: true }),
        ("--delete-temp-output", Mode::DeleteTempOutput { dry_run: false }),
        ("--unlock", Mode::Unlock),
        ("--cleanup-metadata a b", Mode::CleanupMetadata),
    ] {
        assert_eq!(parsed(words).mode, mode, "{words}");
    }
    assert_eq!(parsed("--dag a.txt").targets, ["a.txt"]);
    assert!(refused("--dag=png").contains("`png`"));
    assert!(refused("--dag --summary").contains("cannot be used together"));
    assert!(refused("--cleanup-metadata").contains("needs the files"));
    assert!(refused("--actions a b").contains("one action"));
}

#[test]
fn how_much_is_said() {
    assert_eq!(parsed("-q x").say.verbosity, Verbosity::Quiet);
    assert_eq!(parsed("-q x").targets, ["x"]);
    assert_eq!(parsed("--quiet rules progress").say.verbosity, Verbosity::Quiet);
    assert_eq!(parsed("-q all").say.verbosity, Verbosity::Silent);
    assert_eq!(parsed("--quiet reason").say.verbosity, Verbosity::Normal);
    assert_eq!(parsed("-v").say.verbosity, Verbosity::Verbose);
    assert_eq!(parsed("-qn").mode, Mode::DryRun);
    assert_eq!(parsed("--nocolor").say.colour, Colour::Never);
    assert_eq!(parsed("--color always --log-format json").say.format, LogFormat::Json);
    assert!(refused("--color blue").contains("auto, always, never"));
}

#[test]
fn what_does_nothing_is_said() {
    assert_eq!(parsed("--nolock -r --keep-target-files --scheduler greedy").notes.len(), 2);
    assert_eq!(parsed("-- --lint").targets, ["--lint"]);
    assert!(refused("--nonsense").contains("--nonsense"));
}

#[test]
fn ancient_inputs_are_names_or_numbers() {
    let items = vec![InputItem::Index(0), InputItem::Name("ref".into())];
    assert_eq!(parsed("--consider-ancient a=0,ref").consider_ancient, [("a".to_owned(), items)]);
}

#[test]
fn help_shows_every_group_and_no_alias() {
    let exit = attempt("--help").expect_err("help is no run");
    assert_eq!(exit.code, 0);
    for heading in
        ["What:", "How much:", "Other machines:", "Which jobs:", "Look, don't touch:", "Tidy up:", "Say:", "Examples:"]
    {
        assert!(exit.text.contains(heading), "{heading}\n{}", exit.text);
    }
    for hidden in ["--snakefile", "--cores", "--nolock", "--scheduler"] {
        assert!(!exit.text.contains(hidden), "{hidden}\n{}", exit.text);
    }
    let version = attempt("--version").expect_err("a version is no run");
    assert_eq!((version.code, version.text), (0, format!("flow {}\n", env!("CARGO_PKG_VERSION"))));
}
