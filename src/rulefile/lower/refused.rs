//! What parses but is refused, each with what to use instead. The lists here are the only place that says what there is
//! not.

use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::tree::Foreign;

/// Functions and objects of Snakemake's language that there are not, each with what to do instead.
const NAMES_INSTEAD: &[(&str, &str)] = &[
    ("from_queue", "list the inputs, or make what lists them a `checkpoint`"),
    ("github", ELSEWHERE),
    ("gitlab", ELSEWHERE),
    ("gitfile", ELSEWHERE),
    ("remote", "fetch the file by a rule of its own, as in `shell: \"curl -fo {output} URL\"`"),
    ("pep", TABLES),
];

const ELSEWHERE: &str =
    "flow reads no files from elsewhere: `git clone` the workflow, and name its file: `snakefile: \"PATH\"`";

const TABLES: &str = "flow reads no PEPs: read the table of samples with `read_csv`, and the rest with `configfile:`";

/// Statements that this version has; the other keywords of the grammar are to come.
pub const STATEMENTS: &[&str] = &[
    "include",
    "configfile",
    "workdir",
    "localrules",
    "ruleorder",
    "wildcard_constraints",
    "envvars",
    "scattergather",
    "pathvars",
    "inputflags",
    "outputflags",
    "resource_scopes",
    "container",
    "containerized",
    "singularity",
];

/// Statements that say nothing that matters here.
pub const WITHOUT_EFFECT: &[&str] = &["report", "storage"];

/// Modules whose pure part is there as a native struct.
pub const MODULES: &[&str] = &[
    "os",
    "os.path",
    "sys",
    "math",
    "re",
    "json",
    "glob",
    "itertools",
    "collections",
    "pathlib",
    "snakemake",
    "snakemake.utils",
    "snakemake.io",
];

/// Modules that only serve annotations, which are dropped.
pub const MODULES_WITHOUT_EFFECT: &[&str] = &["typing", "__future__"];

fn not_here(what: &str) -> Diagnostic {
    Diagnostic::error(format!("flow does not have {what}"))
}

/// Refuses a statement.
pub fn statement(keyword: &str, span: Span) -> Diagnostic {
    let diagnostic = not_here(&format!("`{keyword}:`")).at(span, "");
    match keyword {
        "pepfile" | "pepschema" => diagnostic.help(TABLES),
        "conda" => diagnostic.help("start flow in the environment that has the programs, and remove the statement"),
        _ => diagnostic,
    }
}

/// What to say of a name that is not defined because there is no such thing here.
pub fn name(name: &str) -> Option<Diagnostic> {
    let (_, instead) = NAMES_INSTEAD.iter().find(|(known, _)| *known == name)?;
    Some(not_here(&format!("`{name}`")).help(*instead))
}

/// Refuses a module without a native counterpart.
pub fn module(name: &str, span: Span) -> Result<(), Diagnostic> {
    if MODULES.contains(&name) {
        return Ok(());
    }
    let instead = match name.split('.').next().unwrap_or_default() {
        "pandas" | "csv" => "read tables with `read_csv` or `read_tsv`",
        "yaml" => "read YAML with `read_yaml`",
        "toml" | "tomllib" => "read TOML with `read_toml`",
        "numpy" | "scipy" | "astropy" | "PIL" | "skimage" | "cv2" => {
            "use the built-in actions in a `run:` body, or put the Python into a file and name it with `script:`"
        }
        "subprocess" | "shutil" => "run commands with `shell:`",
        "functools" | "operator" => {
            "comprehensions, dicts and `sorted(…, key=…)` cover most of it; a function of its own the rest"
        }
        "random" | "time" | "datetime" => {
            "a Rulefile is evaluated the same way every time; take the value from `config`"
        }
        "pathlib2" => "use `from pathlib import Path`",
        _ => "put the Python into a file and name it with `script:`",
    };
    let message = format!("the module `{name}` is not available in a Rulefile");
    let available = format!("available are: {}", MODULES.join(", "));
    Err(Diagnostic::error(message).at(span, "").note(available).help(instead))
}

/// Names with two underscores at both ends that Python's own files give a value.
const DUNDERS: &[&str] = &["__version__", "__author__", "__license__", "__copyright__", "__email__", "__date__"];

/// Refuses a name that lowered code has for functions of its own.
pub fn reserved(name: &str, span: Span) -> Result<(), Diagnostic> {
    if !name.starts_with("__") || name == "__" || DUNDERS.contains(&name) {
        return Ok(());
    }
    let error = Diagnostic::error(format!("the name `{name}` is reserved")).at(span, "");
    Err(error.help("names that begin with two underscores are flow's own; leave one out"))
}

/// Why a Python statement is refused.
pub fn foreign(construct: Foreign, span: Span) -> Diagnostic {
    let (what, instead) = match construct {
        Foreign::While => ("`while`", "use `for … in range(…)` with a `break`"),
        Foreign::Try => ("`try`", "ask first: `exists(path)`, `key in mapping`, `mapping.get(key, default)`"),
        Foreign::With => (
            "`with`",
            "read files with `read_text` or `read_lines`; in a `run:` body use an action, or move the code to a `script:`",
        ),
        Foreign::Class => ("`class`", "use a dict, or `struct(name=value)`"),
        Foreign::Match => ("`match`", "use `if` and `elif`"),
        Foreign::Del => ("`del`", "use `mapping.pop(key)`, or build the list or dict without the item"),
        Foreign::Global => ("`global`", "return the value from the function, and assign it at file level"),
        Foreign::Nonlocal => ("`nonlocal`", "return the value from the inner function"),
    };
    no_word(what, span, instead)
}

/// An error about Python that Starlark has no word for.
pub fn no_word(what: &str, span: Span, instead: &str) -> Diagnostic {
    Diagnostic::error(format!("{what} is not available in a Rulefile")).at(span, "").help(instead)
}
