//! YAML text → YAML values, as the configurations that people have are meant: those of Snakemake are read by PyYAML, which knows
//! YAML 1.1, where `yes`, `no`, `on` and `off` are booleans and `<<` brings the entries of another mapping. All else is YAML 1.2.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_yaml_ng::{Error, Value};

/// The value of a text; nothing is null.
///
/// # Errors
/// Text that is no YAML, with its place.
pub fn parse(text: &str) -> Result<Value, Error> {
    let mut value: Value = serde_yaml_ng::from_str(text)?;
    let words = booleans(text);
    if !words.is_empty() {
        // Spelt out, as only the text tells a plain `no` from one in quotes.
        value = serde_yaml_ng::from_str(&replaced(text, &words))?;
    }
    value.apply_merge()?;
    Ok(value)
}

/// What a word in the place of a value is in YAML 1.1, beyond what it is in 1.2.
fn boolean(word: &str) -> Option<bool> {
    match word {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// What the parser is within: an item of a sequence, a key of a mapping, or the value of one.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Item,
    Key,
    Value,
}

/// Where the plain words are that are booleans, in bytes, and which. Keys stay text.
fn booleans(text: &str) -> Vec<(Range<usize>, bool)> {
    let mut found = Vec::new();
    let mut within: Vec<Within> = Vec::new();
    // The parser counts characters; its places only grow.
    let mut starts = text.char_indices().map(|(at, _)| at).enumerate();
    for event in Parser::new_from_str(text) {
        // What is wrong with the text the reader of values tells.
        let Ok((event, span)) = event else { break };
        let is_key = within.last() == Some(&Within::Key);
        let ends_node = match event {
            Event::Scalar(word, ScalarStyle::Plain, _, None) if !is_key => {
                if let Some(truth) = boolean(&word)
                    && let Some((_, start)) = starts.find(|(index, _)| *index == span.start.index())
                {
                    let at = start + anchor(&text[start..]);
                    found.push((at..at + word.len(), truth));
                }
                true
            }
            Event::Scalar(..) | Event::Alias(_) => true,
            Event::SequenceStart(..) => {
                within.push(Within::Item);
                false
            }
            Event::MappingStart(..) => {
                within.push(Within::Key);
                false
            }
            Event::SequenceEnd | Event::MappingEnd => {
                within.pop();
                true
            }
            _ => false,
        };
        if ends_node && let Some(place) = within.last_mut() {
            *place = match *place {
                Within::Item => Within::Item,
                Within::Key => Within::Value,
                Within::Value => Within::Key,
            };
        }
    }
    found
}

/// The length of an anchor before a scalar, with the blanks behind it.
fn anchor(text: &str) -> usize {
    if !text.starts_with('&') {
        return 0;
    }
    let blank = text.find(char::is_whitespace).unwrap_or(text.len());
    text.len() - text[blank..].trim_start().len()
}

fn replaced(text: &str, words: &[(Range<usize>, bool)]) -> String {
    let mut out = String::with_capacity(text.len() + 3 * words.len());
    let mut at = 0;
    for (word, truth) in words {
        out.push_str(&text[at..word.start]);
        out.push_str(if *truth { "true" } else { "false" });
        at = word.end;
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let value: serde_json::Value = serde_yaml_ng::from_value(parse(text).expect("YAML")).expect("text as keys");
        value.to_string()
    }

    #[test]
    fn words_of_yaml_1_1_are_booleans() {
        assert_eq!(
            shown("a: no\nb: Yes # no\nc: [on, 'off', off]\n"),
            r#"{"a":false,"b":true,"c":[true,"off",false]}"#
        );
        assert_eq!(shown("- no\n- \"no\"\n- no way\n- {x: NO}\n"), r#"[false,"no","no way",{"x":false}]"#);
        assert_eq!(shown("größe: no\nü: {ö: ä, n: no}\n"), r#"{"größe":false,"ü":{"ö":"ä","n":false}}"#);
        assert_eq!(shown("no"), "false");
    }

    #[test]
    fn keys_texts_and_tagged_words_stay() {
        assert_eq!(shown("on: push\nno: {off: 1}\n"), r#"{"on":"push","no":{"off":1}}"#);
        assert_eq!(shown("a: |\n  b: no\nc: >\n  no\nd: !!str no\n"), r#"{"a":"b: no\n","c":"no\n","d":"no"}"#);
        assert_eq!(shown("a: &x no\nb: *x\n"), r#"{"a":false,"b":false}"#);
    }

    #[test]
    fn merges_bring_entries() {
        assert_eq!(
            shown("base: &b {x: 1, y: no}\nc:\n  <<: *b\n  x: 2\n"),
            r#"{"base":{"x":1,"y":false},"c":{"x":2,"y":false}}"#
        );
    }

    #[test]
    fn what_is_no_yaml_is_told_by_its_place() {
        let error = parse("a: no\nb: [1\n").unwrap_err();
        assert_eq!(error.location().map(|at| at.line()), Some(3));
        assert!(parse("").unwrap().is_null());
    }
}
