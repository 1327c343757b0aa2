//! Why an action failed: one line for a person, and how to mend it. Comes from files, kernels and argument checks; travels
//! through the evaluator and becomes a job's error. Knows no place in a text: the evaluator adds that.

use crate::run::spec::JobError;

/// What stops a `run:` body.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// A message, and what to do about it.
    Message { message: String, help: Option<String> },
    /// How a command of the body ended, or that the job was interrupted.
    Job(JobError),
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Failure {
        Failure::Message { message: message.into(), help: None }
    }

    /// An action that got an empty list in place of files. Most often nothing was found, long before.
    pub fn of_nothing(action: &str) -> Failure {
        Failure::new(format!("{action}() got an empty list")).help("is it a glob or an expand() that found nothing?")
    }

    /// The same with advice, in place of any it had.
    #[must_use]
    pub fn help(self, text: impl Into<String>) -> Failure {
        match self {
            Failure::Message { message, .. } => Failure::Message { message, help: Some(text.into()) },
            other => other,
        }
    }

    /// A file that could not be read or written: the system's words without the error's number.
    pub fn io(path: &str, error: &std::io::Error) -> Failure {
        let text = error.to_string();
        Failure::new(format!("{path}: {}", text.split(" (os error").next().unwrap_or_default()))
    }
}

/// Errors whose own words say it all.
macro_rules! from_words {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Failure {
                Failure::new(error.to_string())
            }
        })*
    };
}

from_words!(
    super::file::FileError,
    super::arithmetic::ShapeMismatch,
    super::section::SectionError,
    super::image::UnknownDtype,
    crate::pixel::PixelError
);

/// A failure on its way through the evaluator.
#[derive(Debug)]
pub struct Carried(pub Failure);

impl std::fmt::Display for Carried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Failure::Message { message, .. } => f.write_str(message),
            Failure::Job(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Carried {}

impl From<Failure> for starlark::Error {
    fn from(failure: Failure) -> starlark::Error {
        starlark::Error::new_other(Carried(failure))
    }
}
