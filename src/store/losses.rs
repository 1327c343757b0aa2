//! Losses: what may be missing on the disk though a job made it. The machine that went down in a run, or soon after it, may
//! have taken files with it that nobody had synced, and the last records; damaged records were set aside. Rows in, times
//! and keys out; what follows from them is the plan's to say.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};

use super::lock::host;

/// Linux writes what was written to files to the disk within 35 seconds (`vm.dirty_expire_centisecs` and
/// `vm.dirty_writeback_centisecs`): what is older than this when the machine goes down is there.
const UNSYNCED_MS: i64 = 120_000;

/// A file may have a stamp that lies a tick before the time at which it was written.
pub(super) const TICK_NS: i64 = 1_000_000_000;

/// A time in which files were written that may not be what their jobs made: since and until, in nanoseconds since 1970.
pub type Loss = (i64, i64);

/// What happened to the machine since the records were written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outage {
    /// From the beginning of a run that did not end before the machine did, until now.
    pub losses: Vec<Loss>,
    /// Jobs whose outputs may not have reached the disk whole, though their records have; with whether the machine surely went
    /// down that soon, for their run did not end.
    pub suspects: Vec<(String, bool)>,
}

/// The boot of this machine, by the number that Linux gives it; `None` where there is none.
pub fn boot() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

pub(super) fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

/// What other boots of this machine left.
pub(super) fn outage(connection: &Connection) -> rusqlite::Result<Outage> {
    let Some(boot) = boot() else { return Ok(Outage::default()) };
    let (now, host) = (now_ns(), host());
    let mut outage = Outage::default();
    // All jobs are looked at only where there was an outage.
    let others = "SELECT EXISTS (SELECT 1 FROM runs WHERE host = ?1 AND boot != ?2)";
    if !connection.query_row(others, params![host, boot], |row| row.get::<_, bool>(0))? {
        return Ok(outage);
    }
    let mut cut = connection.prepare(
        "SELECT min(started_ms) FROM runs WHERE ended_ms IS NULL AND host = ?1 AND boot != ?2 GROUP BY boot",
    )?;
    for since_ms in cut.query_map(params![host, boot], |row| row.get::<_, i64>(0))? {
        outage.losses.push((since_ms?.saturating_mul(1_000_000).saturating_sub(TICK_NS), now));
    }
    // When the machine went down is not known: after the last that was recorded.
    let mut late = connection.prepare(
        "SELECT jobs.key, runs.ended_ms IS NULL FROM jobs JOIN runs ON runs.id = jobs.run JOIN (
             SELECT runs.boot AS boot, max(jobs.ended_ms) AS last FROM jobs JOIN runs ON runs.id = jobs.run
             WHERE runs.host = ?1 AND runs.boot != ?2 GROUP BY runs.boot
         ) AS of ON of.boot = runs.boot WHERE jobs.ended_ms >= of.last - ?3 ORDER BY jobs.key",
    )?;
    let keys = late.query_map(params![host, boot, UNSYNCED_MS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    outage.suspects = keys.collect::<rusqlite::Result<_>>()?;
    Ok(outage)
}

/// From now on what was found of other boots is not looked for again. Runs of this one that did not end were tidied up:
/// what they wrote is known.
pub(super) fn settle(connection: &Connection, losses: &[Loss]) -> rusqlite::Result<()> {
    let Some(boot) = boot() else { return Ok(()) };
    connection.execute(
        "UPDATE runs SET boot = NULL WHERE host = ?1 AND boot IS NOT NULL AND (boot != ?2 OR ended_ms IS NULL)",
        params![host(), boot],
    )?;
    losses.iter().try_for_each(|&loss| note(connection, loss))
}

pub(super) fn note(connection: &Connection, (since_ns, until_ns): Loss) -> rusqlite::Result<()> {
    connection.execute("INSERT INTO losses (since_ns, until_ns) VALUES (?1, ?2)", [since_ns, until_ns]).map(drop)
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Loss>> {
    let mut statement = connection.prepare("SELECT since_ns, until_ns FROM losses ORDER BY id")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
