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
    if let Some(text) = generated(&options) {
        return Err(Exit { text, code: 0 });
    }
    let settings = Settings::try_from(options).map_err(|message| Exit::wrong(&message))?;
    Ok(Settings { hints, ..settings })
}

/// What is made of the definitions themselves: the completions of a shell, the manual page.
fn generated(options: &Options) -> Option<String> {
    let mut out = Vec::new();
    if let Some(shell) = options.text.completions {
        clap_complete::generate(shell, &mut Options::command(), "flow", &mut out);
    } else if options.text.man {
        manual(&mut out).expect("memory takes all that is written");
    } else {
        return None;
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// The manual page. Its synopsis is that of the help: not a list of all options, which follow right below.
fn manual(out: &mut Vec<u8>) -> std::io::Result<()> {
    let page = clap_mangen::Man::new(Options::command());
    page.render_title(out)?;
    page.render_name_section(out)?;
    out.extend_from_slice(b".SH SYNOPSIS\n\\fBflow\\fR [OPTIONS] [TARGETS]...\n");
    page.render_description_section(out)?;
    page.render_options_section(out)?;
    page.render_extra_section(out)?;
    page.render_version_section(out)
}

#[cfg(test)]
mod tests;
