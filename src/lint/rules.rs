//! What rules say that does not fit together: wildcards, params, threads and inputs that one part names and another does
//! not know, commands without a log, rules that nothing asks for. Each rule is seen twice: as it is written, and as what
//! it came to.

use std::collections::{BTreeMap, VecDeque};

use super::Finding;
use crate::diagnostic::Span;
use crate::rulefile::instance::input_patterns;
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::{Action, Expr as Came, Rule, Workflow};
use crate::rulefile::tree::{
    Argument, ArgumentKind, Directive, Expr, ExprKind, File, Rule as Written, Statement, StatementKind,
};
use crate::rulefile::walk::{self, Node};
use crate::value::Value;

/// What the placeholders of files are called.
const FILES: &[&str] = &["input", "output", "log", "benchmark", "wildcards"];

/// Functions that read the file that their first argument names.
const READERS: &[&str] =
    &["read", "read_text", "read_lines", "read_json", "read_csv", "read_tsv", "read_yaml", "read_toml", "header"];

pub fn findings(workflow: &Workflow, files: &[File], has_jobs: Option<&[bool]>) -> Vec<Finding> {
    let mut written: BTreeMap<Span, (&File, &Written)> = BTreeMap::new();
    for file in files {
        walk::statements(&file.statements, &mut |node| {
            if let Node::Statement(Statement { kind: StatementKind::Rule(rule), .. }) = node {
                written.insert(rule.head, (file, rule));
            }
        });
    }
    let mut findings = Vec::new();
    for rule in &workflow.rules {
        if let Some((file, it)) = written.get(&rule.span) {
            let mut pair = Pair { rule, file, written: it, findings: &mut findings };
            pair.log();
            pair.command();
            pair.threads();
            pair.wildcards();
            pair.params();
            pair.reads();
        }
    }
    unused(workflow, has_jobs, &mut findings);
    findings
}

/// A rule, and how it is written.
struct Pair<'a> {
    rule: &'a Rule,
    file: &'a File,
    written: &'a Written,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Pair<'a> {
    fn find(&mut self, code: &'static str, span: Span, message: String, help: String) {
        self.findings.push(Finding { code, message, span, help });
    }

    fn directive(&self, name: &str) -> Option<&'a Directive> {
        self.written.body.directives.iter().find(|directive| directive.keyword.text == name)
    }

    fn log(&mut self) {
        let works = matches!(self.rule.action, Action::Shell(_) | Action::Script { .. });
        if works && self.rule.log.items.is_empty() {
            let message = format!("rule `{}` runs a program and has no `log:`", self.rule.name);
            let help = format!("add one: log: \"logs/{}{}.txt\"", self.rule.name, wildcards_of(self.rule));
            self.find("missing-log", self.rule.span, message, help);
        }
    }

    /// Quotes right around a placeholder that stands for names of files.
    fn command(&mut self) {
        let Some(directive) = self.directive("shell") else { return };
        let mut quoted = Vec::new();
        walk::arguments(&directive.arguments, &mut |node| {
            if let Node::Expr(Expr { kind: ExprKind::Str(text), span }) = node {
                quoted.extend(quoted_placeholders(text).map(|placeholder| (placeholder.to_owned(), *span)));
            }
        });
        for (placeholder, span) in quoted {
            let place = self.placeholder_place(&placeholder, span);
            let message = format!("`{placeholder}` is in quotes of its own, and flow quotes names of files itself");
            self.find("quoted-placeholder", place, message, "leave the quotes out".to_owned());
        }
    }

    /// Where the quoted placeholder stands in its literal.
    fn placeholder_place(&self, placeholder: &str, literal: Span) -> Span {
        let text = self.file.slice(literal);
        let found = text.match_indices(placeholder).find(|(at, _)| {
            let after = at + placeholder.len();
            let is_quote = |c: Option<char>| matches!(c, Some('\'' | '"' | '\\'));
            is_quote(text[..*at].chars().next_back())
                && is_quote(text[after..].chars().next())
                && after + 1 < text.len()
        });
        let Some((at, _)) = found else { return literal };
        let start = literal.range().start + at;
        Span::new(literal.source, start..start + placeholder.len())
    }

    fn threads(&mut self) {
        let (Some(directive), Action::Shell(command)) = (self.directive("threads"), &self.rule.action) else { return };
        let many = self.rule.threads.as_ref().is_some_and(|threads| match &threads.expr {
            Came::Value(Value::Int(count)) => *count > 1,
            _ => false,
        });
        if many && !command.contains("{threads") && !command.contains("{resources") {
            let message = format!("the command of rule `{}` does not use its `{{threads}}`", self.rule.name);
            let help = "pass `{threads}` to the program, or remove `threads:`".to_owned();
            self.find("unused-threads", directive.keyword.span, message, help);
        }
    }

    /// `wildcards.NAME` in functions and bodies, and constraints, for names that no output has.
    fn wildcards(&mut self) {
        let known = |name: &str| self.rule.wildcard_names.iter().any(|known| known == name);
        let mut wrong = Vec::new();
        let mut visit = |node: Node<'_>| {
            if let Node::Expr(Expr { kind: ExprKind::Attribute { object, name }, .. }) = node
                && matches!(&object.kind, ExprKind::Name(object) if object == "wildcards")
                && !["get", "items", "keys", "values"].contains(&name.text.as_str())
                && !known(&name.text)
            {
                wrong.push((name.text.clone(), name.span));
            }
        };
        for directive in &self.written.body.directives {
            walk::arguments(&directive.arguments, &mut visit);
        }
        if let Some(run) = &self.written.body.run {
            walk::statements(&run.body, &mut visit);
        }
        let constraints = self.directive("wildcard_constraints").map_or(&[][..], |directive| &directive.arguments);
        for argument in constraints {
            if let ArgumentKind::Named(name, _) = &argument.kind
                && !known(&name.text)
            {
                wrong.push((name.text.clone(), name.span));
            }
        }
        for (name, span) in wrong {
            let message = format!("no output of rule `{}` has the wildcard `{{{name}}}`", self.rule.name);
            let help = match &self.rule.wildcard_names[..] {
                [] => "its outputs have no wildcards".to_owned(),
                names => format!("it has {}", names.join(", ")),
            };
            self.find("undeclared-wildcard", span, message, help);
        }
    }

    /// Named params that nothing in the rule mentions. A script may use any of them.
    fn params(&mut self) {
        let Some(directive) = self.directive("params") else { return };
        if matches!(self.rule.action, Action::Script { .. }) {
            return;
        }
        let elsewhere = self.text_without(directive.span);
        for argument in &directive.arguments {
            if let Argument { kind: ArgumentKind::Named(name, _), .. } = argument
                && !mentions(&elsewhere, &name.text)
            {
                let message = format!("rule `{}` does not use its parameter `{}`", self.rule.name, name.text);
                self.find("unused-param", name.span, message, "use it, or remove it".to_owned());
            }
        }
    }

    /// The text of the rule, but for one directive.
    fn text_without(&self, span: Span) -> String {
        let end = self.written.body.directives.iter().map(|directive| directive.span.end);
        let end = end.chain(self.written.body.run.as_ref().map(|run| run.span.end)).max().unwrap_or(span.end);
        let before = &self.file.text[self.written.head.range().start..span.range().start];
        format!("{before}{}", &self.file.text[span.range().end..end as usize])
    }

    /// Paths written out in calls of functions that read, that are neither inputs nor outputs.
    fn reads(&mut self) {
        let Some(run) = &self.written.body.run else { return };
        let Ok(Some(inputs)) = input_patterns(self.rule) else { return };
        let mut wrong = Vec::new();
        walk::statements(&run.body, &mut |node| {
            if let Node::Expr(Expr { kind: ExprKind::Call { callee, arguments }, .. }) = node
                && matches!(&callee.kind, ExprKind::Name(name) if READERS.contains(&name.as_str()))
                && let Some(Argument { kind: ArgumentKind::Positional(path), .. }) = arguments.first()
                && let ExprKind::Str(text) = &path.kind
            {
                let is_known = inputs.items.iter().any(|(pattern, _)| pattern.text() == text)
                    || self.rule.output.items.iter().any(|output| output.pattern.text() == text);
                if !is_known {
                    wrong.push((text.clone(), path.span));
                }
            }
        });
        for (path, span) in wrong {
            let message = format!("rule `{}` reads {path}, which is not among its inputs", self.rule.name);
            self.find("undeclared-input", span, message, "add it to `input:`, and read `input[…]`".to_owned());
        }
    }
}

/// `_{a}_{b}` for the wildcards of a rule.
fn wildcards_of(rule: &Rule) -> String {
    rule.wildcard_names.iter().map(|name| format!("_{{{name}}}")).collect()
}

/// Whether params are used whole, or this one by name.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices("params").any(|(at, word)| {
        let rest = &text[at + word.len()..];
        let Some(attribute) = rest.strip_prefix('.') else {
            // `params["a"]`, `{params}`, `f(params)`; not `params:` and `params=`.
            return !rest.trim_start().starts_with(':') || rest.starts_with(":q");
        };
        let end = attribute.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(attribute.len());
        &attribute[..end] == name
    })
}

/// `{input…}` and its like with the same quote before and behind.
fn quoted_placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(move |(at, _)| {
        let quote = text[..at].chars().next_back().filter(|c| matches!(c, '\'' | '"'))?;
        let end = at + text[at..].find('}')? + 1;
        let name = &text[at + 1..end - 1];
        let root = name.split(['.', '[', ':', '!']).next().unwrap_or_default();
        (text[end..].starts_with(quote) && FILES.contains(&root)).then(|| &text[at..end])
    })
}

/// Rules with wildcards that no job of the default target runs, and no other rule's input could ask for.
fn unused(workflow: &Workflow, has_jobs: Option<&[bool]>, findings: &mut Vec<Finding>) {
    let inputs: Vec<Option<Vec<Pattern>>> = workflow
        .rules
        .iter()
        .map(|rule| {
            let patterns = input_patterns(rule).ok().flatten()?;
            Some(patterns.items.into_iter().map(|(pattern, _)| pattern).collect())
        })
        .collect();
    // Where a function decides, and nobody has asked it, any file may be meant.
    let all_known = has_jobs.is_some() || inputs.iter().all(Option::is_some);
    for (at, rule) in workflow.rules.iter().enumerate() {
        let runs = has_jobs.is_some_and(|jobs| jobs.get(at).copied().unwrap_or(true));
        if !rule.has_wildcards() || runs || !all_known {
            continue;
        }
        let asked = inputs.iter().enumerate().filter(|(other, _)| *other != at).any(|(_, patterns)| {
            let patterns = patterns.as_deref().unwrap_or_default();
            patterns.iter().any(|input| rule.output.items.iter().any(|output| overlap(input, &output.pattern)))
        });
        if !asked {
            let outputs: Vec<&str> = rule.output.items.iter().map(|output| output.pattern.text()).collect();
            findings.push(Finding {
                code: "unused-rule",
                message: format!("nothing asks for what rule `{}` makes", rule.name),
                span: rule.span,
                help: format!("no rule has an input like {}", outputs.join(", ")),
            });
        }
    }
}

/// Whether some path could be one of both patterns, constraints aside.
fn overlap(a: &Pattern, b: &Pattern) -> bool {
    let same_start = a.prefix().bytes().zip(b.prefix().bytes()).all(|(a, b)| a == b);
    let same_end = !(a.has_wildcards() && b.has_wildcards())
        || a.suffix().bytes().rev().zip(b.suffix().bytes().rev()).all(|(a, b)| a == b);
    same_start && same_end && meet(&signs(a), &signs(b))
}

/// The characters of a pattern; `None` is one or more of any kind.
fn signs(pattern: &Pattern) -> Vec<Option<char>> {
    // NUL is in no path, so that it can stand for a wildcard's text.
    let filled = pattern.fill(|_| Some("\0")).expect("every wildcard has a value");
    filled.chars().map(|c| (c != '\0').then_some(c)).collect()
}

/// Whether two patterns have a path in common: a walk over the pairs of places in both.
fn meet(a: &[Option<char>], b: &[Option<char>]) -> bool {
    let mut seen = vec![false; (a.len() + 1) * (b.len() + 1)];
    let mut open = VecDeque::from([(0, 0)]);
    while let Some((i, j)) = open.pop_front() {
        if std::mem::replace(&mut seen[i * (b.len() + 1) + j], true) {
            continue;
        }
        match (a.get(i), b.get(j)) {
            (None, None) => return true,
            (Some(first), Some(second)) if first.is_none() || second.is_none() || first == second => {
                // One character of both; a wildcard may end with it, or go on.
                open.push_back((i + 1, j + 1));
                if first.is_none() {
                    open.push_back((i, j + 1));
                }
                if second.is_none() {
                    open.push_back((i + 1, j));
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_where_a_path_fits_both() {
        for (a, b, expected) in [
            ("a/{x}.txt", "a/b.txt", true),
            ("a/{x}.txt", "{y}.txt", true),
            ("a/{x}.txt", "b/{x}.txt", false),
            ("{x}_{y}.csv", "{z}.txt", false),
            ("{x}/{y}", "{x}.txt", true),
            ("a{x}b", "ab", false),
            ("plain", "plain", true),
        ] {
            let pattern = |text| Pattern::parse(text).unwrap();
            assert_eq!(overlap(&pattern(a), &pattern(b)), expected, "{a} and {b}");
        }
    }

    #[test]
    fn quotes_right_around_a_placeholder_are_seen() {
        let found = |text| quoted_placeholders(text).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(found("cat '{input}' > \"{output[0]}\""), ["{input}", "{output[0]}"]);
        assert!(found("awk '{{print}}' {input} '{params.x}' 'a {input}'").is_empty());
    }

    #[test]
    fn params_are_used_by_name_or_whole() {
        assert!(
            mentions("echo {params.size}", "size") && mentions("f(params)", "size") && mentions("{params}", "size")
        );
        assert!(!mentions("params: x\n echo {params.sizes}", "size"));
    }
}
