//! Why a text cannot be read, in the words of its author: looks at what stands around the furthest place the grammar
//! reached, from the most telling mistake to the least.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::grammar::Rule;
use super::keywords::DIRECTIVES;
use crate::diagnostic::{Diagnostic, SourceId, Span};
use crate::spelling::nearest;
use crate::words::continues_word;

/// Turns the furthest place the grammar reached into a diagnostic. `text` is the laid-out text.
pub fn explain(source: SourceId, text: &str, error: &Error<Rule>) -> Diagnostic {
    let reached = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let at = reached + text[reached..].len() - text[reached..].trim_start_matches([' ', '\t', '\x0B']).len();
    let place = Place { source, text, at };
    if let ErrorVariant::CustomError { .. } = error.variant {
        return place
            .error("this is nested too deeply to be read")
            .help("give its parts names, and put it together from them");
    }
    place
        .character()
        .or_else(|| place.indentation())
        .or_else(|| place.rule_head())
        .or_else(|| place.directive())
        .or_else(|| place.old_words())
        .or_else(|| place.colon())
        .or_else(|| place.equals())
        .or_else(|| place.comma())
        .unwrap_or_else(|| place.general(error))
}

struct Place<'a> {
    source: SourceId,
    text: &'a str,
    /// At the character that was not expected, or at the end of its line.
    at: usize,
}

impl<'a> Place<'a> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start..end)
    }

    /// An error at the word or character that was not expected.
    fn error(&self, message: impl Into<String>) -> Diagnostic {
        let rest = &self.text[self.at..];
        let word = rest.find(|c: char| !continues_word(c)).unwrap_or(rest.len());
        // At the end of a line an empty span: a caret under the line end would draw the next line in.
        let character = rest.chars().next().filter(|c| !c.is_whitespace()).map_or(0, char::len_utf8);
        let length = if word > 0 { word } else { character };
        Diagnostic::error(message).at(self.span(self.at, self.at + length), "")
    }

    fn line_start(&self) -> usize {
        self.text[..self.at].rfind(['\n', '\r']).map_or(0, |at| at + 1)
    }

    /// The whole line, of joined lines all.
    fn line(&self) -> &'a str {
        let rest = &self.text[self.line_start()..];
        &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())]
    }

    fn before(&self) -> &'a str {
        &self.text[self.line_start()..self.at]
    }

    fn after(&self) -> &'a str {
        &self.line()[self.at - self.line_start()..]
    }

    fn first_word(&self) -> &'a str {
        first_word(self.line())
    }

    /// Characters that word processors put in.
    fn character(&self) -> Option<Diagnostic> {
        let help = match self.text[self.at..].chars().next()? {
            '“' | '”' | '„' | '«' | '»' => "write straight quotes: \"",
            '‘' | '’' | '‚' | '‛' => "write straight quotes: '",
            '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{200b}' => "this is a special kind of blank; write an ordinary one",
            '–' | '—' | '−' => "write a plain minus: -",
            _ => return None,
        };
        Some(self.error("this character does not belong to the language").help(help))
    }

    fn indentation(&self) -> Option<Diagnostic> {
        if !self.before().trim().is_empty() || self.after().is_empty() {
            return None;
        }
        let indent = self.before().len();
        let lines = self.text[..self.line_start()].split(['\n', '\r']).filter(|line| !line.trim().is_empty());
        let mut open: Vec<&str> = Vec::new();
        let mut previous = "";
        for line in lines {
            while open.last().is_some_and(|outer| indent_of(outer) >= indent_of(line)) {
                open.pop();
            }
            open.push(line);
            previous = line;
        }
        if previous.is_empty() && indent > 0 {
            return Some(self.error("the first line is indented").help("begin it in the first column"));
        }
        let opens = previous.trim_end().ends_with(':');
        if opens && indent <= indent_of(previous) {
            let message = format!("expected an indented line after `{}`", previous.trim());
            return Some(self.error(message).help("indent what belongs to it by four blanks"));
        }
        if !opens && indent > indent_of(previous) {
            let error = self.error("this line is indented deeper than the one before, which does not open a block");
            return Some(error.help("give it the indentation of the line before"));
        }
        if indent < indent_of(previous) && !open.iter().any(|line| indent_of(line) == indent) {
            let error = self.error("the indentation of this line matches no line above it");
            return Some(error.help("give it the indentation of the block it belongs to"));
        }
        let word = self.first_word();
        if matches!(word, "else" | "elif" | "except" | "finally") {
            let opener = if matches!(word, "else" | "elif") { "if" } else { "try" };
            let error = self.error(format!("`{word}` has no `{opener}` before it at this indentation"));
            return Some(error.help(format!("give it the indentation of its `{opener}`")));
        }
        let owner = open.iter().rev().find(|line| indent_of(line) < indent).or(opens.then_some(&previous))?;
        let in_rule = matches!(first_word(owner), "rule" | "checkpoint" | "module" | "use");
        if in_rule { Some(self.not_a_directive()) } else { None }
    }

    /// A line in a rule that does not begin with a directive.
    fn not_a_directive(&self) -> Diagnostic {
        let word = self.first_word();
        let rest = self.line().trim_start()[word.len()..].trim_start();
        let near = nearest(word, DIRECTIVES.iter().copied()).filter(|_| !rest.starts_with(['(', '.', '[']));
        match near {
            Some(directive) if rest.starts_with('=') => {
                let error = self.error(format!("a directive is followed by a colon, not by `{}`", &rest[..1]));
                error.help(format!("write `{directive}:`"))
            }
            Some(directive) if word == directive => {
                let at = self.line_start() + self.line().len() - self.line().trim_start().len() + word.len();
                Diagnostic::error(format!("expected `:` after `{directive}`")).at(self.span(at, at), "")
            }
            Some(directive) => {
                self.error("expected a directive of the rule").help(format!("did you mean `{directive}:`?"))
            }
            None => self
                .error("expected a directive of the rule, such as `input:` or `shell:`")
                .help("Python belongs before the rule, or into its `run:`"),
        }
    }

    fn rule_head(&self) -> Option<Diagnostic> {
        let word = self.first_word();
        if !matches!(word, "rule" | "checkpoint" | "module") {
            return None;
        }
        let line = self.line();
        let start = self.line_start() + line.len() - line.trim_start().len() + word.len();
        let rest = line.trim_start()[word.len()..].trim_end();
        if rest.starts_with(['(', '.', '[']) || rest.trim_start().starts_with('=') {
            return None;
        }
        let (name, colon) = match rest.find(':') {
            Some(colon) => (rest[..colon].trim(), true),
            None => (rest.trim(), false),
        };
        let name_start = start + rest.len() - rest.trim_start().len();
        let name_span = self.span(name_start, name_start + name.len());
        let identifier = name.chars().all(continues_word) && !name.starts_with(|c: char| c.is_ascii_digit());
        if identifier && !colon {
            let end = self.span(start + rest.len(), start + rest.len());
            let what = if name.is_empty() { word.to_owned() } else { format!("{word} {name}") };
            return Some(Diagnostic::error(format!("expected `:` after `{what}`")).at(end, ""));
        }
        if identifier && !name.is_empty() && self.at <= name_start + name.len() {
            let error = Diagnostic::error(format!("`{name}` is a word of the language, and cannot name a {word}"));
            return Some(error.at(name_span, "").help("choose another name"));
        }
        if identifier {
            return None;
        }
        let mut better: String = name.chars().map(|c| if continues_word(c) { c } else { '_' }).collect();
        if better.starts_with(|c: char| c.is_ascii_digit()) {
            better.insert(0, '_');
        }
        let error =
            Diagnostic::error(format!("a {word} is named by a word of letters, digits and `_`")).at(name_span, "");
        Some(error.help(format!("write `{word} {better}:`")))
    }

    /// `input = "x"` and its like on the line of a directive.
    fn directive(&self) -> Option<Diagnostic> {
        let word = self.first_word();
        let opens = self.before().trim() == word && self.after().starts_with('=');
        (opens && DIRECTIVES.contains(&word) && !self.line().starts_with(word)).then(|| self.not_a_directive())
    }

    /// Words of older Pythons and Snakemakes.
    fn old_words(&self) -> Option<Diagnostic> {
        let word = self.first_word();
        let directly = self.before().trim() == word;
        match word {
            "print" if directly => {
                let error = self.error("expected `(` after `print`");
                Some(error.help(format!("write `print({})`", self.after().trim())))
            }
            "exec" if directly => Some(self.error("`exec` is not available in a Rulefile")),
            "subworkflow" if directly => {
                Some(self.error("`subworkflow` is no longer part of the language").help("use `module` or `include`"))
            }
            _ => None,
        }
    }

    /// A compound statement whose line ends before its colon.
    fn colon(&self) -> Option<Diagnostic> {
        const HEADS: &[&str] =
            &["if", "elif", "else", "for", "while", "def", "class", "with", "try", "except", "finally", "async"];
        let word = self.first_word();
        let line = self.line().trim_end();
        if HEADS.contains(&word) && matches!(self.after().trim(), "" | ")") && !line.ends_with(':') {
            let end = self.line_start() + line.len();
            let error = Diagnostic::error(format!("expected `:` at the end of the `{word}` line"));
            return Some(error.at(self.span(end, end), ""));
        }
        let words = HEADS.iter().copied().chain(["rule", "checkpoint", "module"]);
        let near = nearest(word, words).filter(|head| *head != word);
        let misspelt = near.filter(|_| self.before().trim() == word && line.ends_with(':'))?;
        Some(self.error("this was not expected").help(format!("did you mean `{misspelt}` instead of `{word}`?")))
    }

    fn equals(&self) -> Option<Diagnostic> {
        if !self.after().starts_with('=') {
            return None;
        }
        let error = self.error("`=` cannot stand here");
        match self.first_word() {
            "if" | "elif" | "while" | "assert" | "return" => Some(error.help("to compare, write `==`")),
            _ => None,
        }
    }

    /// Two values with nothing between them.
    fn comma(&self) -> Option<Diagnostic> {
        let ended = self.text[..self.at].trim_end_matches([' ', '\t', '\x0B']);
        let last = ended.chars().next_back()?;
        let next = self.after().chars().next()?;
        let two = (continues_word(last) || matches!(last, '"' | '\'' | ')' | ']' | '}'))
            && (continues_word(next) || matches!(next, '"' | '\'' | '(' | '[' | '{' | '*'));
        let last_word = ended.rsplit(|c: char| !continues_word(c)).next().unwrap_or_default();
        let operator = matches!(last_word, "in" | "not" | "and" | "or" | "is" | "if" | "else" | "lambda" | "for");
        if !two || operator {
            return None;
        }
        let between = self.span(ended.len(), ended.len());
        if self.is_in_values(ended) {
            let error = Diagnostic::error("expected a comma between these two values").at(between, "");
            return Some(error.help("separate values with `,`; only string literals may follow each other"));
        }
        let error = self.error("expected an operator, or the end of the line, before this");
        Some(error.help("put one statement on a line"))
    }

    /// Inside brackets, or among the values of a directive.
    fn is_in_values(&self, until_here: &str) -> bool {
        let line = &until_here[self.line_start().min(until_here.len())..];
        let depth = line.chars().fold(0_i32, |depth, c| match c {
            '(' | '[' | '{' => depth + 1,
            ')' | ']' | '}' => depth - 1,
            _ => depth,
        });
        let word = self.first_word();
        let directive = self.line().trim_start()[word.len()..].trim_start().starts_with(':');
        depth > 0 || (directive && !matches!(word, "else" | "try" | "finally" | "run"))
    }

    fn general(&self, error: &Error<Rule>) -> Diagnostic {
        let value_expected = matches!(&error.variant, ErrorVariant::ParsingError { positives, .. }
            if positives.iter().any(|rule| matches!(rule, Rule::primary | Rule::identifier | Rule::number | Rule::expression)));
        let found = match self.after().trim_end().chars().next() {
            None if self.at >= self.text.len() => "the end of the file".to_owned(),
            None => "the end of the line".to_owned(),
            Some(c) if continues_word(c) => {
                format!("`{}`", self.after().split(|c| !continues_word(c)).next().unwrap_or_default())
            }
            Some(c) => format!("`{c}`"),
        };
        if value_expected {
            return self.error(format!("expected a value, and found {found}"));
        }
        let error = self.error(format!("{found} was not expected here"));
        let of_directive = DIRECTIVES.iter().any(|word| self.before().trim_start().starts_with(&format!("{word}:")));
        if of_directive { error.help("a path or a text stands in quotes: \"…\"") } else { error }
    }
}

fn first_word(line: &str) -> &str {
    let line = line.trim_start();
    &line[..line.find(|c| !continues_word(c)).unwrap_or(line.len())]
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}
