//! Explaining why there is no graph: a [`GraphError`] in, a diagnostic out that shows the way from the target down to
//! what is missing, and what could settle it.

use std::fmt::Write as _;

use super::index::Candidate;
use super::resolve::{Attempt, Failures, GraphError, Why};
use crate::diagnostic::{Diagnostic, Span};
use crate::path::{FileId, Paths};
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::{Argument, Rule, Workflow};
use crate::spelling::nearest;

/// How many lines of the chain of reasons are shown.
const CHAIN_LINES: usize = 12;

/// The error as a message for a person.
pub fn explain(error: GraphError, paths: &Paths, workflow: &Workflow) -> Diagnostic {
    let explainer = Explainer { paths, workflow };
    match error {
        GraphError::Missing { file, failures } => explainer.missing(file, &failures),
        GraphError::RuleInputs { rule, attempt, failures } => {
            let rule = workflow.rule(rule);
            let headline = format!("rule `{}` cannot run", rule.name);
            explainer.attempt(Diagnostic::error(headline).at(rule.span, ""), &attempt, &failures)
        }
        GraphError::Ambiguous { file, first, second } => explainer.ambiguous(file, &first, &second),
        GraphError::WildcardTarget { rule } => {
            let rule = workflow.rule(rule);
            let example = rule.output.items.first().map_or("", |output| output.pattern.text());
            Diagnostic::error(format!("rule `{}` cannot be a target: its outputs have wildcards", rule.name))
                .at(rule.output_span(), "the values are not known")
                .help(format!("ask for a file instead, one that fits `{example}`"))
        }
        GraphError::TwoWriters { file, first, second } => {
            let (first, second) = (workflow.rule(first), workflow.rule(second));
            Diagnostic::error(format!(
                "two jobs write {}: one of rule `{}` and one of rule `{}`",
                paths.name(file),
                first.name,
                second.name
            ))
            .at(second.output_span(), "one writer")
            .at(first.output_span(), "the other")
            .help("give each job outputs of its own")
        }
        GraphError::InsideDirectory { file, directory, rule, directory_rule, declared } => {
            let (rule, owner) = (workflow.rule(rule), workflow.rule(directory_rule));
            let (kind, its) = match declared {
                true => ("directory() output", "the whole directory is this job's output"),
                false => ("output", "a file of that name is this job's output"),
            };
            Diagnostic::error(format!(
                "{} lies inside {}, the {kind} of rule `{}`",
                paths.name(file),
                paths.name(directory),
                owner.name
            ))
            .at(rule.output_span(), "written into another job's output")
            .at(owner.output_span(), its)
            .help("write to another folder, or let one rule make both")
        }
        GraphError::OwnInput { file, directory, rule } => {
            let rule = workflow.rule(rule);
            let (file, directory) = (paths.name(file), paths.name(directory));
            let headline = format!("rule `{}` reads {file} from {directory}, which it makes", rule.name);
            Diagnostic::error(headline)
                .at(rule.output_span(), "the whole directory is removed before the job begins, its input with it")
                .help("keep inputs and outputs in different folders")
        }
        GraphError::LogIsOutput { file, rule, output_rule } => {
            let (rule, owner) = (workflow.rule(rule), workflow.rule(output_rule));
            let span = rule.log.items.first().map_or(rule.span, |log| log.span);
            let headline = format!("{} is a log of rule `{}` and an output", paths.name(file), rule.name);
            let diagnostic = Diagnostic::error(headline).at(span, "a log, which stays when the job fails");
            diagnostic
                .at(owner.output_span(), format!("an output of rule `{}`, which does not", owner.name))
                .help("give the log a name of its own")
        }
        GraphError::Function(diagnostic) => diagnostic,
        GraphError::Disk(error) => Diagnostic::error(format!("cannot look at the disk: {error}")),
    }
}

struct Explainer<'a> {
    paths: &'a Paths,
    workflow: &'a Workflow,
}

impl Explainer<'_> {
    fn rule(&self, candidate: &Candidate) -> &Rule {
        self.workflow.rule(candidate.rule)
    }

    /// `rule NAME (a=1, b=2)`.
    fn job(&self, candidate: &Candidate) -> String {
        let rule = self.rule(candidate);
        let mut out = format!("rule `{}`", rule.name);
        if !candidate.values.is_empty() {
            let values: Vec<String> = rule
                .wildcard_names
                .iter()
                .zip(&candidate.values)
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let _ = write!(out, " ({})", values.join(", "));
        }
        out
    }

    fn missing(&self, file: FileId, failures: &Failures) -> Diagnostic {
        let name = self.paths.name(file);
        let attempts = failures.get(&file).map_or(&[][..], Vec::as_slice);
        match attempts {
            [] => self.no_rule(Diagnostic::error(format!("no rule makes {name}, and it does not exist")), name),
            [only] => {
                let diagnostic = Diagnostic::error(format!("{name} cannot be made"));
                self.attempt(diagnostic.at(self.rule(&only.candidate).span, ""), only, failures)
            }
            several => {
                let headline = format!("{name} cannot be made: {} rules could, and none has its inputs", several.len());
                let mut diagnostic = Diagnostic::error(headline);
                for attempt in several {
                    diagnostic = self.attempt(diagnostic.at(self.rule(&attempt.candidate).span, ""), attempt, failures);
                }
                diagnostic
            }
        }
    }

    /// Follows the reasons down to what is really missing.
    fn attempt(&self, mut diagnostic: Diagnostic, attempt: &Attempt, failures: &Failures) -> Diagnostic {
        let mut attempt = attempt;
        let mut followed: Vec<FileId> = Vec::new();
        for line in 0.. {
            let missing = match &attempt.why {
                Why::Missing(missing) => missing,
                other => return self.final_reason(diagnostic, &attempt.candidate, other),
            };
            let first = missing[0];
            // Each misses the other where more than one target leads into a cycle.
            if let Some(start) = followed.iter().position(|&file| file == first) {
                let cycle = followed[start..].iter().copied().chain([first]).collect();
                return self.final_reason(diagnostic, &attempt.candidate, &Why::Cycle(cycle));
            }
            followed.push(first);
            let shown: Vec<&str> = missing.iter().take(5).map(|&file| self.paths.name(file)).collect();
            let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
            if line < CHAIN_LINES {
                diagnostic =
                    diagnostic.note(format!("{} needs {}{more}", self.job(&attempt.candidate), shown.join(", ")));
            } else if line == CHAIN_LINES {
                diagnostic = diagnostic.note("and so on, down to:");
            }
            match failures.get(&first).and_then(|attempts| attempts.first()) {
                Some(deeper) => attempt = deeper,
                None => {
                    let name = self.paths.name(first);
                    if line > CHAIN_LINES {
                        diagnostic = diagnostic.note(format!("{} needs {name}", self.job(&attempt.candidate)));
                    }
                    let asking = self.rule(&attempt.candidate);
                    if let Some(argument) = self.asks_for(asking, name)
                        && diagnostic.labels.len() < 4
                    {
                        diagnostic = diagnostic.at(argument.span, format!("asks for {name}"));
                        if self.joins_lines(argument.span) {
                            diagnostic = diagnostic
                                .help("text on two lines is joined to one name: put a comma between two files");
                        }
                    }
                    let told = diagnostic.message.contains(", because ");
                    let because = if told { "and" } else { "because" };
                    diagnostic.message.push_str(&format!(", {because} {name} does not exist and no rule makes it"));
                    return self.no_rule(diagnostic, name);
                }
            }
        }
        diagnostic
    }

    /// The input that asks for a file, as far as its text tells; the first one otherwise.
    fn asks_for<'r>(&self, rule: &'r Rule, name: &str) -> Option<&'r Argument> {
        let text = |argument: &Argument| {
            let Span { source, start, end } = argument.span;
            self.workflow.sources.text(source).get(start as usize..end as usize).unwrap_or_default().trim()
        };
        let fits = |argument: &&Argument| {
            let value = text(argument).split_once('=').map_or(text(argument), |(_, value)| value.trim());
            let mut pattern = Pattern::parse(value.trim_matches(['"', '\''])).ok();
            let is_whole = pattern.as_mut().is_some_and(|pattern| pattern.compile(|_| None).is_ok());
            is_whole && pattern.is_some_and(|pattern| pattern.match_path(name).is_some())
        };
        let mut arguments = rule.input.iter();
        let by_text = || rule.input.iter().find(|argument| text(argument).contains(name));
        arguments.find(fits).or_else(by_text).or_else(|| rule.input.first())
    }

    /// Whether an argument is two string literals on lines of their own: mostly a comma was forgotten.
    fn joins_lines(&self, span: Span) -> bool {
        let text = self.workflow.sources.text(span.source);
        let text = text.get(span.start as usize..span.end as usize).unwrap_or_default();
        let quoted = |line: &str| line.trim().starts_with(['"', '\'']) && line.trim().ends_with(['"', '\'']);
        text.lines().count() > 1 && text.lines().all(quoted)
    }

    fn final_reason(&self, diagnostic: Diagnostic, candidate: &Candidate, why: &Why) -> Diagnostic {
        match why {
            Why::Missing(_) => diagnostic,
            Why::Cycle(files) => {
                let names: Vec<&str> = files.iter().map(|&file| self.paths.name(file)).collect();
                let mut diagnostic = diagnostic
                    .note(format!("a cycle: {}", names.join(" ← ")))
                    .at(self.rule(candidate).output_span(), "this output is needed to make itself");
                let headline = format!("{}: it would be needed to make itself", diagnostic.message);
                diagnostic.message = headline;
                diagnostic.help(
                    "give output and input different names, or narrow the wildcard with a constraint: \
                     `{name,[^.]+}` or `wildcard_constraints:`",
                )
            }
            Why::Endless(value) => Diagnostic { notes: diagnostic.notes.into_iter().take(2).collect(), ..diagnostic }
                .note(format!("{} asks for itself with an ever longer wildcard: {}…", self.job(candidate), clip(value)))
                .at(self.rule(candidate).output_span(), "this wildcard grows without end")
                .help("narrow the wildcard with a constraint, such as `{name,[^.]+}`"),
            Why::Function(inner) => {
                let mut all = inner.clone();
                all.notes.extend(diagnostic.notes);
                all
            }
        }
    }

    /// The patterns that come nearest to a file that no rule makes.
    fn no_rule(&self, mut diagnostic: Diagnostic, name: &str) -> Diagnostic {
        let mut near: Vec<(usize, &str, &Rule)> = Vec::new();
        for rule in &self.workflow.rules {
            for output in &rule.output.items {
                let pattern = output.pattern.text();
                near.push((distance(name, pattern), pattern, rule));
            }
        }
        near.sort_by_key(|(distance, _, _)| *distance);
        let limit = (name.chars().count() / 3).max(2);
        for (_, pattern, rule) in near.iter().filter(|(distance, _, _)| *distance <= limit).take(3) {
            let help = format!("rule `{}` makes `{pattern}`", rule.name);
            if !diagnostic.helps.contains(&help) {
                diagnostic = diagnostic.help(help);
            }
        }
        if let Some(near) = nearest(name, self.workflow.rules.iter().map(|rule| rule.name.as_str())) {
            diagnostic = diagnostic.help(format!("there is a rule called `{near}`"));
        }
        if diagnostic.helps.is_empty() {
            diagnostic = diagnostic.help(format!("create {name}, or write a rule with an output that fits it"));
        }
        diagnostic
    }

    fn ambiguous(&self, file: FileId, first: &Candidate, second: &Candidate) -> Diagnostic {
        let (a, b) = (self.rule(first), self.rule(second));
        Diagnostic::error(format!(
            "rules `{}` and `{}` are ambiguous: both make {}",
            a.name,
            b.name,
            self.paths.name(file)
        ))
        .at(a.output_span(), format!("{} could make it", self.job(first)))
        .at(b.output_span(), format!("{} could make it", self.job(second)))
        .help(format!(
            "say which goes first: `ruleorder: {} > {}` or `ruleorder: {} > {}`",
            a.name, b.name, b.name, a.name
        ))
        .help("or make the patterns differ: another folder, or a constraint such as `{name,[^_]+}`")
    }
}

fn clip(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Edit distance between a path and a pattern, in which a wildcard stands for any text of at least one character.
fn distance(path: &str, pattern: &str) -> usize {
    let parsed = crate::rulefile::pattern::Pattern::parse(pattern).ok();
    let flat = parsed.and_then(|pattern| pattern.fill(|_| Some("\0")).map(std::borrow::Cow::into_owned).ok());
    let pattern: Vec<char> = flat.as_deref().unwrap_or(pattern).chars().collect();
    let path: Vec<char> = path.chars().collect();
    let mut row: Vec<usize> = (0..=pattern.len()).collect();
    for (i, &c) in path.iter().enumerate() {
        let mut previous = row[0];
        row[0] = i + 1;
        for (j, &p) in pattern.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if p == '\0' {
                previous.min(above)
            } else {
                (previous + usize::from(c != p)).min(above + 1).min(row[j] + 1)
            };
            previous = above;
        }
    }
    row[pattern.len()]
}
