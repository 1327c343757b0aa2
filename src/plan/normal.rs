//! The normal form of a shell command, in which white space and comments do not count. Text in, text out.

/// With one of these in it a command stays as it is: each opens a context with quotes and blanks of its own (a
/// here-document, a substitution, `$'…'`, arithmetic), and a mistake about them would hide a change.
const VERBATIM: [&str; 8] = ["<<", "$(", "`", "$'", "$\"", "${", "$[", "(("];

/// Strips comments, blank lines and the white space that bash does not see, which is outside of quotes and made of
/// blanks, tabs and newlines only. What bash is given to do by the result is what it is given by the text.
pub fn command(text: &str) -> String {
    if VERBATIM.iter().any(|opening| text.contains(opening)) {
        return text.to_owned();
    }
    let mut form = Form::default();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                // The line goes on as if neither were there.
                Some('\n') => {}
                escaped => form.push_all(std::iter::once('\\').chain(escaped)),
            },
            '\'' => {
                form.push(c);
                for inside in chars.by_ref() {
                    form.push(inside);
                    if inside == '\'' {
                        break;
                    }
                }
            }
            '"' => {
                form.push(c);
                while let Some(inside) = chars.next() {
                    form.push(inside);
                    match inside {
                        '"' => break,
                        '\\' => form.push_all(chars.next().into_iter()),
                        _ => {}
                    }
                }
            }
            '#' if form.is_at_word_start() => while chars.next_if(|&c| c != '\n').is_some() {},
            '\n' => form.gap = form.gap.max(Gap::Line),
            ' ' | '\t' => form.gap = form.gap.max(Gap::Blank),
            other => form.push(other),
        }
    }
    form.text
}

/// What lies between the last word and the next.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Blank,
    Line,
}

#[derive(Default)]
struct Form {
    text: String,
    gap: Gap,
}

impl Form {
    fn is_at_word_start(&self) -> bool {
        self.text.is_empty() || self.gap != Gap::None
    }

    fn push(&mut self, c: char) {
        if !self.text.is_empty() {
            match self.gap {
                Gap::None => {}
                Gap::Blank => self.text.push(' '),
                Gap::Line => self.text.push('\n'),
            }
        }
        self.gap = Gap::None;
        self.text.push(c);
    }

    fn push_all(&mut self, chars: impl Iterator<Item = char>) {
        chars.for_each(|c| self.push(c));
    }
}

#[cfg(test)]
mod tests {
    use super::command;
    use proptest::prelude::*;

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

    #[test]
    fn what_bash_does_not_take_for_white_space_or_a_comment_counts() {
        for text in ["x=\"$(grep -o \" #1\" f | wc -l)\"", "echo $'it\\'s  # x'", "echo \"${x:-a  b}\"", "echo `a  b`"] {
            assert_eq!(command(text), text);
        }
        assert_eq!(command("echo a\\ #b"), "echo a\\ #b");
        assert_eq!(command("echo a\\  "), "echo a\\ ");
        assert_eq!(command("echo a\u{a0}\u{a0}#b"), "echo a\u{a0}\u{a0}#b");
        assert_eq!(command("echo a\r"), "echo a\r");
        assert_eq!(command("foo\\\nbar"), "foobar");
        assert_ne!(command("foo\\\nbar"), command("foo bar"));
    }

    /// Each command that bash would run, with its words: no command is found, and a function tells of each.
    fn words(text: &str) -> Vec<u8> {
        let told = format!("PATH=; command_not_found_handle() {{ printf '<%s>' \"$@\"; echo; }}\n{text}");
        let bash = std::process::Command::new("bash").args(["--norc", "-c", &told]).output().expect("bash starts");
        bash.stdout
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        /// So two texts that bash takes apart into other words have other normal forms.
        #[test]
        fn the_normal_form_has_the_words_of_the_text(text in "([wxy]|[ \t\n#'\"\\\\;$]|\u{a0}|\r|\\\\\n| #|\\\\ |\\$\\(|`|\\$'){0,16}") {
            let text = format!("w {text}");
            prop_assert_eq!(words(&text), words(&command(&text)), "{:?} as {:?}", text, command(&text));
        }
    }
}
