//! Which names a block binds, as Python decides it: by assignment anywhere in it, not by order. Functions, lambdas and
//! comprehensions have scopes of their own and are not entered.

use std::collections::HashSet;

use super::tree::{Block, Clause, Expr, ExprKind, Import, Parameter, ParameterKind, Statement, StatementKind};

/// Names bound in one scope, as the user spells them. Only membership is asked, so that its order is never seen.
pub type Names = HashSet<String>;

/// Adds the names that `statements` bind.
pub fn bound_by_block(statements: &[Statement], names: &mut Names) {
    for statement in statements {
        match &statement.kind {
            StatementKind::Assign { targets, .. } => targets.iter().for_each(|target| bound_by_target(target, names)),
            StatementKind::AugAssign { target, .. } => bound_by_target(target, names),
            StatementKind::Import(imports) => imports.iter().for_each(|import| {
                names.insert(bound_by_import(import).to_owned());
            }),
            StatementKind::FromImport { names: imports, .. } => {
                for import in imports {
                    names.insert(import.alias.as_ref().unwrap_or(&import.name).text.clone());
                }
            }
            StatementKind::If { branches, otherwise } => {
                branches.iter().for_each(|(_, block)| bound_by_block(block, names));
                bound_by_optional(otherwise.as_ref(), names);
            }
            StatementKind::For { target, body, otherwise, .. } => {
                bound_by_target(target, names);
                bound_by_block(body, names);
                bound_by_optional(otherwise.as_ref(), names);
            }
            StatementKind::Def(def) => {
                names.insert(def.name.text.clone());
            }
            _ => {}
        }
    }
}

fn bound_by_optional(block: Option<&Block>, names: &mut Names) {
    if let Some(block) = block {
        bound_by_block(block, names);
    }
}

/// `import a.b` binds `a`.
pub fn bound_by_import(import: &Import) -> &str {
    match &import.alias {
        Some(alias) => &alias.text,
        None => import.name.text.split('.').next().unwrap_or_default(),
    }
}

/// Adds the names in an assignment's target.
pub fn bound_by_target(target: &Expr, names: &mut Names) {
    match &target.kind {
        ExprKind::Name(name) => {
            names.insert(name.clone());
        }
        ExprKind::Paren(inner) | ExprKind::Starred(inner) => bound_by_target(inner, names),
        ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|item| bound_by_target(item, names)),
        _ => {}
    }
}

/// The names of parameters.
pub fn bound_by_parameters(parameters: &[Parameter]) -> Names {
    let name = |parameter: &Parameter| match &parameter.kind {
        ParameterKind::Plain { name, .. } | ParameterKind::Star(Some(name)) | ParameterKind::DoubleStar(name) => {
            Some(name.text.clone())
        }
        ParameterKind::Star(None) | ParameterKind::Slash => None,
    };
    parameters.iter().filter_map(name).collect()
}

/// The names that the clauses of a comprehension bind.
pub fn bound_by_clauses(clauses: &[Clause]) -> Names {
    let mut names = Names::new();
    for clause in clauses {
        if let Clause::For { target, .. } = clause {
            bound_by_target(target, &mut names);
        }
    }
    names
}
