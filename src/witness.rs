//! The door through which a Rulefile looks at the world: files, folders, the environment. What was looked at, and what was
//! seen, is on record afterwards, so that a later call can tell whether it would see the same ([`Account`]). A leaf: it
//! knows paths and stamps, not what they mean to anyone. Whatever cannot be told again makes the account void.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::disk::{Stamp, is_absent};

pub use std::fs::Metadata;

/// What a question asks for that no file's stamp can answer. The numbers stand in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Question {
    /// An environment variable.
    Variable = 1,
    /// All of the environment.
    Environment = 2,
    /// A path without links.
    RealPath = 3,
    /// Whether a path itself is a link.
    IsLink = 4,
    /// How many cores there are.
    Cores = 5,
}

impl Question {
    const ALL: [Question; 5] =
        [Question::Variable, Question::Environment, Question::RealPath, Question::IsLink, Question::Cores];

    pub fn numbered(number: u8) -> Option<Question> {
        Question::ALL.into_iter().find(|question| *question as u8 == number)
    }

    /// The answer as it is now, in bytes that are the same for the same answer only.
    pub fn answer(self, about: &OsStr) -> Vec<u8> {
        match self {
            Question::Variable => bytes(std::env::var_os(about).as_deref()),
            Question::Environment => {
                let mut all: Vec<(OsString, OsString)> = std::env::vars_os().collect();
                all.sort();
                all.iter().flat_map(|(name, value)| [bytes(Some(name)), bytes(Some(value))]).flatten().collect()
            }
            Question::RealPath => bytes(fs::canonicalize(about).ok().as_ref().map(|path| path.as_os_str())),
            Question::IsLink => vec![u8::from(Path::new(about).is_symlink())],
            Question::Cores => cores().to_le_bytes().to_vec(),
        }
    }
}

/// With its length in front, so that two texts are never one; nothing is not the empty text.
fn bytes(text: Option<&OsStr>) -> Vec<u8> {
    let Some(text) = text else { return vec![0] };
    let mut out = vec![1];
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
    out
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// All that was looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What each path led to, before anything else was asked of it.
    pub files: BTreeMap<PathBuf, Option<Stamp>>,
    pub answers: BTreeMap<(Question, OsString), Vec<u8>>,
}

/// `None` while nobody wants to know, or when it is void.
static ACCOUNT: Mutex<Option<Account>> = Mutex::new(None);
/// Whether there is an account: what runs jobs looks often, and nobody wants to know.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

fn account() -> MutexGuard<'static, Option<Account>> {
    ACCOUNT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on all is noted.
pub fn begin() {
    *account() = Some(Account::default());
    IS_OPEN.store(true, Ordering::SeqCst);
}

/// What was noted, if all of it could be. From now on nothing is.
pub fn end() -> Option<Account> {
    IS_OPEN.store(false, Ordering::SeqCst);
    account().take()
}

/// Something was seen, or done, that cannot be told again: the output of a program, a message to the user.
pub fn spoil() {
    drop(end());
}

/// Does something that no Rulefile has a part in.
pub fn unseen<T>(work: impl FnOnce() -> T) -> T {
    let was_open = IS_OPEN.swap(false, Ordering::SeqCst);
    let out = work();
    IS_OPEN.store(was_open, Ordering::SeqCst);
    out
}

fn note(with: impl FnOnce(&mut Account) -> bool) {
    if IS_OPEN.load(Ordering::SeqCst) && !account().as_mut().is_none_or(with) {
        spoil();
    }
}

/// Notes what was found at a path. Two looks that differ cannot both be told.
fn saw(path: &Path, found: &io::Result<Metadata>) {
    note(|account| {
        let stamp = match found {
            Ok(meta) => Some(Stamp::of(meta)),
            Err(error) if is_absent(error) => None,
            // A folder that may not be entered, a disk that fails.
            Err(_) => return false,
        };
        let same = |known: &Option<Stamp>| match (known, stamp) {
            (Some(known), Some(stamp)) => *known == stamp && known.changed_ns == stamp.changed_ns,
            (known, stamp) => known.is_none() && stamp.is_none(),
        };
        match account.files.get(path) {
            Some(known) => same(known),
            None => account.files.insert(path.to_owned(), stamp).is_none(),
        }
    });
}

fn ask(question: Question, about: &OsStr) {
    note(|account| {
        account.answers.entry((question, about.to_owned())).or_insert_with(|| question.answer(about));
        true
    });
}

/// What the path leads to.
///
/// # Errors
/// As `stat`.
pub fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let found = fs::metadata(&path);
    saw(path.as_ref(), &found);
    found
}

/// Notes a file, or that there is none, for someone who reads it by other ways.
pub fn look(path: impl AsRef<Path>) {
    if IS_OPEN.load(Ordering::SeqCst) {
        let _ = metadata(path);
    }
}

/// # Errors
/// As [`fs::read`].
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    // Before it is read: a file that changes meanwhile is another one afterwards.
    look(&path);
    fs::read(path)
}

/// # Errors
/// As [`fs::read_to_string`].
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    look(&path);
    fs::read_to_string(path)
}

/// The names in a folder.
///
/// # Errors
/// As [`fs::read_dir`].
pub fn list(folder: impl AsRef<Path>) -> io::Result<Vec<OsString>> {
    look(&folder);
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

/// All below a folder by their names, links followed, but for what has one of these names.
pub fn walk(start: &str, without: &'static [&str]) -> impl Iterator<Item = walkdir::Result<walkdir::DirEntry>> {
    look(start);
    let walk = walkdir::WalkDir::new(start).min_depth(1).follow_links(true).sort_by_file_name();
    let wanted = |entry: &walkdir::DirEntry| !entry.file_name().to_str().is_some_and(|name| without.contains(&name));
    walk.into_iter().filter_entry(wanted).inspect(|entry| match entry {
        // What lies in a folder, and what a link leads to, is told by nothing else.
        Ok(entry) if entry.file_type().is_dir() || entry.path_is_symlink() => look(entry.path()),
        Ok(_) => {}
        Err(error) => error.path().map_or_else(spoil, look),
    })
}

/// The paths that match a pattern.
///
/// # Errors
/// A pattern that is none.
pub fn glob(pattern: &str, options: glob::MatchOptions) -> Result<glob::Paths, glob::PatternError> {
    if IS_OPEN.load(Ordering::SeqCst) {
        look_along(pattern, options)?;
    }
    glob::glob_with(pattern, options)
}

/// Notes all that the matches of a pattern depend on. Part by part: what matched so far is a folder or not, and is listed
/// for what may match next, or has a name that is asked for.
fn look_along(pattern: &str, options: glob::MatchOptions) -> Result<(), glob::PatternError> {
    let (root, rest) = if let Some(rest) = pattern.strip_prefix('/') { ("/", rest) } else { ("", pattern) };
    let mut so_far = root.to_owned();
    let mut folders = vec![PathBuf::from(root)];
    for part in rest.split('/').filter(|part| !part.is_empty()) {
        let is_plain = !part.contains(['*', '?', '[']);
        for folder in &folders {
            match (is_plain, folder.as_os_str().is_empty()) {
                (true, _) => look(folder.join(part)),
                (false, true) => look("."),
                (false, false) => look(folder),
            }
        }
        so_far = if so_far.is_empty() || so_far == "/" { so_far + part } else { so_far + "/" + part };
        if is_plain {
            folders.iter_mut().for_each(|folder| folder.push(part));
            continue;
        }
        let found = glob::glob_with(&so_far, options)?;
        let found = found.map(|found| found.unwrap_or_else(|error| error.path().to_owned()));
        // `**` stands for no folder, too.
        folders = if part == "**" { folders.into_iter().chain(found).collect() } else { found.collect() };
    }
    folders.iter().for_each(look);
    Ok(())
}

/// An environment variable.
pub fn variable(name: impl AsRef<OsStr>) -> Option<OsString> {
    ask(Question::Variable, name.as_ref());
    std::env::var_os(name)
}

/// The same where it is text.
pub fn text_variable(name: &str) -> Option<String> {
    variable(name)?.into_string().ok()
}

/// From now on any environment variable may be looked at.
pub fn environment_is_open() {
    ask(Question::Environment, OsStr::new(""));
}

/// The environment as it is. Who shows it to a Rulefile says so by [`environment_is_open`].
pub fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// The folder for temporary files.
pub fn temporary_folder() -> PathBuf {
    ask(Question::Variable, OsStr::new("TMPDIR"));
    std::env::temp_dir()
}

/// The path without links, of what is there.
///
/// # Errors
/// As [`fs::canonicalize`].
pub fn real_path(path: &str) -> io::Result<PathBuf> {
    ask(Question::RealPath, OsStr::new(path));
    fs::canonicalize(path)
}

pub fn is_link(path: &str) -> bool {
    ask(Question::IsLink, OsStr::new(path));
    Path::new(path).is_symlink()
}

/// How many cores there are.
pub fn core_count() -> usize {
    ask(Question::Cores, OsStr::new(""));
    cores()
}

/// The folder that the program works in, which is a part of every call.
///
/// # Errors
/// It is gone.
pub fn working_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

/// Goes to another folder, which is made where there is none. Relative paths are others from now on.
///
/// # Errors
/// As [`std::env::set_current_dir`].
pub fn go_to(folder: &str) -> io::Result<()> {
    spoil();
    fs::create_dir_all(folder)?;
    std::env::set_current_dir(folder)
}
