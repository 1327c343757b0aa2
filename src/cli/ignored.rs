//! Options of Snakemake that pass without effect: they ask for what flow does anyway, or steer what flow has not (a
//! cluster, storage, software environments), and leaving them out changes no file. An option that would change what is
//! made is not here.

use std::collections::VecDeque;
use std::ffi::OsString;

/// What follows an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    None,
    One,
    /// Words with `=`.
    Pairs,
    /// Every word up to the next option.
    Many,
}

const IGNORED: &[(Values, &[&str])] = &[
    (
        Values::None,
        &[
            "--keep-target-files",
            "--keep-remote",
            "--keep-storage-local-copies",
            "--not-retrieve-storage",
            "--skip-script-cleanup",
            "--trust-io-cache",
            "--force-use-threads",
            "--debug",
            "--no-color",
            "--ignore-incomplete",
            "--ii",
            "--drop-metadata",
            "--conda-not-block-search-path-envvars",
            "--wait-for-free-local-storage",
            "--benchmark-extended",
            "--precommand",
        ],
    ),
    (
        Values::One,
        &[
            "--nodes",
            "--max-inventory-time",
            "--max-inventory-wait-time",
            "--max-jobs-per-second",
            "--max-jobs-per-timespan",
            "--max-status-checks-per-second",
            "--seconds-between-status-checks",
            "--scheduler-ilp-solver",
            "--scheduler-solver-path",
            "--scheduler-greediness",
            "--greediness",
            "--scheduler-subsample",
            "--preemptible-retries",
            "--conda-base-path",
            "--conda-frontend",
            "--conda-prefix",
            "--conda-cleanup-pkgs",
            "--singularity-prefix",
            "--apptainer-prefix",
            "--singularity-args",
            "--apptainer-args",
            "--jobname",
            "--jn",
            "--local-groupid",
            "--runtime-source-cache-path",
            "--max-checksum-file-size",
            "--local-storage-prefix",
            "--remote-job-local-storage-prefix",
            "--retrieve-workflow-storage",
            "--job-deploy-sources",
        ],
    ),
    (Values::Pairs, &["--set-resource-scopes", "--overwrite-resource-scopes"]),
    (Values::Many, &["--preemptible-rules", "--shared-fs-usage", "--strict-dag-evaluation", "--wait-for-files"]),
];

/// What follows an option without effect; `None` for any other word.
pub fn values(name: &str) -> Option<Values> {
    IGNORED.iter().find(|(_, names)| names.contains(&name)).map(|(values, _)| *values)
}

impl Values {
    /// Takes the values away from the words that follow; `attached`: one stands behind `=`.
    pub fn skip(self, attached: bool, words: &mut VecDeque<OsString>) {
        let next = |words: &VecDeque<OsString>| words.front().and_then(|next| next.to_str()).map(str::to_owned);
        let is_value = |word: &str, taken: usize| match self {
            Values::None => false,
            Values::One => taken == 0,
            Values::Pairs => word.contains('='),
            Values::Many => true,
        };
        let mut taken = usize::from(attached);
        while let Some(word) = next(words).filter(|word| !word.starts_with('-') && is_value(word, taken)) {
            drop(word);
            words.pop_front();
            taken += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_with_their_option() {
        let left = |name: &str, words: &[&str]| {
            let mut words: VecDeque<OsString> = words.iter().map(OsString::from).collect();
            values(name).expect("it is known").skip(false, &mut words);
            words.into_iter().map(|word| word.into_string().expect("plain")).collect::<Vec<_>>()
        };
        assert_eq!(left("--conda-frontend", &["mamba", "out.txt"]), ["out.txt"]);
        assert_eq!(left("--debug", &["out.txt"]), ["out.txt"]);
        assert_eq!(left("--set-resource-scopes", &["a=global", "b=local", "out.txt"]), ["out.txt"]);
        assert_eq!(values("--jobs"), None);
    }
}
