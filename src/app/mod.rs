//! The wiring: a command line in, a finished run out. The only place that sees all stages; each is asked in turn and
//! knows nothing of the next.

mod afterwards;
mod amounts;
mod build;
mod cache;
mod director;
mod draw;
mod elsewhere;
mod format;
mod growth;
mod handlers;
mod idle;
mod lint;
mod look;
mod pages;
mod planning;
mod profiles;
mod project;
mod records;
mod sets;
mod spec;
mod speedup;
mod submissions;
mod tasks;
mod tidy;
mod undeclared;
mod unrecorded;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::mem::ManuallyDrop;

use crate::cli::{self, Colour, Mode, Settings};
use crate::diagnostic::{Diagnostic, Sources, printable};
use crate::disk::RealDisk;
use crate::rulefile::evaluate;
use crate::witness;

use self::idle::Asked;
use self::project::{Place, Project};

/// Why a run ends without success.
pub enum Failure {
    /// A message, and the texts that it points into.
    Diagnostic(Box<(Diagnostic, Sources)>),
    /// Jobs failed, and the report has said so.
    Told,
    Interrupted(i32),
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Failure::Diagnostic(Box::new((diagnostic, Sources::default())))
    }
}

impl From<Box<(Diagnostic, Sources)>> for Failure {
    fn from(pair: Box<(Diagnostic, Sources)>) -> Self {
        Failure::Diagnostic(pair)
    }
}

/// Runs the program with its arguments, its own name first; gives the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    pages::only_small();
    let stderr_colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let read =
        cli::Line::read(arguments.iter().cloned(), stderr_colour).map(|line| (profiles::read(&line.wanted()), line));
    let settings = match read {
        Ok((Ok(profiles), line)) => line.settings(&profiles),
        Ok((Err(diagnostic), _)) => {
            complain(&format!("{}\n", diagnostic.render(&Sources::default(), stderr_colour)));
            return 2;
        }
        Err(exit) => Err(exit),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(exit) if exit.code == 0 => {
            print(&exit.text);
            return 0;
        }
        Err(exit) => {
            complain(&if exit.is_styled { exit.text } else { printable(&exit.text) });
            return exit.code;
        }
    };
    let colour = match settings.say.colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => stderr_colour,
    };
    for note in &settings.notes {
        warn(&Diagnostic::warning(note), colour);
    }
    match go(settings, &arguments, colour) {
        Ok(()) => 0,
        Err(Failure::Told) => 1,
        Err(Failure::Interrupted(signal)) => 128 + u8::try_from(signal).unwrap_or(0),
        Err(Failure::Diagnostic(pair)) => {
            let (diagnostic, sources) = *pair;
            complain(&format!("{}\n", diagnostic.render(&sources, colour)));
            1
        }
    }
}

fn go(settings: Settings, arguments: &[OsString], colour: bool) -> Result<(), Failure> {
    if let Mode::Actions(name) = &settings.mode {
        return look::actions(name.as_deref());
    }
    if let Mode::Format { check } = settings.mode {
        return format::format(&settings, check, colour);
    }
    if let Mode::Task { folder, index } = &settings.mode {
        return elsewhere::run_task(folder, *index);
    }
    if settings.mode == Mode::Lint && !settings.targets.is_empty() {
        return lint::explain(&settings.targets);
    }
    let disk = RealDisk;
    let place = Place::find(&settings)?;
    let asked = Asked::of(&settings, &place);
    if asked.as_ref().is_some_and(|asked| asked.is_answered(&settings, colour)) {
        return Ok(());
    }
    // Where no thread can be had, this is done when it is asked for.
    let _ = std::thread::Builder::new().name("names".to_owned()).spawn(evaluate::prepare);
    if settings.mode == Mode::Run && asked.is_some() {
        witness::begin();
    }
    // The process ends with the run: the system takes a million pieces back faster than we could give them.
    let project = ManuallyDrop::new(Project::open(settings, place, colour)?);
    match &project.settings.mode {
        Mode::Actions(_) | Mode::Format { .. } | Mode::Task { .. } => Ok(()),
        Mode::Lint => lint::lint(&project, &disk),
        Mode::ListRules { targets } => look::list_rules(&project, *targets),
        Mode::ListChanges(kinds) => look::list_changes(&project, &disk, kinds),
        Mode::ListUntracked => look::list_untracked(&project, &disk),
        Mode::CleanupShadow => tidy::cleanup_shadow(&project),
        Mode::Unlock => tidy::unlock(),
        Mode::CleanupMetadata => tidy::forget(&project, &disk),
        Mode::Run => build::run(&project, asked.as_ref(), &disk),
        Mode::DryRun => look::dry_run(&project, &disk),
        Mode::Speedup { jobs, repeats } => speedup::speedup(&project, &disk, arguments, jobs, *repeats),
        Mode::Why => look::why(&project, &disk),
        Mode::Summary { detailed } => look::summary(&project, &disk, *detailed),
        Mode::Draw(drawing, format) => draw::draw(&project, &disk, *drawing, *format),
        Mode::Touch { dry_run } => {
            elsewhere::nothing_is_out("--touch")?;
            tidy::touch(&project, &disk, *dry_run)
        }
        Mode::DeleteAllOutput { dry_run } => {
            elsewhere::nothing_is_out("--delete-all-output")?;
            tidy::delete(&project, &disk, tidy::Which::All, *dry_run)
        }
        Mode::DeleteTempOutput { dry_run } => tidy::delete(&project, &disk, tidy::Which::Temporary, *dry_run),
    }
}

/// Prints to standard output; where nobody reads any more there is nothing to say.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A warning on standard error.
fn warn(diagnostic: &Diagnostic, colour: bool) {
    crate::witness::spoil();
    complain(&format!("{}\n", diagnostic.render(&Sources::default(), colour)));
}

/// Prints to standard error; where that is closed there is nobody to tell.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
