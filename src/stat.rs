//! Stamps of interned paths, each asked for once. A leaf: it knows paths and the disk, not why anyone wants to know.

use std::io;

use rayon::prelude::*;

use crate::disk::{Disk, Stamp};
use crate::path::{FileId, Paths};

/// So few files are looked at by one thread: others would take longer to start.
const FEW: usize = 256;

#[derive(Debug, Clone, Copy)]
enum Slot {
    Unknown,
    Absent,
    Present(Stamp),
}

/// What the disk said of each file, until it is forgotten.
pub struct Stats<'d> {
    disk: &'d dyn Disk,
    slots: Vec<Slot>,
}

impl<'d> Stats<'d> {
    pub fn new(disk: &'d dyn Disk) -> Self {
        Stats { disk, slots: Vec::new() }
    }

    /// The stamp of a file, `None` if there is no such file.
    ///
    /// # Errors
    /// What `stat` says other than that the file is not there.
    pub fn get(&mut self, paths: &Paths, file: FileId) -> io::Result<Option<Stamp>> {
        if self.slots.len() <= file.index() {
            self.slots.resize(paths.len().max(file.index() + 1), Slot::Unknown);
        }
        let slot = &mut self.slots[file.index()];
        if matches!(slot, Slot::Unknown) {
            *slot = look(self.disk, paths, file)?;
        }
        Ok(match slot {
            Slot::Present(stamp) => Some(*stamp),
            Slot::Absent | Slot::Unknown => None,
        })
    }

    /// Asks for all files that are not known yet, on all threads of the current pool.
    ///
    /// # Errors
    /// The first error in order of the ids.
    pub fn prefetch(&mut self, paths: &Paths) -> io::Result<()> {
        self.slots.resize(paths.len().max(self.slots.len()), Slot::Unknown);
        let disk = self.disk;
        let fill = |(at, slot): (usize, &mut Slot)| {
            if matches!(slot, Slot::Unknown) {
                let file = FileId(u32::try_from(at).expect("ids are u32"));
                *slot = look(disk, paths, file)?;
            }
            Ok(())
        };
        if self.slots.len() <= FEW {
            return self.slots.iter_mut().enumerate().try_for_each(fill);
        }
        self.slots.par_iter_mut().with_min_len(FEW).enumerate().try_for_each(fill)
    }

    /// What was seen of each of these paths, by id; nothing if there is one that nobody has asked for.
    pub fn seen(&self, paths: &Paths) -> Option<Vec<Option<Stamp>>> {
        let slots = self.slots.get(..paths.len())?;
        let stamp = |slot: &Slot| match slot {
            Slot::Unknown => None,
            Slot::Absent => Some(None),
            Slot::Present(stamp) => Some(Some(*stamp)),
        };
        slots.iter().map(stamp).collect()
    }

    /// The next look at this file asks the disk again.
    pub fn forget(&mut self, file: FileId) {
        if let Some(slot) = self.slots.get_mut(file.index()) {
            *slot = Slot::Unknown;
        }
    }

    pub fn disk(&self) -> &'d dyn Disk {
        self.disk
    }
}

fn look(disk: &dyn Disk, paths: &Paths, file: FileId) -> io::Result<Slot> {
    let name = paths.name(file);
    match disk.stat(name) {
        Ok(Some(stamp)) => Ok(Slot::Present(stamp)),
        Ok(None) => Ok(Slot::Absent),
        Err(error) => Err(io::Error::new(error.kind(), format!("{name}: {error}"))),
    }
}
