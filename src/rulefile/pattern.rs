//! File patterns: a path with wildcards, `{name}` or `{name,regex}`. Made from text once a rule; matched against paths
//! and filled with values for every job. Knows nothing of rules or the disk.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A pattern in pieces. Wildcards are numbered by the caller's list of names, so that a job keeps only values. A rule may list
/// a million paths: one without wildcards is its text and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    text: Box<str>,
    parts: Option<Box<Parts>>,
}

/// What the text of a pattern with wildcards is made of.
#[derive(Debug, Clone, Default, PartialEq)]
struct Parts {
    pieces: Vec<Piece>,
    names: Vec<String>,
    constraints: Vec<Option<String>>,
    matcher: Option<Matcher>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    /// Place in `names`.
    Wildcard(usize),
}

/// How a path is taken apart.
#[derive(Debug, Clone)]
enum Matcher {
    /// One wildcard without a constraint: what is between prefix and suffix.
    Between,
    Linear(regex::Regex),
    /// Look-around or back references.
    Backtracking(fancy_regex::Regex),
}

impl PartialEq for Matcher {
    /// A matcher follows from the pattern's text and constraints, which are compared already.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PatternError {
    #[error("the constraint `{constraint}` of wildcard `{name}` is no regular expression: {reason}")]
    Constraint { name: String, constraint: String, reason: String },
    #[error("wildcard `{name}` has two constraints, `{first}` and `{second}`")]
    TwoConstraints { name: String, first: String, second: String },
    #[error("no value for wildcard `{0}`")]
    NoValue(String),
}

impl Pattern {
    /// Takes a path with wildcards apart. Braces that hold no wildcard (`{}`, `{a b}`) are plain text.
    ///
    /// # Errors
    /// [`PatternError::TwoConstraints`] if one wildcard has two different constraints.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parts = Parts::default();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            literal.push_str(&rest[..open]);
            let Some((name, constraint, length)) = wildcard(&rest[open..]) else {
                literal.push('{');
                rest = &rest[open + 1..];
                continue;
            };
            if !literal.is_empty() {
                parts.pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            let at = parts.wildcard_index(name, constraint)?;
            parts.pieces.push(Piece::Wildcard(at));
            rest = &rest[open + length..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.pieces.push(Piece::Literal(literal));
        }
        let has_wildcards = !parts.names.is_empty();
        Ok(Pattern { text: text.into(), parts: has_wildcards.then(|| Box::new(parts)) })
    }

    /// Makes the pattern ready to match. `constraint` gives what the rule or the file says of a wildcard that the
    /// pattern itself does not constrain.
    ///
    /// # Errors
    /// [`PatternError::Constraint`] if a constraint is no regular expression.
    pub fn compile(&mut self, constraint: impl Fn(&str) -> Option<String>) -> Result<(), PatternError> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        for (name, slot) in parts.names.iter().zip(&mut parts.constraints) {
            if slot.is_none() {
                *slot = constraint(name);
            }
        }
        let wildcards = parts.pieces.iter().filter(|piece| matches!(piece, Piece::Wildcard(_))).count();
        parts.matcher = match wildcards {
            1 if parts.constraints[0].is_none() => Some(Matcher::Between),
            _ => Some(parts.regex()?),
        };
        Ok(())
    }

    /// The values of the wildcards, in the order of [`names`](Self::names), if the path is one of this pattern's.
    pub fn match_path<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        let Some(parts) = &self.parts else { return (*path == *self.text).then(Vec::new) };
        match parts.matcher.as_ref()? {
            Matcher::Between => {
                let middle = path.strip_prefix(self.prefix())?.strip_suffix(self.suffix())?;
                (!middle.is_empty()).then(|| vec![middle])
            }
            Matcher::Linear(regex) => {
                let captures = regex.captures(path)?;
                // A constraint may hold groups of its own, so ours are found by name.
                (0..parts.names.len()).map(|at| Some(captures.name(&format!("__flow_{at}"))?.as_str())).collect()
            }
            Matcher::Backtracking(regex) => {
                // Backtracking may give up on a hostile pattern; then the path does not match.
                let captures = regex.captures(path).ok().flatten()?;
                (0..parts.names.len()).map(|at| Some(captures.name(&format!("__flow_{at}"))?.as_str())).collect()
            }
        }
    }

    /// The pattern with its wildcards replaced by what `value` gives for each name.
    ///
    /// # Errors
    /// [`PatternError::NoValue`] for a name without a value.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Result<Cow<'_, str>, PatternError> {
        let Some(parts) = &self.parts else { return Ok(Cow::Borrowed(&self.text)) };
        let mut out = String::with_capacity(self.text.len() + 16);
        for piece in &parts.pieces {
            match piece {
                Piece::Literal(text) => out.push_str(text),
                Piece::Wildcard(at) => {
                    let name = &parts.names[*at];
                    out.push_str(value(name).ok_or_else(|| PatternError::NoValue(name.clone()))?);
                }
            }
        }
        Ok(Cow::Owned(out))
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of its wildcards, in the order in which they first appear.
    pub fn names(&self) -> &[String] {
        self.parts.as_ref().map_or(&[], |parts| &parts.names)
    }

    pub fn has_wildcards(&self) -> bool {
        self.parts.is_some()
    }

    /// The plain text before the first wildcard.
    pub fn prefix(&self) -> &str {
        let Some(parts) = &self.parts else { return &self.text };
        match parts.pieces.first() {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }

    /// The plain text after the last wildcard; empty for a pattern without wildcards.
    pub fn suffix(&self) -> &str {
        match self.parts.as_ref().and_then(|parts| parts.pieces.last()) {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }
}

impl Parts {
    fn wildcard_index(&mut self, name: &str, constraint: Option<&str>) -> Result<usize, PatternError> {
        let Some(at) = self.names.iter().position(|n| n == name) else {
            self.names.push(name.to_owned());
            self.constraints.push(constraint.map(str::to_owned));
            return Ok(self.names.len() - 1);
        };
        match (&mut self.constraints[at], constraint) {
            (Some(first), Some(second)) if first != second => Err(PatternError::TwoConstraints {
                name: name.to_owned(),
                first: first.clone(),
                second: second.to_owned(),
            }),
            (slot @ None, Some(second)) => {
                *slot = Some(second.to_owned());
                Ok(at)
            }
            _ => Ok(at),
        }
    }

    fn regex(&self) -> Result<Matcher, PatternError> {
        for (name, constraint) in self.names.iter().zip(&self.constraints) {
            if let Some(constraint) = constraint
                && let Err(error) = fancy_regex::Regex::new(&python_regex(constraint))
            {
                let reason = error.to_string();
                return Err(PatternError::Constraint { name: name.clone(), constraint: constraint.clone(), reason });
            }
        }
        let mut expression = String::from("^");
        let mut seen = vec![false; self.names.len()];
        let mut twice = false;
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => expression.push_str(&regex::escape(text)),
                Piece::Wildcard(at) if seen[*at] => {
                    twice = true;
                    let _ = write!(expression, "(?P=__flow_{at})");
                }
                Piece::Wildcard(at) => {
                    seen[*at] = true;
                    // A name may hold a newline; Python's `.` would not match it, and the file could never be made.
                    let inner = self.constraints[*at].as_deref().map_or(Cow::Borrowed("(?s:.+)"), python_regex);
                    let _ = write!(expression, "(?P<__flow_{at}>{inner})");
                }
            }
        }
        expression.push_str(r"\z");
        if !twice && let Ok(regex) = regex::Regex::new(&expression) {
            return Ok(Matcher::Linear(regex));
        }
        fancy_regex::Regex::new(&expression).map(Matcher::Backtracking).map_err(|error| PatternError::Constraint {
            name: self.names.first().cloned().unwrap_or_default(),
            constraint: expression,
            reason: error.to_string(),
        })
    }
}

/// The wildcard at the start of `text`: name, constraint, and its length in bytes. The syntax is Snakemake's: a name
/// of word characters, and after a comma a regular expression whose braces nest one level, as in `{id,[a-z]{3,5}}`.
fn wildcard(text: &str) -> Option<(&str, Option<&str>, usize)> {
    let inner = text.strip_prefix('{')?;
    let start = inner.len() - inner.trim_start().len();
    let name_end =
        start + inner[start..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(inner.len() - start);
    let name = &inner[start..name_end];
    if name.is_empty() {
        return None;
    }
    let after = inner[name_end..].trim_start();
    let offset = inner.len() - after.len();
    if after.starts_with('}') {
        return Some((name, None, 1 + offset + 1));
    }
    let constraint = after.strip_prefix(',')?;
    let mut depth = 0;
    for (at, c) in constraint.char_indices() {
        match c {
            '{' if depth == 0 => depth = 1,
            '}' if depth == 1 => depth = 0,
            '}' => {
                let length = 1 + offset + 1 + at + 1;
                return Some((name, Some(constraint[..at].trim()), length));
            }
            '{' => return None,
            _ => {}
        }
    }
    None
}

/// Python's spelling of the few regular expression constructs that Rust spells otherwise.
pub fn python_regex(text: &str) -> Cow<'_, str> {
    if text.contains(r"\Z") { Cow::Owned(text.replace(r"\Z", r"\z")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> Option<Vec<String>> {
        let mut pattern = Pattern::parse(pattern).unwrap();
        pattern.compile(|_| None).unwrap();
        Some(pattern.match_path(path)?.into_iter().map(str::to_owned).collect())
    }

    fn found(values: &[&str]) -> Option<Vec<String>> {
        Some(values.iter().map(|&v| v.to_owned()).collect())
    }

    #[test]
    fn wildcards_take_what_python_takes() {
        assert_eq!(matches("a/{x}.txt", "a/b/c.txt"), found(&["b/c"]));
        assert_eq!(matches("a/{x}.txt", "a/.txt"), None);
        assert_eq!(matches("{a}_{b}.txt", "x_y_z.txt"), found(&["x_y", "z"]));
        assert_eq!(matches("{a,[^_]+}_{b}.txt", "x_y_z.txt"), found(&["x", "y_z"]));
        assert_eq!(matches("{a}/{a}.txt", "x/x.txt"), found(&["x"]));
        assert_eq!(matches("{a}/{a}.txt", "x/y.txt"), None);
        assert_eq!(matches(r"{n,\d{3}}.fits", "0123.fits"), None);
        assert_eq!(matches(r"{n,\d{3}}.fits", "123.fits"), found(&["123"]));
        assert_eq!(matches(r"{n,(?!raw).*}.fits", "rawx.fits"), None);
        assert_eq!(matches(r"{n,(a|b)+}-{m}", "ab-c"), found(&["ab", "c"]));
        assert_eq!(matches("plain.txt", "plain.txt"), found(&[]));
        assert_eq!(matches("{x}", "with\nnewline"), found(&["with\nnewline"]));
        assert_eq!(matches("{ x }.a{}", "b.a{}"), found(&["b"]));
    }

    #[test]
    fn overlapping_prefix_and_suffix_do_not_match() {
        assert_eq!(matches("ab{x}ba", "aba"), None);
    }

    #[test]
    fn filling_gives_the_path_back() {
        let pattern = Pattern::parse(r"d/{a}-{b,\d+}/{a}").unwrap();
        let value = |name: &str| if name == "a" { Some("x") } else { Some("7") };
        assert_eq!(pattern.fill(value).unwrap(), "d/x-7/x");
        assert_eq!(pattern.fill(|_| None), Err(PatternError::NoValue("a".into())));
        assert_eq!((pattern.prefix(), pattern.suffix()), ("d/", ""));
    }

    #[test]
    fn a_bad_constraint_is_an_error() {
        let mut pattern = Pattern::parse("{a,(}").unwrap();
        assert!(matches!(pattern.compile(|_| None), Err(PatternError::Constraint { .. })));
        assert!(matches!(Pattern::parse("{a,x}{a,y}"), Err(PatternError::TwoConstraints { .. })));
    }
}
