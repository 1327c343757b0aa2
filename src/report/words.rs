//! The sentences that all reporters share: a job's name, a failure's block, the last line. Everything that comes from
//! outside (names, commands, logs) goes through [`printable`].

use std::time::Duration;

use crate::diagnostic::printable;
use crate::event::{Event, Failure, JobName};

/// So many failed jobs are named in the last line; the rest are counted.
const NAMED: usize = 10;

/// One line, whatever is in the text.
pub fn line(text: &str) -> String {
    printable(text).replace('\n', "\\n")
}

/// `rule wildcard=value …`.
pub fn job_name(job: &JobName) -> String {
    printable(&job.to_string())
}

/// `0.4s`, `12s`, `3m05s`, `2h07m`, `4d03h`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Bytes with a decimal unit, as `mem_mb` counts them.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{} kB", count / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", count / 1_000_000),
        #[allow(clippy::cast_precision_loss)]
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// `1 job`, `2 jobs`.
pub fn jobs(count: usize) -> String {
    format!("{count} job{}", if count == 1 { "" } else { "s" })
}

/// What is to be done, as the run begins.
pub fn plan(event: &Event) -> Option<String> {
    let Event::Planned { total, rules, cores, elsewhere, estimate } = event else { return None };
    if *total == 0 {
        return None;
    }
    let rules: Vec<String> = rules.iter().map(|count| format!("{} {}", count.jobs, line(&count.rule))).collect();
    let estimate = estimate.map_or(String::new(), |time| format!(", about {}", duration(time)));
    let place = match elsewhere {
        Some((system, most)) => format!("by way of {system}, {most} at a time"),
        None => format!("on {cores} core{}", if *cores == 1 { "" } else { "s" }),
    };
    Some(format!("{} {place}{estimate}: {}", jobs(*total), rules.join(", ")))
}

/// The block of a failed job: all that is needed to see what went wrong, without opening a file.
pub fn failure(job: &JobName, reason: &str, failure: &Failure, log_lines: usize) -> String {
    let mut out = format!("failed: {}", job_name(job));
    // The diagnostic at the end says it with its place.
    if failure.diagnostic.is_none() {
        out.push_str(&format!(": {}", line(&failure.cause)));
    }
    if failure.retrying {
        out.push_str(" (trying again)");
    } else if failure.abandoned {
        out.push_str(" (not tried again, because the run ends)");
    }
    let mut field = |name: &str, text: &str| {
        out.push_str(&format!("\n  {name:<8}{}", printable(text).replace('\n', "\n          ")));
    };
    if !job.outputs.is_empty() {
        field("output", &job.outputs.join(" "));
    }
    if !reason.is_empty() {
        field("reason", reason);
    }
    if let Some(place) = failure.place.as_ref().filter(|_| failure.diagnostic.is_none()) {
        field("rule", place);
    }
    if let Some(command) = &failure.command {
        field("command", command.trim_end());
    }
    if let Some(log) = &failure.log {
        field("log", log);
    }
    if let Some(ran) = &failure.ran {
        field("ran on", &ran.to_string());
    }
    let skipped = failure.log_tail.len().saturating_sub(log_lines);
    for text in &failure.log_tail[skipped..] {
        out.push_str(&format!("\n  | {}", line(text)));
    }
    if let Some(diagnostic) = &failure.diagnostic {
        out.push('\n');
        out.push_str(diagnostic.trim_end());
    }
    out
}

/// The last line of a run: what was done, and which jobs failed.
pub fn end(event: &Event) -> Option<String> {
    let Event::Ended { done, cut_off, failed, stopped, left, not_run, wall } = event else { return None };
    if *done == 0 && *cut_off == 0 && failed.is_empty() && *stopped == 0 && *left == 0 && *not_run == 0 {
        return Some("Nothing to do.".to_owned());
    }
    let mut parts = vec![format!("{} done", jobs(*done))];
    if *cut_off > 0 {
        parts.push(format!("{cut_off} not needed after all"));
    }
    if *stopped > 0 {
        parts.push(format!("{stopped} stopped"));
    }
    if *left > 0 {
        parts.push(format!("{left} left running (the next flow takes over what comes of them)"));
    }
    if *not_run > 0 {
        parts.push(format!("{not_run} not run"));
    }
    let mut out = format!("{} in {}.", parts.join(", "), duration(*wall));
    if !failed.is_empty() {
        let mut names: Vec<String> = failed.iter().take(NAMED).map(job_name).collect();
        if failed.len() > NAMED {
            names.push(format!("and {} more", failed.len() - NAMED));
        }
        out = format!("{out} {} failed: {}", jobs(failed.len()), names.join(", "));
    }
    Some(out)
}

/// The name of a signal that ends a run.
pub fn interruption(signal: i32) -> String {
    let name = match signal {
        libc::SIGINT => "SIGINT",
        libc::SIGTERM => "SIGTERM",
        libc::SIGHUP => "SIGHUP",
        _ => return format!("interrupted by signal {signal}: stopping the running jobs"),
    };
    format!("interrupted by {name}: stopping the running jobs")
}
