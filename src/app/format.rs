//! `flow --fmt`: files in, the same files formatted, each replaced whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::project::{enter, locate};
use super::{Failure, complain, print};
use crate::cli::Settings;
use crate::diagnostic::{Diagnostic, Sources};
use crate::report::difference::diff_lines;

/// Formats the targets, or the Rulefile. With `check`, says what would change, and fails if anything would.
pub fn format(settings: &Settings, check: bool, colour: bool) -> Result<(), Failure> {
    if settings.targets == ["-"] {
        return filter(check);
    }
    let rulefile = match (&settings.targets[..], &settings.directory) {
        ([], _) => Some(locate(settings)?),
        // Files are named from the folder to work in, as targets are.
        (_, Some(directory)) => enter(directory, settings).map(|()| None)?,
        _ => None,
    };
    let mut failed = false;
    for path in rulefile.iter().chain(&settings.targets) {
        match file(path, check) {
            Ok(changes) => failed |= check && changes,
            Err(failure) => {
                let Failure::Diagnostic(pair) = failure else { return Err(failure) };
                complain(&format!("{}\n", pair.0.render(&pair.1, colour)));
                failed = true;
            }
        }
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// Standard input to standard output, for editors.
fn filter(check: bool) -> Result<(), Failure> {
    let mut text = String::new();
    let read = io::stdin().read_to_string(&mut text);
    read.map_err(|error| Diagnostic::error(format!("cannot read standard input: {error}")))?;
    let formatted = formatted("<stdin>", &text)?;
    if !check {
        print(&formatted);
    } else if formatted != text {
        return Err(Failure::Told);
    }
    Ok(())
}

fn formatted(name: &str, text: &str) -> Result<String, Failure> {
    let mut sources = Sources::default();
    let text: Arc<str> = Arc::from(text);
    let source = sources.add(name, text.clone());
    crate::format::format(source, &text).map_err(|error| Failure::Diagnostic(Box::new((error, sources))))
}

/// Formats one file; whether it changes.
fn file(path: &str, check: bool) -> Result<bool, Failure> {
    let cannot = |what: &str, error: io::Error| Diagnostic::error(format!("cannot {what} {path}: {error}"));
    let text = fs::read_to_string(path).map_err(|error| cannot("read", error))?;
    let formatted = formatted(path, &text)?;
    if formatted == text {
        return Ok(false);
    }
    if check {
        let mut said = format!("{path} would be formatted:\n");
        for line in diff_lines(&text, &formatted) {
            said.push_str(&format!("    {line}\n"));
        }
        print(&said);
    } else {
        replace(Path::new(path), &formatted).map_err(|error| cannot("write", error))?;
        print(&format!("{path} formatted\n"));
    }
    Ok(true)
}

/// Writes a sibling and puts it in the file's place, with the file's permissions; a link stays one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let permissions = fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is protected from being written"));
    }
    let mut sibling = tempfile::Builder::new().prefix(".flow-fmt-").tempfile_in(folder)?;
    sibling.write_all(text.as_bytes())?;
    let file: &File = sibling.as_file();
    file.set_permissions(permissions)?;
    file.sync_all()?;
    sibling.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
