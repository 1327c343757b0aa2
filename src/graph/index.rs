//! The index of output patterns: a path in, the rules that can make it out, without trying every rule.
//! Patterns are found by their literal prefix and suffix; only what both fit is matched in full.

use rustc_hash::FxHashMap;

use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::{Rule, RuleId};

/// Patterns that share a prefix, by the length and text of their suffix.
#[derive(Debug, Default)]
struct BySuffix {
    lengths: Vec<usize>,
    entries: FxHashMap<Box<[u8]>, Vec<u32>>,
}

/// All output patterns of a workflow.
#[derive(Debug, Default)]
pub struct OutputIndex<'r> {
    patterns: Vec<(RuleId, &'r Pattern)>,
    /// Paths without wildcards.
    exact: FxHashMap<&'r str, Vec<u32>>,
    prefix_lengths: Vec<usize>,
    by_prefix: FxHashMap<Box<[u8]>, BySuffix>,
}

/// A rule that can make a file, with the values of its wildcards in the order of the rule's `wildcard_names`.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub rule: RuleId,
    pub values: Box<[Box<str>]>,
}

impl Candidate {
    /// The value of a wildcard.
    pub fn value<'c>(&'c self, rule: &Rule, name: &str) -> Option<&'c str> {
        Self::value_of(rule, &self.values, name)
    }

    /// The value of a wildcard among values in the order of the rule's `wildcard_names`.
    pub fn value_of<'v>(rule: &Rule, values: &'v [Box<str>], name: &str) -> Option<&'v str> {
        let at = rule.wildcard_names.iter().position(|known| known == name)?;
        values.get(at).map(|value| &**value)
    }
}

impl<'r> OutputIndex<'r> {
    pub fn new(rules: &'r [Rule]) -> Self {
        let mut index = OutputIndex::default();
        for (at, rule) in rules.iter().enumerate() {
            let id = RuleId(u32::try_from(at).expect("fewer than 2^32 rules"));
            let outputs = rule.output.items.iter().map(|output| &output.pattern);
            // A log or benchmark file can be asked for as any product.
            let logs = rule.log.items.iter().map(|log| &log.pattern);
            for pattern in outputs.chain(logs).chain(rule.benchmark.iter().map(|(pattern, _)| pattern)) {
                index.add(id, pattern);
            }
        }
        index.prefix_lengths.sort_unstable();
        index
    }

    fn add(&mut self, rule: RuleId, pattern: &'r Pattern) {
        let at = u32::try_from(self.patterns.len()).expect("fewer than 2^32 patterns");
        self.patterns.push((rule, pattern));
        if !pattern.has_wildcards() {
            self.exact.entry(pattern.text()).or_default().push(at);
            return;
        }
        let (prefix, suffix) = (pattern.prefix().as_bytes(), pattern.suffix().as_bytes());
        if !self.prefix_lengths.contains(&prefix.len()) {
            self.prefix_lengths.push(prefix.len());
        }
        let group = self.by_prefix.entry(prefix.into()).or_default();
        if !group.lengths.contains(&suffix.len()) {
            group.lengths.push(suffix.len());
        }
        group.entries.entry(suffix.into()).or_default().push(at);
    }

    /// The rules that can make a path, each once, in the order of the Rulefile. Where several outputs of one rule fit,
    /// the one with the shortest wildcard values counts, as in Snakemake.
    pub fn candidates(&self, rules: &[Rule], path: &str) -> Vec<Candidate> {
        let mut hits: Vec<u32> = self.exact.get(path).cloned().unwrap_or_default();
        let bytes = path.as_bytes();
        for &length in self.prefix_lengths.iter().take_while(|&&length| length <= bytes.len()) {
            let Some(group) = self.by_prefix.get(&bytes[..length]) else { continue };
            for &suffix in group.lengths.iter().filter(|&&suffix| length + suffix <= bytes.len()) {
                hits.extend(group.entries.get(&bytes[bytes.len() - suffix..]).into_iter().flatten());
            }
        }
        hits.sort_unstable();
        let mut found: Vec<(Candidate, usize)> = Vec::new();
        for at in hits {
            let (rule, pattern) = self.patterns[at as usize];
            let Some(values) = pattern.match_path(path) else { continue };
            let length = values.iter().map(|value| value.len()).sum();
            match found.last_mut() {
                Some((best, shortest)) if best.rule == rule => {
                    if length < *shortest {
                        best.values = ordered(&rules[rule.index()], pattern, &values);
                        *shortest = length;
                    }
                }
                _ => {
                    let values = ordered(&rules[rule.index()], pattern, &values);
                    found.push((Candidate { rule, values }, length));
                }
            }
        }
        found.into_iter().map(|(candidate, _)| candidate).collect()
    }
}

/// A pattern's values in the rule's order of wildcards.
fn ordered(rule: &Rule, pattern: &Pattern, values: &[&str]) -> Box<[Box<str>]> {
    if rule.wildcard_names.as_slice() == pattern.names() {
        return values.iter().map(|&value| value.into()).collect();
    }
    rule.wildcard_names
        .iter()
        .map(|name| pattern.names().iter().position(|n| n == name).map_or("".into(), |at| values[at].into()))
        .collect()
}
