//! What a job's outputs must hold, as a pure function of its rule and of the texts that it reads. The same works in the
//! words of shells and scripts are in `rulefile.rs`; each must be so short that both can be seen to be the same.

use std::collections::BTreeMap;

use crate::workflow::{Rule, VALUES, Work, XS};

/// What a file or a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// By name.
    Folder(BTreeMap<String, String>),
}

/// What a source or a tampered file holds: a few texts, so that edits also come back to what was there before; with
/// first lines in common, so that some changes are lost on those who look at first lines; of several lengths, which
/// decide what a checkpoint makes.
pub fn text(number: u8) -> String {
    const WORDS: [&str; 5] = ["second", "b", "third one", "cc", "fifth"];
    format!("line {}\n{}\n", number % 2, WORDS[usize::from(number) % WORDS.len()])
}

/// The values that a checkpoint decided on.
pub fn letters(decided: &Content) -> Vec<usize> {
    let is_there = |value: &usize| match decided {
        Content::Text(list) => list.lines().any(|line| line == VALUES[*value]),
        Content::Folder(files) => files.contains_key(&format!("{}.txt", VALUES[*value])),
    };
    (0..XS).filter(is_there).collect()
}

impl Content {
    /// The texts that a work reads of it.
    pub fn texts(&self, reader: Work) -> Vec<String> {
        match self {
            Content::Text(text) => vec![text.clone()],
            Content::Folder(files) if reader.is_inside() => files.get("all.txt").cloned().into_iter().collect(),
            Content::Folder(files) => files.values().cloned().collect(),
        }
    }
}

impl Rule {
    /// What its pipe hands on.
    pub fn handed_on(&self, texts: &[String]) -> String {
        prefixed(texts, &format!("w{}", self.code))
    }

    /// How many lines `Head` takes.
    pub fn lines(&self) -> usize {
        1 + usize::from(self.code % 2)
    }
}

fn prefixed(texts: &[String], prefix: &str) -> String {
    let lines = texts.iter().flat_map(|text| text.split_inclusive('\n'));
    lines.map(|line| format!("{prefix}:{line}")).collect()
}

/// Three bits, of which one is set at least: of how long all lines are together.
fn decision(rule: &Rule, all: &str) -> usize {
    let length: usize = all.lines().map(str::len).sum();
    (length + usize::from(rule.code)) % 7 + 1
}

/// What an output holds, when its job has read these texts.
pub fn made(rule: &Rule, output: usize, texts: &[String]) -> Content {
    let (code, param) = (rule.code, rule.param);
    let all = texts.concat();
    Content::Text(match rule.work {
        Work::Cat if rule.doubles() => all.repeat(2),
        Work::Cat => all,
        Work::Head => texts.iter().flat_map(|text| text.split_inclusive('\n').take(rule.lines())).collect(),
        Work::Prefix => prefixed(texts, &format!("{code}p{param}")),
        Work::Bash | Work::Run | Work::Script | Work::Python => format!("{code} p{param} {output}\n{all}"),
        Work::RunFirst => format!("{code} {output} {}\n", texts[0].split('\n').next().unwrap_or_default()),
        Work::Touch => String::new(),
        Work::List => {
            let bits = decision(rule, &all);
            (0..XS).filter(|value| bits & (1 << value) != 0).map(|value| format!("{}\n", VALUES[value])).collect()
        }
        Work::Folder => {
            let bits = decision(rule, &all);
            let first = all.split('\n').next().unwrap_or_default();
            let files = [format!("a p{param}\n"), format!("{first}\n"), all.clone()];
            let chosen = files.into_iter().enumerate().filter(|(value, _)| bits & (1 << value) != 0);
            let mut files: BTreeMap<String, String> =
                chosen.map(|(value, text)| (format!("{}.txt", VALUES[value]), text)).collect();
            files.insert("all.txt".into(), format!("{code} {bits}\n"));
            return Content::Folder(files);
        }
    })
}
