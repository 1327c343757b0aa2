//! The names that one attempt at a job writes to: each path of the job that it may write has a counterpart below a folder
//! of the attempt's own, with the same name and suffix, and is brought home when the attempt has succeeded and nobody has
//! given it up meanwhile. Specifications in, specifications out; touches no file.

use crate::run::spec::{Home, JobSpec, Staging};

/// Where an attempt works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Below it lies all that it writes.
    pub folder: String,
    /// The file by which it is claimed.
    pub claim: String,
}

/// The name of the attempt that works in a folder.
pub fn name(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or(folder)
}

/// Where an attempt whose folder this is writes what belongs at `path`.
pub fn place(folder: &str, path: &str) -> String {
    let mut place = String::from(folder);
    if path.starts_with('/') {
        place.push_str("/_root");
    }
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        place.push('/');
        // A path that climbs must not leave the folder.
        place.push_str(if part == ".." { "_up" } else { part });
    }
    place
}

/// Where a file of an attempt belongs that its job did not declare, by its place in the attempt's folder.
pub fn home(inside: &str) -> String {
    match inside.strip_prefix("_root/") {
        Some(path) => format!("/{path}"),
        None => inside.split('/').map(|part| if part == "_up" { ".." } else { part }).collect::<Vec<_>>().join("/"),
    }
}

/// A message about an attempt, with the names that people know.
pub fn plain(folder: &str, text: &str) -> String {
    text.replace(&format!("{folder}/_root/"), "/").replace(&format!("{folder}/"), "")
}

/// A job as it is run: what it writes has the names of this attempt. One without [`JobSpec::staging`] comes back as it is.
pub fn staged(spec: &JobSpec) -> JobSpec {
    let mut staged = spec.clone();
    let Some(staging) = staged.staging.take() else { return staged };
    let Staging { folder, claim, work, params } = *staging;
    let move_in = |path: &mut String| *path = place(&folder, path);
    (staged.work, staged.params) = (work, params);
    staged.output.items.iter_mut().for_each(move_in);
    for output in &mut staged.outputs {
        output.home = output.live.is_none().then(|| Home { path: output.path.clone(), claim: claim.clone() });
        move_in(&mut output.path);
    }
    // What other jobs of the same task make while this one runs.
    let live = std::mem::take(&mut staged.live_inputs);
    staged.input.items.iter_mut().filter(|input| live.contains(input)).for_each(move_in);
    staged.live_inputs = live.iter().map(|path| place(&folder, path)).collect();
    staged.log.items.iter_mut().for_each(move_in);
    move_in(&mut staged.stdio_log);
    if let Some((benchmark, _)) = &mut staged.benchmark {
        move_in(benchmark);
    }
    staged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_below_the_folder_and_keeps_the_name() {
        assert_eq!(place("w", "results/a.fits"), "w/results/a.fits");
        assert_eq!(place("w", "./a b.txt"), "w/a b.txt");
        assert_eq!(place("w", "../other/x"), "w/_up/other/x");
        assert_eq!(place("w", "/scratch/x"), "w/_root/scratch/x");
    }

    #[test]
    fn a_place_leads_home() {
        for path in ["a", "results/a.fits", "../other/x", "../../x", "/scratch/x"] {
            let inside = place("w", path);
            assert_eq!(home(inside.strip_prefix("w/").expect("it is below the folder")), path);
        }
    }

    #[test]
    fn messages_have_the_names_that_people_know() {
        assert_eq!(
            plain("w/3-1", "cannot write w/3-1/results/a and w/3-1/_root/tmp/b"),
            "cannot write results/a and /tmp/b"
        );
    }
}
