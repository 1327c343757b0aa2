//! Shell commands. One without shell syntax (plain or quoted words, simple redirections, a program that is no builtin)
//! is run without a shell; all else, and whatever does not start that way, is bash's, with its messages and exit codes.
//! Knows text and files, no jobs.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// How bash is called: stop at the first error, at an unset variable, and at a failure inside of a pipe.
const BASH: [&str; 3] = ["-euo", "pipefail", "-c"];

/// Linux takes no single argument of 128 KiB or more: a longer command comes from a file.
const LONGEST_ARGUMENT: usize = 120 * 1024;

/// Words that bash does not look up in `PATH`: its builtins and keywords.
const BUILTINS: &str = " . : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare \
    dirs disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout \
    mapfile popd printf pushd pwd read readarray readonly return set shift shopt source suspend test times trap true \
    type typeset ulimit umask unalias unset wait if then else elif fi case esac for select while until do done in \
    function time { } ! [[ ]] coproc ";

/// What a redirection does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirect {
    /// `< FILE`
    Read(String),
    /// `> FILE`, `>> FILE`; standard output (1), standard error (2), or both (`&>`).
    Write { stream: Stream, path: String, append: bool },
    /// `2>&1` or `>&2`: this stream becomes what the other one is.
    Same { stream: Stream },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Output,
    Error,
    Both,
}

/// A command that needs no shell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simple {
    /// Program and arguments; empty for a command that only redirects (`: > out`).
    pub words: Vec<String>,
    /// In their order.
    pub redirects: Vec<Redirect>,
}

/// A command as one that needs no shell, or `None` if it does.
pub fn parse(command: &str) -> Option<Simple> {
    if !bash_is_plain() {
        return None;
    }
    parse_words(command)
}

fn parse_words(command: &str) -> Option<Simple> {
    let mut simple = Simple::default();
    let mut rest = command.trim_matches([' ', '\t', '\n']);
    while !rest.is_empty() {
        let (redirect, after) = redirection(rest)?;
        if let Some(redirect) = redirect {
            simple.redirects.push(redirect);
            rest = after;
        } else {
            let (word, after) = word(rest)?;
            simple.words.push(word);
            rest = after;
        }
        rest = rest.trim_start_matches([' ', '\t']);
    }
    match simple.words.first().map(String::as_str) {
        None if simple.redirects.is_empty() => None,
        None => Some(simple),
        Some(":" | "true") => Some(Simple { words: Vec::new(), ..simple }),
        Some(name) if name.is_empty() || name.contains('=') || BUILTINS.contains(&format!(" {name} ")) => None,
        Some(_) => Some(simple),
    }
}

/// One word from the start of the text, which begins with neither blank nor redirection.
fn word(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            ' ' | '\t' | '<' | '>' => break,
            '\'' => {
                let end = rest[1..].find('\'')? + 1;
                word.push_str(&rest[1..end]);
                &rest[end + 1..]
            }
            '"' => {
                let end = rest[1..].find('"')? + 1;
                if rest[1..end].contains(['$', '`', '\\']) {
                    return None;
                }
                word.push_str(&rest[1..end]);
                &rest[end + 1..]
            }
            _ if is_plain(c) => {
                word.push(c);
                &rest[c.len_utf8()..]
            }
            _ => return None,
        };
    }
    // A NUL ends an argument early, in bash as well, but differently.
    if word.contains('\0') { None } else { Some((word, rest)) }
}

/// Characters that mean themselves wherever they stand in a word.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./,:=+@%".contains(c) || (!c.is_ascii() && !c.is_whitespace() && !c.is_control())
}

/// A redirection at the start of the text, if there is one; the outer `None`: one that is left to bash.
fn redirection(text: &str) -> Option<(Option<Redirect>, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, operator) = text.split_at(digits);
    let (stream, after) = match operator.as_bytes() {
        [b'<', ..] if matches!(number, "" | "0") => {
            let (path, rest) = target(&operator[1..])?;
            return Some((Some(Redirect::Read(path)), rest));
        }
        [b'&', b'>', ..] if number.is_empty() => (Stream::Both, &operator[2..]),
        [b'>', ..] if matches!(number, "" | "1") => (Stream::Output, &operator[1..]),
        [b'>', ..] if number == "2" => (Stream::Error, &operator[1..]),
        [b'<' | b'>' | b'&', ..] => return None,
        _ => return Some((None, text)),
    };
    if let Some(same) = after.strip_prefix('&') {
        let other = match stream {
            Stream::Output => '2',
            Stream::Error => '1',
            Stream::Both => return None,
        };
        let rest = same.strip_prefix(other)?;
        let ends = rest.is_empty() || rest.starts_with([' ', '\t']);
        return ends.then_some((Some(Redirect::Same { stream }), rest));
    }
    let (append, after) = after.strip_prefix('>').map_or((false, after), |after| (true, after));
    let (path, rest) = target(after)?;
    Some((Some(Redirect::Write { stream, path, append }), rest))
}

/// The file of a redirection. Bash itself serves some names below `/dev`.
fn target(text: &str) -> Option<(String, &str)> {
    let (path, rest) = word(text.trim_start_matches([' ', '\t']))?;
    let special = path.starts_with("/dev/") && path != "/dev/null";
    (!path.is_empty() && !special).then_some((path, rest))
}

/// Whether bash, started here, would find programs as flow does: no start-up file, no functions, a search path.
fn bash_is_plain() -> bool {
    static PLAIN: OnceLock<bool> = OnceLock::new();
    *PLAIN.get_or_init(|| {
        let changed = |name: &str| {
            name == "BASH_ENV" || name.starts_with("BASH_FUNC_") || name == "BASHOPTS" || name == "SHELLOPTS"
        };
        std::env::var_os("PATH").is_some() && !std::env::vars_os().any(|(name, _)| changed(&name.to_string_lossy()))
    })
}

impl Simple {
    /// Opens the files of the redirections, in their order, over the log. `None` if one cannot be opened: bash will say
    /// why.
    pub fn open(&self, log: impl Fn() -> io::Result<File>) -> Option<Streams> {
        let mut streams = Streams { input: None, output: None, error: None };
        for redirect in &self.redirects {
            match redirect {
                Redirect::Read(path) => streams.input = Some(File::open(path).ok()?),
                Redirect::Write { stream, path, append } => {
                    let mut options = OpenOptions::new();
                    options.create(true).write(true).append(*append).truncate(!*append);
                    let file = options.open(path).ok()?;
                    if *stream == Stream::Both {
                        streams.error = Some(file.try_clone().ok()?);
                    }
                    *(if *stream == Stream::Error { &mut streams.error } else { &mut streams.output }) = Some(file);
                }
                Redirect::Same { stream } => {
                    let (this, other) = match stream {
                        Stream::Error => (&mut streams.error, &streams.output),
                        Stream::Output | Stream::Both => (&mut streams.output, &streams.error),
                    };
                    *this = Some(match other {
                        Some(file) => file.try_clone().ok()?,
                        None => log().ok()?,
                    });
                }
            }
        }
        Some(streams)
    }

    /// The process to start; there is none for a command that only redirects.
    pub fn command(&self, streams: Streams, log: impl Fn() -> io::Result<File>) -> io::Result<Option<Command>> {
        let Some((program, arguments)) = self.words.split_first() else { return Ok(None) };
        let mut command = Command::new(program);
        command.args(arguments);
        command.stdin(streams.input.map_or_else(Stdio::null, Stdio::from));
        let (output, error) = match (streams.output, streams.error) {
            (Some(output), Some(error)) => (output, error),
            (Some(output), None) => (output, log()?),
            (None, Some(error)) => (log()?, error),
            (None, None) => {
                let log = log()?;
                (log.try_clone()?, log)
            }
        };
        command.stdout(output).stderr(error);
        Ok(Some(command))
    }
}

/// What a redirection put in the place of no input and the log.
#[derive(Debug)]
pub struct Streams {
    pub input: Option<File>,
    pub output: Option<File>,
    pub error: Option<File>,
}

/// A command for bash, and the file it is read from, if it is too long for an argument. Input is empty; the two outputs
/// are the caller's to set.
pub fn bash(command: &str) -> io::Result<(Command, Option<tempfile::TempPath>)> {
    let mut bash = Command::new("bash");
    bash.stdin(Stdio::null());
    if command.len() < LONGEST_ARGUMENT {
        bash.args(BASH).arg(command);
        return Ok((bash, None));
    }
    let mut file = tempfile::Builder::new().prefix("flow-").suffix(".sh").tempfile()?;
    file.write_all(command.as_bytes())?;
    let path = file.into_temp_path();
    bash.args(&BASH[..2]).arg(&path);
    Ok((bash, Some(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str) -> Option<Vec<String>> {
        parse_words(command).map(|simple| simple.words)
    }

    #[test]
    fn plain_and_quoted_words_need_no_shell() {
        assert_eq!(words("cp a b").unwrap(), ["cp", "a", "b"]);
        assert_eq!(words(" cp\t'a b'  \"c d\"e'f' \n").unwrap(), ["cp", "a b", "c def"]);
        assert_eq!(words("grep '' x=1 a'$HOME`;|'b").unwrap(), ["grep", "", "x=1", "a$HOME`;|b"]);
        assert_eq!(words("touch naïve").unwrap(), ["touch", "naïve"]);
        assert_eq!(words(": > out").unwrap(), [""; 0]);
    }

    #[test]
    fn shell_syntax_needs_a_shell() {
        for command in [
            "a | b",
            "a; b",
            "a && b",
            "a &",
            "a $x",
            "a `b`",
            "a \"$x\"",
            "a \"\\n\"",
            "a *",
            "a ?",
            "a [x]",
            "a {b,c}",
            "a ~",
            "a \\b",
            "a\nb",
            "(a)",
            "x=1 a",
            "echo a",
            "'echo' a",
            "if",
            "! a",
            "a # b",
            "",
            "''",
            "a 'b",
            "a \"b",
            "cat <<< x",
            "cat << x",
            "a 3> b",
            "a >| b",
            "a <> b",
            "a >&3",
            "a 2>&1x",
            "a > ''",
            "a >",
            "a > /dev/stderr",
            "a &>> >",
            "a 2>&-",
            "a b&>c",
            "a > b&",
            "[ -e x ]",
            "a !x",
            "a ^b",
        ] {
            assert_eq!(parse_words(command), None, "{command}");
        }
    }

    #[test]
    fn redirections_are_told_from_words() {
        let write = |stream, path: &str, append| Redirect::Write { stream, path: path.into(), append };
        let simple = parse_words("a <i >o 2>>e b2>p '2'>q 2>&1 &>r").unwrap();
        assert_eq!(simple.words, ["a", "b2", "2"]);
        assert_eq!(
            simple.redirects,
            [
                Redirect::Read("i".into()),
                write(Stream::Output, "o", false),
                write(Stream::Error, "e", true),
                write(Stream::Output, "p", false),
                write(Stream::Output, "q", false),
                Redirect::Same { stream: Stream::Error },
                write(Stream::Both, "r", false),
            ]
        );
    }
}
