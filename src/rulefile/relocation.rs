//! Where paths go: `pathvars` (`<results>` in a path) and the prefixes that a `module` gives to all that it reads and
//! writes. A path as it is written in, the path that is meant out. Knows neither rules nor the disk.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::rule::{Argument, Expr};
use crate::value::Value;

/// The variables that every workflow has, which stand for folders of their own names.
const STANDARD: [&str; 7] = ["results", "stats", "reports", "temp", "resources", "logs", "benchmarks"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelocationError {
    #[error("`<{name}>` in the path {path:?} is no path variable")]
    Undefined { name: String, path: String },
    #[error("the path variables {} refer to one another in a circle", .0.join(", "))]
    Cycle(Vec<String>),
    #[error("`{0}` is no name for a path variable")]
    Name(String),
    #[error("more than one prefix of replace_prefix fits the path {path:?}: {}", .prefixes.join(", "))]
    Ambiguous { path: String, prefixes: Vec<String> },
}

/// Who gives a path variable its value. What comes first here wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Rule,
    /// `pathvars:` of a `module` statement, or in the configuration that it gives.
    Module,
    Config,
    File,
    Standard,
}

/// Path variables with their values, as one place in a workflow sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct PathVars(BTreeMap<String, (String, Level)>);

impl Default for PathVars {
    fn default() -> Self {
        PathVars(STANDARD.iter().map(|&name| (name.to_owned(), (name.to_owned(), Level::Standard))).collect())
    }
}

impl PathVars {
    /// Adds variables; one that has a value from a stronger level keeps it.
    ///
    /// # Errors
    /// A name that cannot stand in a path; variables that refer to one another in a circle.
    pub fn add<'n>(
        &mut self,
        level: Level,
        items: impl IntoIterator<Item = (&'n str, &'n str)>,
    ) -> Result<(), RelocationError> {
        for (name, value) in items {
            if !is_name(name) {
                return Err(RelocationError::Name(name.to_owned()));
            }
            if self.0.get(name).is_none_or(|(_, known)| level <= *known) {
                self.0.insert(name.to_owned(), (value.to_owned(), level));
            }
        }
        let mut settled = BTreeSet::new();
        self.0.keys().try_for_each(|name| self.check(name, &mut Vec::new(), &mut settled))
    }

    fn check<'v>(
        &'v self,
        name: &'v str,
        way: &mut Vec<&'v str>,
        settled: &mut BTreeSet<&'v str>,
    ) -> Result<(), RelocationError> {
        if settled.contains(name) {
            return Ok(());
        }
        if let Some(start) = way.iter().position(|known| *known == name) {
            return Err(RelocationError::Cycle(way[start..].iter().map(|&name| name.to_owned()).collect()));
        }
        let Some((value, _)) = self.0.get(name) else { return Ok(()) };
        way.push(name);
        for (_, inner) in variables(value) {
            self.check(inner, way, settled)?;
        }
        way.pop();
        settled.insert(name);
        Ok(())
    }

    /// A path with its variables filled in, and those in their values.
    fn fill<'p>(&self, path: &'p str) -> Result<Cow<'p, str>, RelocationError> {
        if !path.contains('<') || variables(path).next().is_none() {
            return Ok(Cow::Borrowed(path));
        }
        let mut out = String::new();
        let mut rest = 0;
        for (at, name) in variables(path) {
            let undefined = || RelocationError::Undefined { name: name.to_owned(), path: path.to_owned() };
            let (value, _) = self.0.get(name).ok_or_else(undefined)?;
            out.push_str(&path[rest..at]);
            // Variables were checked for circles when they were added.
            out.push_str(&self.fill(value)?);
            rest = at + name.len() + 2;
        }
        out.push_str(&path[rest..]);
        Ok(Cow::Owned(out))
    }

    /// The names, for "did you mean".
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Where variables stand in a path, and their names. A named group of a wildcard's constraint, `(?P<name>…)`, is none.
fn variables(path: &str) -> impl Iterator<Item = (usize, &str)> {
    path.match_indices('<').filter_map(|(at, _)| {
        let name = &path[at + 1..];
        let name = &name[..name.find('>')?];
        let is_group = path[..at].ends_with("(?P") || path[..at].ends_with("(?");
        (is_name(name) && !is_group).then_some((at, name))
    })
}

/// What a module does with the paths of its rules.
#[derive(Debug, Clone, PartialEq)]
pub enum Prefix {
    /// Ends with a slash.
    Add(String),
    /// The beginning of a path, and what is put in its place.
    Replace(Vec<(String, String)>),
}

impl Prefix {
    fn apply<'p>(&self, path: Cow<'p, str>) -> Result<Cow<'p, str>, RelocationError> {
        // What lies outside of the working directory is where it is.
        if path.starts_with('/') || path.starts_with("..") {
            return Ok(path);
        }
        match self {
            Prefix::Add(prefix) => Ok(Cow::Owned(format!("{prefix}{path}"))),
            Prefix::Replace(pairs) => {
                let fitting: Vec<_> = pairs.iter().filter(|(prefix, _)| path.starts_with(prefix.as_str())).collect();
                match fitting.as_slice() {
                    [] => Ok(path),
                    [(prefix, instead)] => Ok(Cow::Owned(format!("{instead}{}", &path[prefix.len()..]))),
                    several => Err(RelocationError::Ambiguous {
                        path: path.into_owned(),
                        prefixes: several.iter().map(|(prefix, _)| prefix.clone()).collect(),
                    }),
                }
            }
        }
    }
}

/// Where the paths of one directive go.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Relocation {
    /// Of the module that the directive is written in, then of those around it.
    pub prefixes: Vec<Prefix>,
    pub pathvars: PathVars,
}

impl Relocation {
    /// The path that is meant. One that is `settled` has its prefixes already.
    ///
    /// # Errors
    /// [`RelocationError`] for a variable without a value, and for prefixes of which more than one fits.
    pub fn path<'p>(&self, path: &'p str, settled: bool) -> Result<Cow<'p, str>, RelocationError> {
        let mut moved = Cow::Borrowed(path);
        if !settled {
            for prefix in &self.prefixes {
                moved = prefix.apply(moved)?;
            }
        }
        Ok(match moved {
            Cow::Borrowed(path) => self.pathvars.fill(path)?,
            Cow::Owned(path) => Cow::Owned(self.pathvars.fill(&path)?.into_owned()),
        })
    }

    /// Whether anything in the expression is to be moved.
    pub fn concerns(&self, expr: &Expr) -> bool {
        !self.prefixes.is_empty() || mentions_variable(expr)
    }

    /// Moves all paths in an expression that are known; what functions give is moved when they are called.
    ///
    /// # Errors
    /// As [`Relocation::path`].
    pub fn settle(&self, expr: &mut Expr) -> Result<(), RelocationError> {
        self.walk(expr, false)
    }

    fn walk(&self, expr: &mut Expr, settled: bool) -> Result<(), RelocationError> {
        match expr {
            Expr::Value(value) => self.value(value, settled),
            Expr::Flagged(inner, flags) => self.walk(inner, settled || flags.settled || flags.local),
            Expr::Unpack(inner) => self.walk(inner, settled),
            Expr::List(items) => items.iter_mut().try_for_each(|item| self.walk(item, settled)),
            Expr::Dict(entries) => entries.iter_mut().try_for_each(|(_, entry)| self.walk(entry, settled)),
            Expr::Function(_) | Expr::Later(_) => Ok(()),
        }
    }

    fn value(&self, value: &mut Value, settled: bool) -> Result<(), RelocationError> {
        match value {
            Value::Str(text) => {
                if let Cow::Owned(moved) = self.path(text, settled)? {
                    *text = moved;
                }
                Ok(())
            }
            Value::List(items) => items.iter_mut().try_for_each(|item| self.value(item, settled)),
            Value::Dict(dict) => dict.values_mut().try_for_each(|item| self.value(item, settled)),
            _ => Ok(()),
        }
    }

    /// The arguments of a directive for paths, each moved as far as it is known; those that a function has a say in are
    /// left as they are, for [`Relocation::settle`] when it has been called.
    ///
    /// # Errors
    /// [`RelocationError`], with the place of the argument among the others.
    pub fn arguments(&self, arguments: &[Argument]) -> Result<Option<Vec<Argument>>, (usize, RelocationError)> {
        if !arguments.iter().any(|argument| self.concerns(&argument.expr)) {
            return Ok(None);
        }
        let mut out = arguments.to_vec();
        for (at, argument) in out.iter_mut().enumerate() {
            if !argument.expr.is_computed() {
                self.settle(&mut argument.expr).map_err(|error| (at, error))?;
            }
        }
        Ok(Some(out))
    }
}

fn mentions_variable(expr: &Expr) -> bool {
    fn value(v: &Value) -> bool {
        match v {
            Value::Str(text) => text.contains('<') && variables(text).next().is_some(),
            Value::List(items) => items.iter().any(value),
            Value::Dict(dict) => dict.iter().any(|(_, item)| value(item)),
            _ => false,
        }
    }
    match expr {
        Expr::Value(v) => value(v),
        Expr::Flagged(inner, _) | Expr::Unpack(inner) => mentions_variable(inner),
        Expr::List(items) => items.iter().any(mentions_variable),
        Expr::Dict(entries) => entries.iter().any(|(_, item)| mentions_variable(item)),
        Expr::Function(_) | Expr::Later(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(items: &[(&str, &str)]) -> Result<PathVars, RelocationError> {
        let mut vars = PathVars::default();
        vars.add(Level::File, items.iter().copied())?;
        Ok(vars)
    }

    #[test]
    fn variables_are_filled_in_and_in_their_values() {
        let pathvars = vars(&[("results", "out/<per>"), ("per", "{sample}")]).unwrap();
        let here = Relocation { pathvars, ..Relocation::default() };
        assert_eq!(here.path("<results>/<logs>/a.txt", false).unwrap(), "out/{sample}/logs/a.txt");
        assert_eq!(here.path("a<b", false).unwrap(), "a<b");
        assert_eq!(here.path("{x,(?P<y>a)}", false).unwrap(), "{x,(?P<y>a)}");
        assert!(matches!(here.path("<nobody>/a", false), Err(RelocationError::Undefined { .. })));
    }

    #[test]
    fn circles_are_found_and_stronger_levels_win() {
        assert_eq!(vars(&[("a", "x/<b>"), ("b", "<a>")]), Err(RelocationError::Cycle(vec!["a".into(), "b".into()])));
        let mut pathvars = vars(&[]).unwrap();
        pathvars.add(Level::Module, [("results", "of/module")]).unwrap();
        pathvars.add(Level::File, [("results", "of/file")]).unwrap();
        let here = Relocation { pathvars, ..Relocation::default() };
        assert_eq!(here.path("<results>", false).unwrap(), "of/module");
    }

    #[test]
    fn prefixes_leave_what_lies_outside() {
        let prefixes = vec![Prefix::Add("b-".into()), Prefix::Replace(vec![("b-A/".into(), String::new())])];
        let here = Relocation { prefixes, ..Relocation::default() };
        assert_eq!(here.path("A/foo.txt", false).unwrap(), "foo.txt");
        assert_eq!(here.path("/data/x", false).unwrap(), "/data/x");
        assert_eq!(here.path("../x", false).unwrap(), "../x");
        assert_eq!(here.path("A/foo.txt", true).unwrap(), "A/foo.txt");
    }
}
