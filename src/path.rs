//! Paths: every path of a run is interned once and is a [`FileId`] from then on.
//! Normalising is textual and never touches the disk; nothing here knows what a path is used for.

use std::borrow::Cow;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

/// An interned path: its place in [`Paths`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

impl FileId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The bytes that fit into a name on the file systems of Linux and of macOS.
pub const NAME_MAX: usize = 255;

/// What the name of every temporary begins with. The rest is the output's own name, so that tools which go by a suffix see it.
pub const TEMPORARY: &str = ".flow-tmp.";

/// The bytes that fit into the path of a file that is made: those of a path on Linux, less what stands before its name
/// while a job works on it.
pub const PATH_MAX: usize = 4095 - TEMPORARY.len();

/// How many bytes a path or a name in it has, and how many it may have, where those are fewer.
pub fn excess(path: &str) -> Option<(usize, usize)> {
    if path.len() <= NAME_MAX {
        return None;
    }
    let name = path.split('/').map(str::len).find(|&len| len > NAME_MAX).map(|len| (len, NAME_MAX));
    name.or((path.len() > PATH_MAX).then_some((path.len(), PATH_MAX)))
}

/// All paths of a run, in one arena: about ten bytes each over their text.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    text: String,
    /// Where each path ends in `text`; it starts where the one before ends.
    ends: Vec<usize>,
    table: HashTable<u32>,
}

impl Paths {
    /// The id of a path, which is normalised first.
    pub fn intern(&mut self, path: &str) -> FileId {
        self.intern_spelling(&normalise(path))
    }

    fn intern_spelling(&mut self, path: &str) -> FileId {
        let hash = FxBuildHasher.hash_one(path);
        let (text, ends) = (&self.text, &self.ends);
        if let Some(&id) = self.table.find(hash, |&id| slice(text, ends, id) == path) {
            return FileId(id);
        }
        let id = u32::try_from(self.ends.len()).expect("fewer than 2^32 paths");
        self.text.push_str(path);
        self.ends.push(self.text.len());
        let (text, ends) = (&self.text, &self.ends);
        self.table.insert_unique(hash, id, |&id| FxBuildHasher.hash_one(slice(text, ends, id)));
        FileId(id)
    }

    /// An id of its own for the file as it is before it is changed: under another spelling of its path.
    pub fn intern_before_change(&mut self, file: FileId) -> FileId {
        let name = self.name(file);
        let spelling = if name.starts_with('/') { format!("/.{name}") } else { format!("./{name}") };
        self.intern_spelling(&spelling)
    }

    /// The file whose earlier state this id stands for.
    pub fn changed_later(&self, file: FileId) -> Option<FileId> {
        let name = self.name(file);
        let is_other = name.starts_with("./") || name.starts_with("/./");
        is_other.then(|| self.find(name)).flatten()
    }

    /// The id of a path that is known already.
    pub fn find(&self, path: &str) -> Option<FileId> {
        let path = normalise(path);
        let hash = FxBuildHasher.hash_one(&*path);
        self.table.find(hash, |&id| slice(&self.text, &self.ends, id) == path).map(|&id| FileId(id))
    }

    pub fn name(&self, id: FileId) -> &str {
        slice(&self.text, &self.ends, id.0)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

fn slice<'a>(text: &'a str, ends: &[usize], id: u32) -> &'a str {
    let at = id as usize;
    &text[if at == 0 { 0 } else { ends[at - 1] }..ends[at]]
}

/// A path with `.` components, doubled and trailing slashes removed: `./a//b/` is `a/b`. `..` stays, because a
/// symbolic link may make `a/../b` another file than `b`. An empty path stays empty.
pub fn normalise(path: &str) -> Cow<'_, str> {
    let plain = !path.is_empty()
        && !path.ends_with('/')
        && !path.contains("//")
        && !path.starts_with("./")
        && !path.contains("/./")
        && !path.ends_with("/.")
        && path != ".";
    if plain || path.is_empty() {
        return Cow::Borrowed(path);
    }
    let mut out = String::with_capacity(path.len());
    if path.starts_with('/') {
        out.push('/');
    }
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(part);
    }
    if out.is_empty() {
        out.push('.');
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_path_are_one_id() {
        let mut paths = Paths::default();
        let id = paths.intern("a/b");
        for spelling in ["./a/b", "a//b", "a/b/", "a/./b", ".//a/b/."] {
            assert_eq!(paths.intern(spelling), id, "{spelling}");
        }
        assert_eq!(paths.name(id), "a/b");
        assert_ne!(paths.intern("a/../b"), paths.intern("b"));
        assert_eq!(normalise("/"), "/");
        assert_eq!(normalise("./"), ".");
        assert_eq!(normalise("//a"), "/a");
        assert_eq!(paths.find("nowhere"), None);
    }

    #[test]
    fn many_paths_keep_their_names() {
        let mut paths = Paths::default();
        let ids: Vec<_> = (0..10_000).map(|i| paths.intern(&format!("dir/{i}"))).collect();
        for (i, id) in ids.into_iter().enumerate() {
            assert_eq!(paths.name(id), format!("dir/{i}"));
            assert_eq!(paths.find(&format!("dir/{i}")), Some(id));
        }
    }
}
