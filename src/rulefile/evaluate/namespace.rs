//! What one namespace of a workflow has said so far: the main file with its includes, or a module. Its rules, its
//! statements about rules, and where its paths go. Knows no Starlark values.

use std::collections::BTreeMap;

use super::loader::{Draft, Include};
use super::modules::ModuleInfo;
use super::objects::KnownRules;
use super::settings::ConfigLayers;
use crate::diagnostic::Span;
use crate::rulefile::relocation::{PathVars, Prefix};
use crate::rulefile::rule::{Flags, Handlers, NamespaceId, Need, RuleOrder};

#[derive(Default)]
pub struct Namespace {
    pub id: NamespaceId,
    pub drafts: Vec<Draft>,
    /// What `rules.NAME` shows, of the drafts in their order.
    pub known: KnownRules,
    pub order: RuleOrder,
    pub local_rules: Vec<(String, Option<Span>)>,
    pub constraints: Vec<(String, String)>,
    pub includes: Vec<Include>,
    pub config: ConfigLayers,
    /// The folder of the file that is being evaluated.
    pub basedir: String,
    /// What is made when nothing is asked for.
    pub default_target: Option<String>,
    /// Of this module, then of those around it.
    pub prefixes: Vec<Prefix>,
    pub pathvars: PathVars,
    /// Of `inputflags:` and `outputflags:`.
    pub input_flags: Flags,
    pub output_flags: Flags,
    /// Of `container:`, for all rules that have none of their own.
    pub container: Option<Need>,
    pub modules: BTreeMap<String, ModuleInfo>,
    /// `onstart:` and its like, as places in the sites.
    pub handlers: BTreeMap<String, u32>,
    /// The same as programs, once the namespace is evaluated.
    pub composed: Handlers,
    /// Number of rules that were defined, replaced ones included: anonymous rules are called by it.
    pub rules_met: usize,
}

impl Namespace {
    pub fn find(&self, name: &str) -> Option<&Draft> {
        self.drafts.get(self.known.position(name)?)
    }
}
