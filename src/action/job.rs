//! The job that a `run:` body works for: which paths it may read and write, and where they are. Made of a job's
//! specification and its workspace; reached by actions through the evaluator. Knows no pixels.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use rustc_hash::FxHashMap;
use starlark::any::ProvidesStaticType;
use starlark::eval::Evaluator;

use super::failure::Failure;
use super::file::{FileError, Output};
use crate::disk::{Content, Stamp};
use crate::path::normalise;
use crate::run::executor::Workspace;
use crate::run::spec::{JobError, JobSpec};
use crate::value::Value;

/// The values of a body's own names, by what placeholders write: `sample`, `sample.name`.
pub type Names = BTreeMap<String, Value>;

/// Fills the placeholders of a `shell("…")`: its text, the job, and the body's own names.
pub type Formatter = fn(&str, &JobSpec, &Names) -> Result<String, String>;

#[derive(ProvidesStaticType)]
pub struct Job<'e> {
    spec: &'e JobSpec,
    inputs: OnceCell<Declared<'e>>,
    outputs: OnceCell<Declared<'e>>,
    workspace: RefCell<&'e mut dyn Workspace>,
    formatter: Formatter,
    /// What `print` writes to, once it has.
    log: RefCell<Option<File>>,
}

impl<'e> Job<'e> {
    pub fn new(spec: &'e JobSpec, workspace: &'e mut dyn Workspace, formatter: Formatter) -> Job<'e> {
        let (inputs, outputs) = Default::default();
        Job { spec, inputs, outputs, workspace: RefCell::new(workspace), formatter, log: RefCell::new(None) }
    }

    /// The job behind an evaluator.
    pub fn of<'a>(eval: &Evaluator<'_, 'a, 'e>) -> Result<&'a Job<'e>, Failure> {
        let job = eval.extra.and_then(|extra| extra.downcast_ref::<Job<'e>>());
        job.ok_or_else(|| Failure::new("actions work in a `run:` body, when its job runs"))
    }

    /// Where to read a file from, or that the job may not: inputs, what is below an input directory, and what the job
    /// itself has written.
    pub fn readable(&self, path: &str) -> Result<String, Failure> {
        if let Some(place) = self.settled(path)? {
            return Ok(place);
        }
        if self.inputs.get_or_init(|| Declared::of(&self.spec.input.items)).holder(path).is_some() {
            return Ok(path.to_owned());
        }
        Err(Failure::new(format!("{path} is read, but it is not an input of rule {}", self.spec.rule))
            .help(format!("add it to the rule's `input:`, as \"{path}\"")))
    }

    /// Reads a file that the job may read, by its place. Who reads tells what was in it, if that is wanted of a file with
    /// such a stamp. Errors name the path as the body does.
    pub fn read<T>(
        &self,
        path: &str,
        read: impl FnOnce(&str, &dyn Fn(&Stamp) -> bool) -> Result<(T, Option<Content>), FileError>,
    ) -> Result<T, Failure> {
        let place = self.readable(path)?;
        let is_wanted = |stamp: &Stamp| self.workspace.borrow().wants(&place, stamp);
        let (value, content) =
            read(&place, &is_wanted).map_err(|error| FileError { path: path.to_owned(), ..error })?;
        if let Some(content) = content {
            self.workspace.borrow_mut().saw(&place, content);
        }
        Ok(value)
    }

    /// Writes a file that the job may write: outputs, what is below an output directory, and logs.
    pub fn write<E>(&self, path: &str, write: impl FnOnce(Output) -> Result<Content, E>) -> Result<(), Failure>
    where
        Failure: From<E>,
    {
        let place = self.writable_place(path)?;
        let file = self.workspace.borrow_mut().create(&place).map_err(|error| Failure::io(path, &error))?;
        let content = write(Output::new(file))?;
        self.workspace.borrow_mut().saw(&place, content);
        Ok(())
    }

    /// Where to write a file that [`Job::write`] does not. What was known of the file is not true any more.
    pub fn writable(&self, path: &str) -> Result<String, Failure> {
        let place = self.writable_place(path)?;
        self.workspace.borrow_mut().forget(&place);
        Ok(place)
    }

    fn writable_place(&self, path: &str) -> Result<String, Failure> {
        self.written(path).ok_or_else(|| {
            Failure::new(format!("{path} is written, but it is not an output of rule {}", self.spec.rule))
                .help(format!("add it to the rule's `output:` (or `log:`), as \"{path}\""))
        })
    }

    /// Where a path is for the job: an output under its temporary name, all others as they are.
    pub fn place(&self, path: &str) -> Result<String, Failure> {
        Ok(self.settled(path)?.unwrap_or_else(|| path.to_owned()))
    }

    /// Where an output or a log is, to be found there by others from now on.
    fn settled(&self, path: &str) -> Result<Option<String>, Failure> {
        let Some(place) = self.written(path) else { return Ok(None) };
        self.workspace.borrow_mut().settle(&place).map_err(|error| Failure::io(path, &error))?;
        Ok(Some(place))
    }

    /// Where an output or a log is, as long as the job runs.
    fn written(&self, path: &str) -> Option<String> {
        let outputs = self.outputs.get_or_init(|| Declared::of(&self.spec.output.items));
        if let Some((output, rest)) = outputs.holder(path) {
            let temporary = self.workspace.borrow().output_path(output);
            return Some(if rest.is_empty() { temporary } else { format!("{temporary}/{rest}") });
        }
        self.spec.log.items.iter().any(|log| normalise(log) == normalise(path)).then(|| path.to_owned())
    }

    /// An error once the job is to give up: nothing of it will be kept.
    pub fn check_cancelled(&self) -> Result<(), Failure> {
        if self.workspace.borrow().is_cancelled() { Err(Failure::Job(JobError::Interrupted)) } else { Ok(()) }
    }

    /// Runs a command, its placeholders filled in, to its end.
    pub fn shell(&self, command: &str, names: &Names) -> Result<(), Failure> {
        let text = (self.formatter)(command, self.spec, names);
        let text = text.map_err(|reason| Failure::new(format!("shell: {reason}")))?;
        self.workspace.borrow_mut().shell(&text).map_err(Failure::Job)
    }

    /// Appends to the job's log, which is made when there is something to write.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let path = &self.spec.stdio_log;
        let mut log = self.log.borrow_mut();
        let file = match &mut *log {
            Some(file) => file,
            none => {
                let folder = Path::new(path).parent().map_or(Ok(()), fs::create_dir_all);
                let opened = folder.and_then(|()| OpenOptions::new().create(true).append(true).open(path));
                none.insert(opened.map_err(|error| Failure::io(path, &error))?)
            }
        };
        file.write_all(text.as_bytes()).map_err(|error| Failure::io(path, &error))
    }
}

/// The files and folders that a job declares, by their normal paths: a job may have a hundred thousand, and ask for each.
struct Declared<'e>(FxHashMap<Cow<'e, str>, &'e str>);

impl<'e> Declared<'e> {
    fn of(paths: &'e [String]) -> Self {
        Declared(paths.iter().map(|path| (normalise(path), path.as_str())).collect())
    }

    /// What is declared by this path or is the nearest folder above it, and what is left of the path below that.
    fn holder(&self, path: &str) -> Option<(&'e str, String)> {
        let path = normalise(path);
        let mut above = &*path;
        loop {
            let rest = path[above.len()..].trim_start_matches('/');
            // `..` would lead out of the folder again.
            if let Some(declared) = self.0.get(above)
                && rest.split('/').all(|part| part != "..")
            {
                return Some((declared, rest.to_owned()));
            }
            above = &above[..above.rfind('/')?];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Declared;

    #[test]
    fn a_folder_holds_what_is_below_it() {
        let paths = ["a/".to_owned(), "a/deep/".to_owned(), "/root//x".to_owned()];
        let declared = Declared::of(&paths);
        let holder = |path| declared.holder(path);
        assert_eq!(holder("./a//b/c"), Some(("a/", "b/c".to_owned())));
        assert_eq!(holder("a"), Some(("a/", String::new())));
        assert_eq!(holder("a/deep/b"), Some(("a/deep/", "b".to_owned())));
        assert_eq!(holder("/root/x/y"), Some(("/root//x", "y".to_owned())));
        for outside in ["ab", "a/../b", "a/deep/../../b", "/root", "root/x", "", "/", "."] {
            assert_eq!(holder(outside), None, "{outside}");
        }
    }
}
