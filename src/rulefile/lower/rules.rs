//! Rules and the other statements that describe a workflow, as calls that register them.

use super::lowerer::{Lowerer, Result};
use super::refused;
use super::{DirectiveSite, RuleSite, RunSite};
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::tree::{
    Argument, ArgumentKind, CompareOp, Directive, Expr, ExprKind, Rule, Statement, StatementKind, Word,
};

impl Lowerer<'_> {
    pub(super) fn workflow_statement(&mut self, statement: &Statement) -> Result<()> {
        let (what, span) = match &statement.kind {
            StatementKind::Rule(rule) => ("rule", rule.head),
            StatementKind::Keyword { keyword, .. } | StatementKind::Handler { keyword, .. } => {
                (keyword.text.as_str(), keyword.span)
            }
            StatementKind::Module { name, .. } => ("module", name.as_ref().map_or(statement.span, |name| name.span)),
            StatementKind::UseRule { head, .. } => ("use rule", *head),
            _ => unreachable!("Python's statements are lowered elsewhere"),
        };
        if self.in_function {
            let error = Diagnostic::error(format!("`{what}` cannot stand inside a function")).at(span, "");
            return Err(error.help("write it at file level; to have it several times, put it into a `for` there"));
        }
        match &statement.kind {
            StatementKind::Rule(rule) => self.rule(rule),
            StatementKind::Keyword { keyword, arguments } if refused::STATEMENTS.contains(&what) => {
                self.simple(statement.span, |this| this.keyword(keyword, arguments))
            }
            _ => Err(refused::not_yet(&format!("`{what}`"), span)),
        }
    }

    /// `__rule__(id, name=…, input=__args__(…), …)`.
    fn rule(&mut self, rule: &Rule) -> Result<()> {
        let position = self.sites.len();
        let id = self.ids.site + u32::try_from(position).expect("fewer than 2^32 rules");
        let site = self.site(rule, id)?;
        self.sites.push(site);
        self.simple(rule.head, |this| {
            this.code.push_str(&format!("__rule__({id}, name="));
            this.rule_name(rule)?;
            for directive in rule.body.directives.iter().filter(|d| d.keyword.text != "name") {
                this.code.push_str(&format!(", {}=", directive.keyword.text));
                this.mapped(directive.span, |this| {
                    this.code.push_str("__args__(");
                    this.arguments(&directive.arguments)?;
                    this.code.push(')');
                    Ok(())
                })?;
            }
            if rule.body.run.is_some() {
                this.code.push_str(&format!(", run={id}"));
            }
            this.code.push(')');
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

    fn site(&self, rule: &Rule, id: u32) -> Result<RuleSite> {
        let mut directives: Vec<DirectiveSite> = Vec::new();
        for Directive { keyword, arguments, span } in &rule.body.directives {
            refused::directive(&keyword.text, keyword.span)?;
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
        let run = rule.body.run.as_ref();
        let doc = rule.body.docstring.as_ref().and_then(|text| match &text.kind {
            ExprKind::Str(text) => Some(text.clone()),
            _ => None,
        });
        Ok(RuleSite {
            id,
            kind: rule.kind,
            span: rule.head,
            name: rule.name.as_ref().map(|name| (name.text.clone(), name.span)),
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
            "wildcard_constraints" => self.arguments(arguments)?,
            _ => self.expr(only_value(keyword, arguments)?)?,
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

/// The single value of a keyword that takes one.
fn only_value<'e>(keyword: &Word, arguments: &'e [Argument]) -> Result<&'e Expr> {
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
