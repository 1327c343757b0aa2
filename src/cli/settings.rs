//! What was typed → [`Settings`]: plain data, checked, in the words of the program. Every rule about which options go
//! together stands here.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::options::{HowMuch, Look, Measure, NoEffect, Options, SayOptions, Text, Tidy, Which};
use super::units::resource;
use crate::value::{Dict, Value};

/// All that the command line says.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub mode: Mode,
    /// Files or rules, as typed; empty for the first rule.
    pub targets: Vec<String>,
    pub rulefile: Option<String>,
    pub directory: Option<String>,
    pub configfiles: Vec<String>,
    /// From `-C`, nested.
    pub config: Dict,
    /// The Rulefile's own `configfile:` statements do not count.
    pub replace_workflow_config: bool,

    pub jobs: Jobs,
    /// What there is of each resource; memory and disk in megabytes, `runtime` in minutes.
    pub resources: BTreeMap<String, i64>,
    pub default_resources: BTreeMap<String, Value>,
    pub set_threads: BTreeMap<String, u32>,
    /// By rule, then by resource.
    pub set_resources: BTreeMap<String, BTreeMap<String, Value>>,
    pub max_threads: Option<u32>,
    /// `None`: as the rules say.
    pub retries: Option<u32>,
    pub keep_going: bool,

    pub force: Force,
    pub until: Vec<String>,
    pub omit_from: Vec<String>,
    /// In their order, each once.
    pub rerun_triggers: Vec<Trigger>,
    pub consider_ancient: Vec<(String, Vec<InputItem>)>,
    pub allow_ambiguity: bool,
    pub keep_temp: bool,
    pub keep_incomplete: bool,

    pub say: Say,
    /// Warnings: options that were taken and change nothing.
    pub notes: Vec<String>,
    /// Targets that may have been meant as the value of an option, and what that takes.
    pub hints: Vec<(String, String)>,
}

/// What this call of the program is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    Run,
    DryRun,
    /// Explain each target: why its job would run, or why not.
    Why,
    Summary {
        detailed: bool,
    },
    ListRules,
    Draw(Drawing, DrawingFormat),
    /// List the actions, or show the manual of one.
    Actions(Option<String>),
    /// Stamp outputs instead of making them.
    Touch {
        dry_run: bool,
    },
    DeleteAllOutput {
        dry_run: bool,
    },
    DeleteTempOutput {
        dry_run: bool,
    },
    Unlock,
    /// Measure runs from nothing with each of these numbers of jobs, in rising order.
    Speedup {
        jobs: Vec<NonZeroUsize>,
        repeats: u32,
    },
    /// Forget the records of the targets.
    CleanupMetadata,
    /// Format the targets, or the Rulefile; or only say what would change.
    Format {
        check: bool,
    },
    /// Look for likely mistakes, or explain the codes that the targets are.
    Lint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    Dag,
    Rulegraph,
    Filegraph,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawingFormat {
    Dot,
    Mermaid,
    Json,
    Svg,
}

/// How many jobs, and threads of jobs, at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jobs {
    AllCores,
    Count(NonZeroUsize),
}

impl Jobs {
    pub fn count(self) -> usize {
        match self {
            Jobs::AllCores => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            Jobs::Count(count) => count.get(),
        }
    }
}

/// What to make again whatever its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Force {
    pub targets: bool,
    pub all: bool,
    /// Rules or files.
    pub names: Vec<String>,
}

/// A difference that makes a job stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trigger {
    Mtime,
    Params,
    Input,
    Code,
    Checksum,
}

impl Trigger {
    pub const ALL: [Trigger; 5] = [Trigger::Mtime, Trigger::Params, Trigger::Input, Trigger::Code, Trigger::Checksum];
}

/// An input of a rule: by its name, or by its number from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputItem {
    Name(String),
    Index(usize),
}

/// How the run is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    pub commands: bool,
    pub verbosity: Verbosity,
    pub whole_logs: bool,
    pub colour: Colour,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// The last line of a failed run.
    Silent,
    /// Failures and warnings.
    Quiet,
    Normal,
    Verbose,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl TryFrom<Options> for Settings {
    /// A message for the user.
    type Error = String;

    fn try_from(options: Options) -> Result<Settings, String> {
        let Options { mut targets, what, how_much, which, look, text, measure, tidy, say, no_effect } = options;
        let mode = mode(&look, &text, &measure, &tidy, which.touch, &mut targets)?;
        let notes = notes(&which, &no_effect);
        Ok(Settings {
            mode,
            targets,
            rulefile: what.rulefile,
            directory: what.directory,
            configfiles: what.configfile,
            config: config(&what.config)?,
            replace_workflow_config: what.replace_workflow_config,
            jobs: jobs(how_much.jobs.as_deref())?,
            resources: totals(&how_much.resources)?,
            default_resources: amounts("--default-resources", &how_much.default_resources)?,
            set_threads: set_threads(&how_much.set_threads)?,
            set_resources: set_resources(&how_much)?,
            max_threads: how_much.max_threads,
            retries: how_much.retries,
            keep_going: how_much.keep_going,
            force: Force { targets: which.force, all: which.forceall, names: which.forcerun },
            until: which.until,
            omit_from: which.omit_from,
            rerun_triggers: triggers(&which.rerun_triggers)?,
            consider_ancient: ancient(&which.consider_ancient)?,
            allow_ambiguity: which.allow_ambiguity,
            keep_temp: which.notemp,
            keep_incomplete: which.keep_incomplete,
            say: say_settings(&say),
            notes,
            hints: Vec::new(),
        })
    }
}

/// The one mode; two that exclude each other are an error.
fn mode(
    look: &Look,
    text: &Text,
    measure: &Measure,
    tidy: &Tidy,
    touch: bool,
    targets: &mut Vec<String>,
) -> Result<Mode, String> {
    let dry_run = look.dry_run;
    let mut modes: Vec<(&str, Mode)> = Vec::new();
    let mut add = |given: bool, name, mode| {
        if given {
            modes.push((name, mode));
        }
    };
    add(look.why, "--why", Mode::Why);
    add(look.detailed_summary, "--detailed-summary", Mode::Summary { detailed: true });
    add(look.summary && !look.detailed_summary, "--summary", Mode::Summary { detailed: false });
    add(look.list_rules, "--list-rules", Mode::ListRules);
    add(look.actions, "--actions", Mode::Actions(None));
    add(text.fmt, "--fmt", Mode::Format { check: text.check });
    add(text.lint, "--lint", Mode::Lint);
    add(touch, "--touch", Mode::Touch { dry_run });
    add(tidy.delete_all_output, "--delete-all-output", Mode::DeleteAllOutput { dry_run });
    add(tidy.delete_temp_output, "--delete-temp-output", Mode::DeleteTempOutput { dry_run });
    add(tidy.unlock, "--unlock", Mode::Unlock);
    add(tidy.cleanup_metadata, "--cleanup-metadata", Mode::CleanupMetadata);
    for (name, drawing, format) in [
        ("--dag", Drawing::Dag, &look.dag),
        ("--rulegraph", Drawing::Rulegraph, &look.rulegraph),
        ("--filegraph", Drawing::Filegraph, &look.filegraph),
    ] {
        if let Some(format) = format {
            modes.push((name, Mode::Draw(drawing, drawing_format(name, format)?)));
        }
    }
    if let Some(numbers) = &measure.speedup {
        if dry_run {
            return Err("--speedup and --dry-run cannot be used together".to_owned());
        }
        modes.push(("--speedup", Mode::Speedup { jobs: numbers_of_jobs(numbers)?, repeats: measure.repeats }));
    }
    if let [(first, _), (second, _), ..] = &modes[..] {
        return Err(format!("{first} and {second} cannot be used together"));
    }
    match modes.pop() {
        Some((_, Mode::Actions(_))) if targets.len() > 1 => Err("--actions shows the manual of one action".to_owned()),
        Some((_, Mode::Actions(_))) => Ok(Mode::Actions(targets.pop())),
        Some((_, Mode::CleanupMetadata)) if targets.is_empty() => {
            Err("--cleanup-metadata needs the files whose records to forget".to_owned())
        }
        Some((_, mode)) => Ok(mode),
        None if dry_run => Ok(Mode::DryRun),
        None => Ok(Mode::Run),
    }
}

/// `1,2,4`: each number once, in rising order.
fn numbers_of_jobs(text: &str) -> Result<Vec<NonZeroUsize>, String> {
    let number = |part: &str| {
        part.trim()
            .parse()
            .map_err(|_| format!("--speedup: `{part}` is not a number from 1; give some: --speedup 1,2,4"))
    };
    let mut numbers = text.split(',').map(number).collect::<Result<Vec<NonZeroUsize>, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    match numbers.len() {
        1 => Err("--speedup compares two numbers of jobs or more: --speedup 1,2,4".to_owned()),
        _ => Ok(numbers),
    }
}

fn drawing_format(option: &str, text: &str) -> Result<DrawingFormat, String> {
    match text {
        "dot" => Ok(DrawingFormat::Dot),
        "mermaid-js" | "mermaid" => Ok(DrawingFormat::Mermaid),
        "json" => Ok(DrawingFormat::Json),
        "svg" => Ok(DrawingFormat::Svg),
        _ => Err(format!("{option}: `{text}` is not one of dot, mermaid-js, json, svg")),
    }
}

fn jobs(text: Option<&str>) -> Result<Jobs, String> {
    match text {
        None | Some("all") => Ok(Jobs::AllCores),
        Some(text) => {
            text.parse().map(Jobs::Count).map_err(|_| format!("--jobs: `{text}` is neither a number from 1 nor `all`"))
        }
    }
}

/// `a.b=1` → `{a: {b: 1}}`; the value is YAML, so that `[1, 2]` and `true` are what they look like.
fn config(pairs: &[String]) -> Result<Dict, String> {
    let mut out = Dict::default();
    for text in pairs {
        let (key, value) = pair("--config", text)?;
        let value = yaml(value).map_err(|why| format!("--config: the value of `{key}`: {why}"))?;
        let parts: Vec<&str> = key.split('.').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(format!("--config: `{key}` has an empty part"));
        }
        let (last, before) = parts.split_last().expect("split gives at least one part");
        let mut at = &mut out;
        for part in before {
            let inner = at.entry(part);
            if !matches!(inner, Value::Dict(_)) {
                *inner = Value::Dict(Dict::default());
            }
            let Value::Dict(dict) = inner else { unreachable!("made a dictionary above") };
            at = dict;
        }
        at.insert(*last, value);
    }
    Ok(out)
}

/// YAML text as a value; keys that are not text are written out. Nothing at all is the empty text.
fn yaml(text: &str) -> Result<Value, String> {
    if text.is_empty() {
        return Ok(Value::Str(String::new()));
    }
    // What is no YAML is text, as in Snakemake: `*.fits` would be an alias.
    let Ok(parsed) = serde_yaml_ng::from_str(text) else { return Ok(Value::Str(text.to_owned())) };
    from_yaml(parsed)
}

fn from_yaml(value: serde_yaml_ng::Value) -> Result<Value, String> {
    use serde_yaml_ng::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::None,
        Yaml::Bool(b) => Value::Bool(b),
        Yaml::Number(n) => n.as_i64().map(Value::Int).or(n.as_f64().map(Value::Float)).unwrap_or_default(),
        Yaml::String(s) => Value::Str(s),
        Yaml::Sequence(items) => Value::List(items.into_iter().map(from_yaml).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let mut dict = Dict::default();
            for (key, value) in entries {
                let key = match key {
                    Yaml::String(s) => s,
                    Yaml::Number(n) => n.to_string(),
                    Yaml::Bool(b) => b.to_string(),
                    _ => return Err("a key is neither text nor a number".to_owned()),
                };
                dict.insert(key, from_yaml(value)?);
            }
            Value::Dict(dict)
        }
        Yaml::Tagged(tagged) => return Err(format!("the tag {} means nothing here", tagged.tag)),
    })
}

fn pair<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key, value)),
        _ => Err(format!("{option} needs NAME=VALUE, and `{text}` is not that")),
    }
}

/// Amounts with units turned into numbers; what is no number stays text.
fn amounts(option: &str, pairs: &[String]) -> Result<BTreeMap<String, Value>, String> {
    let mut out = BTreeMap::new();
    for text in pairs {
        let (name, value) = pair(option, text)?;
        let (name, value) = amount(option, name, value)?;
        out.insert(name, value);
    }
    Ok(out)
}

fn amount(option: &str, name: &str, value: &str) -> Result<(String, Value), String> {
    let value = value.parse().map_or_else(|_| Value::Str(value.to_owned()), Value::Int);
    resource(name, &value).map_err(|why| format!("{option}: {why}"))
}

/// `--resources`: each is a number that jobs share.
fn totals(pairs: &[String]) -> Result<BTreeMap<String, i64>, String> {
    amounts("--resources", pairs)?
        .into_iter()
        .map(|(name, value)| match value {
            Value::Int(total) if total >= 0 => Ok((name, total)),
            other => Err(format!("--resources: `{name}` is {}, not a number from 0", plain(&other))),
        })
        .collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("`{text}`"),
        Value::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn set_threads(pairs: &[String]) -> Result<BTreeMap<String, u32>, String> {
    pairs
        .iter()
        .map(|text| {
            let (rule, threads) = pair("--set-threads", text)?;
            match threads.parse() {
                Ok(threads) if threads > 0 => Ok((rule.to_owned(), threads)),
                _ => Err(format!("--set-threads: `{threads}` is not a number from 1")),
            }
        })
        .collect()
}

fn set_resources(how_much: &HowMuch) -> Result<BTreeMap<String, BTreeMap<String, Value>>, String> {
    let mut out: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for text in &how_much.set_resources {
        let (key, value) = pair("--set-resources", text)?;
        let (rule, name) = key
            .split_once(':')
            .ok_or_else(|| format!("--set-resources needs RULE:NAME=VALUE, and `{text}` is not that"))?;
        let (name, value) = amount("--set-resources", name, value)?;
        out.entry(rule.to_owned()).or_default().insert(name, value);
    }
    Ok(out)
}

fn triggers(names: &[String]) -> Result<Vec<Trigger>, String> {
    if names.is_empty() {
        return Ok(Trigger::ALL.to_vec());
    }
    let mut out = Vec::new();
    for name in names {
        out.push(match name.as_str() {
            "mtime" => Trigger::Mtime,
            "params" => Trigger::Params,
            "input" => Trigger::Input,
            "code" => Trigger::Code,
            "checksum" => Trigger::Checksum,
            // Snakemake's fifth: there is no software environment here that could differ.
            "software-env" => continue,
            _ => return Err(format!("--rerun-triggers: `{name}` is not one of mtime, params, input, code, checksum")),
        });
    }
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

fn ancient(pairs: &[String]) -> Result<Vec<(String, Vec<InputItem>)>, String> {
    pairs
        .iter()
        .map(|text| {
            let (rule, items) = pair("--consider-ancient", text)?;
            let item = |item: &str| item.parse().map_or_else(|_| InputItem::Name(item.to_owned()), InputItem::Index);
            Ok((rule.to_owned(), items.split(',').map(item).collect()))
        })
        .collect()
}

fn say_settings(say: &SayOptions) -> Say {
    let verbosity = match () {
        () if say.quiet.iter().any(|what| what == "all") => Verbosity::Silent,
        // Reasons and the host are never printed on lines of their own, so that leaving them out changes nothing.
        () if say.quiet.iter().any(|what| what == "progress" || what == "rules") => Verbosity::Quiet,
        () if say.verbose => Verbosity::Verbose,
        () => Verbosity::Normal,
    };
    Say {
        commands: say.printshellcmds,
        verbosity,
        whole_logs: say.show_failed_logs,
        colour: match say.color.as_str() {
            _ if say.nocolor => Colour::Never,
            "always" => Colour::Always,
            "never" => Colour::Never,
            _ => Colour::Auto,
        },
        format: if say.log_format == "json" { LogFormat::Json } else { LogFormat::Text },
    }
}

/// What to tell about options that are accepted and have nothing to change. Those that ask for what happens anyway
/// pass without a word.
fn notes(which: &Which, no_effect: &NoEffect) -> Vec<String> {
    let NoEffect { reason: _, nolock, latency_wait, keep_target_files: _, scheduler } = no_effect;
    let mut notes = Vec::new();
    let mut note = |given: bool, text: &str| {
        if given {
            notes.push(text.to_owned());
        }
    };
    note(*nolock, "--nolock has no effect: a lock does not outlive its process");
    note(
        latency_wait.is_some_and(|seconds| seconds > 0),
        "--latency-wait has no effect: outputs are looked for when the job has ended",
    );
    note(scheduler.is_some(), "--scheduler has no effect: there is one scheduler");
    note(
        which.rerun_triggers.iter().any(|name| name == "software-env"),
        "--rerun-triggers software-env has no effect: software environments are not supported",
    );
    notes
}
