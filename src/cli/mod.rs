//! The command line: words in, [`Settings`] out, in three small steps. `words` cuts lists apart, so that an option never
//! swallows a target; `options` is what can be typed, and its help; `settings` is what it means, checked.
//! Knows nothing of rules, files or runs, and touches no disk.

mod again;
mod elsewhere;
mod ignored;
mod options;
mod pairs;
mod profile;
mod settings;
mod units;
mod words;

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches};

pub use again::measured_run;
pub use elsewhere::{Elsewhere, ExecutorChoice};
pub use options::Options;
pub use pairs::{Amount, InputItem};
pub use profile::Profile;
pub use settings::{
    Batch, Colour, Drawing, DrawingFormat, Force, Jobs, LogFormat, Mode, Say, Settings, Trigger, Verbosity,
};
pub use units::{megabytes, minutes, resource, views};

/// Why there are no settings: the text to print, where, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Ends with a newline. Goes to standard output when `code` is 0 (`--help`, `--version`), else to standard error.
    pub text: String,
    pub code: u8,
    /// Whether `text` has colours, and nothing else that does something to a terminal.
    pub is_styled: bool,
}

impl Exit {
    fn wrong(message: &str) -> Exit {
        Exit { text: format!("error: {message}\n\nFor more information, try '--help'.\n"), code: 2, is_styled: false }
    }

    /// What is wrong is not the command line by itself.
    fn of(self, profiles: &[Profile]) -> Exit {
        let names: Vec<&str> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        Exit { text: format!("{}Part of it stands in the profile {}.\n", self.text, names.join(" or ")), ..self }
    }
}

/// Which profiles a command line asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// As typed; later ones win over earlier ones.
    pub profiles: Vec<String>,
    pub workflow_profile: Option<String>,
    pub rulefile: Option<String>,
    pub directory: Option<String>,
}

fn matches(words: Vec<OsString>, coloured: bool) -> Result<clap::ArgMatches, Exit> {
    // An error quotes words: colours only where those do nothing to a terminal themselves.
    let is_plain = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
    let are_plain = words.iter().all(|word| word.to_str().is_some_and(|word| word.chars().all(is_plain)));
    Options::command().try_get_matches_from(words).map_err(|error| {
        let (text, is_styled) = (error.render(), coloured && are_plain);
        let text = if is_styled { text.ansi().to_string() } else { text.to_string() };
        Exit { text, code: u8::from(error.use_stderr()) * 2, is_styled }
    })
}

/// A command line that can be read.
pub struct Line {
    words: Vec<OsString>,
    hints: Vec<words::Hint>,
    matched: clap::ArgMatches,
    coloured: bool,
}

impl Line {
    /// Reads the arguments of a program, its own name first. `coloured` says whether help may have colours.
    ///
    /// # Errors
    /// What to print, and the exit code.
    pub fn read(args: impl IntoIterator<Item = OsString>, coloured: bool) -> Result<Line, Exit> {
        let (words, hints) = words::separate(args).map_err(|message| Exit::wrong(&message))?;
        let matched = matches(words.clone(), coloured)?;
        Ok(Line { words, hints, matched, coloured })
    }

    /// The profiles that it asks for.
    pub fn wanted(&self) -> Wanted {
        let one = |id: &str| self.matched.get_one::<String>(id).cloned();
        Wanted {
            profiles: self.matched.get_many::<String>("profile").into_iter().flatten().cloned().collect(),
            workflow_profile: one("workflow_profile"),
            rulefile: one("rulefile"),
            directory: one("directory"),
        }
    }

    /// What it means, with profiles for what it does not say, the most important first.
    ///
    /// # Errors
    /// What to print, and the exit code.
    pub fn settings(self, profiles: &[Profile]) -> Result<Settings, Exit> {
        let Line { mut words, hints, matched: typed, coloured } = self;
        if profiles.is_empty() {
            return Ok(Settings { hints, ..settings(&typed)? });
        }
        let is_given =
            |id: &str| typed.try_contains_id(id).is_ok() && typed.value_source(id) == Some(ValueSource::CommandLine);
        let wrong = |message: String| Exit::wrong(&message);
        let more = profile::words(profiles, &Options::command(), &is_given).map_err(wrong)?;
        let program = words.first().cloned().into_iter();
        let (more, _) = words::separate(program.chain(more)).map_err(wrong)?;
        words.splice(1..1, more.into_iter().skip(1));
        match matches(words, coloured).and_then(|matched| settings(&matched)) {
            Ok(settings) => Ok(Settings { hints, ..settings }),
            Err(exit) if exit.code != 0 && settings(&typed).is_ok() => Err(exit.of(profiles)),
            Err(exit) => Err(exit),
        }
    }
}

fn settings(matched: &clap::ArgMatches) -> Result<Settings, Exit> {
    let options = Options::from_arg_matches(matched).map_err(|error| Exit::wrong(&error.to_string()))?;
    match generated(&options) {
        Some(text) => Err(Exit { text, code: 0, is_styled: false }),
        None => Settings::try_from(options).map_err(|message| Exit::wrong(&message)),
    }
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
