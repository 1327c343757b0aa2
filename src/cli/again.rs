//! The command line of one measured run: what was typed, less the measuring, with jobs and directory of its own.

use std::ffi::OsString;
use std::path::Path;

use super::words;

/// The arguments, without the program's own name, that run the same workflow with `jobs` jobs at a time in `directory`
/// and print its events as JSON. `arguments` begin with the program's name and have been parsed before.
pub fn measured_run(arguments: &[OsString], jobs: usize, directory: &Path) -> Vec<OsString> {
    let words = words::separate(arguments.iter().cloned()).unwrap_or_default().0;
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (options, targets) = words.split_at(end);
    let mut out: Vec<OsString> = Vec::with_capacity(words.len() + 4);
    let mut options = options.iter().skip(1);
    while let Some(word) = options.next() {
        match word.to_str() {
            Some("--speedup" | "--repeats") => _ = options.next(),
            Some(text) if text.starts_with("--speedup=") || text.starts_with("--repeats=") => {}
            _ => out.push(word.clone()),
        }
    }
    // The last of two wins.
    out.push(format!("--jobs={jobs}").into());
    let mut place = OsString::from("--directory=");
    place.push(directory);
    out.push(place);
    out.push("--log-format=json".into());
    out.extend(targets.iter().cloned());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(words: &[&str]) -> Vec<String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let out = measured_run(&words, 2, Path::new("/scratch"));
        out.into_iter().map(|word| word.into_string().expect("plain words")).collect()
    }

    #[test]
    fn only_the_measuring_goes() {
        let end = ["--jobs=2", "--directory=/scratch", "--log-format=json"];
        let words = |more: &[&str]| more.iter().chain(&end).map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(rewritten(&["flow", "--speedup", "1,2", "out.txt"]), words(&["out.txt"]));
        assert_eq!(
            rewritten(&["flow", "-C", "a=1", "b=2", "--speedup=1,2", "--repeats", "5", "-k"]),
            words(&["--config=a=1", "--config=b=2", "-k"])
        );
    }

    #[test]
    fn what_follows_two_dashes_stays_a_target() {
        let out = rewritten(&["flow", "--speedup=1,2", "--", "--speedup=1"]);
        assert_eq!(out, ["--jobs=2", "--directory=/scratch", "--log-format=json", "--", "--speedup=1"]);
    }
}
