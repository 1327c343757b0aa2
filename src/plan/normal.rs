//! The normal form of a shell command, in which white space and comments do not count. Text in, text out.

/// Strips comments, blank lines and the white space that bash does not see, which is outside of quotes and made of
/// blanks, tabs and newlines only. What bash is given to do by the result is what it is given by the text: substitutions
/// stay as they are, and so does a whole command of which it is not certain where its quotes end (a here-document, say).
pub fn command(text: &str) -> String {
    let text_chars: Vec<char> = text.chars().collect();
    stripped(&text_chars).unwrap_or_else(|| text.to_owned())
}

fn stripped(text: &[char]) -> Option<String> {
    let mut form = Form::default();
    let mut at = 0;
    while let Some(&c) = text.get(at) {
        let next = text.get(at + 1).copied();
        let end = match (c, next) {
            // Here-documents and arithmetic have rules of their own.
            ('<', Some('<')) | ('(', Some('(')) | ('$', Some('[')) => return None,
            // The line goes on as if neither were there.
            ('\\', Some('\n')) => {
                at += 2;
                continue;
            }
            ('\\', _) => (at + 2).min(text.len()),
            ('\'' | '"' | '`', _) | ('$', Some('(' | '{' | '\'')) => end_of_span(text, at, 0)?,
            ('#', _) if form.is_at_word_start() => {
                at += text[at..].iter().take_while(|&&c| c != '\n').count();
                continue;
            }
            ('\n', _) => {
                form.gap = form.gap.max(Gap::Line);
                at += 1;
                continue;
            }
            (' ' | '\t', _) => {
                form.gap = form.gap.max(Gap::Blank);
                at += 1;
                continue;
            }
            _ => at + 1,
        };
        form.push(&text[at..end]);
        at = end;
    }
    Some(form.text)
}

/// Deeper nesting is nobody's.
const DEEPEST: usize = 50;

/// The end of the quoted text or substitution that begins here; `None` where that is not certain.
fn end_of_span(text: &[char], at: usize, depth: usize) -> Option<usize> {
    if depth > DEEPEST {
        return None;
    }
    match (text[at], text.get(at + 1)?) {
        ('\'', _) => Some(at + 2 + text[at + 1..].iter().position(|&c| c == '\'')?),
        ('"', _) => end_of(text, at + 1, '"', depth),
        ('`', _) => end_of(text, at + 1, '`', depth),
        ('$', '\'') => end_of(text, at + 2, '\'', depth),
        ('$', '{') => end_of(text, at + 2, '}', depth),
        ('$', '(') => end_of(text, at + 2, ')', depth),
        _ => None,
    }
}

/// The end of what `closing` ends, from within; a backslash takes the next character out of play in all of them.
fn end_of(text: &[char], from: usize, closing: char, depth: usize) -> Option<usize> {
    let is_command = closing == ')';
    let mut open = 0;
    let mut at = from;
    loop {
        let (c, next) = (*text.get(at)?, text.get(at + 1));
        at = match (c, next) {
            ('\\', _) => at + 2,
            _ if c == closing && open == 0 => return Some(at + 1),
            _ if matches!(closing, '`' | '\'') => at + 1,
            ('$', Some('(' | '{')) | ('`', _) => end_of_span(text, at, depth + 1)?,
            _ if closing == '"' => at + 1,
            ('"', _) => end_of_span(text, at, depth + 1)?,
            ('\'', _) | ('$', Some('\'')) if is_command => end_of_span(text, at, depth + 1)?,
            // Between `${` and `}` it depends on what is around them what a single quote is.
            ('\'', _) => return None,
            ('(', _) if is_command => {
                open += 1;
                at + 1
            }
            ('{', _) if !is_command => {
                open += 1;
                at + 1
            }
            (')', _) if is_command => {
                open -= 1;
                at + 1
            }
            ('}', _) if !is_command => {
                open -= 1;
                at + 1
            }
            ('#', _) if is_command => match text[at - 1] {
                ' ' | '\t' | '\n' => at + text[at..].iter().take_while(|&&c| c != '\n').count(),
                ';' | '&' | '|' | '(' | ')' | '<' | '>' => return None,
                _ => at + 1,
            },
            // The patterns of a `case` have closing parentheses of their own.
            ('e', Some('s')) if is_command && text[at..].starts_with(&['e', 's', 'a', 'c']) => return None,
            _ => at + 1,
        };
    }
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

    fn push(&mut self, word: &[char]) {
        if !self.text.is_empty() {
            match self.gap {
                Gap::None => {}
                Gap::Blank => self.text.push(' '),
                Gap::Line => self.text.push('\n'),
            }
        }
        self.gap = Gap::None;
        self.text.extend(word);
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
        assert_eq!(command("i=$((i + 1))  # on"), "i=$((i + 1))");
        let nested = "x=\"$(f  \"a  b\" 'c)' \\)) $(g # )\n) ${x:-a  b} `c  d`\"";
        assert_eq!(command(&format!("{nested}   y  # z")), format!("{nested} y"));
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
        for text in ["x=\"$(grep -o \" #1\" f | wc -l)\"", "echo $'it\\'s  # x'", "echo \"${x:-a  b}\"", "echo `a  b`"]
        {
            assert_eq!(command(text), text);
        }
        assert_eq!(command("echo a\\ #b"), "echo a\\ #b");
        assert_eq!(command("echo a\\  "), "echo a\\ ");
        assert_eq!(command("echo a\u{a0}\u{a0}#b"), "echo a\u{a0}\u{a0}#b");
        assert_eq!(command("echo a\r"), "echo a\r");
        assert_eq!(command("foo\\\nbar"), "foobar");
        assert_ne!(command("foo\\\nbar"), command("foo bar"));
    }

    #[test]
    fn quotes_and_substitutions_end_where_bash_ends_them() {
        let spans = [
            r#""{""#,
            r#""'""#,
            r#""(""#,
            r#""}""#,
            r#""\"""#,
            r#"`a ' " b`"#,
            r"`a \` b`",
            r"$'it\'s'",
            "'$('",
            "${x:-{a}}",
            "${x:-(}",
            r#"${x:-"}"}"#,
            "${x#a}",
            "${x:-$(a })}",
            "$( (a) )",
            "$(a {)",
            "$(a ')' b)",
            r#"$(a ")" b)"#,
            r"$(a $'\')' b)",
            r"$(a \) b)",
            "$(a `)` b)",
            "$(a#b)",
            "$(a # ) ' \"\n)",
            "$(a\t# )\n)",
            "$(a\n# )\n)",
            r#""${x:-"a"}""#,
            r#""$(a "b")""#,
            r#""`a`""#,
        ];
        for span in spans {
            assert_eq!(command(&format!("w {span}   y  # z")), format!("w {span} y"));
        }
    }

    #[test]
    fn where_it_is_not_certain_what_ends_a_span_all_of_the_text_counts() {
        let ends = [";", "&", "|", "(", "<", ">"].map(|before| format!("w $(a {before}# )\n)   y"));
        let texts = [
            "w $( (a)# )\n)   y",
            "w ${x:-'a'}   y",
            "w $(case x in (x) a;; esac)   y",
            "w 'a   y",
            "w \"a   y",
            "w $(a   y",
            "w ${a   y",
        ];
        for text in ends.iter().map(String::as_str).chain(texts) {
            assert_eq!(command(text), text);
        }
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
        fn the_normal_form_has_the_words_of_the_text(text in "([wxy]|[ \t\n#'\"\\\\;$]|\u{a0}|\r|\\\\\n| #|\\\\ |\\$\\(|`|\\$'|\\)|\\(|\\$\\{x|\\}){0,16}") {
            let text = format!("w {text}");
            prop_assert_eq!(words(&text), words(&command(&text)), "{:?} as {:?}", text, command(&text));
        }
    }
}
