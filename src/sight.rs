//! All that the system says of what is at a path: more than a [`Stamp`], which knows that links and rights change without the
//! content, and so fit to say that nothing at all has happened. A leaf; it knows the disk alone, and what its stamps are worth.

use std::ffi::CStr;

use rustix::fs::{FileType, Stat, stat};
use rustix::io::Errno;

use crate::disk::Stamp;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// Of the file system.
    pub device: u64,
    mode: u32,
    stamp: Stamp,
}

impl Sight {
    /// What the path leads to; `None` where there is nothing.
    ///
    /// # Errors
    /// What `stat` says other than that.
    pub fn of(path: &CStr) -> Result<Option<Sight>, Errno> {
        match stat(path) {
            Ok(found) => Ok(Some(Sight::from(&found))),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The same bytes for the same sight, and for no other.
    pub fn bytes(sight: Option<Sight>) -> [u8; 48] {
        let mut out = [0; 48];
        let Some(Sight { device, mode, stamp }) = sight else { return out };
        for (at, number) in [
            device,
            stamp.inode,
            u64::from(mode) + 1,
            stamp.size,
            stamp.mtime_ns.cast_unsigned(),
            stamp.changed_ns.cast_unsigned(),
        ]
        .into_iter()
        .enumerate()
        {
            out[at * 8..][..8].copy_from_slice(&number.to_le_bytes());
        }
        out
    }
}

impl From<&Stat> for Sight {
    /// The fields have other types on other systems.
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::cast_sign_loss, clippy::cast_possible_wrap)]
    fn from(found: &Stat) -> Sight {
        let ns = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        let is_dir = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
        Sight {
            device: found.st_dev as u64,
            mode: found.st_mode as u32,
            stamp: Stamp {
                size: if is_dir { 0 } else { found.st_size as u64 },
                mtime_ns: ns(found.st_mtime as i64, found.st_mtime_nsec as i64),
                inode: found.st_ino as u64,
                is_dir,
                changed_ns: ns(found.st_ctime as i64, found.st_ctime_nsec as i64),
            },
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CStr;

    use rustix::time::{ClockId, clock_gettime};

    /// File systems of this machine's own kernel, which notes in `ctime` each change of a file, by the clock of
    /// [`coarse_now_ns`], and has no memory of its own of what other machines did a while ago. By the numbers of
    /// `statfs(2)`: ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS, bcachefs.
    const WITH_CHANGE_TIMES: [u32; 8] =
        [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e];

    /// Whether no change of the file could leave its stamp as it was, but within a tick of the clock.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn has_change_times(path: &CStr) -> bool {
        rustix::fs::statfs(path).is_ok_and(|found| WITH_CHANGE_TIMES.contains(&(found.f_type as u32)))
    }

    /// The time that a file gets which is changed now, in nanoseconds since 1970: the kernel's clock as it was at its last tick.
    pub fn coarse_now_ns() -> i64 {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec)
    }
}

#[cfg(target_os = "linux")]
pub use linux::{coarse_now_ns, has_change_times};

/// Nobody has looked into it.
#[cfg(not(target_os = "linux"))]
pub fn has_change_times(_: &CStr) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub fn coarse_now_ns() -> i64 {
    0
}
