//! The reporter for a terminal: a status block that is redrawn in place (bar, counts, running jobs with their times, an
//! estimate of the time left), below lines that stay (messages, warnings, failures, the end). Knows no clock but the
//! one it is given, so that its drawings can be tested.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use super::plain::Show;
use super::words;
use crate::diagnostic::printable;
use crate::event::{Event, Reporter};

/// The terminal's width and height in characters, asked before each drawing, so that resizing takes effect at once.
pub type Size = Box<dyn Fn() -> (usize, usize)>;
/// The time.
pub type Clock = Box<dyn Fn() -> Instant>;

pub struct Live<W: Write> {
    out: W,
    show: Show,
    size: Size,
    clock: Clock,
    began: Instant,
    total: usize,
    ended: usize,
    failed: usize,
    /// What the records say the whole run takes.
    estimate: Option<Duration>,
    running: BTreeMap<u32, Running>,
    /// Lines of the block that is on the screen.
    drawn: usize,
    over: bool,
}

/// A job that was given out.
struct Running {
    name: String,
    /// Since when it runs, or waits to.
    since: Instant,
    queued: bool,
}

/// The block takes at most this share of the screen, and no more lines than this.
const MOST_LINES: usize = 24;

impl<W: Write> Live<W> {
    pub fn new(out: W, show: Show, size: Size, clock: Clock) -> Self {
        let began = clock();
        Live {
            out,
            show,
            size,
            clock,
            began,
            total: 0,
            ended: 0,
            failed: 0,
            estimate: None,
            running: BTreeMap::new(),
            drawn: 0,
            over: false,
        }
    }

    /// Removes the block, prints lines that stay, and draws the block again.
    fn print(&mut self, text: Option<&str>) {
        let mut frame = String::new();
        if self.drawn > 0 {
            // Up to the block's first line, and everything from there on removed: what a resize has wrapped as well.
            frame.push_str(&format!("\x1b[{}A\r\x1b[J", self.drawn));
        }
        if let Some(text) = text {
            frame.push_str(text);
            frame.push('\n');
        }
        let block = if self.over || self.show.quiet || self.show.silent { Vec::new() } else { self.block() };
        self.drawn = block.len();
        for line in block {
            frame.push_str(&line);
            frame.push('\n');
        }
        // Where nobody reads any more there is nobody to tell.
        let _ = self.out.write_all(frame.as_bytes()).and_then(|()| self.out.flush());
    }

    /// The status block, no line wider than the terminal and no more of them than fit.
    fn block(&self) -> Vec<String> {
        if self.total == 0 {
            return Vec::new();
        }
        let (width, height) = (self.size)();
        let width = width.max(10) - 1;
        let now = (self.clock)();
        let mut lines = vec![cut(&self.status(width, now), width)];
        let room = height.saturating_sub(2).clamp(1, MOST_LINES) - 1;
        let mut running: Vec<&Running> = self.running.values().filter(|job| !job.queued).collect();
        running.sort_by_key(|job| job.since);
        let shown = if running.len() > room { room.saturating_sub(1) } else { running.len() };
        for Running { name, since, .. } in &running[..shown] {
            let time = words::duration(now.saturating_duration_since(*since));
            lines.push(cut(&format!("  {time:>6} {name}"), width));
        }
        if running.len() > shown && room > 0 {
            lines.push(cut(&format!("         and {} more", running.len() - shown), width));
        }
        lines
    }

    /// Bar, counts and times in one line.
    fn status(&self, width: usize, now: Instant) -> String {
        let elapsed = now.saturating_duration_since(self.began);
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let queued = self.running.values().filter(|job| job.queued).count();
        let running = self.running.len() - queued;
        let queued = if queued > 0 { format!(", {queued} queued") } else { String::new() };
        let left = self.left(elapsed).map_or(String::new(), |left| format!(", {} left", words::duration(left)));
        let counts = format!(
            "{}/{} done, {running} running{queued}{failed}, {}{left}",
            self.ended,
            self.total,
            words::duration(elapsed)
        );
        let room = width.saturating_sub(counts.len() + 3).min(40);
        if room < 5 {
            return counts;
        }
        let full = room * self.ended.min(self.total) / self.total;
        format!("[{}{}] {counts}", "#".repeat(full), "-".repeat(room - full))
    }

    /// The time left: from the records at the start, ever more from this run's own speed as it goes on.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        #[allow(clippy::cast_precision_loss)]
        let share = self.ended as f64 / self.total as f64;
        let recorded = self.estimate.map(|all| all.as_secs_f64() * (1.0 - share));
        let measured = (self.ended > 0).then(|| elapsed.as_secs_f64() * (1.0 - share) / share);
        let seconds = match (recorded, measured) {
            (Some(recorded), Some(measured)) => recorded * (1.0 - share) + measured * share,
            (Some(recorded), None) => recorded,
            (None, Some(measured)) if share > 0.05 => measured,
            _ => return None,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl<W: Write> Reporter for Live<W> {
    fn tell(&mut self, event: &Event) {
        match event {
            Event::Planned { total, estimate, .. } => {
                (self.total, self.estimate) = (*total, *estimate);
                let text = words::plan(event).filter(|_| !self.show.quiet && !self.show.silent);
                self.print(text.as_deref());
            }
            Event::Grown { added, .. } => self.total += added,
            Event::Warning { message } if !self.show.silent => {
                self.print(Some(&format!("warning: {}", printable(message))));
            }
            Event::Warning { .. } => {}
            Event::Started { job, message, command, queued, .. } => {
                let running = Running { name: words::job_name(job), since: (self.clock)(), queued: *queued };
                self.running.insert(job.job, running);
                let mut text: Vec<String> = Vec::new();
                if !self.show.quiet && !self.show.silent {
                    text.extend(message.as_deref().map(printable));
                }
                if self.show.commands && !self.show.silent {
                    text.extend(command.as_deref().map(|command| printable(command.trim_end())));
                }
                if !text.is_empty() {
                    self.print(Some(&text.join("\n")));
                }
            }
            Event::Begun { jobs } => {
                let now = (self.clock)();
                for job in jobs {
                    if let Some(job) = self.running.get_mut(job) {
                        (job.since, job.queued) = (now, false);
                    }
                }
            }
            Event::Finished { job, usage, .. } => {
                self.running.remove(&job.job);
                self.ended += 1;
                if self.show.verbose {
                    let memory = usage.peak_memory.map_or(String::new(), |peak| format!(", {}", words::bytes(peak)));
                    self.print(Some(&format!(
                        "done {} in {}{memory}",
                        words::job_name(job),
                        words::duration(usage.wall)
                    )));
                }
            }
            Event::CutOff { .. } => self.ended += 1,
            Event::Failed { job, reason, failure, .. } => {
                self.running.remove(&job.job);
                self.ended += usize::from(!failure.retrying);
                self.failed += usize::from(!failure.retrying);
                if !self.show.silent {
                    let text = words::failure(job, reason, failure, self.show.log_lines());
                    self.print(Some(&self.show.red(&text)));
                }
            }
            Event::Stopped { job, .. } => drop(self.running.remove(&job.job)),
            Event::Interrupted { signal } => self.print(Some(&words::interruption(*signal))),
            Event::Ended { failed, .. } => {
                self.over = true;
                let told = !failed.is_empty() || !(self.show.quiet || self.show.silent);
                let text = words::end(event).filter(|_| told);
                let text = text.map(|text| if failed.is_empty() { text } else { self.show.red(&text) });
                self.print(text.as_deref());
            }
        }
    }

    fn tick(&mut self) {
        if !self.over && self.total > 0 {
            self.print(None);
        }
    }
}

/// A line cut to a width, with a sign that it was.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
