//! Differences for `--why`: two texts as lines with `-` and `+`, two values side by side.

use super::words::line;

/// Longer texts are not compared line by line; what is the same at their ends is left out all the same.
const MOST_LINES: usize = 2000;

/// The lines that differ, `-` old and `+` new, with equal lines left out; empty for equal texts.
pub fn diff_lines(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same_start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same_start..], &new[same_start..]);
    let same_end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[..old.len() - same_end], &new[..new.len() - same_end]);
    let mut out = Vec::new();
    let mut show = |sign: char, text: &str| out.push(format!("{sign} {}", line(text)));
    if old.len() > MOST_LINES || new.len() > MOST_LINES {
        old.iter().for_each(|text| show('-', text));
        new.iter().for_each(|text| show('+', text));
        return out;
    }
    let common = common_lengths(old, new);
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]) {
            show('-', old[i]);
            i += 1;
        } else {
            show('+', new[j]);
            j += 1;
        }
    }
    out
}

/// The length of the longest common subsequence of each pair of ends.
fn common_lengths(old: &[&str], new: &[&str]) -> Vec<Vec<u16>> {
    let mut common = vec![vec![0u16; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] =
                if old[i] == new[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    common
}

/// `name  old → new`, names and old values aligned; what is on one side only has `(none)` on the other.
pub fn changes(items: &[(String, Option<String>, Option<String>)]) -> Vec<String> {
    let text = |value: &Option<String>| value.as_deref().map_or("(none)".to_owned(), line);
    let width = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
    let names = width(&mut items.iter().map(|(name, _, _)| line(name)));
    let olds = width(&mut items.iter().map(|(_, old, _)| text(old)));
    let row = |(name, old, new): &(String, Option<String>, Option<String>)| {
        format!("{:<names$}  {:<olds$} → {}", line(name), text(old), text(new))
    };
    items.iter().map(row).collect()
}
