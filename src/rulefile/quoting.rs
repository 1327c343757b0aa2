//! Shell quoting: where in a command a piece of text will stand, and how it must be written there so that bash reads it
//! as itself. Text only; knows no placeholders.
//!
//! The states follow the POSIX shell's quoting rules (IEEE Std 1003.1, Shell Command Language, section 2.2) and bash's
//! `$'…'`.

/// What bash would make of the next character.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Outside of quotes; inside `$(…)` with its depth of plain parentheses.
    Bare {
        parentheses: u32,
    },
    Single,
    Double,
    /// `$'…'`.
    Ansi,
    Backtick,
    Comment,
    /// A here-document's body, up to a line that is its delimiter.
    Here {
        delimiter: String,
        literal: bool,
        line: String,
    },
}

/// Follows a command, piece by piece.
#[derive(Debug, Clone)]
pub struct Scanner {
    places: Vec<Place>,
    /// Whether the next character begins a word.
    word_start: bool,
    escaped: bool,
    previous: char,
    /// Delimiters of here-documents that begin at the next line.
    pending: Vec<(String, bool)>,
    /// A delimiter that is being read after `<<`.
    reading: Option<String>,
}

/// Why a text cannot stand at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotingError {
    #[error("a name with a line end cannot stand in a here-document or comment")]
    LineEnd,
    #[error("this name cannot stand in backquotes: write `$(…)` instead")]
    Backtick,
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner {
            places: vec![Place::Bare { parentheses: 0 }],
            word_start: true,
            escaped: false,
            previous: '\n',
            pending: Vec::new(),
            reading: None,
        }
    }
}

impl Scanner {
    /// Goes over text of the author's, as it stands in the command.
    pub fn literal(&mut self, text: &str) {
        for c in text.chars() {
            self.step(c);
            self.previous = if self.escaped { '\\' } else { c };
        }
    }

    fn step(&mut self, c: char) {
        if std::mem::take(&mut self.escaped) {
            self.word_start = false;
            return;
        }
        let place = self.places.last().cloned().expect("the outermost place is never left");
        match place {
            Place::Bare { parentheses } => self.bare(c, parentheses),
            Place::Single if c == '\'' => self.leave(),
            Place::Single => {}
            Place::Double => match c {
                '"' => self.leave(),
                '\\' => self.escaped = true,
                '`' => self.enter(Place::Backtick),
                '(' if self.previous == '$' => self.enter(Place::Bare { parentheses: 0 }),
                _ => {}
            },
            Place::Ansi => match c {
                '\'' => self.leave(),
                '\\' => self.escaped = true,
                _ => {}
            },
            Place::Backtick => match c {
                '`' => self.leave(),
                '\\' => self.escaped = true,
                _ => {}
            },
            Place::Comment if c == '\n' => {
                self.places.pop();
                self.line_end();
            }
            Place::Comment => {}
            Place::Here { delimiter, literal, mut line } => {
                self.places.pop();
                if c != '\n' {
                    line.push(c);
                    self.places.push(Place::Here { delimiter, literal, line });
                } else if line.trim_start_matches('\t') != delimiter {
                    self.places.push(Place::Here { delimiter, literal, line: String::new() });
                } else {
                    self.line_end();
                }
            }
        }
    }

    fn bare(&mut self, c: char, parentheses: u32) {
        if let Some(mut delimiter) = self.reading.take() {
            match c {
                '-' | ' ' | '\t' if delimiter.is_empty() => {
                    self.reading = Some(delimiter);
                    return;
                }
                c if c.is_whitespace() || ";|&()<>".contains(c) => self.delimiter(&delimiter),
                c => {
                    delimiter.push(c);
                    self.reading = Some(delimiter);
                    return;
                }
            }
        }
        let word_start = std::mem::replace(&mut self.word_start, c.is_whitespace() || ";|&()<>=".contains(c));
        match c {
            '\\' => self.escaped = true,
            '\'' if self.previous == '$' => self.enter(Place::Ansi),
            '\'' => self.quote(Place::Single, word_start),
            '"' => self.quote(Place::Double, word_start),
            '`' => self.enter(Place::Backtick),
            '#' if word_start && self.previous != '=' => self.places.push(Place::Comment),
            '<' if self.previous == '<' => self.reading = Some(String::new()),
            '(' if self.previous == '$' => self.enter(Place::Bare { parentheses: 0 }),
            '(' => self.set_parentheses(parentheses + 1),
            ')' if parentheses > 0 => self.set_parentheses(parentheses - 1),
            ')' if self.places.len() > 1 => self.leave(),
            '\n' => self.line_end(),
            _ => {}
        }
    }

    /// A here-string (`<<<`) leaves an empty or `<` delimiter and is none.
    fn delimiter(&mut self, text: &str) {
        if !text.is_empty() && !text.starts_with('<') {
            let plain: String = text.chars().filter(|c| !"'\"\\".contains(*c)).collect();
            let literal = plain.len() != text.len();
            self.pending.push((plain, literal));
        }
    }

    fn line_end(&mut self) {
        self.word_start = true;
        for (delimiter, literal) in std::mem::take(&mut self.pending).into_iter().rev() {
            self.places.push(Place::Here { delimiter, literal, line: String::new() });
        }
    }

    fn set_parentheses(&mut self, depth: u32) {
        if let Some(Place::Bare { parentheses }) = self.places.last_mut() {
            *parentheses = depth;
        }
    }

    fn quote(&mut self, place: Place, word_start: bool) {
        self.places.push(place);
        self.word_start = word_start;
    }

    fn enter(&mut self, place: Place) {
        self.word_start = matches!(place, Place::Bare { .. } | Place::Backtick);
        self.places.push(place);
    }

    fn leave(&mut self) {
        self.places.pop();
        self.word_start = false;
    }

    /// Text that is to be read as itself, written for the place that has been reached. With `path`, a relative path
    /// that begins with a dash and stands at the start of a word gets `./` before it, so that no command takes it
    /// for an option.
    ///
    /// # Errors
    /// [`QuotingError`] where no way of writing it is safe.
    pub fn write(&mut self, text: &str, path: bool) -> Result<String, QuotingError> {
        let dash = path && self.word_start && text.starts_with('-');
        let text = if dash { format!("./{text}") } else { text.to_owned() };
        let place = self.places.last().expect("the outermost place is never left");
        let written = match place {
            Place::Bare { .. } => bare(&text),
            Place::Single => text.replace('\'', r"'\''"),
            Place::Double => escape(&text, r#"\"$`"#),
            Place::Ansi => escape(&text, r"\'"),
            Place::Backtick if is_plain(&text) => text,
            Place::Backtick => return Err(QuotingError::Backtick),
            Place::Comment | Place::Here { .. } if text.contains('\n') => return Err(QuotingError::LineEnd),
            Place::Comment | Place::Here { literal: true, .. } => text,
            Place::Here { .. } => escape(&text, r"\$`"),
        };
        self.word_start = false;
        self.previous = 'x';
        Ok(written)
    }

    /// Whether the place is outside of all quotes, so that a list of words can stand there.
    pub fn is_bare(&self) -> bool {
        matches!(self.places.last(), Some(Place::Bare { .. }))
    }
}

/// Whether bash takes the text for one plain word.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('~')
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
