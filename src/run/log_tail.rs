//! The end of a log: its last lines, however long the log is and whatever is in it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// How far back is looked.
const WINDOW: u64 = 16 * 1024;

/// How far, where all is asked for.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A line longer than this is cut.
const WIDTH: usize = 400;

/// The last `lines` lines of a file as text, oldest first; none if it cannot be read. Bytes that are no UTF-8 become
/// replacement characters; of a line that carriage returns overwrite (a progress bar), what was left standing.
pub fn last_lines(path: &str, lines: usize) -> Vec<String> {
    ending(path, WINDOW, lines)
}

/// All lines of a file, as [`last_lines`] has them; of one that is larger than a terminal can use, the end.
pub fn all_lines(path: &str) -> Vec<String> {
    ending(path, LARGEST, usize::MAX)
}

fn ending(path: &str, window: u64, lines: usize) -> Vec<String> {
    let Some((bytes, cut)) = read_end(path, window) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().skip(usize::from(cut && text.contains('\n'))).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| clip(line)).collect()
}

/// The last bytes, and whether there are more before them.
fn read_end(path: &str, window: u64) -> Option<(Vec<u8>, bool)> {
    let mut file = File::open(path).ok()?;
    let meta = file.metadata().ok()?;
    if !meta.is_file() {
        return None;
    }
    let start = meta.len().saturating_sub(window);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(window).read_to_end(&mut bytes).ok()?;
    Some((bytes, start > 0))
}

fn clip(line: &str) -> String {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit('\r').next().unwrap_or(line);
    match line.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(content: &[u8], lines: usize) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, content).unwrap();
        last_lines(path.to_str().unwrap(), lines)
    }

    #[test]
    fn the_last_lines_with_or_without_a_final_newline() {
        assert_eq!(tail(b"a\nb\nc\n", 2), ["b", "c"]);
        assert_eq!(tail(b"a\nb\nc", 2), ["b", "c"]);
        assert_eq!(tail(b"", 2), [""; 0]);
        assert_eq!(tail(b" 10%\r 99%\r100%\r\ndone", 5), ["100%", "done"]);
        assert!(last_lines("no/such/file", 3).is_empty());
        assert!(last_lines("/", 3).is_empty());
    }

    #[test]
    fn a_huge_line_and_binary_bytes_are_cut_and_made_text() {
        let huge = vec![b'x'; 1 << 20];
        let lines = tail(&huge, 3);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].chars().count(), WIDTH + 1);
        let mut mixed = huge;
        mixed.extend_from_slice(b"\n\xff\xfeok\n");
        assert_eq!(tail(&mixed, 3), ["\u{fffd}\u{fffd}ok"]);
    }
}
