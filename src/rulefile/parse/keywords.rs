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
];

/// The candidate that `word` was most likely meant to be, if one is close enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = match word.chars().count() {
        0..=2 => 0,
        3..=4 => 1,
        5..=7 => 2,
        _ => 3,
    };
    let word = word.to_lowercase();
    let scored = candidates.into_iter().map(|candidate| (edit_distance(&word, &candidate.to_lowercase()), candidate));
    scored.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal string
/// alignment).
pub fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swapped_and_missing_letters_are_near() {
        assert_eq!(nearest("inptu", DIRECTIVES.iter().copied()), Some("input"));
        assert_eq!(nearest("ouput", DIRECTIVES.iter().copied()), Some("output"));
        assert_eq!(nearest("treads", DIRECTIVES.iter().copied()), Some("threads"));
        assert_eq!(nearest("sample", DIRECTIVES.iter().copied()), None);
    }
}
