//! Python's regular expressions in `fancy_regex`'s syntax: the few spellings that differ are rewritten, the engine does
//! the rest (look-around, back references, Unicode classes). Compiled patterns are kept per thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use fancy_regex::Regex;

/// Where a match must lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Anchor {
    Anywhere,
    Start,
    Both,
}

pub const IGNORECASE: i32 = 2;
pub const MULTILINE: i32 = 8;
pub const DOTALL: i32 = 16;
pub const VERBOSE: i32 = 64;

/// So many patterns are kept; a file that makes more of them from data pays for compiling.
const KEPT: usize = 256;

type Cache = HashMap<(String, i32, Anchor), Rc<Regex>>;

thread_local! {
    static COMPILED: RefCell<Cache> = RefCell::default();
}

/// The compiled pattern; the error is the engine's, with the pattern.
pub fn compiled(pattern: &str, flags: i32, anchor: Anchor) -> Result<Rc<Regex>, String> {
    let key = (pattern.to_owned(), flags, anchor);
    COMPILED.with_borrow_mut(|cache| {
        if let Some(regex) = cache.get(&key) {
            return Ok(Rc::clone(regex));
        }
        let text = translated(pattern, flags, anchor);
        let regex = Regex::new(&text).map_err(|error| format!("`{pattern}` is no regular expression: {error}"))?;
        if cache.len() >= KEPT {
            cache.clear();
        }
        let regex = Rc::new(regex);
        cache.insert(key, Rc::clone(&regex));
        Ok(regex)
    })
}

/// The pattern as the engine reads it, with its flags and its anchors.
pub fn translated(pattern: &str, flags: i32, anchor: Anchor) -> String {
    let letters: String = [(IGNORECASE, 'i'), (MULTILINE, 'm'), (DOTALL, 's'), (VERBOSE, 'x')]
        .into_iter()
        .filter_map(|(flag, letter)| (flags & flag != 0).then_some(letter))
        .collect();
    // Python allows global flags at the beginning alone, and so they can be moved into the group.
    let inline = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')'));
    let inline = inline.filter(|(flags, _)| !flags.is_empty() && flags.chars().all(|c| "aiLmsux".contains(c)));
    let (own, body) = inline.map_or(("", pattern), |(own, body)| (own, body));
    let own = own.chars().filter(|c| "imsx".contains(*c) && !letters.contains(*c));
    let flags: String = letters.chars().chain(own).collect();
    let body = rewritten(body, flags.contains('m'));
    // A comment of a verbose pattern ends with its line.
    let close = if flags.contains('x') { "\n)" } else { ")" };
    let (before, after) = match anchor {
        Anchor::Anywhere => ("", ""),
        Anchor::Start => (r"\A", ""),
        Anchor::Both => (r"\A", r"\z"),
    };
    format!("{before}(?{flags}:{body}{close}{after}")
}

/// The spellings that differ, one by one.
fn rewritten(pattern: &str, multiline: bool) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        if let Some(escaped) = rest.strip_prefix('\\') {
            let next = escaped.chars().next();
            // Python's `\Z` is the very end.
            out.push_str(if next == Some('Z') { "\\z" } else { &rest[..1 + next.map_or(0, char::len_utf8)] });
            rest = &escaped[next.map_or(0, char::len_utf8)..];
        } else if let Some(after) = rest.strip_prefix("(?P=") {
            let end = after.find(')').unwrap_or(after.len());
            out.push_str(&format!("\\k<{}>", &after[..end]));
            rest = after.get(end + 1..).unwrap_or("");
        } else if c == '[' {
            let end = class_end(rest);
            out.push_str(&class(&rest[..end]));
            rest = &rest[end..];
        } else if c == '{' {
            let (text, after) = braces(rest);
            out.push_str(&text);
            rest = after;
        } else if c == '$' && !multiline {
            // Python's `$` matches before a newline at the end as well.
            out.push_str(r"(?=\n?\z)");
            rest = &rest[1..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// A repetition, or braces that are none and stand for themselves: `{sample}`.
fn braces(text: &str) -> (String, &str) {
    if let Some((inner, after)) = text[1..].split_once('}') {
        let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
        match inner.split_once(',') {
            Some((least, most)) if digits(least) && digits(most) => {
                let least = if least.is_empty() { "0" } else { least };
                return (format!("{{{least},{most}}}"), after);
            }
            None if digits(inner) && !inner.is_empty() => return (format!("{{{inner}}}"), after),
            _ => {}
        }
    }
    ("\\{".to_owned(), &text[1..])
}

/// Where a class that begins the text ends; a `]` that comes first belongs to it.
fn class_end(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    if chars.peek().is_some_and(|(_, c)| *c == '^') {
        chars.next();
    }
    let mut first = true;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            ']' if !first => return at + 1,
            _ => {}
        }
        first = false;
    }
    text.len()
}

/// A class in which `[`, `&&`, `~~` and `--` stand for themselves, as in Python; here they would be set operations.
fn class(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut chars = text.chars().enumerate().peekable();
    let mut previous = None;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                out.push(c);
                out.extend(chars.next().map(|(_, c)| c));
                previous = None;
                continue;
            }
            '[' if at > 0 => out.push_str("\\["),
            '&' | '~' if previous == Some(c) => out.extend(['\\', c]),
            '-' if previous == Some('-') => out.push_str("\\-"),
            c => out.push(c),
        }
        previous = Some(c);
    }
    out
}

/// A replacement: `\1`, `\g<1>` and `\g<name>` filled in.
pub fn replacement(template: &str, captures: &fancy_regex::Captures<'_, str>) -> Result<String, String> {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let missing = |name: &str| format!("the replacement `{template}` names a group `{name}`, which is not there");
        if let Some(named) = rest.strip_prefix("g<") {
            let (name, after) = named.split_once('>').ok_or_else(|| format!("`\\g<` without `>` in `{template}`"))?;
            let group = match name.parse::<usize>() {
                Ok(number) if number < captures.len() => captures.get(number),
                Ok(_) => return Err(missing(name)),
                Err(_) => captures.name(name),
            };
            out.push_str(group.map_or("", |group| group.as_str()));
            rest = after;
            continue;
        }
        let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
        if digits > 0 && !rest.starts_with('0') {
            let number: usize = rest[..digits].parse().map_err(|_| missing(&rest[..digits]))?;
            if number >= captures.len() {
                return Err(missing(&rest[..digits]));
            }
            out.push_str(captures.get(number).map_or("", |group| group.as_str()));
            rest = &rest[digits..];
            continue;
        }
        let (c, length) = match rest.chars().next() {
            Some('n') => ('\n', 1),
            Some('t') => ('\t', 1),
            Some('r') => ('\r', 1),
            Some('\\') | None => ('\\', rest.len().min(1)),
            Some(other) if other.is_ascii_alphabetic() => {
                return Err(format!("`\\{other}` is no escape in a replacement"));
            }
            Some(other) => {
                out.push('\\');
                (other, other.len_utf8())
            }
        };
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Ok(out)
}
