//! The command line: words in, [`Settings`] out, in three small steps. `words` cuts lists apart, so that an option never
//! swallows a target; `options` is what can be typed, and its help; `settings` is what it means, checked.
//! Knows nothing of rules, files or runs, and touches no disk.

mod again;
mod options;
mod settings;
mod units;
mod words;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};

pub use again::measured_run;
pub use options::Options;
pub use settings::{
    Colour, Drawing, DrawingFormat, Force, InputItem, Jobs, LogFormat, Mode, Say, Settings, Trigger, Verbosity,
};
pub use units::{megabytes, minutes, resource};

/// Why there are no settings: the text to print, where, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Ends with a newline. Goes to standard output when `code` is 0 (`--help`, `--version`), else to standard error.
    pub text: String,
    pub code: u8,
}

impl Exit {
    fn wrong(message: &str) -> Exit {
        Exit { text: format!("error: {message}\n\nFor more information, try '--help'.\n"), code: 2 }
    }
}

/// Reads the arguments of a program, its own name first. `coloured` says whether help may have colours.
pub fn parse(args: impl IntoIterator<Item = OsString>, coloured: bool) -> Result<Settings, Exit> {
    let (words, hints) = words::separate(args).map_err(|message| Exit::wrong(&message))?;
    let matches = Options::command().try_get_matches_from(words);
    let options = matches.and_then(|matches| Options::from_arg_matches(&matches)).map_err(|error| {
        let text = error.render();
        let text = if coloured { text.ansi().to_string() } else { text.to_string() };
        Exit { text, code: u8::from(error.use_stderr()) * 2 }
    })?;
    let settings = Settings::try_from(options).map_err(|message| Exit::wrong(&message))?;
    Ok(Settings { hints, ..settings })
}

#[cfg(test)]
mod tests;
