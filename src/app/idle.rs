//! A call that had nothing to do, and the next one of the same words: while nothing that the answer depended on has changed,
//! the answer is the same, and nothing is read, evaluated or resolved for it. What is remembered, and when that holds, is the
//! store's to know; what makes two calls the same stands here.

use std::path::Path;
use std::time::Instant;

use super::build;
use super::planning::Plan;
use super::print;
use super::project::{Place, Project};
use crate::cli::{Colour, LogFormat, Mode, Say, Settings, Verbosity};
use crate::event::Event;
use crate::plan::decide::{Planner, Verdict};
use crate::sight::coarse_now_ns;
use crate::stat::Stats;
use crate::store::boot;
use crate::store::idle::{self, Call};
use crate::witness;

/// A call that may be remembered.
pub struct Asked {
    call: Call,
    /// When it began, by the clock of file systems.
    began_ns: i64,
}

impl Asked {
    /// The call with these settings at this place, unless it is one whose answer is more than that there is nothing to do.
    pub fn of(settings: &Settings, place: &Place) -> Option<Asked> {
        if !matches!(settings.mode, Mode::Run | Mode::DryRun) || settings.strict {
            return None;
        }
        let began_ns = coarse_now_ns();
        let mut hasher = blake3::Hasher::new();
        let mut tell = |text: &[u8]| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text);
        };
        // A program, a machine that went down (what it had not written may be lost), a user: who has other rights may see other
        // things.
        tell(env!("CARGO_PKG_VERSION").as_bytes());
        tell(format!("{:?}", crate::sight::Sight::of(c"/proc/self/exe").ok()??).as_bytes());
        tell(boot()?.as_bytes());
        tell(&rustix::process::geteuid().as_raw().to_le_bytes());
        tell(&rustix::process::getegid().as_raw().to_le_bytes());
        tell(std::env::current_dir().ok()?.as_os_str().as_encoded_bytes());
        tell(format!("{place:?}").as_bytes());
        for name in &settings.envvars {
            tell(&[u8::from(std::env::var_os(name).is_some())]);
        }
        // How much there is to be said, and whether anything would be done, changes nothing about what there is to do.
        let settings = Settings { mode: Mode::Run, say: SAME, ..settings.clone() };
        tell(&(settings.jobs.count() as u64).to_le_bytes());
        tell(format!("{settings:?}").as_bytes());
        Some(Asked { call: *hasher.finalize().as_bytes(), began_ns })
    }

    /// Says that there is nothing to do, if that is remembered and nothing has changed.
    pub fn is_answered(&self, settings: &Settings, colour: bool) -> bool {
        let began = Instant::now();
        let Some(as_before) = idle::is_as_before(Path::new("."), &self.call) else { return false };
        let say = &settings.say;
        if say.verbosity == Verbosity::Verbose && say.format == LogFormat::Text {
            super::complain(&format!("as in the last call: {} paths are as they were\n", as_before.paths));
        }
        if settings.mode == Mode::DryRun {
            print(NOTHING);
        } else {
            let wall = began.elapsed();
            build::reporter(say, colour).tell(&Event::nothing_to_do(wall));
        }
        true
    }

    /// Remembers a plan in which there is nothing to do. For the one who has the lock.
    pub fn remember(&self, project: &Project, plan: &Plan, planner: &Planner<'_>, stats: &Stats<'_>) {
        let by_stamps = plan.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Fresh | Verdict::Nothing));
        let Some(account) = witness::end() else { return };
        // Contents say more than stamps do.
        if !by_stamps || !planner.hashes.is_empty() || !plan.dag.open().is_empty() || project.workflow.workdir.is_some()
        {
            return;
        }
        let paths = &plan.dag.paths;
        let Some(seen) = stats.seen(paths) else { return };
        let files = (0u32..).zip(seen).map(|(id, stamp)| (paths.name(crate::path::FileId(id)), stamp));
        idle::remember(Path::new("."), &self.call, self.began_ns, &account, files);
    }
}

/// In place of what is said, for all calls.
const SAME: Say = Say {
    commands: false,
    verbosity: Verbosity::Normal,
    whole_logs: false,
    colour: Colour::Auto,
    format: LogFormat::Text,
};

/// What a dry run says where nothing is to be done.
pub const NOTHING: &str = "Nothing to do.\n";
