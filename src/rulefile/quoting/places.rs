//! Where in a command one is: takes its characters one by one and keeps the stack of what is open, quotes and expansions
//! and here-documents and lists of `case`. Says which place has been reached, and whether that is certain.
//!
//! It follows the POSIX shell's token recognition and quoting (IEEE Std 1003.1, Shell Command Language, sections 2.2, 2.3,
//! 2.6 and 2.7.4) and bash's `$'…'`, `<(…)`, `((…))` and `[[…]]`. It need not know all of bash: what it cannot follow
//! makes it uncertain for the rest of the command.

/// What bash would make of the next character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Outside of quotes.
    Bare(Kind),
    Single,
    Double,
    /// `$'…'`.
    Ansi,
    Backtick,
    Comment,
    /// A here-document's body, up to a line that is its delimiter.
    Here,
    /// `${…}`.
    Brace,
    /// `((…))` and `$((…))`, with the parentheses open in it, and whether one of the two at its end was met.
    Arithmetic {
        depth: u32,
        closing: bool,
    },
}

/// What words outside of quotes are part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Command,
    /// `$(…)`, `<(…)`.
    Substitution,
    /// `(…)` where commands stand.
    Group,
    /// `(…)` of an array, a pattern, a function's name.
    Words,
    /// `[[ … ]]`.
    Test,
    /// `case … in …)`.
    CaseSubject,
    CaseIn,
    CasePattern,
    /// From a pattern's `)` to `;;`.
    CaseBody,
}

impl Kind {
    fn has_commands(self) -> bool {
        matches!(self, Kind::Command | Kind::Substitution | Kind::Group | Kind::CaseBody)
    }
}

#[derive(Debug, Clone)]
struct Level {
    place: Place,
    /// Of the present word, or of the present line of a here-document, what stands there as it is.
    text: String,
    /// Whether quotes, expansions or names are part of the word.
    opaque: bool,
    /// Whether the present word stands where bash looks for a command and its reserved words.
    command: bool,
}

impl Level {
    fn new(place: Place) -> Level {
        let command = matches!(place, Place::Bare(kind) if kind.has_commands() || kind == Kind::CasePattern);
        Level { place, text: String::new(), opaque: false, command }
    }

    fn is_between_words(&self) -> bool {
        self.text.is_empty() && !self.opaque
    }
}

#[derive(Debug, Clone)]
struct Here {
    delimiter: String,
    literal: bool,
    /// `<<-`: tabs before the delimiter do not count.
    strips_tabs: bool,
    /// How many substitutions it lies in.
    depth: usize,
}

/// A delimiter that is being read after `<<`.
#[derive(Debug, Clone, Default)]
struct Delimiter {
    text: String,
    begun: bool,
    quoted: bool,
    quote: Option<char>,
    strips_tabs: bool,
}

/// The stack of what is open.
#[derive(Debug, Clone)]
pub struct Places {
    levels: Vec<Level>,
    /// The here-documents that are open, and those that begin at the next line.
    heres: Vec<Here>,
    pending: Vec<Here>,
    reading: Option<Delimiter>,
    /// The next character stands after a backslash; after a dollar sign that is not escaped; after a `(`.
    escaped: bool,
    dollar: bool,
    opened: bool,
    /// The character before, where it was an operator's.
    operator: Option<char>,
    /// Whether text written here would begin a word.
    word_start: bool,
    lost: bool,
}

impl Default for Places {
    fn default() -> Self {
        Places {
            levels: vec![Level::new(Place::Bare(Kind::Command))],
            heres: Vec::new(),
            pending: Vec::new(),
            reading: None,
            escaped: false,
            dollar: false,
            opened: false,
            operator: None,
            word_start: true,
            lost: false,
        }
    }
}

impl Places {
    pub fn place(&self) -> Place {
        self.levels.last().expect("the outermost place is never left").place
    }

    /// Whether a text of any characters, written for the place, is read as itself.
    pub fn is_certain_for(&self, text: &str) -> bool {
        let pending = self.lost || self.escaped || self.dollar || self.reading.is_some();
        // `[[ name -eq 0 ]]` evaluates what is in the brackets of a name.
        let is_evaluated =
            self.inside(|place| place == Place::Bare(Kind::Test)) && text.contains('[') && text.contains(['$', '`']);
        let is_nested = self.inside(|place| matches!(place, Place::Brace | Place::Arithmetic { .. } | Place::Backtick));
        // bash 5.2 loses its way after quotes in an array within `$(…)`.
        let is_array = self.depth() > 0 && self.levels.iter().any(|level| level.place == Place::Bare(Kind::Words));
        !pending && !is_evaluated && !is_nested && !is_array
    }

    /// Whether a level is such a place, up to the innermost command.
    fn inside(&self, is: impl Fn(Place) -> bool) -> bool {
        for level in self.levels.iter().rev() {
            if is(level.place) {
                return true;
            }
            if matches!(level.place, Place::Bare(kind) if kind != Kind::Words) {
                return false;
            }
        }
        false
    }

    /// Whether text written here would be the beginning of a word, outside of quotes or just within them.
    pub fn at_word_start(&self) -> bool {
        let at_word = matches!(self.place(), Place::Bare(_) | Place::Single | Place::Double | Place::Ansi);
        self.word_start && (at_word || self.inside(|place| place == Place::Backtick))
    }

    pub fn here_is_literal(&self) -> bool {
        self.heres.last().is_some_and(|here| here.literal)
    }

    /// Whether, with `written` next on its line, a here-document's line could become its delimiter.
    pub fn could_end_here(&self, written: &str) -> bool {
        let (Place::Here, Some(here)) = (self.place(), self.heres.last()) else { return false };
        let line = format!("{}{written}", self.levels.last().map_or("", |level| level.text.as_str()));
        let line = if here.strips_tabs { line.trim_start_matches('\t') } else { &line };
        !written.is_empty() && here.delimiter.starts_with(line)
    }

    /// Passes over text that is read as itself.
    pub fn pass(&mut self, written: &str) {
        (self.escaped, self.dollar, self.opened, self.operator) = (false, false, false, None);
        self.word_start = false;
        if let Some(delimiter) = &mut self.reading {
            delimiter.begun = true;
            delimiter.text.push_str(written);
        }
        let is_here = self.place() == Place::Here;
        let is_bare = matches!(self.place(), Place::Bare(_));
        let level = self.top();
        if is_here {
            level.text.push_str(written);
        }
        level.opaque |= is_bare;
    }

    fn top(&mut self) -> &mut Level {
        self.levels.last_mut().expect("the outermost place is never left")
    }

    /// Goes over one character of the author's.
    pub fn step(&mut self, c: char) {
        let place = self.place();
        if std::mem::take(&mut self.escaped) {
            return self.after_backslash(c, place);
        }
        let dollar = std::mem::take(&mut self.dollar);
        let opened = std::mem::take(&mut self.opened);
        let operator = self.operator.take();
        let starts = std::mem::replace(&mut self.word_start, false);
        match place {
            Place::Bare(_) => self.bare(c, Before { dollar, opened, operator, starts }),
            Place::Single if c == '\'' => self.leave(),
            Place::Double if c == '"' => self.leave(),
            Place::Backtick if c == '`' => self.leave(),
            Place::Ansi if c == '\'' => self.leave(),
            Place::Ansi | Place::Backtick => self.escaped = c == '\\',
            Place::Single => {}
            Place::Double => {
                self.expansion(c, dollar);
            }
            Place::Comment if c == '\n' => {
                self.levels.pop();
                self.newline();
            }
            Place::Comment => {}
            Place::Here => self.here(c, dollar),
            Place::Brace => self.brace(c, dollar),
            Place::Arithmetic { depth, closing } => self.arithmetic(c, dollar, depth, closing),
        }
    }

    /// A backslash before a line end joins the lines; before anything else it takes its meaning away.
    fn after_backslash(&mut self, c: char, place: Place) {
        let level = self.top();
        match place {
            Place::Here if c != '\n' => level.text.extend(['\\', c]),
            Place::Bare(_) if c != '\n' => {
                level.opaque = true;
                self.word_start = false;
            }
            _ => {}
        }
    }

    /// What has a meaning within double quotes too; `true` if the character had one.
    fn expansion(&mut self, c: char, dollar: bool) -> bool {
        match c {
            '\\' => self.escaped = true,
            '$' => self.dollar = !dollar,
            '`' => self.enter(Place::Backtick),
            '(' if dollar => {
                self.enter(Place::Bare(Kind::Substitution));
                self.opened = true;
            }
            '{' if dollar => self.enter(Place::Brace),
            // `$[…]` is arithmetic of old.
            '[' if dollar => self.lost = true,
            _ => return false,
        }
        true
    }

    fn here(&mut self, c: char, dollar: bool) {
        let here = self.heres.last().expect("its delimiter is known").clone();
        if c != '\n' {
            if here.literal || c != '\\' {
                self.top().text.push(c);
            }
            if !here.literal {
                self.expansion(c, dollar);
            }
            return;
        }
        let line = std::mem::take(&mut self.top().text);
        if here.delimiter == if here.strips_tabs { line.trim_start_matches('\t') } else { &line } {
            self.levels.pop();
            self.heres.pop();
            self.word_start = self.place() != Place::Here;
        }
    }

    fn brace(&mut self, c: char, dollar: bool) {
        let quoted = self.levels.iter().rev().nth(1).is_some_and(|level| !matches!(level.place, Place::Bare(_)));
        match c {
            '}' => self.leave(),
            // Whether they quote depends, within quotes, on the operator.
            '\'' | '"' if quoted => self.lost = true,
            '\'' => self.enter(Place::Single),
            '"' => self.enter(Place::Double),
            _ => {
                self.expansion(c, dollar);
            }
        }
    }

    fn arithmetic(&mut self, c: char, dollar: bool, depth: u32, closing: bool) {
        let to = |depth, closing| Place::Arithmetic { depth, closing };
        match c {
            ')' if closing => {
                let is_expansion = self.top().opaque;
                self.leave();
                if !is_expansion {
                    let level = self.top();
                    (level.opaque, level.command) = (false, true);
                    self.word_start = true;
                }
            }
            // It was no arithmetic: `$( (a); b )` without the blank.
            _ if closing => self.lost = true,
            ')' => self.top().place = if depth == 0 { to(0, true) } else { to(depth - 1, false) },
            '(' if !dollar => self.top().place = to(depth + 1, false),
            '\'' => self.lost = true,
            '"' => self.enter(Place::Double),
            _ => {
                self.expansion(c, dollar);
            }
        }
    }

    fn bare(&mut self, c: char, before: Before) {
        if self.reading.is_some() && self.delimiter(c) {
            return;
        }
        match c {
            '\'' if before.dollar => self.quote(Place::Ansi, before.starts),
            '\'' => self.quote(Place::Single, before.starts),
            '"' => self.quote(Place::Double, before.starts),
            '#' if self.top().is_between_words() => self.levels.push(Level::new(Place::Comment)),
            '(' if before.dollar => {
                self.expansion(c, true);
            }
            '(' => self.parenthesis(before),
            c if c.is_whitespace() || ";|&<>)".contains(c) => {
                // An index is arithmetic, and `<<` in it no here-document.
                self.lost |= c == '<' && self.top().text.contains('[');
                self.end_word();
                self.word_start = true;
                self.operate(c, before.operator);
            }
            c => {
                // A value after `=` may be a path, as a word is.
                self.word_start = c == '=';
                match c {
                    '\\' => {
                        self.escaped = true;
                        self.word_start = before.starts;
                    }
                    c if !self.expansion(c, before.dollar) => self.top().text.push(c),
                    '$' => self.top().opaque = true,
                    _ => {}
                }
            }
        }
    }

    fn parenthesis(&mut self, before: Before) {
        let Place::Bare(kind) = self.place() else { return };
        // `((` and `$((`.
        if before.opened && matches!(kind, Kind::Substitution | Kind::Group) {
            let level = self.top();
            level.place = Place::Arithmetic { depth: 0, closing: false };
            level.opaque = kind == Kind::Substitution;
            return;
        }
        self.word_start = true;
        if matches!(before.operator, Some('<' | '>')) {
            self.top().opaque = true;
            return self.enter(Place::Bare(Kind::Substitution));
        }
        let between = self.top().is_between_words();
        match kind {
            Kind::CasePattern if between => {}
            Kind::CaseSubject | Kind::CaseIn if between => self.lost = true,
            _ if between && kind.has_commands() => {
                self.enter(Place::Bare(Kind::Group));
                self.opened = true;
            }
            _ => self.enter(Place::Bare(Kind::Words)),
        }
        self.operator = Some('(');
    }

    /// What ends words, after the word has ended.
    fn operate(&mut self, c: char, previous: Option<char>) {
        let Place::Bare(kind) = self.place() else { return };
        self.operator = (!c.is_whitespace()).then_some(c);
        match c {
            '\n' => self.newline(),
            ';' | '&' if kind == Kind::CaseBody && previous == Some(';') => {
                self.levels.pop();
                self.top().command = true;
            }
            // `>&` and `>|` are redirections.
            '&' | '|' if matches!(previous, Some('<' | '>')) => {}
            ';' | '&' | '|' => self.top().command = kind.has_commands(),
            '<' if previous == Some('<') && kind.has_commands() => self.reading = Some(Delimiter::default()),
            '<' | '>' => self.top().command = false,
            ')' => self.close(kind, previous),
            _ => {}
        }
    }

    fn close(&mut self, kind: Kind, previous: Option<char>) {
        match kind {
            Kind::CasePattern => self.levels.push(Level::new(Place::Bare(Kind::CaseBody))),
            Kind::Group => {
                self.levels.pop();
                let level = self.top();
                (level.opaque, level.command) = (false, true);
            }
            // `name()` is a function's head.
            Kind::Words if previous == Some('(') => {
                self.levels.pop();
                let level = self.top();
                level.text.clear();
                (level.opaque, level.command) = (false, true);
            }
            Kind::Words | Kind::Substitution => self.leave(),
            _ => self.lost = true,
        }
    }

    /// Reserved words, and what they open and close (Shell Command Language, section 2.4).
    fn end_word(&mut self) {
        let Place::Bare(kind) = self.place() else { return };
        let level = self.top();
        if level.is_between_words() {
            return;
        }
        let word = std::mem::take(&mut level.text);
        let word = if std::mem::take(&mut level.opaque) { "" } else { word.as_str() };
        let command = std::mem::take(&mut level.command);
        match (kind, word) {
            (Kind::CaseSubject, _) => level.place = Place::Bare(Kind::CaseIn),
            (Kind::CaseIn, "in") => {
                level.place = Place::Bare(Kind::CasePattern);
                level.command = true;
            }
            (Kind::CaseIn, _) => self.lost = true,
            (Kind::CasePattern, "esac") if command => self.end_case(1),
            (Kind::CaseBody, "esac") if command => self.end_case(2),
            (Kind::Test, "]]") => {
                self.levels.pop();
            }
            (Kind::CasePattern | Kind::Test | Kind::Words, _) => {}
            (_, "[[") if command => self.levels.push(Level::new(Place::Bare(Kind::Test))),
            (_, "case") if command => self.levels.push(Level::new(Place::Bare(Kind::CaseSubject))),
            (_, "{") => level.command = true,
            (_, word) => level.command = command && BEFORE_COMMANDS.contains(&word),
        }
    }

    fn end_case(&mut self, levels: usize) {
        self.levels.truncate(self.levels.len() - levels);
        self.top().command = true;
    }

    /// Reads a here-document's delimiter; `false` where it has ended before the character.
    fn delimiter(&mut self, c: char) -> bool {
        let Some(reading) = &mut self.reading else { return false };
        match (reading.quote, c) {
            (Some(quote), c) if c == quote => reading.quote = None,
            (Some(_), c) => reading.text.push(c),
            (None, '-') if !reading.begun && !reading.strips_tabs => reading.strips_tabs = true,
            (None, ' ' | '\t') if !reading.begun => {}
            (None, '\'' | '"') => {
                reading.quote = Some(c);
                (reading.quoted, reading.begun) = (true, true);
            }
            // A here-string.
            (None, '<') if !reading.begun => self.reading = None,
            (None, c) if c.is_whitespace() || ";|&()<>".contains(c) => {
                let Delimiter { text, begun, quoted, strips_tabs, .. } = self.reading.take().unwrap_or_default();
                self.lost |= !begun;
                let depth = self.depth();
                self.pending.push(Here { delimiter: text, literal: quoted, strips_tabs, depth });
                return false;
            }
            (None, c) => {
                reading.begun = true;
                reading.text.push(c);
            }
        }
        // What a backslash or an expansion comes to in a delimiter is not worth following.
        self.lost |= matches!(c, '\\' | '$' | '`' | '\n');
        true
    }

    /// How many substitutions are open.
    fn depth(&self) -> usize {
        self.levels.iter().filter(|level| level.place == Place::Bare(Kind::Substitution)).count()
    }

    fn newline(&mut self) {
        self.word_start = true;
        let depth = self.depth();
        // bash reads the body of a here-document before the expansions in it.
        self.lost |= self.levels.iter().any(|level| level.place == Place::Here);
        if let Place::Bare(kind) = self.place() {
            self.top().command = kind.has_commands() || (kind == Kind::CasePattern);
        }
        for here in std::mem::take(&mut self.pending).into_iter().rev() {
            self.lost |= here.depth != depth;
            self.heres.push(here);
            self.levels.push(Level::new(Place::Here));
        }
    }

    fn quote(&mut self, place: Place, word_start: bool) {
        self.top().opaque = true;
        self.levels.push(Level::new(place));
        self.word_start = word_start;
    }

    fn enter(&mut self, place: Place) {
        self.top().opaque |= matches!(self.place(), Place::Bare(_));
        self.word_start = matches!(place, Place::Bare(_) | Place::Backtick);
        self.levels.push(Level::new(place));
    }

    fn leave(&mut self) {
        if self.levels.len() > 1 {
            self.levels.pop();
        }
        self.word_start = false;
        self.top().opaque |= matches!(self.place(), Place::Bare(_));
    }
}

/// What stood before a character.
#[derive(Debug, Clone, Copy)]
struct Before {
    dollar: bool,
    opened: bool,
    operator: Option<char>,
    starts: bool,
}

/// Reserved words after which a command begins.
const BEFORE_COMMANDS: [&str; 15] = [
    "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac", "}", "!", "time", "coproc", "function",
];
