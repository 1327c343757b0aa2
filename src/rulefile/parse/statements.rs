//! Statements: Python's, and those of rules.

use pest::iterators::{Pair, Pairs};

use super::expressions::binary_op;
use super::grammar::Rule;
use super::keywords::{DIRECTIVES, MODULE_DIRECTIVES, STATEMENTS};
use super::{Builder, Result};
use crate::diagnostic::Span;
use crate::rulefile::tree::{
    Argument, Block, Def, Directive, Expr, ExprKind, Foreign, Import, Rule as RuleNode, RuleBody, RuleKind, Run,
    Statement, StatementKind, UseRule,
};
use crate::spelling::nearest;

/// Whoever evaluates an `if` takes each further branch for one within the last.
const MOST_BRANCHES: usize = 200;

impl Builder<'_> {
    /// The statements among `pairs`.
    pub(super) fn block(&self, pairs: Pairs<'_, Rule>) -> Result<Block> {
        let mut block = Vec::new();
        for pair in pairs.filter(|p| !matches!(p.as_rule(), Rule::end_of_line | Rule::EOI)) {
            let span = self.span(&pair);
            let kind = self.deeper(4, span, || self.statement(pair))?;
            block.push(Statement { kind, span });
        }
        Ok(block)
    }

    fn statement(&self, pair: Pair<'_, Rule>) -> Result<StatementKind> {
        let rule = pair.as_rule();
        match rule {
            Rule::pass_statement => Ok(StatementKind::Pass),
            Rule::break_statement => Ok(StatementKind::Break),
            Rule::continue_statement => Ok(StatementKind::Continue),
            Rule::expression_statement => self.expression_statement(pair),
            Rule::return_statement => Ok(StatementKind::Return(self.operands(pair)?.pop())),
            Rule::raise_statement => Ok(StatementKind::Raise(self.operands(pair)?.into_iter().next())),
            Rule::assert_statement => {
                let mut operands = self.operands(pair)?.into_iter();
                let condition = operands.next().expect("`assert` has a condition");
                Ok(StatementKind::Assert { condition, message: operands.next() })
            }
            Rule::import_statement => Ok(StatementKind::Import(self.imports(pair.into_inner()))),
            Rule::from_statement => Ok(self.names_from_module(pair)),
            Rule::if_statement => self.if_statement(pair),
            Rule::for_statement => self.for_statement(pair),
            Rule::def_statement => self.def_statement(pair),
            Rule::rule_statement => self.rule_statement(pair),
            Rule::module_statement => {
                let mut inner = pair.into_inner();
                let head = inner.next().expect("a module has a head");
                let name = head.into_inner().nth(1).map(|name| self.word(&name));
                let body = inner.next().expect("a module has a body");
                Ok(StatementKind::Module { name, body: self.rule_body(body, true)? })
            }
            Rule::use_rule_statement => self.use_rule(pair),
            Rule::handler_statement => {
                let mut inner = pair.into_inner();
                let keyword = self.word(&inner.next().expect("a handler has a keyword"));
                Ok(StatementKind::Handler { keyword, body: self.suite(inner.next())? })
            }
            Rule::keyword_statement | Rule::storage_statement => {
                let mut inner = pair.into_inner();
                let keyword = self.word(&inner.next().expect("the statement has a keyword"));
                Ok(StatementKind::Keyword { arguments: self.values(inner)?, keyword })
            }
            _ => self.foreign(pair, rule),
        }
    }

    fn suite(&self, pair: Option<Pair<'_, Rule>>) -> Result<Block> {
        self.block(pair.expect("a compound statement has a block").into_inner())
    }

    /// The expressions of a simple statement, without its keywords.
    fn operands(&self, pair: Pair<'_, Rule>) -> Result<Vec<Expr>> {
        let is_keyword = |rule| {
            matches!(
                rule,
                Rule::return_keyword
                    | Rule::raise_keyword
                    | Rule::assert_keyword
                    | Rule::from_keyword
                    | Rule::if_keyword
                    | Rule::elif_keyword
                    | Rule::for_keyword
                    | Rule::in_keyword
                    | Rule::async_keyword
            )
        };
        pair.into_inner().filter(|p| !is_keyword(p.as_rule())).map(|p| self.expression(p)).collect()
    }

    fn expression_statement(&self, pair: Pair<'_, Rule>) -> Result<StatementKind> {
        let (mut values, mut augmented, mut annotation) = (Vec::new(), None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::augmented => augmented = Some(binary_op(part.as_str().trim_end_matches('='))),
                Rule::annotation => {
                    let inner = part.into_inner().next().expect("an annotation has an expression");
                    annotation = Some(self.expression(inner)?);
                }
                _ => values.push(self.expression(part)?),
            }
        }
        let value = values.pop().expect("the statement has an expression");
        if let Some(op) = augmented {
            let target = values.pop().expect("an assignment has a target");
            self.check_target(&target)?;
            return Ok(StatementKind::AugAssign { target, op, value });
        }
        for target in &values {
            self.check_target(target)?;
        }
        Ok(match annotation {
            _ if !values.is_empty() => StatementKind::Assign { targets: values, value },
            None => StatementKind::Expr(value),
            Some(annotation) => self.declaration(value, annotation)?,
        })
    }

    /// `name: type`, unless it is a misspelt keyword with its value.
    fn declaration(&self, target: Expr, annotation: Expr) -> Result<StatementKind> {
        let names_a_type = matches!(
            annotation.kind,
            ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Index { .. } | ExprKind::None
        );
        if let ExprKind::Name(name) = &target.kind {
            let near = nearest(name, STATEMENTS.iter().copied());
            if near == Some(name) {
                // It would have been read as that statement, but for what follows it.
                let error = self.error(format!("nothing else stands on the line of `{name}:`"), target.span);
                return Err(error.help("write what comes after `;` on a line of its own"));
            }
            if !names_a_type || near.is_some() {
                return Err(match near {
                    Some(word) => self
                        .error(format!("there is no statement `{name}`"), target.span)
                        .help(format!("did you mean `{word}`?")),
                    None if DIRECTIVES.contains(&name.as_str()) => self
                        .error(format!("`{name}:` belongs to a rule, and no rule is open here"), target.span)
                        .help("indent it below the line of its rule"),
                    None => self
                        .error(format!("there is no statement `{name}`"), target.span)
                        .help(format!("to give it a value, write `{name} = …`")),
                });
            }
        }
        Ok(StatementKind::Declare { target, annotation })
    }

    fn check_target(&self, target: &Expr) -> Result<()> {
        match &target.kind {
            ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Index { .. } => Ok(()),
            ExprKind::Paren(inner) | ExprKind::Starred(inner) => self.check_target(inner),
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().try_for_each(|item| self.check_target(item)),
            _ => {
                let error = self.error("cannot assign to this expression", target.span);
                Err(error.help("the left side of `=` is a name, an attribute or an item; to compare, write `==`"))
            }
        }
    }

    fn imports(&self, pairs: Pairs<'_, Rule>) -> Vec<Import> {
        let names = pairs.filter(|p| matches!(p.as_rule(), Rule::import_module | Rule::import_name));
        names
            .map(|import| {
                let mut inner = import.into_inner().filter(|p| p.as_rule() != Rule::as_keyword);
                let name = self.word(&inner.next().expect("an import has a name"));
                Import { name, alias: inner.next().map(|alias| self.word(&alias)) }
            })
            .collect()
    }

    fn names_from_module(&self, pair: Pair<'_, Rule>) -> StatementKind {
        let inner = pair.into_inner();
        let module = inner.clone().find(|p| p.as_rule() == Rule::dotted_name).expect("`from` names a module");
        StatementKind::FromImport { module: self.word(&module), names: self.imports(inner) }
    }

    fn if_statement(&self, pair: Pair<'_, Rule>) -> Result<StatementKind> {
        let mut inner = pair.into_inner().peekable();
        let mut branches = Vec::new();
        let mut otherwise = None;
        while let Some(part) = inner.next() {
            let mut clause = match part.as_rule() {
                Rule::if_head => {
                    let condition = self.operands(part)?.pop().expect("`if` has a condition");
                    branches.push((condition, self.suite(inner.next())?));
                    continue;
                }
                Rule::elif_clause => part.into_inner(),
                _ => {
                    otherwise = Some(self.suite(part.into_inner().last())?);
                    continue;
                }
            };
            let head = clause.next().expect("`elif` has a head");
            if branches.len() == MOST_BRANCHES {
                let error = self.error(format!("an `if` with more than {MOST_BRANCHES} branches"), self.span(&head));
                return Err(error.help("put the cases into a dictionary, and look the case up: `CASES[key]`"));
            }
            let condition = self.operands(head)?.pop().expect("`elif` has a condition");
            branches.push((condition, self.suite(clause.next())?));
        }
        Ok(StatementKind::If { branches, otherwise })
    }

    fn for_statement(&self, pair: Pair<'_, Rule>) -> Result<StatementKind> {
        let mut inner = pair.into_inner();
        let head = inner.next().expect("`for` has a head");
        let is_async = head.as_str().starts_with("async");
        let mut parts = self.operands(head)?.into_iter();
        let target = parts.next().expect("`for` has a target");
        self.check_target(&target)?;
        let iterable = parts.next().expect("`for` has something to go over");
        let body = self.suite(inner.next())?;
        let otherwise = inner.next().map(|clause| self.suite(clause.into_inner().last())).transpose()?;
        Ok(StatementKind::For { target, iterable, body, otherwise, is_async })
    }

    fn def_statement(&self, pair: Pair<'_, Rule>) -> Result<StatementKind> {
        let (mut name, mut parameters, mut decorators, mut is_async) = (None, Vec::new(), Vec::new(), false);
        let mut body = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::decorator => {
                    decorators.push(self.expression(part.into_inner().next().expect("a decorator has a value"))?);
                }
                Rule::def_head => {
                    for word in part.into_inner() {
                        match word.as_rule() {
                            Rule::identifier => name = Some(self.word(&word)),
                            Rule::async_keyword => is_async = true,
                            Rule::parameters => {
                                parameters = word
                                    .into_inner()
                                    .map(|parameter| self.parameter(parameter))
                                    .collect::<Result<_>>()?;
                            }
                            _ => {}
                        }
                    }
                }
                _ => body = self.block(part.into_inner())?,
            }
        }
        let name = name.expect("a function has a name");
        Ok(StatementKind::Def(Box::new(Def { name, parameters, body, decorators, is_async })))
    }

    fn foreign(&self, pair: Pair<'_, Rule>, rule: Rule) -> Result<StatementKind> {
        let construct = match rule {
            Rule::while_statement => Foreign::While,
            Rule::try_statement => Foreign::Try,
            Rule::with_statement => Foreign::With,
            Rule::class_statement => Foreign::Class,
            Rule::match_statement => Foreign::Match,
            Rule::del_statement => Foreign::Del,
            Rule::global_statement => Foreign::Global,
            _ => Foreign::Nonlocal,
        };
        let start = self.start(&pair);
        let word = pair.as_str().find(|c: char| !c.is_alphanumeric()).unwrap_or(pair.as_str().len());
        let mut blocks = Vec::new();
        self.collect_suites(pair, &mut blocks)?;
        Ok(StatementKind::Foreign { construct, keyword: Span::new(self.source, start..start + word), blocks })
    }

    fn collect_suites(&self, pair: Pair<'_, Rule>, blocks: &mut Vec<Block>) -> Result<()> {
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::suite => blocks.push(self.block(part.into_inner())?),
                Rule::else_clause | Rule::except_clause | Rule::finally_clause | Rule::case_clause => {
                    self.collect_suites(part, blocks)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn rule_statement(&self, pair: Pair<'_, Rule>) -> Result<StatementKind> {
        let mut inner = pair.into_inner();
        let head = inner.next().expect("a rule has a head");
        let span = self.span(&head);
        let (mut kind, mut name) = (RuleKind::Rule, None);
        for word in head.into_inner() {
            match word.as_rule() {
                Rule::identifier => name = Some(self.word(&word)),
                _ if word.as_str() == "checkpoint" => kind = RuleKind::Checkpoint,
                _ => {}
            }
        }
        let body = self.rule_body(inner.next().expect("a rule has a body"), false)?;
        Ok(StatementKind::Rule(Box::new(RuleNode { kind, head: span, name, body })))
    }

    fn use_rule(&self, pair: Pair<'_, Rule>) -> Result<StatementKind> {
        let mut inner = pair.into_inner();
        let head = inner.next().expect("`use rule` has a head");
        let span = self.span(&head);
        let (mut rules, mut module, mut exclude, mut alias) = (Vec::new(), None, Vec::new(), None);
        let mut after = Rule::use_rule_keyword;
        for part in head.into_inner() {
            match (part.as_rule(), after) {
                (Rule::identifier, Rule::from_keyword) => module = Some(self.word(&part)),
                (Rule::identifier, Rule::exclude_keyword) => exclude.push(self.word(&part)),
                (Rule::identifier | Rule::all_rules, _) => rules.push(self.word(&part)),
                (Rule::rule_pattern, _) => alias = Some(self.word(&part)),
                (part, _) => after = part,
            }
        }
        let body = inner.find(|p| p.as_rule() == Rule::rule_body);
        let body = body.map(|body| self.rule_body(body, false)).transpose()?;
        Ok(StatementKind::UseRule(Box::new(UseRule { head: span, rules, module, exclude, alias, body })))
    }

    fn rule_body(&self, pair: Pair<'_, Rule>, of_module: bool) -> Result<RuleBody> {
        let mut body = RuleBody::default();
        for item in pair.into_inner() {
            match item.as_rule() {
                Rule::docstring => {
                    let text = self.expression(item.into_inner().next().expect("a docstring has a text"))?;
                    if body.docstring.is_some() || !body.directives.is_empty() || body.run.is_some() {
                        let error = self.error("a text stands here without a directive", text.span);
                        return Err(error.help("put the description of the rule first, or write a directive before it"));
                    }
                    body.docstring = Some(text);
                }
                Rule::run_directive => {
                    let mut inner = item.into_inner();
                    let keyword = self.span(&inner.next().expect("`run` is a keyword"));
                    let block = self.suite(inner.next())?;
                    let span = match (block.first(), block.last()) {
                        (Some(first), Some(last)) => first.span.to(last.span),
                        _ => keyword,
                    };
                    if let Some(first) = &body.run {
                        return Err(self.error("`run` is given twice", keyword).at(first.keyword, "first here"));
                    }
                    body.run = Some(Run { keyword, body: block, span });
                }
                Rule::directive => {
                    body.directives.push(self.directive(item, of_module)?);
                }
                _ => {}
            }
        }
        Ok(body)
    }

    fn directive(&self, pair: Pair<'_, Rule>, of_module: bool) -> Result<Directive> {
        let span = self.span(&pair);
        let mut inner = pair.into_inner();
        let keyword = self.word(&inner.next().expect("a directive has a keyword"));
        let known = if of_module { MODULE_DIRECTIVES } else { DIRECTIVES };
        if !known.contains(&keyword.text.as_str()) {
            let owner = if of_module { "module" } else { "rule" };
            let error = self.error(format!("a {owner} has no directive `{}`", keyword.text), keyword.span);
            let near = nearest(&keyword.text, known.iter().copied());
            return Err(match near {
                Some(word) => error.help(format!("did you mean `{word}`?")),
                None => error.help(format!("the directives of a {owner} are: {}", known.join(", "))),
            });
        }
        Ok(Directive { arguments: self.values(inner)?, keyword, span })
    }

    fn values(&self, mut inner: Pairs<'_, Rule>) -> Result<Vec<Argument>> {
        match inner.find(|p| p.as_rule() == Rule::arguments) {
            Some(arguments) => self.arguments(arguments),
            None => Ok(Vec::new()),
        }
    }
}
