//! Signals to flow itself: what Ctrl-C, a terminal that closes or a batch system sends becomes a report to the run's
//! loop. What follows from it is decided there. A signal that flow was told to ignore (`nohup`) stays ignored.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::child::is_ignored;
use super::executor::Report;

/// While it lives, signals are reported instead of ending the process.
#[derive(Debug)]
pub struct Watch {
    handle: Handle,
}

/// Begins to report those of `SIGINT`, `SIGTERM` and `SIGHUP` that are not ignored.
pub fn watch(reports: Sender<Report>) -> io::Result<Watch> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal)))?;
    let handle = signals.handle();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if reports.send(Report::Signal(signal)).is_err() {
                return;
            }
        }
    })?;
    Ok(Watch { handle })
}

/// From now on a file that would grow beyond what `ulimit -f` allows is an error of the write, which names the file, and not
/// flow's end. Jobs are started with the signal as it is by default.
pub fn outlive_file_limit() {
    if !is_ignored(libc::SIGXFSZ) {
        // Without it, flow ends as any program does.
        let _ = signal_hook::flag::register(libc::SIGXFSZ, Arc::default());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.handle.close();
    }
}
