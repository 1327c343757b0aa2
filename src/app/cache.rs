//! `--cache`: which rules share their outputs between workflows, and what an entry is known by beside its inputs.

use std::collections::BTreeSet;

use super::Failure;
use super::project::Project;
use crate::diagnostic::Diagnostic;
use crate::graph::dag::Job;
use crate::plan::identity::Identity;
use crate::rulefile::rule::{Rule, RuleId};
use crate::run::spec::CacheKey;

/// Where the cache is.
const VARIABLES: [&str; 2] = ["FLOW_OUTPUT_CACHE", "SNAKEMAKE_OUTPUT_CACHE"];

/// The cache of a run.
pub struct Cache {
    folder: String,
    rules: BTreeSet<RuleId>,
}

impl Cache {
    /// `None` without `--cache`.
    ///
    /// # Errors
    /// No folder for it; a rule whose outputs cannot be told apart.
    pub fn open(project: &Project) -> Result<Option<Cache>, Failure> {
        let Some(names) = &project.settings.cache else { return Ok(None) };
        let folder = VARIABLES.iter().find_map(|name| std::env::var(name).ok().filter(|folder| !folder.is_empty()));
        let Some(folder) = folder else {
            return Err(Diagnostic::error("--cache: it is not known where the cache is")
                .help(format!("name its folder in the environment: export {}=DIR", VARIABLES[0]))
                .into());
        };
        std::fs::create_dir_all(&folder)
            .map_err(|error| Diagnostic::error(format!("--cache: cannot make the folder {folder}: {error}")))?;
        // All were found before (`check_rule_names`).
        let mut rules: BTreeSet<RuleId> = names.iter().filter_map(|name| project.workflow.find(name)).collect();
        let marked = project.workflow.rules.iter().enumerate().filter(|(_, rule)| rule.cache);
        rules.extend(marked.map(|(at, _)| RuleId(u32::try_from(at).expect("fewer than 2^32 rules"))));
        for &id in &rules {
            check(project, project.workflow.rule(id))?;
        }
        Ok(Some(Cache { folder, rules }))
    }

    /// What the entry of a job is known by; `None` for a job that is not cached.
    pub fn key(&self, job: &Job, rule: &Rule, identity: &Identity) -> Option<CacheKey> {
        if !self.rules.contains(&job.rule) {
            return None;
        }
        let mut hasher = blake3::Hasher::new();
        // Its number rises when what is hashed changes.
        hasher.update(b"flow cache 1").update(&identity.digest);
        for (name, start, count) in &job.shape.names {
            hasher.update(format!("{name} {start} {count:?}\n").as_bytes());
        }
        if identity.sees_wildcards {
            for (name, value) in rule.wildcard_names.iter().zip(&job.wildcards) {
                hasher.update(format!("{name}={value}\n").as_bytes());
            }
        }
        Some(CacheKey {
            folder: self.folder.clone(),
            identity: *hasher.finalize().as_bytes(),
            suffixes: suffixes(rule),
        })
    }
}

/// Outputs are told apart by their names, or by their places in the one list that they are.
fn check(project: &Project, rule: &Rule) -> Result<(), Failure> {
    let outputs = &rule.output.items;
    let wrong =
        |message: String, help: &str| Err(project.failure(Diagnostic::error(message).at(rule.span, "").help(help)));
    if outputs.is_empty() {
        return wrong(format!("rule `{}` has no output to cache", rule.name), "leave it out of --cache");
    }
    if outputs.iter().any(|output| output.flags.live() || output.flags.update) {
        let message =
            format!("rule `{}` cannot be cached: a pipe, a service or an updated file is no result", rule.name);
        return wrong(message, "leave it out of --cache");
    }
    if rule.outputs_are_told_apart {
        return Ok(());
    }
    wrong(
        format!("rule `{}` cannot be cached: its outputs have no names", rule.name),
        "give each a name, as in `output: first=\"a.txt\", second=\"b.txt\"`, or write multiext(…)",
    )
}

/// What distinguishes the files of an entry: names, or places, and the suffixes of the outputs.
fn suffixes(rule: &Rule) -> Vec<String> {
    let outputs = &rule.output.items;
    let one = |at: usize| {
        let text = outputs[at].pattern.text();
        let file = text.rsplit('/').next().unwrap_or(text);
        let suffix = file.rfind('.').filter(|&dot| dot > 0).map_or("", |dot| &file[dot..]);
        let suffix = if suffix.contains(['{', '}']) { "" } else { suffix };
        let name = rule.output.names.iter().find(|(_, start, count)| {
            let start = *start as usize;
            (start..start + count.map_or(1, |count| count as usize)).contains(&at)
        });
        match name {
            _ if outputs.len() == 1 => suffix.to_owned(),
            Some((name, start, Some(_))) => format!("_{name}{}{suffix}", at - *start as usize),
            Some((name, _, None)) => format!("_{name}{suffix}"),
            None => format!("_{at}{suffix}"),
        }
    };
    (0..outputs.len()).map(one).collect()
}
