//! The disk, as the engine uses it: stamps, hashes, renames and removals. A trait, because there are two sides: the
//! real one, and one for tests that fails at the n-th call. Knows nothing of jobs or records.

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::LazyLock;

use rustix::fs::{AtFlags, CWD};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

/// What `stat` says of a file's identity: compared for equality only, so that clocks that run backwards do no harm.
#[derive(Debug, Clone, Copy, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Bytes; 0 for a directory.
    pub size: u64,
    /// Nanoseconds since the epoch.
    pub mtime_ns: i64,
    pub inode: u64,
    pub is_dir: bool,
    /// When anything of the file was changed last, its name and its rights included, in nanoseconds since the epoch, which no program
    /// can set; 0 where nobody has noted it. It says that one should look, not that something is different, and two stamps
    /// are equal without it.
    pub changed_ns: i64,
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Stamp) -> bool {
        let of = |stamp: &Stamp| (stamp.size, stamp.mtime_ns, stamp.inode, stamp.is_dir);
        of(self) == of(other)
    }
}

impl Stamp {
    /// Whether a file with equal stamps may have been written in between: something of it was changed.
    pub fn may_differ(&self, now: &Stamp) -> bool {
        self.changed_ns != 0 && self.changed_ns != now.changed_ns && !now.is_dir
    }

    pub fn of(meta: &fs::Metadata) -> Stamp {
        Stamp {
            size: if meta.is_dir() { 0 } else { meta.len() },
            mtime_ns: meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec()),
            inode: meta.ino(),
            is_dir: meta.is_dir(),
            changed_ns: meta.ctime().saturating_mul(1_000_000_000).saturating_add(meta.ctime_nsec()),
        }
    }
}

/// A file's content by its BLAKE3 hash.
pub type Hash = [u8; 32];

/// What was in a file, and the stamp that it had with that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    pub stamp: Stamp,
    pub hash: Hash,
}

/// Disk operations of the engine. Paths are relative to the working directory or absolute.
pub trait Disk: Send + Sync {
    /// The stamp of what the path leads to (symbolic links are followed); `None` where there is nothing.
    fn stat(&self, path: &str) -> io::Result<Option<Stamp>>;
    /// The BLAKE3 hash of a file's content; for a directory, of its sorted tree of names and contents. What is no
    /// regular file (a pipe, a device) is never read, and counts as empty.
    fn hash(&self, path: &str) -> io::Result<Hash>;
    /// Whether what is below a directory comes to at most so many bytes, each name counted as a few thousand.
    fn holds_at_most(&self, path: &str, bytes: u64) -> io::Result<bool>;
    /// Makes a file for reading and writing that has no name yet, on the file system of a folder; an error where that knows no
    /// such files. It is gone when it is closed without a name.
    fn create_nameless(&self, folder: &str) -> io::Result<fs::File>;
    /// Gives such a file a name in that folder; an error if there is anything of that name.
    fn give_name(&self, file: &fs::File, path: &str) -> io::Result<()>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file, a link, or an empty directory; it is no error if there is nothing.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Removes a file, a link, or a directory with all that is in it; it is no error if there is nothing.
    fn remove_tree(&self, path: &str) -> io::Result<()>;
    /// Removes an output: with all that is in it only where its rule says that it is a directory.
    fn remove_output(&self, path: &str, is_directory: bool) -> io::Result<()> {
        if is_directory { self.remove_tree(path) } else { self.remove(path) }
    }
    fn create_dir_all(&self, path: &str) -> io::Result<()>;
    /// Sets the modification time to now; makes an empty file where there is none.
    fn touch(&self, path: &str) -> io::Result<()>;
    /// Takes the write permission from a file, or from a directory and all that is in it. Links are not followed.
    fn write_protect(&self, path: &str) -> io::Result<()>;
    /// Whether nobody may write to the file, as `protected()` leaves it.
    fn is_readonly(&self, path: &str) -> io::Result<bool>;
}

/// To open a file costs about as much as to read so many bytes.
const BYTES_A_NAME: u64 = 4096;

/// The file system of this machine.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn stat(&self, path: &str) -> io::Result<Option<Stamp>> {
        match fs::metadata(path) {
            Ok(meta) => Ok(Some(Stamp::of(&meta))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn hash(&self, path: &str) -> io::Result<Hash> {
        let mut hasher = blake3::Hasher::new();
        // Asked before it is opened: to open a pipe is to wait for who writes to it.
        let meta = fs::metadata(path)?;
        if meta.is_dir() {
            hash_tree(Path::new(path), &mut hasher)?;
        } else if meta.is_file() {
            hash_file(Path::new(path), meta.len(), &mut hasher)?;
        }
        Ok(*hasher.finalize().as_bytes())
    }

    fn holds_at_most(&self, path: &str, bytes: u64) -> io::Result<bool> {
        let mut left = bytes;
        for entry in walkdir::WalkDir::new(path) {
            let metadata = entry.and_then(|entry| entry.metadata()).map_err(io::Error::from)?;
            let Some(rest) = left.checked_sub(BYTES_A_NAME + if metadata.is_file() { metadata.len() } else { 0 })
            else {
                return Ok(false);
            };
            left = rest;
        }
        Ok(true)
    }

    fn create_nameless(&self, folder: &str) -> io::Result<fs::File> {
        // Without /proc it could get no name.
        static HAS_NAMES: LazyLock<bool> = LazyLock::new(|| Path::new("/proc/self/fd").exists());
        if !*HAS_NAMES {
            return Err(io::ErrorKind::Unsupported.into());
        }
        fs::OpenOptions::new().read(true).write(true).custom_flags(libc::O_TMPFILE).open(folder)
    }

    fn give_name(&self, file: &fs::File, path: &str) -> io::Result<()> {
        // To link a descriptor itself is for the superuser on older kernels: through /proc it is for all.
        match rustix::fs::linkat(file, "", CWD, path, AtFlags::EMPTY_PATH) {
            Err(Errno::EXIST) => return Err(Errno::EXIST.into()),
            Ok(()) => return Ok(()),
            Err(_) => {}
        }
        let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        remove(path, false)
    }

    fn remove_tree(&self, path: &str) -> io::Result<()> {
        remove(path, true)
    }

    fn create_dir_all(&self, path: &str) -> io::Result<()> {
        make_folders(Path::new(path))
    }

    fn touch(&self, path: &str) -> io::Result<()> {
        fs::OpenOptions::new().append(true).create(true).open(path).map(drop).or_else(|error| {
            // A directory cannot be opened for writing, and a read-only file need not be: stamps can be set all the same.
            if Path::new(path).exists() { Ok(()) } else { Err(error) }
        })?;
        filetime::set_file_mtime(path, filetime::FileTime::now())
    }

    fn is_readonly(&self, path: &str) -> io::Result<bool> {
        fs::symlink_metadata(path).map(|meta| !meta.is_symlink() && meta.permissions().readonly())
    }

    fn write_protect(&self, path: &str) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        // What is in a directory first.
        for entry in walkdir::WalkDir::new(path).follow_root_links(false).contents_first(true) {
            let entry = entry.map_err(io::Error::from)?;
            let meta = fs::symlink_metadata(entry.path())?;
            if !meta.is_symlink() {
                let mode = meta.permissions().mode() & !0o222;
                fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode))?;
            }
        }
        Ok(())
    }
}

/// Makes a folder and those above it. Where something else is in the way, the error names it.
pub fn make_folders(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path).or_else(|error| {
        let above: Vec<&Path> = path.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
        for folder in above.into_iter().rev() {
            match fs::metadata(folder) {
                Ok(meta) if !meta.is_dir() => {
                    let what = format!("{} is there and is no folder: move it away", folder.display());
                    return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
                }
                Err(error) if !is_absent(&error) => return Err(error),
                _ => {}
            }
        }
        // It may be there though it could not be looked at a moment ago.
        if path.is_dir() { Ok(()) } else { Err(error) }
    })
}

/// Whether an error says that there is no such file, also because a parent is a file, or a link that leads in a circle.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(libc::ELOOP)
}

fn remove(path: &str, with_contents: bool) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() && with_contents => fs::remove_dir_all(path),
        Ok(meta) if meta.is_dir() => fs::remove_dir(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        // Nothing can have a name that is too long.
        Err(error) if is_absent(&error) || error.kind() == io::ErrorKind::InvalidFilename => Ok(()),
        other => other,
    }
}

/// Of a regular file of this size, as it was a moment ago.
fn hash_file(path: &Path, size: u64, hasher: &mut blake3::Hasher) -> io::Result<()> {
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; usize::try_from(size.clamp(1, 1 << 20)).expect("at most 1 MiB")];
    // One that the kernel makes up as it is read says that it is empty.
    let mut left = if size == 0 { u64::MAX } else { size };
    while left > 0 {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        left = left.saturating_sub(count as u64);
    }
    Ok(())
}

/// Names are length-prefixed, so that no two trees give one stream of bytes.
fn hash_tree(path: &Path, hasher: &mut blake3::Hasher) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
        let entry = entry.map_err(io::Error::from)?;
        let name = entry.path().strip_prefix(path).unwrap_or(entry.path()).as_os_str().as_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name);
        if entry.file_type().is_file() {
            let mut inner = blake3::Hasher::new();
            let size = entry.metadata().map_err(io::Error::from)?.len();
            hash_file(entry.path(), size, &mut inner)?;
            hasher.update(inner.finalize().as_bytes());
        } else if entry.file_type().is_symlink() {
            let target = fs::read_link(entry.path())?;
            hasher.update(target.as_os_str().as_bytes());
        }
    }
    Ok(())
}
