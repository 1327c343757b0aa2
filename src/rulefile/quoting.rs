//! Shell quoting: how a piece of text must be written at a place of a command so that bash reads it as itself. The
//! place comes from `places`, which follows the command. Text only; knows no placeholders.
//!
//! Where it is not certain what bash makes of a place, only a name of plain characters may stand there: anything else
//! is refused, and never guessed.

mod places;

use self::places::{Place, Places};

/// Follows a command, piece by piece, and writes text into it.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    places: Places,
}

/// Why a text cannot stand at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotingError {
    #[error("a name with a line end cannot stand in a here-document or comment")]
    LineEnd,
    #[error("this name cannot stand in backquotes: write `$(…)` instead")]
    Backtick,
    #[error("this name could end the here-document: write something before it on its line")]
    Delimiter,
    #[error(
        "this name holds more than plain characters, and bash could take it for code here: \
         put it into a variable first, as in `name={{…}}`, and write \"$name\" here"
    )]
    Uncertain,
}

impl Scanner {
    /// Goes over text of the author's, as it stands in the command.
    pub fn literal(&mut self, text: &str) {
        text.chars().for_each(|c| self.places.step(c));
    }

    /// Text that is to be read as itself, written for the place that has been reached. With `path`, a relative path
    /// that begins with a dash and stands at the start of a word gets `./` before it, so that no command takes it
    /// for an option.
    ///
    /// # Errors
    /// [`QuotingError`] where no way of writing it is certain to be safe.
    pub fn write(&mut self, text: &str, path: bool) -> Result<String, QuotingError> {
        let place = self.places.place();
        let dash = path && text.starts_with('-') && self.places.at_word_start();
        let written = if self.places.is_certain_for(text) {
            written(&if dash { format!("./{text}") } else { text.to_owned() }, place, self.places.here_is_literal())?
        } else if is_plain(text) && !dash {
            text.to_owned()
        } else if place == Place::Backtick {
            return Err(QuotingError::Backtick);
        } else {
            return Err(QuotingError::Uncertain);
        };
        if self.places.could_end_here(&written) {
            return Err(QuotingError::Delimiter);
        }
        self.places.pass(&written);
        Ok(written)
    }

    /// Whether the place is outside of all quotes, so that a list of words can stand there.
    pub fn is_bare(&self) -> bool {
        matches!(self.places.place(), Place::Bare(_))
    }
}

fn written(text: &str, place: Place, literal: bool) -> Result<String, QuotingError> {
    Ok(match place {
        Place::Bare(_) => bare(text),
        Place::Single => text.replace('\'', r"'\''"),
        Place::Double => escape(text, r#"\"$`"#),
        Place::Ansi => escape(text, r"\'"),
        Place::Comment | Place::Here if text.contains('\n') => return Err(QuotingError::LineEnd),
        Place::Comment => text.to_owned(),
        Place::Here if literal => text.to_owned(),
        Place::Here => escape(text, r"\$`"),
        Place::Backtick if !is_plain(text) => return Err(QuotingError::Backtick),
        Place::Backtick => text.to_owned(),
        Place::Brace | Place::Arithmetic { .. } if !is_plain(text) => return Err(QuotingError::Uncertain),
        Place::Brace | Place::Arithmetic { .. } => text.to_owned(),
    })
}

/// Whether bash takes the text for one plain word. A tilde at the start, or where an assignment has one, is a folder.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('~')
        && !text.contains(":~")
        && !text.contains("=~")
        && text.chars().all(|c| c.is_alphanumeric() || "@%+=:,./_-~^".contains(c))
}

/// One word outside of quotes: plain text as it is, anything else in single quotes.
pub fn bare(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn escape(text: &str, special: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
