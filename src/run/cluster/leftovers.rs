//! What earlier runs have submitted and nobody has taken: found at the start of a run, so that it is taken over where the
//! same is to be done, and given up where it is not. Knows the folders of runs, not what is in the queue.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::desk::HOMECOMING;
use super::spool::{Claim, Spool, Unit, read_tasks};
use super::system::BatchSystem;
use crate::run::spec::JobSpec;

/// A unit of an earlier run.
#[derive(Debug)]
pub struct Leftover {
    pub spool: Spool,
    pub batch: usize,
    /// Of its task in the batch.
    pub index: usize,
    /// What the batch system called the batch, where that is known.
    pub id: Option<String>,
    pub unit: Unit,
}

impl Leftover {
    /// Whether these jobs are the same work.
    pub fn is(&self, specs: &[&JobSpec]) -> bool {
        self.unit.jobs.len() == specs.len()
            && self.unit.jobs.iter().zip(specs).all(|(job, spec)| is_same(&job.spec, spec))
    }
}

/// Whether two specifications make the same files in the same way, on the same terms.
fn is_same(one: &JobSpec, other: &JobSpec) -> bool {
    one.work == other.work
        && one.input == other.input
        && one.output == other.output
        && one.outputs == other.outputs
        && one.log == other.log
        && one.params == other.params
        && one.config == other.config
        && one.wildcards == other.wildcards
}

/// The comment of a batch, by which it is found in the queue.
pub fn comment(spool: &Spool, batch: usize) -> String {
    format!("flow:{}:{batch}", spool.run())
}

/// What runs other than this one have left; `system` is the batch system that can be asked about it. Gives as well the folders that hold nothing of use.
///
/// # Errors
/// The folders cannot be read.
pub fn find(own: &Spool, system: &str) -> io::Result<(Vec<Leftover>, Vec<Spool>)> {
    let (mut found, mut useless) = (Vec::new(), Vec::new());
    for spool in Spool::all()?.into_iter().filter(|spool| spool != own) {
        let before = found.len();
        for batch in spool.batches()? {
            // Another version's, or cut off: it cannot be taken over, and what it would make never comes home.
            let Ok(tasks) = read_tasks(Path::new(&spool.batch(batch))) else { continue };
            let id = spool.id(batch, system);
            for (index, task) in tasks.into_iter().enumerate() {
                for unit in task.units {
                    // One that its node has claimed and not told of is on its way home.
                    if !spool.was_given_up(&unit.name) {
                        found.push(Leftover { spool: spool.clone(), batch, index, id: id.clone(), unit });
                    }
                }
            }
        }
        if found.len() == before {
            useless.push(spool);
        }
    }
    Ok((found, useless))
}

/// Waits until a node that has claimed its results has brought them home: a few renames, unless it dies of them.
fn await_home(leftover: &Leftover, patience: Instant) -> io::Result<()> {
    while leftover.spool.told(&leftover.unit.name)?.is_none() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// How many jobs of earlier runs may still bring something home.
///
/// # Errors
/// The folders cannot be read.
pub fn how_many_are_out() -> io::Result<usize> {
    // What a system calls them does not matter.
    let (leftovers, _) = find(&Spool::of("none"), "")?;
    let is_out = |leftover: &&Leftover| matches!(leftover.spool.told(&leftover.unit.name), Ok(None));
    Ok(leftovers.iter().filter(is_out).map(|leftover| leftover.unit.jobs.len()).sum())
}

/// Sees to it that nothing comes home any more of what earlier runs have submitted, for a run that will not take it over.
/// Gives what was done, for people; `None` if there was nothing.
///
/// # Errors
/// The folders cannot be read or written: something may still come home.
pub fn give_up(system: &mut dyn BatchSystem) -> io::Result<Option<String>> {
    let name = system.manner().name;
    let (leftovers, useless) = find(&Spool::of("none"), name)?;
    let (mut jobs, mut known) = (0, true);
    let patience = Instant::now() + HOMECOMING;
    let mut ids: Vec<String> = Vec::new();
    for leftover in &leftovers {
        let is_open = leftover.spool.claim(&leftover.unit.name, Claim::GivenUp)?;
        if is_open {
            jobs += leftover.unit.jobs.len();
            known &= leftover.id.is_some();
            ids.extend(leftover.id.clone());
        } else {
            await_home(leftover, patience)?;
        }
    }
    ids.dedup();
    let cancelled = if ids.is_empty() { Ok(()) } else { system.cancel(&ids) };
    for spool in leftovers.into_iter().map(|leftover| leftover.spool).chain(useless) {
        // What is left of it is found again, and of no use.
        let _ = spool.remove();
    }
    let (words, runs, them) =
        if jobs == 1 { ("1 job".to_owned(), "it runs", "it") } else { (format!("{jobs} jobs"), "they run", "them") };
    let here = format!("this run makes {them} here");
    Ok((jobs > 0).then(|| match cancelled {
        Ok(()) if known => format!("{words} of an earlier run, submitted to {name}, cancelled: {here}"),
        Ok(()) => format!("{words} of an earlier run given up, wherever {runs}: {here}"),
        Err(why) => format!("{words} of an earlier run given up: {here}; {name} could not cancel {them} ({why})"),
    }))
}
