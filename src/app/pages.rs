//! The size of the memory's pages, as the kernel gives them out. The program begins with small ones: to clear the few huge
//! pages (2 MiB) that it would touch before it knows what to do takes as long as all else that it does then. Pictures and graphs
//! of a million files get huge ones, which are cheaper by the byte.
//!
//! `unsafe`: the standard library has no `prctl`, which takes and gives numbers here.

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::atomic::{AtomicBool, Ordering};

    use libc::{PR_GET_THP_DISABLE, PR_SET_THP_DISABLE, c_int, c_ulong, prctl};

    /// Whether huge pages are off because of us, and not by the will of who started the program.
    static OURS: AtomicBool = AtomicBool::new(false);

    fn ask(what: c_int, off: bool) -> c_int {
        // SAFETY: numbers go in, a number comes out.
        unsafe { prctl(what, c_ulong::from(off), 0, 0, 0) }
    }

    /// From now on only small pages are given out. A system that knows nothing of this goes on as it is.
    pub fn only_small() {
        OURS.store(ask(PR_GET_THP_DISABLE, false) == 0 && ask(PR_SET_THP_DISABLE, true) == 0, Ordering::Relaxed);
    }

    /// From now on any size again; children inherit this.
    pub fn any_size() {
        if OURS.swap(false, Ordering::Relaxed) {
            ask(PR_SET_THP_DISABLE, false);
        }
    }
}

#[cfg(target_os = "linux")]
pub use linux::{any_size, only_small};

#[cfg(not(target_os = "linux"))]
pub fn only_small() {}

#[cfg(not(target_os = "linux"))]
pub fn any_size() {}
