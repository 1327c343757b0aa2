//! `module` and `use rule` as calls that register them. Which rules a module has is known only when it is evaluated.

use super::RuleSite;
use super::lowerer::{Lowerer, Result};
use super::rules::only_value;
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::tree::{RuleBody, RuleKind, UseRule, Word};

/// What a rule does, which `with:` cannot change.
pub(super) const ACTIONS: [&str; 7] = ["shell", "script", "run", "notebook", "wrapper", "cwl", "template_engine"];

impl Lowerer<'_> {
    /// `__module__(name, snakefile=__args__(…), …)`.
    pub(super) fn module(&mut self, name: Option<&Word>, body: &RuleBody, span: Span) -> Result<()> {
        let computed = body.directives.iter().find(|directive| directive.keyword.text == "name");
        if let (Some(name), Some(directive)) = (name, computed) {
            let error = Diagnostic::error("the module has two names").at(directive.span, "a second one");
            return Err(error.at(name.span, "the first").help("write the name in one of the two places"));
        }
        if name.is_none() && computed.is_none() {
            let error = Diagnostic::error("the module has no name").at(span, "");
            return Err(error.help("write `module NAME:`, or a `name:` among its directives"));
        }
        if let Some(run) = &body.run {
            return Err(Diagnostic::error("a module has no directive `run`").at(run.keyword, ""));
        }
        for (at, directive) in body.directives.iter().enumerate() {
            let word = &directive.keyword.text;
            if let Some(first) = body.directives[..at].iter().find(|first| first.keyword.text == *word) {
                let error = Diagnostic::error(format!("`{word}` is given twice")).at(directive.keyword.span, "");
                return Err(error.at(first.span, "first here"));
            }
        }
        self.simple(span, |this| {
            this.code.push_str("__module__(");
            match (name, computed) {
                (Some(name), _) => this.quoted(&name.text),
                (_, Some(directive)) => this.expr(only_value(&directive.keyword, &directive.arguments)?)?,
                (None, None) => unreachable!("it was refused"),
            }
            this.directives(body, &["name"])?;
            this.code.push(')');
            Ok(())
        })
    }

    /// `__use_rule__(id, [rules], module, [exclude], alias, input=__args__(…), …)`.
    pub(super) fn use_rule(&mut self, statement: &UseRule) -> Result<()> {
        let empty = RuleBody::default();
        let body = statement.body.as_ref().unwrap_or(&empty);
        check(statement, body)?;
        let id = self.next_site();
        let site = self.site_of(id, RuleKind::Rule, statement.head, None, body)?;
        self.sites.push(RuleSite { run: None, ..site });
        self.simple(statement.head, |this| {
            this.code.push_str(&format!("__use_rule__({id}, "));
            this.words(&statement.rules)?;
            this.code.push_str(", ");
            this.optional(statement.module.as_ref());
            this.code.push_str(", ");
            this.words(&statement.exclude)?;
            this.code.push_str(", ");
            this.optional(statement.alias.as_ref());
            this.directives(body, &[])?;
            this.code.push(')');
            Ok(())
        })
    }

    fn words(&mut self, words: &[Word]) -> Result<()> {
        self.code.push('[');
        self.separated(words, |this, word| {
            this.quoted(&word.text);
            Ok(())
        })?;
        self.code.push(']');
        Ok(())
    }

    fn optional(&mut self, word: Option<&Word>) {
        match word {
            Some(word) => self.quoted(&word.text),
            None => self.code.push_str("None"),
        }
    }
}

/// What can be seen to be wrong without knowing the rules.
fn check(statement: &UseRule, body: &RuleBody) -> Result<()> {
    let UseRule { head, rules, module, exclude, alias, .. } = statement;
    let all = rules.iter().find(|rule| rule.text == "*");
    let pattern = alias.as_ref().is_some_and(|alias| alias.text.contains('*'));
    if let Some(run) = &body.run {
        return Err(fixed("run", run.keyword));
    }
    if let Some(directive) = body.directives.iter().find(|d| ACTIONS.contains(&d.keyword.text.as_str())) {
        return Err(fixed(&directive.keyword.text, directive.keyword.span));
    }
    if let Some(all) = all
        && (statement.body.is_some() || module.is_none())
    {
        let error = Diagnostic::error("`*` cannot stand here").at(all.span, "");
        return Err(error.help(if module.is_none() {
            "`*` means all rules of a module: write `use rule * from MODULE`; of the rules of this file name one"
        } else {
            "`with:` changes rules that are named: use all first, and then the one to change, \
             `use rule NAME from MODULE as … with:`"
        }));
    }
    if let Some(alias) = alias
        && !pattern
        && (all.is_some() || rules.len() > 1)
    {
        let error = Diagnostic::error("several rules cannot have one name").at(alias.span, "");
        return Err(error.help(format!("put a `*` where the old name belongs: `as {}_*`", alias.text)));
    }
    if module.is_none() {
        if rules.len() > 1 {
            let error = Diagnostic::error("of the rules of this file one is used at a time").at(*head, "");
            return Err(error.help("write a `use rule` for each"));
        }
        if alias.is_none() {
            let error = Diagnostic::error("the new rule has no name").at(*head, "");
            return Err(error.help("write `use rule OLD as NEW with:`"));
        }
    }
    if let (Some(word), None) = (exclude.first(), all) {
        return Err(Diagnostic::error("`exclude` goes with `use rule *`").at(word.span, ""));
    }
    Ok(())
}

fn fixed(keyword: &str, span: Span) -> Diagnostic {
    Diagnostic::error(format!("`use rule … with:` cannot change `{keyword}:`"))
        .at(span, "")
        .note("a rule that is used keeps what it does; everything else can be changed")
        .help("write a rule of its own for another command")
}
