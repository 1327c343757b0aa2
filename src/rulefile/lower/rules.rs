//! Rules and the other statements that describe a workflow, as calls that register them.

use super::lowerer::{Lowerer, Result};
use super::modules::ACTIONS;
use super::refused;
use super::{DirectiveSite, RuleSite, RunSite};
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::tree::{
    Argument, ArgumentKind, Block, CompareOp, Directive, Expr, ExprKind, Rule, RuleBody, RuleKind, Run, Statement,
    StatementKind, Word,
};

impl Lowerer<'_> {
    pub(super) fn workflow_statement(&mut self, statement: &Statement) -> Result<()> {
        let (what, span) = match &statement.kind {
            StatementKind::Rule(rule) => ("rule", rule.head),
            StatementKind::Keyword { keyword, .. } | StatementKind::Handler { keyword, .. } => {
                (keyword.text.as_str(), keyword.span)
            }
            StatementKind::Module { name, .. } => ("module", name.as_ref().map_or(statement.span, |name| name.span)),
            StatementKind::UseRule(statement) => ("use rule", statement.head),
            _ => unreachable!("Python's statements are lowered elsewhere"),
        };
        if self.in_function {
            let error = Diagnostic::error(format!("`{what}` cannot stand inside a function")).at(span, "");
            return Err(error.help("write it at file level; to have it several times, put it into a `for` there"));
        }
        match &statement.kind {
            StatementKind::Rule(rule) => self.rule(rule),
            StatementKind::Module { name, body } => self.module(name.as_ref(), body, statement.span),
            StatementKind::UseRule(statement) => self.use_rule(statement),
            StatementKind::Handler { keyword, body } => self.handler(keyword, body),
            StatementKind::Keyword { keyword, arguments } if refused::STATEMENTS.contains(&what) => {
                self.simple(statement.span, |this| this.keyword(keyword, arguments))
            }
            // What they describe, reports and storage, is not made here; a job that needs a storage is refused itself.
            StatementKind::Keyword { .. } if refused::WITHOUT_EFFECT.contains(&what) => {
                self.simple(statement.span, |this| {
                    this.code.push_str("pass");
                    Ok(())
                })
            }
            _ => Err(refused::statement(what, span)),
        }
    }

    /// `__rule__(id, name=…, input=__args__(…), …)`.
    fn rule(&mut self, rule: &Rule) -> Result<()> {
        let id = self.next_site();
        let site = self.site_of(id, rule.kind, rule.head, rule.name.as_ref(), &rule.body)?;
        self.sites.push(site);
        self.simple(rule.head, |this| {
            this.code.push_str(&format!("__rule__({id}, name="));
            this.rule_name(rule)?;
            this.directives(&rule.body, &["name"])?;
            if rule.body.run.is_some() {
                this.code.push_str(&format!(", run={id}"));
            }
            this.code.push(')');
            Ok(())
        })
    }

    pub(super) fn next_site(&self) -> u32 {
        self.ids.site + u32::try_from(self.sites.len()).expect("fewer than 2^32 rules")
    }

    /// `, input=__args__(…)` for each directive but some.
    pub(super) fn directives(&mut self, body: &RuleBody, but: &[&str]) -> Result<()> {
        for directive in body.directives.iter().filter(|d| !but.contains(&d.keyword.text.as_str())) {
            self.code.push_str(&format!(", {}=", directive.keyword.text));
            self.mapped(directive.span, |this| {
                this.code.push_str("__args__(");
                this.arguments(&directive.arguments)?;
                this.code.push(')');
                Ok(())
            })?;
        }
        Ok(())
    }

    /// `__handler__("onstart", id)`; its body is kept as that of a rule's `run:` is.
    fn handler(&mut self, keyword: &Word, body: &Block) -> Result<()> {
        let id = self.next_site();
        let span = match (body.first(), body.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => keyword.span,
        };
        let run = Run { keyword: keyword.span, body: body.clone(), span };
        let body = RuleBody { run: Some(run), ..RuleBody::default() };
        let site = self.site_of(id, RuleKind::Rule, keyword.span, None, &body)?;
        self.sites.push(site);
        self.simple(keyword.span, |this| {
            this.code.push_str("__handler__(");
            this.quoted(&keyword.text);
            this.code.push_str(&format!(", {id})"));
            Ok(())
        })
    }

    /// The `name` directive wins over the name in the head, as in Snakemake.
    fn rule_name(&mut self, rule: &Rule) -> Result<()> {
        if let Some(directive) = rule.body.directives.iter().find(|d| d.keyword.text == "name") {
            let value = only_value(&directive.keyword, &directive.arguments)?;
            return self.expr(value);
        }
        match &rule.name {
            Some(name) => self.quoted(&name.text),
            None => self.code.push_str("None"),
        }
        Ok(())
    }

    pub(super) fn site_of(
        &self,
        id: u32,
        kind: RuleKind,
        span: Span,
        name: Option<&Word>,
        body: &RuleBody,
    ) -> Result<RuleSite> {
        let mut directives: Vec<DirectiveSite> = Vec::new();
        for Directive { keyword, arguments, span } in &body.directives {
            if arguments.is_empty() {
                let error = Diagnostic::error(format!("`{}` has no value", keyword.text)).at(keyword.span, "");
                return Err(error.help("write its value after the colon or on the lines below, or remove it"));
            }
            if let Some(first) = directives.iter().find(|first| first.keyword == keyword.text) {
                let error = Diagnostic::error(format!("`{}` is given twice", keyword.text)).at(keyword.span, "");
                return Err(error.at(first.span, "first here").help("put all its values into one"));
            }
            let values = arguments.iter().map(|argument| argument.span).collect();
            directives.push(DirectiveSite { keyword: keyword.text.clone(), span: *span, values });
        }
        work_goes_last(body)?;
        let run = body.run.as_ref();
        let doc = body.docstring.as_ref().and_then(|text| match &text.kind {
            ExprKind::Str(text) => Some(text.clone()),
            _ => None,
        });
        Ok(RuleSite {
            id,
            kind,
            span,
            name: name.map(|name| (name.text.clone(), name.span)),
            doc,
            directives,
            run: run.map(|run| self.run_source(run).map(|source| RunSite { span: run.span, source })).transpose()?,
        })
    }

    fn keyword(&mut self, keyword: &Word, arguments: &[Argument]) -> Result<()> {
        self.code.push_str(&format!("__{}__(", keyword.text));
        match keyword.text.as_str() {
            "localrules" => {
                let names = arguments.iter().map(|argument| match &argument.kind {
                    ArgumentKind::Positional(name) => rule_name(name),
                    _ => Err(not_a_rule_name(argument.span)),
                });
                self.rule_names(&names.collect::<Result<Vec<_>>>()?)?;
            }
            "ruleorder" => self.rule_names(&rule_order(only_value(keyword, arguments)?)?)?,
            "include" | "configfile" | "workdir" => self.expr(only_value(keyword, arguments)?)?,
            _ => self.arguments(arguments)?,
        }
        self.code.push(')');
        Ok(())
    }

    fn rule_names(&mut self, names: &[(&str, Span)]) -> Result<()> {
        self.separated(names, |this, (name, span)| {
            this.mapped(*span, |this| {
                this.quoted(name);
                Ok(())
            })
        })
    }
}

/// As in Snakemake, whose rules end with what they do.
fn work_goes_last(body: &RuleBody) -> Result<()> {
    let actions = body.directives.iter().filter(|directive| ACTIONS.contains(&directive.keyword.text.as_str()));
    let run = body.run.as_ref().map(|run| ("run", run.keyword));
    let Some((word, work)) = actions
        .map(|directive| (directive.keyword.text.as_str(), directive.span))
        .chain(run)
        .min_by_key(|(_, span)| span.start)
    else {
        return Ok(());
    };
    match body.directives.iter().find(|directive| directive.keyword.span.start > work.start) {
        // Two of them are told of as such.
        Some(late) if !ACTIONS.contains(&late.keyword.text.as_str()) => {
            let late = &late.keyword;
            Err(Diagnostic::error(format!("`{}:` stands after `{word}:`, which goes last in a rule", late.text))
                .at(late.span, "")
                .at(work, "what the rule does")
                .help(format!("write `{}:` above `{word}:`", late.text)))
        }
        _ => Ok(()),
    }
}

/// The single value of a keyword that takes one.
pub(super) fn only_value<'e>(keyword: &Word, arguments: &'e [Argument]) -> Result<&'e Expr> {
    match arguments {
        [Argument { kind: ArgumentKind::Positional(value), .. }] => Ok(value),
        _ => {
            let error = Diagnostic::error(format!("`{}` takes exactly one value, without a name", keyword.text));
            Err(error.at(arguments.get(1).map_or(keyword.span, |second| second.span), ""))
        }
    }
}

/// The names in `a > b > c`.
fn rule_order(order: &Expr) -> Result<Vec<(&str, Span)>> {
    let ExprKind::Compare { first, rest } = &order.kind else {
        return Err(
            not_a_rule_name(order.span).help("write the rules with `>` between them, the preferred first: `a > b`")
        );
    };
    let mut names = vec![rule_name(first)?];
    for (op, operand) in rest {
        if *op != CompareOp::Greater {
            let error = Diagnostic::error("only `>` can stand between the rules of `ruleorder`").at(operand.span, "");
            return Err(error.help("write the preferred rule first: `a > b`"));
        }
        names.push(rule_name(operand)?);
    }
    Ok(names)
}

fn rule_name(name: &Expr) -> Result<(&str, Span)> {
    match &name.kind {
        ExprKind::Name(text) | ExprKind::Str(text) => Ok((text, name.span)),
        _ => Err(not_a_rule_name(name.span)),
    }
}

fn not_a_rule_name(span: Span) -> Diagnostic {
    Diagnostic::error("expected the name of a rule").at(span, "")
}
