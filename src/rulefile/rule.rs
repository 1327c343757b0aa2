//! Rules: what a Rulefile says, as plain data. Nothing here knows how it was written or which evaluator computed it;
//! what could not be computed without a job (functions of wildcards) is a [`FunctionId`] that [`Functions`] calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::later::Later;
use super::pattern::Pattern;
use super::relocation::Relocation;
use crate::diagnostic::{Diagnostic, Sources, Span};
use crate::run::spec::{Program, ShadowKind};
use crate::value::{Named, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub u32);

impl RuleId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The main file with its includes, or a module: names of its own, and rules that see them. 0 is the main one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct NamespaceId(pub u32);

impl NamespaceId {
    pub const MAIN: NamespaceId = NamespaceId(0);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A function of the Rulefile, kept by the evaluator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FunctionId(pub u32);

/// What flags say of a file: `temp()`, `protected()`, … around a path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flags {
    pub temp: bool,
    pub protected: bool,
    pub directory: bool,
    pub touch: bool,
    pub ancient: bool,
    /// A named pipe to a job that runs at the same time.
    pub pipe: bool,
    /// Made by a job that goes on until those that use the file are done.
    pub service: bool,
    /// The job changes the file, and finds it as it was.
    pub update: bool,
    /// The file as it is before a job with `update()` changes it.
    pub before_update: bool,
    /// How often the job of a benchmark is run; 0 where nothing is said.
    pub repeat: u32,
    pub non_empty: bool,
    /// Algorithm (`sha256`, `sha1`, `md5`) and hexadecimal digest.
    pub checksum: Option<Box<(String, String)>>,
    /// The same, where a function of wildcards gives the digest.
    pub checksum_of: Option<Box<(String, FunctionId)>>,
    /// `local()`: the path is where it says, whatever a module's prefix.
    pub local: bool,
    /// The path comes from `rules.NAME.output` and the like: it has the prefixes of its module already.
    pub settled: bool,
    /// The rule that makes the file where several can, because it was asked for as `rules.NAME.output`.
    pub producer: Option<Arc<str>>,
    /// The path comes from `workflow.source_path`: a file that belongs to the workflow, as its code does.
    pub source: bool,
    /// `storage(…)`: the file is not on this machine.
    pub storage: bool,
}

impl Flags {
    /// Both sets of flags on one file.
    #[must_use]
    pub fn and(&self, other: &Flags) -> Flags {
        Flags {
            temp: self.temp || other.temp,
            protected: self.protected || other.protected,
            directory: self.directory || other.directory,
            touch: self.touch || other.touch,
            ancient: self.ancient || other.ancient,
            pipe: self.pipe || other.pipe,
            service: self.service || other.service,
            update: self.update || other.update,
            before_update: self.before_update || other.before_update,
            repeat: self.repeat.max(other.repeat),
            non_empty: self.non_empty || other.non_empty,
            checksum: self.checksum.clone().or_else(|| other.checksum.clone()),
            checksum_of: self.checksum_of.clone().or_else(|| other.checksum_of.clone()),
            local: self.local || other.local,
            settled: self.settled || other.settled,
            producer: self.producer.clone().or_else(|| other.producer.clone()),
            source: self.source || other.source,
            storage: self.storage || other.storage,
        }
    }

    /// Whether they say no more than where a path comes from.
    pub fn tell_only_origin(&self) -> bool {
        let origin =
            Flags { settled: self.settled, producer: self.producer.clone(), source: self.source, ..Flags::default() };
        *self == origin
    }

    /// With the flags of `inputflags:` or `outputflags:`, as far as they do not contradict its own.
    #[must_use]
    pub fn with_defaults(&self, defaults: &Flags) -> Flags {
        let mut defaults = defaults.clone();
        defaults.temp &= !self.protected;
        defaults.protected &= !self.temp;
        self.and(&defaults)
    }

    /// Whether the file is there only while the job that makes it runs.
    pub fn live(&self) -> bool {
        self.pipe || self.service
    }
}

/// What an argument of a directive came to when the Rulefile was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Value(Value),
    /// A path (or a list of them, as a value) under flags.
    Flagged(Box<Expr>, Box<Flags>),
    List(Vec<Expr>),
    Dict(Vec<(String, Expr)>),
    /// A function of wildcards and more, called for each job.
    Function(FunctionId),
    /// What a helper such as `branch()` or `input.name` comes to, once there is a job.
    Later(Arc<Later>),
    /// `unpack(…)`: its dictionary or list becomes arguments of their own.
    Unpack(Box<Expr>),
}

impl Expr {
    /// Whether a job has a say in it, through a function or a helper.
    pub fn is_computed(&self) -> bool {
        match self {
            Expr::Function(_) | Expr::Later(_) => true,
            Expr::Value(_) => false,
            Expr::Flagged(inner, _) | Expr::Unpack(inner) => inner.is_computed(),
            Expr::List(items) => items.iter().any(Expr::is_computed),
            Expr::Dict(entries) => entries.iter().any(|(_, value)| value.is_computed()),
        }
    }

    /// The paths in it that are files of the workflow.
    pub fn sources(&self) -> Vec<&str> {
        match self {
            Expr::Flagged(inner, flags) => match &**inner {
                Expr::Value(Value::Str(path)) if flags.source => vec![path],
                inner => inner.sources(),
            },
            Expr::Unpack(inner) => inner.sources(),
            Expr::List(items) => items.iter().flat_map(Expr::sources).collect(),
            Expr::Dict(entries) => entries.iter().flat_map(|(_, value)| value.sources()).collect(),
            Expr::Value(_) | Expr::Function(_) | Expr::Later(_) => Vec::new(),
        }
    }

    /// As a plain value, where no function is in it; flags are dropped.
    #[must_use]
    pub fn into_value(self) -> Value {
        match self {
            Expr::Value(value) => value,
            Expr::Flagged(inner, _) | Expr::Unpack(inner) => inner.into_value(),
            Expr::List(items) => Value::List(items.into_iter().map(Expr::into_value).collect()),
            Expr::Dict(entries) => Value::Dict(entries.into_iter().map(|(k, v)| (k, v.into_value())).collect()),
            Expr::Function(_) | Expr::Later(_) => Value::None,
        }
    }
}

/// One positional or named argument of a directive.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    pub name: Option<String>,
    pub expr: Expr,
    pub span: Span,
}

/// What a rule's jobs do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A target rule: its inputs are what it is for.
    None,
    Shell(String),
    Run(Arc<RunBody>),
    /// The path as written, relative to the file that holds the rule.
    Script {
        path: String,
        basedir: String,
    },
}

/// A `run:` body.
#[derive(Debug, Clone, PartialEq)]
pub struct RunBody {
    pub program: Arc<Program>,
    /// The user's own text without comments and blank lines, to show differences.
    pub text: String,
    /// The parts of `config` that the body reads by constant keys; `None` if it uses `config` otherwise.
    pub config_keys: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub name: String,
    /// The header, `rule NAME:`.
    pub span: Span,
    pub doc: Option<String>,
    /// Whose names its texts see.
    pub namespace: NamespaceId,
    /// Shared with what `rules.NAME.input` shows: it may list a million files.
    pub input: Arc<[Argument]>,
    /// Where paths go that the input's functions give.
    pub input_relocation: Arc<Relocation>,
    /// Flags that every input has, from `inputflags:`.
    pub input_flags: Flags,
    pub output: Named<OutputPattern>,
    pub log: Named<LogPattern>,
    pub benchmark: Option<(Pattern, Span)>,
    pub params: Vec<Argument>,
    pub threads: Option<Argument>,
    pub resources: Vec<Argument>,
    pub priority: Option<Argument>,
    pub retries: Option<u32>,
    pub message: Option<(String, Span)>,
    pub default_target: bool,
    /// `cache:`: with `--cache`, its outputs are shared between workflows.
    pub cache: bool,
    /// All outputs have names, or all are one list.
    pub outputs_are_told_apart: bool,
    pub local: bool,
    /// Jobs of one group are sent to another machine together.
    pub group: Option<String>,
    /// What other rules need may depend on what this one makes: `checkpoints.NAME.get(…)`.
    pub is_checkpoint: bool,
    pub action: Action,
    /// Where the action stands: the directive's values.
    pub action_span: Span,
    /// What it asks for that flow does not provide.
    pub needs: Vec<Need>,
    /// The names that have a value in every job: the wildcards of the outputs.
    pub wildcard_names: Vec<String>,
    /// `repeat()` of the benchmark.
    pub benchmark_repeats: u32,
    pub shadow: Option<ShadowKind>,
    /// The job hands over to another workflow system, and gets all there is.
    pub handover: bool,
}

/// Software that a rule asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// The directive: `conda`, `container`, `wrapper`, ….
    pub directive: String,
    pub span: Span,
    /// Whether it is what the rule does, so that there is no job without it.
    pub is_action: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct OutputPattern {
    pub pattern: Pattern,
    pub flags: Flags,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LogPattern {
    pub pattern: Pattern,
    pub span: Span,
}

impl Rule {
    pub fn has_wildcards(&self) -> bool {
        !self.wildcard_names.is_empty()
    }

    /// The place to point at for an output, or the rule's header.
    pub fn output_span(&self) -> Span {
        self.output.items.first().map_or(self.span, |output| output.span)
    }
}

/// What a function of a rule may ask for by parameter name; what is not there yet is `None`.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobContext<'a> {
    pub rule: &'a str,
    pub wildcards: &'a [(String, String)],
    pub input: Option<&'a Named<String>>,
    pub output: Option<&'a Named<String>>,
    pub params: Option<&'a Named<Value>>,
    pub resources: Option<&'a BTreeMap<String, Value>>,
    pub threads: Option<u32>,
    pub attempt: u32,
}

/// A job of a checkpoint that a function asked for while it was not known to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    pub checkpoint: String,
    /// Its first output.
    pub output: String,
}

/// Why a function of the Rulefile gave no value.
#[derive(Debug)]
pub enum CallError {
    Failed(Box<Diagnostic>),
    /// Its value is not known before this checkpoint is done.
    Awaits(Awaited),
}

impl From<Diagnostic> for CallError {
    fn from(diagnostic: Diagnostic) -> Self {
        CallError::Failed(Box::new(diagnostic))
    }
}

/// For values that are needed at once.
impl From<CallError> for Diagnostic {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failed(diagnostic) => *diagnostic,
            CallError::Awaits(Awaited { checkpoint, output }) => {
                Diagnostic::error(format!("the checkpoint `{checkpoint}` is asked for before it has made {output}"))
                    .help("a job that asks for a checkpoint needs its output as an input, or a function of `input:` that asks for it")
            }
        }
    }
}

/// The functions of a Rulefile, callable from any thread.
pub trait Functions: Send + Sync {
    /// Calls a function for a job. The result holds no function.
    ///
    /// # Errors
    /// A diagnostic at the place in the Rulefile where it failed, or the checkpoint that it waits for.
    fn call(&self, function: FunctionId, context: &JobContext<'_>) -> Result<Expr, CallError>;

    /// From now on the job of a checkpoint that makes this file, its first output, is done.
    fn checkpoint_done(&self, output: &str);

    /// Whether a function has a parameter of this name, besides its first, the wildcards.
    fn asks_for(&self, function: FunctionId, name: &str) -> bool;

    /// The value of a file-level name, as plain data.
    fn global(&self, namespace: NamespaceId, name: &str) -> Option<Value>;

    /// The value of an expression that is given as text, in which `names` have these values.
    ///
    /// # Errors
    /// A diagnostic that shows the expression.
    fn expression(&self, text: &str, names: &[(String, Value)]) -> Result<Value, Diagnostic>;

    /// What a function makes of the content of a file, given to it as an open file.
    ///
    /// # Errors
    /// A diagnostic at the place in the Rulefile where it failed.
    fn parse(&self, function: FunctionId, content: &str, named: &[(String, Value)]) -> Result<Value, Diagnostic>;
}

/// All that a Rulefile says.
pub struct Workflow {
    pub rules: Vec<Rule>,
    pub functions: Arc<dyn Functions>,
    /// By [`NamespaceId`]: modules have a configuration of their own.
    pub configs: Vec<Arc<Value>>,
    pub order: RuleOrder,
    /// `onstart:` and its like, for the run.
    pub handlers: Handlers,
    /// Resources that are not counted over the whole run: name, and `local` or `global`.
    pub resource_scopes: Vec<(String, String)>,
    /// The rule that is made when none is asked for.
    pub default_target: Option<String>,
    /// The folder to run in, as `workdir:` says.
    pub workdir: Option<String>,
    /// The Rulefile's folder.
    pub basedir: String,
    pub sources: Sources,
    /// Files that reading the Rulefile depended on: includes, configuration, tables.
    pub read: Vec<String>,
}

impl Workflow {
    pub fn rule(&self, id: RuleId) -> &Rule {
        &self.rules[id.index()]
    }

    pub fn find(&self, name: &str) -> Option<RuleId> {
        let at = self.rules.iter().position(|rule| rule.name == name)?;
        Some(RuleId(u32::try_from(at).expect("fewer than 2^32 rules")))
    }

    /// The rule that is made when no target is asked for: the one with `default_target`, or the first of the main file.
    pub fn default_rule(&self) -> Option<RuleId> {
        self.default_target.as_ref().and_then(|name| self.find(name))
    }

    /// The configuration that a rule sees.
    pub fn config(&self, rule: &Rule) -> &Arc<Value> {
        &self.configs[rule.namespace.index()]
    }

    /// An entry of the configuration that a rule sees.
    pub fn config_entry(&self, rule: &Rule, key: &str) -> Option<&Value> {
        match &**self.config(rule) {
            Value::Dict(dict) => dict.get(key),
            _ => None,
        }
    }
}

/// What is done around a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Handlers {
    pub onstart: Option<Arc<RunBody>>,
    pub onsuccess: Option<Arc<RunBody>>,
    pub onerror: Option<Arc<RunBody>>,
}

/// The `ruleorder:` statements, the last of which weighs most.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleOrder {
    pub clauses: Vec<Vec<String>>,
}

impl RuleOrder {
    /// Which rule goes first where both can make a file: `Less` if `a` has the higher priority. A statement decides;
    /// else a rule without wildcards goes before one with; else they are equal, which is an ambiguity.
    pub fn compare(&self, a: &Rule, b: &Rule) -> std::cmp::Ordering {
        for clause in self.clauses.iter().rev() {
            let place = |rule: &Rule| clause.iter().position(|name| *name == rule.name);
            if let (Some(a), Some(b)) = (place(a), place(b)) {
                return a.cmp(&b);
            }
        }
        a.has_wildcards().cmp(&b.has_wildcards())
    }
}
