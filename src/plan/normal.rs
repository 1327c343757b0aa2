//! The normal form of a shell command, in which white space and comments do not count. Text in, text out.

/// Strips comments, blank lines and the white space that bash does not see. A command with a here-document stays as it
/// is, because all of its white space counts.
pub fn command(text: &str) -> String {
    if text.contains("<<") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut quote: Option<char> = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), _) => {
                out.push(c);
                if c == '\'' {
                    quote = None;
                }
            }
            (_, '\\') => match chars.next() {
                Some('\n') if quote.is_none() => blank(&mut out),
                next => {
                    out.push('\\');
                    out.extend(next);
                }
            },
            (Some(q), _) => {
                out.push(c);
                if c == q {
                    quote = None;
                }
            }
            (None, '\'' | '"' | '`') => {
                quote = Some(c);
                out.push(c);
            }
            (None, '#') if out.is_empty() || out.ends_with([' ', '\n']) => {
                while chars.next_if(|&c| c != '\n').is_some() {}
            }
            (None, '\n') => {
                while out.ends_with(' ') {
                    out.pop();
                }
                if !out.is_empty() && !out.ends_with('\n') {
                    out.push('\n');
                }
            }
            (None, c) if c.is_whitespace() => blank(&mut out),
            (None, c) => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn blank(out: &mut String) {
    if !out.is_empty() && !out.ends_with([' ', '\n']) {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn white_space_and_comments_do_not_count() {
        assert_eq!(command("  sort   {input}\t> {output} # by name\n\n   "), "sort {input} > {output}");
        assert_eq!(command("a \\\n   b"), "a b");
        assert_eq!(command("a\n\n  # why\n b"), "a\nb");
    }

    #[test]
    fn quoted_text_counts() {
        assert_eq!(command("echo 'a  # b'  \"c  # d\""), "echo 'a  # b' \"c  # d\"");
        assert_eq!(command("echo a#b"), "echo a#b");
        assert_eq!(command("cat <<E\n  x\nE"), "cat <<E\n  x\nE");
        assert_ne!(command("a\nb"), command("a b"));
        assert_eq!(command(r#"echo "\"  x""#), r#"echo "\"  x""#);
    }
}
