//! The words of a command line → the same with every value attached to its option: `-C a=1 b=2 out.fits` becomes
//! `--config=a=1 --config=b=2 out.fits`. Snakemake's options with many values take every word up to the next option,
//! targets included; here each such option knows the shape of its values and takes only words of that shape.

use std::collections::VecDeque;
use std::ffi::OsString;

use super::ignored;

/// Which words after an option belong to it.
#[derive(Clone, Copy)]
enum Shape {
    /// `name=value`: what is before `=` has no slash. `a.b=1` for configuration, `rule:mem_mb=1` for resources.
    Pair,
    /// One of these, or several of them joined by commas.
    Among(&'static [&'static str]),
    /// A positive number or `all`; at most one.
    Count,
    /// At most one of these.
    OneOf(&'static [&'static str]),
    /// The first word, whatever it is, and then words with the suffix of a configuration file.
    ConfigFile,
    /// The name of an environment variable.
    Name,
    /// Every word up to the next option or `--`, as in Snakemake.
    Greedy,
}

/// An option with a value that may be absent or be followed by more.
struct Listed {
    /// The spelling that the parser knows.
    long: &'static str,
    /// All other spellings.
    others: &'static [&'static str],
    shape: Shape,
    /// The value that stands for none; `None` where one is required.
    absent: Option<&'static str>,
}

const CHANGES: &[&str] = &["code", "params", "input"];
/// Older names of `--list-changes WHAT`.
const CHANGES_BY_NAME: [(&[&str], &str); 3] = [
    (&["--list-code-changes"], "code"),
    (&["--list-input-changes", "--li"], "input"),
    (&["--list-params-changes", "--lp"], "params"),
];

const TRIGGERS: &[&str] = &["mtime", "params", "input", "code", "checksum", "software-env"];
const DRAWINGS: &[&str] = &["dot", "mermaid-js", "json", "svg"];
const SILENCES: &[&str] = &["all", "progress", "rules", "host", "reason"];

const LISTED: &[Listed] = &[
    Listed { long: "--config", others: &["-C"], shape: Shape::Pair, absent: None },
    Listed { long: "--configfile", others: &["--configfiles"], shape: Shape::ConfigFile, absent: None },
    Listed { long: "--jobs", others: &["-j", "-c", "--cores"], shape: Shape::Count, absent: Some("all") },
    Listed { long: "--profile", others: &["--profiles"], shape: Shape::ConfigFile, absent: None },
    Listed { long: "--envvars", others: &[], shape: Shape::Name, absent: None },
    Listed { long: "--cache", others: &[], shape: Shape::Greedy, absent: Some("") },
    Listed { long: "--prioritize", others: &["-P"], shape: Shape::Greedy, absent: None },
    Listed { long: "--list-changes", others: &["--lc"], shape: Shape::Among(CHANGES), absent: None },
    Listed { long: "--set-scatter", others: &[], shape: Shape::Pair, absent: None },
    Listed { long: "--resources", others: &["--res"], shape: Shape::Pair, absent: None },
    Listed { long: "--default-resources", others: &["--default-res"], shape: Shape::Pair, absent: Some("") },
    Listed { long: "--groups", others: &[], shape: Shape::Pair, absent: None },
    Listed { long: "--group-components", others: &[], shape: Shape::Pair, absent: None },
    Listed { long: "--set-threads", others: &[], shape: Shape::Pair, absent: None },
    Listed { long: "--set-resources", others: &[], shape: Shape::Pair, absent: None },
    Listed { long: "--consider-ancient", others: &[], shape: Shape::Pair, absent: None },
    Listed { long: "--forcerun", others: &["-R"], shape: Shape::Greedy, absent: None },
    Listed { long: "--until", others: &["-U"], shape: Shape::Greedy, absent: None },
    Listed { long: "--omit-from", others: &["-O"], shape: Shape::Greedy, absent: None },
    Listed { long: "--rerun-triggers", others: &[], shape: Shape::Among(TRIGGERS), absent: None },
    Listed { long: "--dag", others: &[], shape: Shape::OneOf(DRAWINGS), absent: Some("dot") },
    Listed { long: "--rulegraph", others: &[], shape: Shape::OneOf(DRAWINGS), absent: Some("dot") },
    Listed { long: "--filegraph", others: &[], shape: Shape::OneOf(DRAWINGS), absent: Some("dot") },
    Listed { long: "--quiet", others: &["-q"], shape: Shape::Among(SILENCES), absent: Some("progress") },
];

/// Options of Snakemake that there will not be, and what to do instead.
const INSTEAD: &[(&[&str], &str)] = &[
    (
        &["--report", "--report-stylesheet"],
        "flow writes no report: see `flow --summary`, `flow --dag svg`, and the records in .flow/state.db",
    ),
    (
        &[
            "--use-conda",
            "--use-envmodules",
            "--use-singularity",
            "--use-apptainer",
            "--software-deployment-method",
            "--sdm",
        ],
        "flow makes no software environments: start it inside the one that has your programs, with --without-environments",
    ),
    (
        &["--conda-create-envs-only", "--conda-cleanup-envs", "--list-conda-envs", "--containerize"],
        "flow makes no software environments",
    ),
    (
        &["--cluster", "--slurm", "--drmaa", "--kubernetes", "--cluster-config"],
        "write --executor slurm, or --executor cluster --cluster-submit-cmd COMMAND for another batch system",
    ),
    (&["--stats"], "times, CPU seconds and memory of all jobs are in .flow/state.db"),
    (&["--d3dag", "--debug-dag"], "`flow --dag json` writes the graph, and `flow --why` says why a job is run"),
    (&["--archive"], "pack the folder with tar"),
    (
        &["--default-storage-provider", "--default-storage-prefix"],
        "flow works with the files of this machine: fetch and send others by rules of their own",
    ),
    (
        &["--immediate-submit"],
        "flow waits for the jobs that it submits; --detach leaves them running when flow is interrupted",
    ),
    (
        &["--generate-unit-tests", "--export-cwl", "--gui", "--edit-notebook", "--draft-notebook"],
        "flow has nothing like it",
    ),
];

/// Short options without a value: what may stand before a listed one in a bundle such as `-nj`.
const SHORT_FLAGS: &str = "fFkntSDlpvrq";

/// A word that stands after an option whose value it is not, and what the option takes: should the word turn out to be no
/// target either, this is what was meant.
pub type Hint = (String, String);

/// Attaches values to their options. The error is a message for the user.
pub fn separate(args: impl IntoIterator<Item = OsString>) -> Result<(Vec<OsString>, Vec<Hint>), String> {
    let mut hints = Vec::new();
    let mut args: VecDeque<OsString> = args.into_iter().collect();
    let mut out: Vec<OsString> = args.pop_front().into_iter().collect();
    while let Some(arg) = args.pop_front() {
        let Some(word) = arg.to_str() else {
            out.push(arg);
            continue;
        };
        if word == "--" {
            out.push(arg);
            out.extend(args);
            break;
        }
        // Which storage there is by default: none.
        if word == "--default-storage-provider" && args.front().is_some_and(|next| next == "none") {
            args.pop_front();
            continue;
        }
        if let Some((_, what)) = CHANGES_BY_NAME.iter().find(|(names, _)| names.contains(&word)) {
            out.push(OsString::from(format!("--list-changes={what}")));
            continue;
        }
        let name = word.split_once('=').map_or(word, |(name, _)| name);
        if let Some(values) = ignored::values(name) {
            values.skip(word.contains('='), &mut args);
            continue;
        }
        if let Some((_, instead)) = INSTEAD.iter().find(|(names, _)| names.contains(&name)) {
            return Err(format!("{name}: {instead}"));
        }
        let Some((flags, option, mut first)) = listed(word) else {
            out.push(arg);
            continue;
        };
        out.extend(flags.map(OsString::from));
        // `-qn`: what follows an option that needs no value, and is none for it, is flags.
        if option.long == "--quiet"
            && !word.starts_with("--")
            && let Some(rest) = first.take_if(|rest| !option.shape.takes(rest, 0))
        {
            args.push_front(OsString::from(format!("-{rest}")));
        }
        let mut values: Vec<String> = first.map(str::to_owned).into_iter().collect();
        while let Some(next) = args.front().and_then(|next| next.to_str()) {
            if (next.starts_with('-') && next != "-") || !option.shape.takes(next, values.len()) {
                break;
            }
            values.push(next.to_owned());
            args.pop_front();
        }
        if values.is_empty() {
            values.extend(option.absent.map(str::to_owned));
            if let Some(next) = args.front().and_then(|next| next.to_str())
                && !next.starts_with('-')
            {
                hints.push((next.to_owned(), format!("{} takes {}", option.long, option.shape.wanted())));
            }
        }
        if values.is_empty() {
            return Err(option.shape.missing(option.long, args.front().and_then(|next| next.to_str())));
        }
        out.extend(values.iter().map(|value| OsString::from(format!("{}={value}", option.long))));
    }
    Ok((out, hints))
}

/// A word that is a listed option: the flags bundled before it, the option, and the value attached to it.
fn listed(word: &str) -> Option<(Option<String>, &'static Listed, Option<&str>)> {
    if word.starts_with("--") {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let option = LISTED.iter().find(|o| o.long == name || o.others.contains(&name))?;
        return Some((None, option, value));
    }
    let letters = word.strip_prefix('-')?;
    let end = letters.find(|c| LISTED.iter().any(|o| o.others.iter().any(|s| short(s) == Some(c))))?;
    let (flags, rest) = letters.split_at(end);
    let letter = rest.chars().next()?;
    let option = LISTED.iter().find(|o| o.others.iter().any(|s| short(s) == Some(letter)))?;
    if !flags.chars().all(|c| SHORT_FLAGS.contains(c)) {
        return None;
    }
    let value = rest[1..].strip_prefix('=').unwrap_or(&rest[1..]);
    let flags = (!flags.is_empty()).then(|| format!("-{flags}"));
    Some((flags, option, (!value.is_empty()).then_some(value)))
}

/// The letter of a short option.
fn short(spelling: &str) -> Option<char> {
    spelling.strip_prefix('-').filter(|rest| rest.len() == 1)?.chars().next()
}

impl Shape {
    /// Whether the next word is a value of an option that has `taken` of them.
    fn takes(self, word: &str, taken: usize) -> bool {
        match self {
            Shape::Pair => word.split_once('=').is_some_and(|(key, _)| !key.is_empty() && !key.contains('/')),
            Shape::Among(names) => word.split(',').all(|part| names.contains(&part)),
            Shape::Count => taken == 0 && (word == "all" || word.parse::<u64>().is_ok()),
            Shape::OneOf(names) => taken == 0 && names.contains(&word),
            Shape::ConfigFile => {
                taken == 0 || [".yaml", ".yml", ".json", ".toml"].iter().any(|suffix| word.ends_with(suffix))
            }
            Shape::Name => {
                word.bytes().all(|b| b == b'_' || b.is_ascii_uppercase() || b.is_ascii_digit()) || taken == 0
            }
            Shape::Greedy => true,
        }
    }

    fn wanted(self) -> String {
        match self {
            Shape::Pair => "NAME=VALUE".to_owned(),
            Shape::Among(names) | Shape::OneOf(names) => format!("one of {}", names.join(", ")),
            Shape::Count => "a number or `all`".to_owned(),
            Shape::ConfigFile => "a file".to_owned(),
            Shape::Name | Shape::Greedy => "a name".to_owned(),
        }
    }

    /// The message for an option that needs a value and has none.
    fn missing(self, option: &str, next: Option<&str>) -> String {
        let wanted = self.wanted();
        match next {
            Some(next) => format!("{option} needs {wanted}, and `{next}` is not that"),
            None => format!("{option} needs {wanted}"),
        }
    }
}
