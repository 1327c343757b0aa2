//! What an action is: one record with its name, parameters, manual and function, from which come the check of arguments,
//! `flow --actions` and the manual pages. Knows no single action's work and no Starlark.

use super::actions;
use super::call::{Answer, Call};
use super::failure::Failure;
use crate::spelling::nearest;

/// One built-in action.
pub struct Action {
    pub name: &'static str,
    pub group: Group,
    /// One line: what comes out.
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    /// Shapes, units, NaN, errors: paragraphs, one a line.
    pub manual: &'static str,
    /// The function of another package that it agrees with, or the paper.
    pub reference: &'static str,
    pub run: fn(&Call<'_, '_>) -> Result<Answer, Failure>,
}

/// The groups, in the order of the listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Files,
    Filters,
    Geometry,
    Numbers,
    Ccd,
    Headers,
    Pixels,
    Looking,
    Composing,
    Making,
    Text,
}

impl Group {
    pub const ALL: [Group; 11] = [
        Group::Files,
        Group::Filters,
        Group::Geometry,
        Group::Numbers,
        Group::Ccd,
        Group::Headers,
        Group::Pixels,
        Group::Looking,
        Group::Composing,
        Group::Making,
        Group::Text,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Group::Files => "files",
            Group::Filters => "filters",
            Group::Geometry => "geometry",
            Group::Numbers => "numbers",
            Group::Ccd => "CCD",
            Group::Headers => "headers",
            Group::Pixels => "pixel by pixel",
            Group::Looking => "looking",
            Group::Composing => "composing",
            Group::Making => "making",
            Group::Text => "text",
        }
    }
}

/// A parameter of an action.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub default: Default,
    pub doc: &'static str,
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An image, or the path of one, which is then read.
    Image,
    /// A list of those.
    Images,
    /// The same, not read before the action asks for them.
    Frames,
    /// One of these, read when it is known at what size it is wanted.
    Picture,
    /// An image, the path of one, or a number.
    Operand,
    /// An image, the path of one, or a nested list of numbers.
    Kernel,
    /// The path of a file to read.
    Path,
    /// A list of paths to read.
    Paths,
    /// The path of a file to write.
    Output,
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    Texts,
    Bool,
    Int,
    Number,
    /// One number, or a pair (rows, columns).
    Numbers,
    /// One number, or a pair (low, high).
    Bounds,
    /// One integer, or a pair (rows, columns).
    Size,
    /// What is given by names that are no parameters: `OBJECT="M13"`.
    Cards,
    /// Whatever plain data there is.
    Data,
}

impl Kind {
    /// What to say that it takes.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Image | Kind::Picture => "an image or its path",
            Kind::Images | Kind::Frames => "a list of images or paths",
            Kind::Operand => "an image, its path, or a number",
            Kind::Kernel => "an image, its path, or a list of rows of numbers",
            Kind::Path => "a path",
            Kind::Paths => "a list of paths",
            Kind::Output => "a path to write to",
            Kind::Text | Kind::Word(_) => "a text",
            Kind::Texts => "a list of texts",
            Kind::Bool => "True or False",
            Kind::Int => "an integer",
            Kind::Number => "a number",
            Kind::Numbers => "a number or a pair of them (rows, columns)",
            Kind::Bounds => "a number or a pair of them (low, high)",
            Kind::Cards => "values by keyword",
            Kind::Size => "an integer or a pair of them (rows, columns)",
            Kind::Data => "plain data",
        }
    }
}

/// What stands for an argument that is not given.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// It must be given.
    Required,
    /// The action does without.
    Absent,
    Number(f64),
    Int(i64),
    Bool(bool),
    Text(&'static str),
}

impl std::fmt::Display for Default {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Default::Required => Ok(()),
            Default::Absent => f.write_str("None"),
            Default::Number(value) => write!(f, "{value:?}"),
            Default::Int(value) => write!(f, "{value}"),
            Default::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Default::Text(value) => write!(f, "{value:?}"),
        }
    }
}

/// A parameter that must be given.
pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Parameter {
    Parameter { name, kind, default: Default::Required, doc }
}

/// A parameter that an action does without.
pub const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Parameter {
    Parameter { name, kind, default: Default::Absent, doc }
}

/// A parameter with a default.
pub const fn with(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Parameter {
    Parameter { name, kind, default, doc }
}

/// The image that most actions work on.
pub const IMAGE: Parameter = required("image", Kind::Image, "What to work on.");

/// The same, for actions that make it smaller.
pub const PICTURE: Parameter = required("image", Kind::Picture, "What to work on.");

/// Where most actions that give an image also write it.
pub const OUTPUT: Parameter = optional("output", Kind::Output, "Where to write the result as well, by its suffix.");

/// The pixel types by name.
pub const DTYPES: Kind = Kind::Word(&["uint8", "uint16", "int16", "int32", "int64", "float32", "float64"]);

/// The pixel type of a result.
pub const DTYPE: Parameter = optional(
    "dtype",
    DTYPES,
    "Pixel type of the result (\"uint8\", \"uint16\", \"int16\", \"int32\", \"int64\", \"float32\", \"float64\"); as computed \
     without it. Going to integers rounds half to even and saturates.",
);

impl Action {
    /// The place of a parameter.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|parameter| parameter.name == name)
    }

    /// As one writes it: `gaussian(image, output=None, sigma, mode="nearest")`.
    pub fn signature(&self) -> String {
        let parameter = |parameter: &Parameter| match parameter.default {
            _ if parameter.kind == Kind::Cards => format!("**{}", parameter.name),
            Default::Required => parameter.name.to_owned(),
            default => format!("{}={default}", parameter.name),
        };
        let parameters: Vec<String> = self.parameters.iter().map(parameter).collect();
        format!("{}({})", self.name, parameters.join(", "))
    }

    /// What is wrong with a call of so many positional arguments and these named ones, with their texts where these are
    /// written out, as far as it can be told from its form: the place among the named ones, if it is one of those, and the words for it.
    pub fn misuse(&self, positional: usize, named: &[(&str, Option<&str>)]) -> Option<(Option<usize>, String)> {
        let name = self.name;
        let takes_any = self.parameters.iter().any(|parameter| parameter.kind == Kind::Cards);
        if let Some(at) = named.iter().position(|(named, _)| !takes_any && self.position(named).is_none()) {
            let wrong = named[at].0;
            let near = nearest(wrong, self.parameters.iter().map(|parameter| parameter.name));
            let near = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            return Some((Some(at), format!("{name}() has no parameter `{wrong}`{near}")));
        }
        for (at, (named, text)) in named.iter().enumerate() {
            if let Some(Kind::Word(words)) = self.position(named).map(|place| self.parameters[place].kind)
                && let Some(text) = text.filter(|text| !words.contains(text))
            {
                let message = format!("{name}() knows no {named} \"{text}\"; one of {}", words.join(", "));
                return Some((Some(at), message));
            }
        }
        if positional > self.parameters.len() {
            let most = self.parameters.len();
            let arguments = if most == 1 { "argument" } else { "arguments" };
            return Some((None, format!("{name}() takes at most {most} {arguments}, and here are {positional}")));
        }
        // An output that may be left out makes way for what cannot be a path.
        let mut reached = positional;
        for (at, parameter) in self.parameters.iter().enumerate() {
            let may_be_skipped = parameter.kind == Kind::Output && matches!(parameter.default, Default::Absent);
            reached += usize::from(may_be_skipped && at < reached);
            if at >= reached
                && matches!(parameter.default, Default::Required)
                && !named.iter().any(|(named, _)| *named == parameter.name)
            {
                return Some((None, format!("{name}() needs {}: {}", parameter.name, parameter.kind.words())));
            }
        }
        None
    }

    fn manual_page(&self) -> String {
        let mut out = format!("{}\n\n", wrapped(&self.signature(), "", "    "));
        out += &wrapped(self.summary, "", "");
        out.push_str("\n\n");
        for parameter in self.parameters {
            let takes = format!("{}: {}. {}", parameter.name, parameter.kind.words(), parameter.doc);
            out += &wrapped(&takes, "    ", "        ");
            out.push('\n');
        }
        for paragraph in self.manual.lines() {
            out.push('\n');
            out += &wrapped(paragraph, "", "");
            out.push('\n');
        }
        if !self.reference.is_empty() {
            out.push('\n');
            out += &wrapped(&format!("Reference: {}", self.reference), "", "");
            out.push('\n');
        }
        out
    }
}

/// All actions, in the order of the listing.
pub fn all() -> impl Iterator<Item = &'static Action> {
    actions::ALL.iter().flat_map(|group| group.iter())
}

/// The action of that name.
pub fn find(name: &str) -> Option<&'static Action> {
    all().find(|action| action.name == name)
}

/// All names, for "did you mean".
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|action| action.name)
}

/// The listing of `flow --actions`: the actions by group, one a line.
pub fn listing() -> String {
    let width = names().map(str::len).max().unwrap_or(0);
    let mut out = String::new();
    for group in Group::ALL {
        let mut lines = all().filter(|action| action.group == group).peekable();
        if lines.peek().is_none() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        out += &format!("{}\n", group.title());
        for action in lines {
            out += &format!("  {:<width$}  {}\n", action.name, action.summary);
        }
    }
    out
}

/// The manual page of `flow --actions NAME`.
pub fn manual(name: &str) -> Option<String> {
    find(name).map(Action::manual_page)
}

/// Columns of a manual page.
const PAGE: usize = 96;

/// The words on lines of at most [`PAGE`] columns.
fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let mut out = String::from(first);
    let mut column = first.len();
    let mut is_start = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !is_start && column + 1 + length > PAGE {
            out.push('\n');
            out.push_str(rest);
            column = rest.len();
        } else if !is_start {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        is_start = false;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_a_whole_manual() {
        for action in all() {
            assert!(!action.summary.is_empty() && action.summary.len() < 110, "{}", action.name);
            assert!(!action.manual.is_empty(), "{}", action.name);
            let page = manual(action.name).unwrap();
            assert!(page.lines().all(|line| line.chars().count() <= PAGE), "{page}");
            for parameter in action.parameters {
                assert!(parameter.doc.ends_with('.'), "{}: {}", action.name, parameter.name);
                assert!(page.contains(&format!("    {}: ", parameter.name)), "{page}");
            }
        }
    }

    #[test]
    fn names_are_told_once() {
        let mut names: Vec<_> = names().collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        for action in all() {
            let mut names: Vec<_> = action.parameters.iter().map(|parameter| parameter.name).collect();
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{}", action.name);
        }
    }

    #[test]
    fn every_group_is_listed() {
        let listing = listing();
        assert!(Group::ALL.iter().all(|group| listing.contains(group.title())), "{listing}");
        assert!(names().all(|name| listing.contains(&format!("  {name} "))), "{listing}");
    }

    #[test]
    fn close_names_are_found() {
        assert_eq!(nearest("gausian", names()), Some("gaussian"));
        assert_eq!(nearest("sigmas", ["sigma", "mode"].into_iter()), Some("sigma"));
        assert_eq!(nearest("xyz", names()), None);
    }
}
