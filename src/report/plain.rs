//! The reporter for a pipe or a file: one line a started or finished job, with a counter; a failure in a block.

use std::io::Write;

use super::words;
use crate::diagnostic::printable;
use crate::event::{Event, Reporter};

/// What to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Show {
    /// The commands of jobs.
    pub commands: bool,
    /// Nothing of jobs that go well.
    pub quiet: bool,
    /// The last line of a failed run alone.
    pub silent: bool,
    /// Times and memory of finished jobs.
    pub verbose: bool,
    /// All that is given of a failed job's log, instead of its last lines.
    pub whole_logs: bool,
    pub colour: bool,
}

/// So many last lines of a log are shown with a failure.
const LOG_LINES: usize = 20;

impl Show {
    pub(super) fn log_lines(self) -> usize {
        if self.whole_logs { usize::MAX } else { LOG_LINES }
    }

    pub(super) fn red(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

pub struct Plain<W: Write> {
    out: W,
    show: Show,
    total: usize,
    /// Finished, failed for good, or cut off.
    ended: usize,
}

impl<W: Write> Plain<W> {
    pub fn new(out: W, show: Show) -> Self {
        Plain { out, show, total: 0, ended: 0 }
    }

    /// A line; where nobody reads any more there is nobody to tell.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    fn counter(&self) -> String {
        format!("[{}/{}]", self.ended, self.total)
    }
}

impl<W: Write> Reporter for Plain<W> {
    fn tell(&mut self, event: &Event) {
        for text in lines(event, self.show, &mut self.ended, &mut self.total) {
            let text = if text.counted { format!("{} {}", self.counter(), text.text) } else { text.text };
            self.line(&text);
        }
        let _ = self.out.flush();
    }
}

/// A line of text, with the counter before it or not.
struct Line {
    text: String,
    counted: bool,
}

fn lines(event: &Event, show: Show, ended: &mut usize, total: &mut usize) -> Vec<Line> {
    let normal = !show.quiet && !show.silent;
    let mut out = Vec::new();
    let mut add = |wanted: bool, counted: bool, text: String| {
        if wanted {
            out.push(Line { text, counted });
        }
    };
    match event {
        Event::Planned { total: planned, .. } => {
            *total = *planned;
            if let Some(text) = words::plan(event) {
                add(normal, false, text);
            }
        }
        Event::Grown { added, .. } => {
            *total += added;
            add(normal, true, format!("{} more, now that a checkpoint is done", words::jobs(*added)));
        }
        Event::Warning { message } => add(!show.silent, false, format!("warning: {}", printable(message))),
        Event::Started { job, reason, message, command, attempt, .. } => {
            let again = if *attempt > 1 { format!(" (try {attempt})") } else { String::new() };
            let reason =
                if reason.is_empty() { String::new() } else { show.dim(&format!(": {}", words::line(reason))) };
            add(normal, true, format!("{}{again}{reason}", words::job_name(job)));
            if let Some(message) = message {
                add(normal, false, printable(message));
            }
            if let Some(command) = command.as_deref().filter(|_| show.commands) {
                add(!show.silent, false, format!("  {}", printable(command.trim_end()).replace('\n', "\n  ")));
            }
        }
        // Who reads lines is told when it is given out and when it has ended.
        Event::Begun { .. } => {}
        Event::Finished { job, usage, ran } => {
            *ended += 1;
            let memory = usage.peak_memory.filter(|_| show.verbose);
            let memory = memory.map_or(String::new(), |peak| format!(", {}", words::bytes(peak)));
            let ran = ran.as_ref().filter(|_| show.verbose).map_or(String::new(), |ran| format!(" ({ran})"));
            let wall = words::duration(usage.wall);
            add(normal, true, format!("done {} in {wall}{memory}{}", words::job_name(job), printable(&ran)));
        }
        Event::CutOff { job } => {
            *ended += 1;
            add(normal && show.verbose, true, format!("not needed {}", words::job_name(job)));
        }
        Event::Failed { job, reason, failure, .. } => {
            *ended += usize::from(!failure.retrying);
            add(!show.silent, true, show.red(&words::failure(job, reason, failure, show.log_lines())));
        }
        Event::Stopped { job, .. } => add(normal, false, format!("stopped {}", words::job_name(job))),
        Event::Interrupted { signal } => add(!show.silent, false, words::interruption(*signal)),
        Event::Ended { failed, .. } => {
            if let Some(text) = words::end(event) {
                let text = if failed.is_empty() { text } else { show.red(&text) };
                add(normal || !failed.is_empty(), false, text);
            }
        }
    }
    out
}
