//! `flow --lint`: the findings as messages, or as JSON for programs; and the pages that explain them.

use serde::Serialize;

use super::planning::Graph;
use super::project::Project;
use super::{Failure, print};
use crate::cli::{LogFormat, Verbosity};
use crate::diagnostic::{Diagnostic, printable_json};
use crate::disk::Disk;
use crate::lint::codes::{CHECKS, find};
use crate::lint::{Finding, lint as findings_of};
use crate::spelling::nearest;
use crate::stat::Stats;

/// One finding, as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    code: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: &'a str,
    help: &'a str,
}

/// Prints the findings to standard output; fails if there are any.
pub fn lint(project: &Project, disk: &dyn Disk) -> Result<(), Failure> {
    let findings = findings_of(&project.workflow, has_jobs(project, disk).as_deref());
    let mut out = String::new();
    for finding in &findings {
        match project.settings.say.format {
            LogFormat::Json => {
                out.push_str(&printable_json(serde_json::to_string(&line(project, finding)).unwrap_or_default()));
                out.push('\n');
            }
            LogFormat::Text => {
                out.push_str(&finding.diagnostic().render(project.sources(), project.colour));
                out.push_str("\n\n");
            }
        }
    }
    if project.settings.say.format == LogFormat::Text && project.settings.say.verbosity > Verbosity::Quiet {
        match findings.len() {
            0 => out.push_str("Nothing found.\n"),
            count => {
                let things = if count == 1 { "1 finding".to_owned() } else { format!("{count} findings") };
                let code = findings[0].code;
                out.push_str(&format!(
                    "{things}. `flow --lint {code}` explains one; `# flow: allow({code})` keeps it from being found.\n"
                ));
            }
        }
    }
    print(&out);
    if findings.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

/// Which rules making the default target runs, as far as the files that are there let it be known.
fn has_jobs(project: &Project, disk: &dyn Disk) -> Option<Vec<bool>> {
    let mut stats = Stats::new(disk);
    let dag = Graph::as_on_disk(project, &mut stats).ok()?;
    let mut runs = vec![false; project.workflow.rules.len()];
    for job in &dag.jobs {
        runs[job.rule.index()] = true;
    }
    Some(runs)
}

fn line<'a>(project: &'a Project, finding: &'a Finding) -> Line<'a> {
    let span = finding.span;
    let (line, column) = project.sources().line_column(span.source, span.start);
    let (end_line, end_column) = project.sources().line_column(span.source, span.end);
    let file = project.sources().name(span.source);
    let Finding { code, message, help, .. } = finding;
    Line { event: "lint", code, file, line, column, end_line, end_column, message, help }
}

/// The pages of the codes; of `all`, the list.
pub fn explain(codes: &[String]) -> Result<(), Failure> {
    let mut out = String::new();
    for code in codes {
        if code == "all" {
            let width = CHECKS.iter().map(|check| check.code.len()).max().unwrap_or(0);
            for check in CHECKS {
                out.push_str(&format!("{:<width$}  {}\n", check.code, check.title));
            }
            continue;
        }
        let Some(check) = find(code) else {
            let mut diagnostic = Diagnostic::error(format!("there is no lint called `{code}`"));
            if let Some(near) = nearest(code, CHECKS.iter().map(|check| check.code)) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            return Err(diagnostic.help("`flow --lint all` lists them").into());
        };
        out.push_str(&format!("{}: {}\n\n{}\n", check.code, check.title, check.page));
    }
    print(&out);
    Ok(())
}
