//! Profiles: options in a YAML file. Its text in; for each option its values as they would be typed out. Which file is
//! read, and which of several profiles counts, is not known here.

use std::ffi::OsString;

use clap::{ArgAction, Command};

use super::pairs::from_yaml;
use crate::value::Value;
use crate::yaml;

/// The options of a profile, each by the name without dashes, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// How messages name it.
    pub name: String,
    pub options: Vec<(String, Vec<ProfileValue>)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ProfileValue {
    /// `true`: the option as it stands; `false`: as if it were not there.
    Given(bool),
    Text(String),
}

impl ProfileValue {
    /// Puts another text in the place of this one, if there is one.
    pub fn rebase(&mut self, place: impl FnOnce(&str) -> Option<String>) {
        if let ProfileValue::Text(text) = self
            && let Some(other) = place(text)
        {
            *text = other;
        }
    }
}

impl Profile {
    /// Reads the text of a profile; `variable` gives what `$NAME` stands for.
    ///
    /// # Errors
    /// What is wrong with the YAML, as a message.
    pub fn parse(name: &str, text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Profile, String> {
        let wrong = |why: String| format!("profile {name}: {why}");
        let mut profile = Profile { name: name.to_owned(), options: Vec::new() };
        let yaml = yaml::parse(text).map_err(|error| wrong(error.to_string()))?;
        let entries = match from_yaml(yaml).map_err(wrong)? {
            Value::Dict(entries) => entries,
            Value::None => return Ok(profile),
            _ => return Err(wrong("it must list options with their values, as in `jobs: 4`".to_owned())),
        };
        for (key, value) in entries {
            let mut values = Vec::new();
            flatten(&key, value, variable, &mut values);
            profile.options.push((key.trim_start_matches('-').replace('_', "-"), values));
        }
        Ok(profile)
    }
}

/// Lists and maps as the words that are typed: `a: 1` below `set-threads` is `a=1`, below `set-resources` `r: {a: 1}` is
/// `r:a=1`, below `config` `a: {b: 1}` is `a.b=1`.
fn flatten(key: &str, value: Value, variable: &dyn Fn(&str) -> Option<String>, out: &mut Vec<ProfileValue>) {
    let separator = if key.replace('_', "-") == "config" { "." } else { ":" };
    fn walk(prefix: &str, separator: &str, value: Value, words: &mut Vec<String>) {
        match value {
            Value::Dict(entries) => {
                for (name, value) in entries {
                    let prefix = if prefix.is_empty() { name } else { format!("{prefix}{separator}{name}") };
                    walk(&prefix, separator, value, words);
                }
            }
            Value::List(items) if prefix.is_empty() => {
                items.into_iter().for_each(|item| walk(prefix, separator, item, words));
            }
            Value::None => {}
            value if prefix.is_empty() => words.push(text(&value)),
            value => words.push(format!("{prefix}={}", text(&value))),
        }
    }
    match value {
        Value::Bool(given) => out.push(ProfileValue::Given(given)),
        value => {
            let mut words = Vec::new();
            walk("", separator, value, &mut words);
            out.extend(words.iter().map(|word| ProfileValue::Text(expanded(word, variable))));
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => serde_json::to_string(other).expect("a plain value is JSON"),
    }
}

/// `$NAME` and `${NAME}` as the environment has them; what is not set stays as it is.
fn expanded(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, end) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end = after.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match variable(name).filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..=at + end]),
        }
        rest = &after[end..];
    }
    out + rest
}

/// The words that profiles add to a command line: for each option the values of the first profile that has it, unless
/// the command line itself does (`is_given`, by clap's id). The most important profile comes first.
///
/// # Errors
/// A message that names an option that is not there, or has a value too many.
pub fn words(
    profiles: &[Profile],
    command: &Command,
    is_given: &dyn Fn(&str) -> bool,
) -> Result<Vec<OsString>, String> {
    let mut out = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    for profile in profiles {
        let mut own = Vec::new();
        for (key, values) in &profile.options {
            let known = command.get_arguments().find(|argument| {
                argument.get_long() == Some(key)
                    || argument.get_all_aliases().unwrap_or_default().contains(&key.as_str())
            });
            let id = known.map_or(key.as_str(), |argument| argument.get_id().as_str());
            if taken.contains(&id) || is_given(id) {
                continue;
            }
            own.push(id);
            let takes_values =
                known.is_some_and(|argument| matches!(argument.get_action(), ArgAction::Set | ArgAction::Append));
            for value in values {
                match value {
                    ProfileValue::Given(false) => {}
                    ProfileValue::Given(true) => out.push(OsString::from(format!("--{key}"))),
                    ProfileValue::Text(_) if known.is_some() && !takes_values => {
                        return Err(format!("profile {}: `{key}` is true or false", profile.name));
                    }
                    ProfileValue::Text(text) => out.push(OsString::from(format!("--{key}={text}"))),
                }
            }
        }
        taken.extend(own);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_maps_become_words() {
        let text = "jobs: 8\nkeep-going: true\nnotemp: false\nset-threads: [a=2, b=3]\ndefault-resources: {mem_mb: 5}\n\
                    set-resources: {r: {runtime: 5m}}\nconfig: {a: {b: [1, x]}}\nconfigfile: $HERE/c.yaml\n";
        let variable = |name: &str| (name == "HERE").then(|| "there".to_owned());
        let profile = Profile::parse("p", text, &variable).unwrap();
        let command = <super::super::Options as clap::CommandFactory>::command();
        let words = words(&[profile], &command, &|id| id == "jobs").unwrap();
        let words: Vec<&str> = words.iter().map(|word| word.to_str().unwrap()).collect();
        let expected = [
            "--keep-going",
            "--set-threads=a=2",
            "--set-threads=b=3",
            "--default-resources=mem_mb=5",
            "--set-resources=r:runtime=5m",
            "--config=a.b=[1,\"x\"]",
            "--configfile=there/c.yaml",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn the_first_profile_that_has_an_option_counts() {
        let profile = |text: &str| Profile::parse("p", text, &|_| None).unwrap();
        let command = <super::super::Options as clap::CommandFactory>::command();
        let profiles = [profile("default-resources: {a: 1}"), profile("default-resources: {b: 2}\ncores: 3")];
        let words = words(&profiles, &command, &|_| false).unwrap();
        assert_eq!(words, ["--default-resources=a=1", "--cores=3"].map(OsString::from));
    }
}
