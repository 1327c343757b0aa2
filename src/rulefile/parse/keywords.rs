//! The words of the language, for "did you mean"; the grammar says where each may stand.

/// Python's reserved words.
const RESERVED: [&str; 35] = [
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
    "return", "try", "while", "with", "yield", "False", "None", "True",
];

/// Whether Python reserves the word, so that it is no name.
pub fn is_keyword(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Directives of a rule.
pub const DIRECTIVES: &[&str] = &[
    "input",
    "output",
    "log",
    "benchmark",
    "shell",
    "run",
    "script",
    "params",
    "threads",
    "resources",
    "priority",
    "retries",
    "group",
    "shadow",
    "envmodules",
    "cache",
    "wildcard_constraints",
    "default_target",
    "localrule",
    "name",
    "handover",
    "pathvars",
    "message",
    "conda",
    "container",
    "containerized",
    "singularity",
    "notebook",
    "wrapper",
    "cwl",
    "template_engine",
];

/// Directives of a `module`.
pub const MODULE_DIRECTIVES: &[&str] =
    &["snakefile", "meta_wrapper", "config", "skip_validation", "replace_prefix", "prefix", "name", "pathvars"];

/// Statements that begin with a word of their own and a colon, or a word and a name.
pub const STATEMENTS: &[&str] = &[
    "rule",
    "checkpoint",
    "include",
    "module",
    "configfile",
    "workdir",
    "envvars",
    "localrules",
    "ruleorder",
    "wildcard_constraints",
    "scattergather",
    "pathvars",
    "inputflags",
    "outputflags",
    "resource_scopes",
    "container",
    "containerized",
    "singularity",
    "onstart",
    "onsuccess",
    "onerror",
    "report",
    "storage",
    "conda",
    "pepfile",
    "pepschema",
];
