//! `onstart:`, `onsuccess:` and `onerror:`: the body of one as work for the executor, done before or after all jobs of a
//! run. What it prints goes to standard error, whose order with the reporter's lines is the order in which they happen.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::Failure;
use super::director::span_of;
use super::project::Project;
use crate::action::program::Programs;
use crate::diagnostic::Diagnostic;
use crate::disk::RealDisk;
use crate::rulefile::rule::RunBody;
use crate::run::executor::{Executor, Force, Order, Report};
use crate::run::local::Local;
use crate::run::spec::{JobError, JobSpec, Work};
use crate::store::{StartedRow, Writer};
use crate::value::Named;

/// What handlers are given as `log`: how the run went so far, in words.
const RUN_LOG: &str = ".flow/log/run.log";

/// A run, as its handlers need it.
pub struct Handlers<'a> {
    pub project: &'a Project,
    pub writer: &'a Writer,
    pub tag: &'a str,
    pub programs: &'a Arc<Programs>,
    /// Where signals are told.
    pub reports: &'a Receiver<Report>,
}

/// How often a handler that runs looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

impl Handlers<'_> {
    /// Runs a handler, if there is one, and waits for its end. `account` is what the run's log says by then.
    ///
    /// # Errors
    /// What failed in it; that the run was interrupted meanwhile.
    pub fn run(&self, event: &str, body: Option<&Arc<RunBody>>, account: &str) -> Result<(), Failure> {
        let Some(body) = body else { return Ok(()) };
        let written = std::fs::create_dir_all(".flow/log").and_then(|()| std::fs::write(RUN_LOG, account));
        written.map_err(|error| Diagnostic::error(format!("cannot write {RUN_LOG}: {error}")))?;
        let spec = Arc::new(self.spec(event, body));
        let row = StartedRow {
            key: event.to_owned(),
            rule: event.to_owned(),
            run: self.tag.to_owned(),
            outputs: Vec::new(),
            in_place: false,
            kept: false,
            group: None,
        };
        // After a failure, the executor of the jobs takes no more.
        let (sender, ended) = channel();
        let executor = Local::new(1, Arc::clone(self.programs) as _, Arc::new(RealDisk), sender);
        let mut executor = executor.map_err(|error| Diagnostic::error(format!("cannot start {event}: {error}")))?;
        executor.submit(Order {
            spec: Arc::clone(&spec),
            key: event.to_owned(),
            after: None,
            run: self.tag.to_owned(),
            ticket: self.writer.ticket(row),
            timeout: None,
            strict: false,
            keep_incomplete: false,
            whole_log: false,
            together: None,
            turn: None,
        });
        let result = loop {
            match ended.recv_timeout(LOOK) {
                Ok(Report::Done(outcome)) => break outcome.result,
                Ok(Report::Signal(_) | Report::Halted { .. } | Report::Warning(_) | Report::Begun(_)) => {}
                Err(RecvTimeoutError::Disconnected) => break Err(JobError::Interrupted),
                Err(RecvTimeoutError::Timeout) => {
                    if let Ok(Report::Signal(signal)) = self.reports.try_recv() {
                        executor.stop(Force::Term);
                        return Err(Failure::Interrupted(signal));
                    }
                }
            }
        };
        self.writer.ended(event);
        if let Ok(said) = std::fs::read_to_string(&spec.stdio_log) {
            eprint!("{said}");
        }
        result.map_err(|error| self.failure(event, body, &error))
    }

    fn spec(&self, event: &str, body: &RunBody) -> JobSpec {
        let workflow = &self.project.workflow;
        JobSpec {
            // No job of a run has this number.
            job: u32::MAX,
            rule: event.to_owned(),
            work: Work::Run { program: Arc::clone(&body.program) },
            wildcards: Vec::new(),
            input: Named::default(),
            output: Named::default(),
            log: Named { items: vec![RUN_LOG.to_owned()], names: Vec::new() },
            params: Named::default(),
            resources: std::collections::BTreeMap::new(),
            threads: 1,
            attempt: 1,
            config: Arc::clone(&workflow.configs[0]),
            outputs: Vec::new(),
            stdio_log: format!(".flow/log/{event}.log"),
            benchmark: None,
            basedir: workflow.basedir.clone(),
            live_inputs: Vec::new(),
            made_directories: Vec::new(),
            shadow: None,
            cache: None,
            staging: None,
        }
    }

    fn failure(&self, event: &str, body: &RunBody, error: &JobError) -> Failure {
        let JobError::Action { message, place, help } = error else {
            return Diagnostic::error(format!("{event}: {error}")).into();
        };
        let mut diagnostic = Diagnostic::error(format!("{event}: {message}"));
        if let Some(span) = place.and_then(|place| span_of(body, place)) {
            diagnostic = diagnostic.at(span, "");
        }
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.project.failure(diagnostic)
    }
}
