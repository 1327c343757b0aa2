//! The files that a job inside flow has in hand: what it saw in those it read and wrote, and those of its outputs that have
//! no name yet. A file without a name leaves nothing behind when flow is killed, and gets its own name in one step, where a
//! temporary sibling takes the folder's lock twice: the half of what a small output costs when two threads write to one
//! folder. Knows paths and the disk, no jobs.

use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;

use crate::disk::{Content, Disk, Stamp};

/// So many files of a job are held open, and so many of all jobs: a quarter of what the process may open. What is written
/// beyond that has a name from the start.
const MOST: usize = 8;
static MOST_OF_ALL: LazyLock<u64> = LazyLock::new(|| {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.unwrap_or(u64::MAX) / 4
});
static HELD_BY_ALL: AtomicU64 = AtomicU64::new(0);

/// A file without a name.
struct Nameless(Arc<File>);

impl Nameless {
    /// Holds a file, if there are not too many.
    fn hold(file: &Arc<File>) -> Option<Nameless> {
        let held = Nameless(Arc::clone(file));
        let before = HELD_BY_ALL.fetch_add(1, Ordering::Relaxed);
        (before < *MOST_OF_ALL).then_some(held)
    }
}

impl Drop for Nameless {
    fn drop(&mut self) {
        HELD_BY_ALL.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) struct Handled<'a> {
    disk: &'a dyn Disk,
    /// By the paths that the job knows them by.
    seen: FxHashMap<String, Content>,
    /// What the job made at the places of its outputs; nothing where it has its name by now.
    made: FxHashMap<String, Option<Nameless>>,
    held: usize,
}

impl<'a> Handled<'a> {
    pub fn new(disk: &'a dyn Disk) -> Self {
        Handled { disk, seen: FxHashMap::default(), made: FxHashMap::default(), held: 0 }
    }

    /// This was in a file when the job had read or written it.
    pub fn saw(&mut self, path: &str, content: Content) {
        self.seen.insert(path.to_owned(), content);
    }

    pub fn content(&self, path: &str) -> Option<&Content> {
        self.seen.get(path)
    }

    /// A file is about to be written in a way that will not be told.
    pub fn forget(&mut self, path: &str) {
        self.seen.remove(path);
        if let Some(Some(_)) = self.made.insert(path.to_owned(), None) {
            self.held -= 1;
        }
    }

    /// Any file may have been written.
    pub fn forget_all(&mut self) {
        self.seen.clear();
    }

    /// Makes an output's file, in place of one that the job made before. Who still reads that one goes on reading it.
    pub fn create(&mut self, place: &str) -> io::Result<Arc<File>> {
        self.seen.remove(place);
        match self.made.remove(place) {
            Some(None) => self.disk.remove(place)?,
            Some(Some(_)) => self.held -= 1,
            None => {}
        }
        if self.held < MOST
            && let Ok(file) = self.disk.create_nameless(folder_of(place)).map(Arc::new)
            && let Some(held) = Nameless::hold(&file)
        {
            self.made.insert(place.to_owned(), Some(held));
            self.held += 1;
            return Ok(file);
        }
        let file = Arc::new(File::create(place)?);
        self.made.insert(place.to_owned(), None);
        Ok(file)
    }

    /// Gives what was made for a place its name there.
    pub fn settle(&mut self, place: &str) -> io::Result<()> {
        if let Some(made) = self.made.get_mut(place)
            && let Some(Nameless(file)) = made
        {
            // The place is flow's own.
            self.disk.remove(place)?;
            if self.disk.give_name(file, place).is_err() {
                file.rewind()?;
                io::copy(file, &mut File::create(place)?)?;
                self.seen.remove(place);
            }
            *made = None;
            self.held -= 1;
        }
        Ok(())
    }

    /// What is at a place, with a name or without one.
    pub fn stat(&self, place: &str) -> io::Result<Option<Stamp>> {
        match self.made.get(place) {
            Some(Some(Nameless(file))) => match self.seen.get(place) {
                Some(content) => Ok(Some(content.stamp)),
                None => Ok(Some(Stamp::of(&file.metadata()?))),
            },
            _ => self.disk.stat(place),
        }
    }

    /// Brings what is at a place to another in the same folder, and over what is there. Gives its stamp where that is known:
    /// a name changes none.
    pub fn put(&mut self, place: &str, to: &str) -> io::Result<Option<Stamp>> {
        if let Some(Some(Nameless(file))) = self.made.get(place) {
            if self.disk.give_name(file, to).is_ok() {
                return Ok(self.seen.get(place).map(|content| content.stamp));
            }
            // There is something, or it cannot be linked.
            self.settle(place)?;
        }
        self.disk.rename(place, to).map(|()| None)
    }
}

fn folder_of(path: &str) -> &str {
    let folder = Path::new(path).parent().and_then(Path::to_str).unwrap_or_default();
    if folder.is_empty() { "." } else { folder }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read, Write};

    use super::*;
    use crate::disk::RealDisk;

    /// A folder, and the path of a place in it.
    fn place() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("near").to_str().unwrap().to_owned();
        (folder, place)
    }

    fn write(handled: &mut Handled<'_>, place: &str, text: &str) {
        handled.create(place).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn what_was_made_is_put_over_what_is_there() {
        for before in [None, Some("old")] {
            let (folder, place) = place();
            let to = folder.path().join("out");
            if let Some(text) = before {
                fs::write(&to, text).unwrap();
            }
            let mut handled = Handled::new(&RealDisk);
            write(&mut handled, &place, "new");
            assert_eq!(handled.stat(&place).unwrap().unwrap().size, 3);
            handled.put(&place, to.to_str().unwrap()).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), "new");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn what_gets_no_name_leaves_nothing() {
        let (folder, place) = place();
        let mut handled = Handled::new(&RealDisk);
        write(&mut handled, &place, "lost");
        drop(handled);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_stands_at_a_place_of_flow_s_own_gives_way() {
        let (folder, place) = place();
        let mut handled = Handled::new(&RealDisk);
        write(&mut handled, &place, "new");
        fs::write(&place, "a touch").unwrap();
        handled.settle(&place).unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "new");
        handled.put(&place, folder.path().join("out").to_str().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("out")).unwrap(), "new");
    }

    #[test]
    fn a_second_file_at_a_place_is_another_one() {
        let (_folder, place) = place();
        let mut handled = Handled::new(&RealDisk);
        write(&mut handled, &place, "first");
        handled.settle(&place).unwrap();
        let mut reader = File::open(&place).unwrap();
        write(&mut handled, &place, "second");
        handled.settle(&place).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), fs::read_to_string(&place).unwrap().as_str()), ("first", "second"));
    }

    #[test]
    fn only_some_are_held_open() {
        let (folder, place) = place();
        let mut handled = Handled::new(&RealDisk);
        for at in 0..MOST + 3 {
            write(&mut handled, &format!("{place}{at}"), "text");
        }
        assert!(fs::read_dir(folder.path()).unwrap().count() >= 3);
        for at in 0..MOST + 3 {
            handled.put(&format!("{place}{at}"), &format!("{place}-{at}")).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), MOST + 3);
    }
}
