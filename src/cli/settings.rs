//! What was typed → [`Settings`]: plain data, checked, in the words of the program. Every rule about which options go
//! together stands here.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::elsewhere::Elsewhere;
use super::options::{Look, Measure, NoEffect, Options, SayOptions, Text, Tidy, Which};
use super::pairs::{
    Amount, InputItem, ancient, config, default_resources, set_resources, set_scatter, set_threads, totals,
};
use crate::value::Dict;

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
    pub elsewhere: Elsewhere,
    /// What there is of each resource; memory and disk in megabytes, `runtime` in minutes.
    pub resources: BTreeMap<String, i64>,
    /// What a job needs when its rule does not say; `None` where nothing was said of it at all.
    pub default_resources: Option<BTreeMap<String, Amount>>,
    pub set_threads: BTreeMap<String, Amount>,
    /// By rule, then by resource.
    pub set_resources: BTreeMap<String, BTreeMap<String, Amount>>,
    pub set_scatter: BTreeMap<String, u32>,
    pub max_threads: Option<u32>,
    /// `None`: as the rules say.
    pub retries: Option<u32>,
    pub keep_going: bool,
    pub batch: Option<Batch>,
    /// Jobs do what their rules declare, and nothing else.
    pub strict: bool,
    pub shadow_prefix: Option<String>,
    /// Rules whose outputs are shared between workflows, beside those that say so; `None`: none are.
    pub cache: Option<Vec<String>>,
    /// Environment variables that must be set.
    pub envvars: Vec<String>,

    pub force: Force,
    /// Rules or files that go first, with what they need.
    pub prioritize: Vec<String>,
    pub until: Vec<String>,
    pub omit_from: Vec<String>,
    /// In their order, each once.
    pub rerun_triggers: Vec<Trigger>,
    pub consider_ancient: Vec<(String, Vec<InputItem>)>,
    pub allow_ambiguity: bool,
    pub keep_temp: bool,
    /// Every output but the targets is temporary.
    pub all_temp: bool,
    pub keep_incomplete: bool,
    /// `conda:` and its like do not keep a job from running.
    pub without_environments: bool,

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
    ListRules {
        /// Those alone that can be targets.
        targets: bool,
    },
    /// List outputs whose jobs have changed in these ways.
    ListChanges(Vec<Trigger>),
    ListUntracked,
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
    CleanupShadow,
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
    /// On a node: run the task of this number of a batch, whose folder this is.
    Task {
        folder: String,
        index: usize,
    },
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

/// A part of the inputs of a rule: the `index`-th of `count`, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub rule: String,
    pub index: usize,
    pub count: usize,
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

impl Settings {
    /// How many jobs may be out on other machines at a time; `None` where all run here.
    pub fn jobs_elsewhere(&self) -> Option<u64> {
        /// Where nothing is said: the machine's own cores say nothing about a cluster.
        const USUAL: u64 = 100;
        let jobs = match self.jobs {
            Jobs::AllCores => USUAL,
            Jobs::Count(count) => count.get() as u64,
        };
        (!self.elsewhere.is_here()).then_some(jobs)
    }
}

impl TryFrom<Options> for Settings {
    /// A message for the user.
    type Error = String;

    fn try_from(options: Options) -> Result<Settings, String> {
        let Options {
            mut targets,
            what,
            how_much,
            elsewhere,
            which,
            look,
            text,
            measure,
            tidy,
            say,
            no_effect,
            run_task,
        } = options;
        let elsewhere = Elsewhere::try_from(elsewhere)?;
        let mode = match task(&run_task)? {
            Some(task) => task,
            None => mode(&look, &text, &measure, &tidy, which.touch, &mut targets)?,
        };
        if let (Mode::Speedup { .. }, false) = (&mode, elsewhere.is_here()) {
            return Err("--speedup measures this machine: it goes with --executor local".to_owned());
        }
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
            elsewhere,
            resources: totals(&how_much.resources)?,
            default_resources: default_resources(&how_much.default_resources)?,
            set_threads: set_threads(&how_much.set_threads)?,
            set_resources: set_resources(&how_much.set_resources)?,
            set_scatter: set_scatter(&how_much.set_scatter)?,
            max_threads: how_much.max_threads,
            retries: how_much.retries,
            keep_going: how_much.keep_going,
            batch: how_much.batch.as_deref().map(batch).transpose()?,
            strict: how_much.strict,
            shadow_prefix: how_much.shadow_prefix,
            cache: cache(how_much.cache),
            envvars: what.envvars,
            force: Force { targets: which.force, all: which.forceall, names: which.forcerun },
            prioritize: which.prioritize,
            until: which.until,
            omit_from: which.omit_from,
            rerun_triggers: triggers(&which.rerun_triggers)?,
            consider_ancient: ancient(&which.consider_ancient)?,
            allow_ambiguity: which.allow_ambiguity,
            keep_temp: which.notemp,
            all_temp: which.all_temp,
            keep_incomplete: which.keep_incomplete,
            without_environments: which.without_environments,
            say: say_settings(&say),
            notes,
            hints: Vec::new(),
        })
    }
}

/// What flow on a node is called for.
fn task(words: &[String]) -> Result<Option<Mode>, String> {
    let [folder, index] = words else { return Ok(None) };
    let index = index.parse().map_err(|_| format!("--run-task: `{index}` is not the number of a task"))?;
    Ok(Some(Mode::Task { folder: folder.clone(), index }))
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
    add(look.list_rules, "--list-rules", Mode::ListRules { targets: false });
    add(look.list_target_rules, "--list-target-rules", Mode::ListRules { targets: true });
    add(!look.list_changes.is_empty(), "--list-changes", Mode::ListChanges(changes(&look.list_changes)?));
    add(look.list_untracked, "--list-untracked", Mode::ListUntracked);
    add(look.actions, "--actions", Mode::Actions(None));
    add(text.fmt, "--fmt", Mode::Format { check: text.check });
    add(text.lint, "--lint", Mode::Lint);
    add(touch, "--touch", Mode::Touch { dry_run });
    add(tidy.delete_all_output, "--delete-all-output", Mode::DeleteAllOutput { dry_run });
    add(tidy.delete_temp_output, "--delete-temp-output", Mode::DeleteTempOutput { dry_run });
    add(tidy.unlock, "--unlock", Mode::Unlock);
    add(tidy.cleanup_shadow, "--cleanup-shadow", Mode::CleanupShadow);
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

/// `--cache` without a rule stands for those with `cache:`.
fn cache(names: Vec<String>) -> Option<Vec<String>> {
    (!names.is_empty()).then(|| names.into_iter().filter(|name| !name.is_empty()).collect())
}

/// `RULE=2/5`.
fn batch(text: &str) -> Result<Batch, String> {
    let wrong = || format!("--batch needs RULE=I/N with I from 1 to N, and `{text}` is not that");
    let (rule, part) = text.split_once('=').ok_or_else(wrong)?;
    let (index, count) = part.split_once('/').ok_or_else(wrong)?;
    match (index.trim().parse(), count.trim().parse()) {
        (Ok(index), Ok(count)) if 1 <= index && index <= count => Ok(Batch { rule: rule.to_owned(), index, count }),
        _ => Err(wrong()),
    }
}

fn changes(names: &[String]) -> Result<Vec<Trigger>, String> {
    let one = |name: &String| match name.as_str() {
        "code" => Ok(Trigger::Code),
        "params" => Ok(Trigger::Params),
        "input" => Ok(Trigger::Input),
        _ => Err(format!("--list-changes: `{name}` is not one of code, params, input")),
    };
    names.iter().map(one).collect()
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
    let NoEffect { reason: _, nolock, scheduler } = no_effect;
    let mut notes = Vec::new();
    let mut note = |given: bool, text: &str| {
        if given {
            notes.push(text.to_owned());
        }
    };
    note(*nolock, "--nolock has no effect: a lock does not outlive its process");
    note(scheduler.is_some(), "--scheduler has no effect: there is one scheduler");
    note(
        which.rerun_triggers.iter().any(|name| name == "software-env"),
        "--rerun-triggers software-env has no effect: software environments are not supported",
    );
    notes
}
