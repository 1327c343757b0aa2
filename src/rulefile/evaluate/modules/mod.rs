//! Modules: other workflows under a name, with names, configuration and paths of their own. A `module` statement says
//! where one is, the first `use rule` evaluates it, and each takes rules of it. A module that no rule is used of is
//! never read.

mod object;
mod statements;
mod use_rule;

pub use self::statements::modules;

use super::draft;
use super::loader::{Loader, fail};
use super::namespace::Namespace;
use super::settings::ConfigLayers;
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::relocation::{Level, PathVars, Prefix};
use crate::rulefile::rule::NamespaceId;
use crate::value::{Dict, Value as Plain};

/// What a `module` statement says.
#[derive(Debug, Clone)]
pub struct ModuleInfo {
    pub name: String,
    pub span: Option<Span>,
    /// Its file.
    pub path: String,
    /// A configuration of its own; without one it starts from nothing and reads its own files.
    pub config: Option<Plain>,
    /// What is done with its paths, then what the modules around it do.
    pub prefixes: Vec<Prefix>,
    pub pathvars: PathVars,
    /// Its namespace, once it was evaluated.
    pub evaluated: Option<NamespaceId>,
}

/// The namespace of a module of the current one, evaluated if it is not yet.
///
/// # Errors
/// What is wrong in the module's files.
fn evaluated(info: &ModuleInfo, loader: &Loader) -> Result<NamespaceId, Diagnostic> {
    if let Some(namespace) = info.evaluated {
        return Ok(namespace);
    }
    let outer = loader.current();
    let layers = loader.here_in(|space| space.config.clone());
    let namespace = loader.begin(Namespace {
        // A configuration that is given replaces the module's own files.
        config: ConfigLayers { replaced: layers.replaced || info.config.is_some(), ..layers },
        prefixes: info.prefixes.clone(),
        pathvars: info.pathvars.clone(),
        ..Namespace::default()
    });
    let config = info.config.clone().unwrap_or_else(|| Plain::Dict(Dict::default()));
    let result = super::evaluate_namespace(loader, &config, &info.path, info.span);
    loader.resume(outer);
    result?;
    loader.here_in(|space| {
        if let Some(known) = space.modules.get_mut(&info.name) {
            known.evaluated = Some(namespace);
        }
    });
    Ok(namespace)
}

/// Takes the `pathvars` of a configuration over into the current namespace.
pub fn take_pathvars(config: &Dict, level: Level, loader: &Loader) -> starlark::Result<()> {
    loader
        .here_in(|space| {
            // What a module is given weighs more than what it reads itself.
            let level = if space.id == NamespaceId::MAIN { level } else { level.max(Level::Config) };
            pathvars_of(config, level, &mut space.pathvars)
        })
        .map_err(fail)
}

/// Adds the `pathvars` of a configuration.
fn pathvars_of(config: &Dict, level: Level, pathvars: &mut PathVars) -> Result<(), Diagnostic> {
    let Some(Plain::Dict(items)) = config.get("pathvars") else { return Ok(()) };
    let mut texts = Vec::new();
    for (name, value) in items {
        let Some(text) = value.as_str() else {
            return Err(Diagnostic::error(format!("the configuration's path variable `{name}` is no text")));
        };
        texts.push((name.as_str(), text));
    }
    pathvars.add(level, texts).map_err(|error| draft::relocation_error(&error, pathvars))
}
