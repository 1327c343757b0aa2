//! What every job of a strict run sees beside its own files: the system, the programs that `PATH` finds with what was
//! installed beside them, devices, and `/proc`. The environment in, places with what may be done there out; knows no jobs.
//!
//! The working directory is never among them, wherever it lies: what is in it is the workflow's own. The one exception is a
//! virtual environment or one of conda that somebody keeps there.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use rustc_hash::{FxHashMap, FxHashSet};
use rustix::fs::{FileType, Mode, OFlags};

use super::landlock::{self, Level, Ruleset};
use super::notify::Listener;

/// Programs, libraries, and what these need to know of the machine.
const READABLE: [&str; 18] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc",
    "/opt",
    "/nix",
    "/gnu",
    "/snap",
    "/sys",
    "/var/lib",
    "/var/cache",
    "/run/systemd/resolve",
    "/run/current-system",
    "/run/opengl-driver",
];

/// The user's own rights hold there.
const WRITABLE: [&str; 2] = ["/dev", "/proc"];

/// Below the home folder: what is installed for one user, by pip, rustup, R and their like.
const IN_HOME: [&str; 8] = [".local/lib", ".rustup", ".cargo", ".julia", ".pyenv", ".nvm", ".opam", "R"];

/// Variables that name folders of programs and libraries.
const VARIABLES: [&str; 14] = [
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "PERL5LIB",
    "R_HOME",
    "R_LIBS",
    "R_LIBS_USER",
    "R_LIBS_SITE",
    "JULIA_DEPOT_PATH",
    "JAVA_HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "CONDA_PREFIX",
    "VIRTUAL_ENV",
];

/// What is installed beside a folder of programs, where that lies in the home folder itself.
const BESIDE_BIN: [&str; 5] = ["lib", "lib64", "libexec", "share", "include"];

/// So many names of system files are kept.
const MOST_KNOWN: usize = 100_000;

/// A file or folder that is there, without the links on the way to it.
#[derive(Debug)]
pub struct Place {
    pub fd: OwnedFd,
    pub path: PathBuf,
    pub is_folder: bool,
}

impl Place {
    /// `follows`: also a link at the end.
    pub fn open(path: &Path, follows: bool) -> io::Result<Place> {
        let mut flags = OFlags::PATH | OFlags::CLOEXEC;
        if !follows {
            flags |= OFlags::NOFOLLOW;
        }
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let is_folder = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) == FileType::Directory;
        let path = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
        Ok(Place { fd, path, is_folder })
    }
}

/// What all jobs see.
#[derive(Debug)]
pub struct System {
    /// Of the kernel's Landlock.
    pub version: u32,
    /// Whether the kernel lets flow look at the files that jobs open.
    pub observed: bool,
    /// Where flow stands, without links.
    pub directory: PathBuf,
    pub home: Option<PathBuf>,
    places: Vec<(Place, Level)>,
    levels: FxHashMap<PathBuf, Level>,
    /// Names of the system's files by which they were asked for: each is looked up once in a run.
    known: RwLock<FxHashSet<Vec<u8>>>,
}

impl System {
    /// # Errors
    /// The kernel has no Landlock.
    pub fn new(directory: &Path) -> io::Result<System> {
        let version = landlock::version().ok_or(io::ErrorKind::Unsupported)?;
        let mut system = System {
            version,
            observed: can_observe(version),
            directory: fs::canonicalize(directory)?,
            home: std::env::var_os("HOME").and_then(|home| fs::canonicalize(home).ok()),
            places: Vec::new(),
            levels: FxHashMap::default(),
            known: RwLock::default(),
        };
        for folder in WRITABLE {
            system.add_writable(Path::new(folder));
        }
        for folder in READABLE {
            system.add_around(Path::new(folder));
        }
        for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
            system.add_programs(&folder);
        }
        for value in VARIABLES.iter().filter_map(std::env::var_os) {
            for folder in std::env::split_paths(&value) {
                system.add_installed(&folder);
            }
        }
        if let Some(home) = system.home.clone() {
            for folder in IN_HOME {
                system.add_installed(&home.join(folder));
            }
        }
        Ok(system)
    }

    /// What may be done at a path without links.
    pub fn level(&self, path: &Path) -> Option<Level> {
        path.ancestors().find_map(|above| self.levels.get(above)).copied()
    }

    /// Whether a name was found to be one of the system's files.
    pub fn knows(&self, name: &[u8]) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// A name that leads to one of the system's files, for all processes alike.
    pub fn remember(&self, name: &[u8]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_KNOWN {
            known.insert(name.to_owned());
        }
    }

    /// Gives a job what all jobs have.
    pub fn allow(&self, rules: &Ruleset) -> io::Result<()> {
        self.places.iter().try_for_each(|(place, level)| rules.allow(place.fd.as_fd(), place.is_folder, *level))
    }

    fn add(&mut self, path: &Path, level: Level) {
        if let Ok(place) = Place::open(path, true)
            && self.level(&place.path) < Some(level)
        {
            self.levels.insert(place.path.clone(), level);
            self.places.push((place, level));
        }
    }

    /// A folder of devices. Of one that holds the working directory (`/dev`, where that is on a disk in memory), what is in it but
    /// for that disk. Links in it are none of its own.
    fn add_writable(&mut self, folder: &Path) {
        if !self.holds_own(folder) {
            return self.add(folder, Level::Write);
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if !self.holds_own(&entry) && fs::canonicalize(&entry).is_ok_and(|path| path == entry) {
                self.add(&entry, Level::Write);
            }
        }
    }

    /// A folder; of one that holds the working directory, all that lies beside the way to it.
    fn add_around(&mut self, folder: &Path) {
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            let Ok(path) = fs::canonicalize(path) else { continue };
            if !self.directory.starts_with(&path) {
                if !path.starts_with(&self.directory) {
                    self.add(&path, Level::Read);
                }
            } else if path != self.directory
                && let Ok(entries) = fs::read_dir(&path)
            {
                open.extend(entries.flatten().map(|entry| entry.path()));
            }
        }
    }

    /// A folder on `PATH`, and what was installed with its programs.
    fn add_programs(&mut self, folder: &Path) {
        let Ok(folder) = fs::canonicalize(folder) else { return };
        if self.level(&folder).is_some_and(|_| folder.starts_with("/usr") && !folder.starts_with("/usr/local")) {
            return;
        }
        self.add_with_siblings(&folder);
        // A program may be a link to where it is installed.
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let target = Some(entry.path()).filter(|_| is_link).and_then(|path| fs::canonicalize(path).ok());
            if let Some(target) = target.filter(|target| self.level(target).is_none())
                && let Some(at) = target.parent()
            {
                self.add_with_siblings(at);
            }
        }
    }

    fn add_with_siblings(&mut self, folder: &Path) {
        let is_bin = folder.file_name().is_some_and(|name| name == "bin" || name == "sbin");
        match folder.parent().filter(|_| is_bin) {
            Some(prefix) if self.holds_own(prefix) || self.home.as_deref() == Some(prefix) => {
                self.add_installed(folder);
                for name in BESIDE_BIN.iter().filter(|_| !is_environment(prefix)) {
                    self.add_installed(&prefix.join(name));
                }
            }
            Some(prefix) => self.add_installed(prefix),
            None => self.add_installed(folder),
        }
    }

    /// A folder of programs and libraries outside of the working directory; inside of it, only a virtual environment.
    fn add_installed(&mut self, folder: &Path) {
        let Ok(folder) = fs::canonicalize(folder) else { return };
        let is_own = folder.starts_with(&self.directory) && !folder.ancestors().any(is_environment);
        if !is_own && !self.holds_own(&folder) {
            self.add(&folder, Level::Read);
        }
    }

    /// Whether a folder is the working directory, or holds it.
    fn holds_own(&self, folder: &Path) -> bool {
        self.directory.starts_with(folder)
    }
}

/// A virtual environment of Python's, or one of conda's.
fn is_environment(folder: &Path) -> bool {
    folder.join("pyvenv.cfg").is_file() || folder.join("conda-meta").is_dir()
}

/// Whether the kernel has notifications, and nobody else has them for this process: tried by a thread that ends at once.
pub fn can_observe(version: u32) -> bool {
    let attempt = move || Ruleset::new(version, false)?.restrict_thread().and_then(|()| Listener::install()).map(drop);
    let thread = std::thread::Builder::new().name("strict".to_owned()).spawn(attempt);
    thread.is_ok_and(|thread| thread.join().is_ok_and(|done| done.is_ok()))
}
