//! Profiles: which files the command line and the environment ask for, and their texts. What they say is read by `cli`.

use std::path::{Path, PathBuf};

use crate::cli::{Profile, Wanted};
use crate::diagnostic::Diagnostic;

/// The highest version of Snakemake whose profiles are read: of `config.v8+.yaml` and `config.v10+.yaml` the first.
const VERSION: u32 = 9;

/// Where a profile's own files may be named relative to it.
const PATHS: [&str; 4] = ["configfile", "configfiles", "rulefile", "snakefile"];

/// The profiles that hold, the most important first: the workflow's own, then those of the command line from the last to
/// the first, or that of `SNAKEMAKE_PROFILE`.
pub fn read(wanted: &Wanted) -> Result<Vec<Profile>, Diagnostic> {
    let mut out = Vec::new();
    match wanted.workflow_profile.as_deref() {
        Some("none") => {}
        Some(name) if Path::new(name).exists() => out.push(profile(name)?),
        Some(name) => match of_the_workflow(wanted, name)? {
            Some(file) => out.push(from_file(&file)?),
            None => out.push(profile(name)?),
        },
        None => {
            if let Some(file) = of_the_workflow(wanted, "default")? {
                out.push(from_file(&file)?);
            }
        }
    }
    let by_environment = || std::env::var("SNAKEMAKE_PROFILE").ok().filter(|name| !name.is_empty());
    let named = match wanted.profiles.as_slice() {
        [] => by_environment().into_iter().collect(),
        profiles => profiles.to_vec(),
    };
    for name in named.iter().rev().filter(|name| *name != "none") {
        out.push(profile(name)?);
    }
    Ok(out)
}

/// A profile that comes with the workflow: below `profiles/`, here or beside the Rulefile.
fn of_the_workflow(wanted: &Wanted, name: &str) -> Result<Option<PathBuf>, Diagnostic> {
    let rulefile = wanted.rulefile.as_deref().and_then(|path| Path::new(path).parent());
    let folders = match (rulefile, &wanted.directory) {
        (Some(folder), _) => vec![folder.to_path_buf()],
        (None, Some(folder)) => vec![PathBuf::from(folder), Path::new(folder).join("workflow")],
        (None, None) => vec![PathBuf::from("workflow")],
    };
    let mut places = std::iter::once(PathBuf::new()).chain(folders).map(|folder| folder.join("profiles").join(name));
    places.find_map(|place| in_folder(&place)).transpose()
}

/// A profile by its path, or by a name below the folders for configuration.
fn profile(name: &str) -> Result<Profile, Diagnostic> {
    let path = Path::new(name);
    if path.is_file() {
        return from_file(path);
    }
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let own = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or(home);
    let folders: Vec<PathBuf> = own.into_iter().chain([PathBuf::from("/etc/xdg")]).collect();
    let named = folders.iter().flat_map(|folder| ["flow", "snakemake"].map(|program| folder.join(program).join(name)));
    let found = std::iter::once(path.to_path_buf()).chain(named).find_map(|place| in_folder(&place));
    match found.transpose()? {
        Some(file) => from_file(&file),
        None => Err(Diagnostic::error(format!("there is no profile {name}"))
            .note("a profile is a YAML file, or a folder with config.yaml, config.v8+.yaml or profile.yaml")
            .help(format!("looked for it here, and as flow/{name} and snakemake/{name} in {}", {
                folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" and ")
            }))),
    }
}

/// The file of a folder that holds for this version: `config.v8+.yaml` before `config.yaml`, the highest that is not too
/// high.
///
/// A folder that cannot be listed is an error: its options would be left out, and nobody would know.
fn in_folder(folder: &Path) -> Option<Result<PathBuf, Diagnostic>> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let version = |name: &str| -> Option<(u32, u32)> {
        let (rest, prefer) = match (name.strip_prefix("profile."), name.strip_prefix("config.")) {
            (Some(rest), _) => (rest, 1),
            (None, rest) => (rest?, 0),
        };
        let rest = rest.strip_suffix("yaml").or_else(|| rest.strip_suffix("yml"))?;
        if rest.is_empty() {
            return Some((0, prefer));
        }
        let version: u32 = rest.strip_prefix('v')?.strip_suffix("+.")?.parse().ok()?;
        (version <= VERSION).then_some((version, prefer))
    };
    let listed = std::fs::read_dir(folder).and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>());
    let entries = match listed {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => return None,
        Err(error) => {
            return Some(Err(Diagnostic::error(format!("cannot look for a profile in {}: {error}", folder.display()))));
        }
    };
    let names = entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok());
    let best = names.filter_map(|name| Some((version(&name)?, name))).max()?;
    Some(Ok(folder.join(best.1)))
}

fn from_file(path: &Path) -> Result<Profile, Diagnostic> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Diagnostic::error(format!("cannot read the profile {name}: {error}")))?;
    let mut profile = Profile::parse(&name, &text, &|name| std::env::var(name).ok()).map_err(Diagnostic::error)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for (_, values) in profile.options.iter_mut().filter(|(key, _)| PATHS.contains(&key.as_str())) {
        for value in values {
            value.rebase(|text| {
                let beside = folder.join(text);
                beside.exists().then(|| beside.display().to_string())
            });
        }
    }
    Ok(profile)
}
