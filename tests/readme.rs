//! The README, run: its commands one after the other in a folder of their own, with its Rulefiles, and what it says that
//! they print. Cargo's commands are the ones that cannot run inside a test; they are held against `.ci/run`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A fenced block: its language and its text.
#[derive(Debug)]
struct Block {
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => open = Some(Block { language: language.to_owned(), text: String::new() }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

fn page() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).expect("there is a README")
}

fn cargo_commands() -> Vec<String> {
    let blocks = blocks(&page());
    let lines = blocks.iter().filter(|block| block.language == "sh").flat_map(|block| block.text.lines());
    lines.filter(|line| line.starts_with("cargo ")).map(str::to_owned).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary folder takes folders");
    for entry in fs::read_dir(from).expect("it is a folder") {
        let entry = entry.expect("it is listed");
        let name = entry.file_name();
        if entry.path().is_dir() {
            // Hidden folders hold the records of those who ran the example where it is.
            if !name.to_string_lossy().starts_with('.') {
                copy(&entry.path(), &to.join(name));
            }
        } else {
            fs::copy(entry.path(), to.join(name)).expect("a file can be copied");
        }
    }
}

/// One command as a reader types it: exit code, and both outputs in the order in which they were written.
fn run(command: &str, folder: &Path) -> (Option<i32>, String) {
    let told = folder.join(".told");
    let file = fs::File::create(&told).expect("a temporary folder takes files");
    let program = Path::new(env!("CARGO_BIN_EXE_flow"));
    let bin = program.parent().expect("the program is in a folder").to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path))).expect("plain folders");
    let status = Command::new("bash")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a second handle"))
        .stderr(file)
        .status()
        .expect("bash can be started");
    (status.code(), fs::read_to_string(&told).expect("output is text"))
}

/// Without the times, which differ from run to run.
fn without_times(line: &str) -> String {
    let time = regex::Regex::new(r"\b\d+(\.\d+)? ?(s|ms|µs|min)\b|\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?").expect("a regex");
    time.replace_all(line.trim_end(), "TIME").into_owned()
}

#[test]
fn commands_do_what_the_readme_says() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    copy(&Path::new(ROOT).join("examples"), &dir.path().join("examples"));
    fs::copy(Path::new(ROOT).join("Rulefile.example"), dir.path().join("Rulefile.example")).expect("it is there");
    let blocks = blocks(&page());
    for (at, block) in blocks.iter().enumerate() {
        match block.language.as_str() {
            "python" => fs::write(dir.path().join("Rulefile"), &block.text).expect("a Rulefile can be written"),
            "sh" => {
                let expected = blocks.get(at + 1).filter(|next| next.language == "text").map_or("", |next| &next.text);
                let mut output = String::new();
                for command in block.text.lines().filter(|line| !line.trim().is_empty()) {
                    let command = match command.strip_prefix("cargo ") {
                        None => command.to_owned(),
                        Some(rest) => match rest.strip_prefix("run --release -- ") {
                            Some(arguments) => format!("flow {arguments}"),
                            None => continue,
                        },
                    };
                    let (code, told) = run(&command, dir.path());
                    let may_fail = expected.contains("failed");
                    assert!(code == Some(0) || may_fail, "{command}: {code:?}\n{told}");
                    output.push_str(&told);
                }
                let mut lines = output.lines().map(without_times);
                for line in expected.lines().map(without_times).filter(|line| line != "…") {
                    assert!(lines.any(|told| told == line), "{line:?} is not (or not in this order) in\n{output}");
                }
            }
            _ => {}
        }
    }
}

#[test]
fn cargo_commands_are_the_ones_that_are_checked() {
    let commands = cargo_commands();
    assert_eq!(commands[1], "cargo test --release");
    assert!(commands[0].starts_with("cargo run --release -- "), "{}", commands[0]);
    assert_eq!(commands[2..], ["cargo install --path ."]);
    let script = fs::read_to_string(Path::new(ROOT).join(".ci/run")).expect("there is a .ci/run");
    assert_eq!(script.lines().last(), Some("step cargo test --release"));
}

/// The questions of `docs/store.md` have answers, asked of the store of an example.
#[test]
fn the_store_can_be_asked() {
    let dir = tempfile::tempdir().expect("there is room for temporary files");
    copy(&Path::new(ROOT).join("examples/hello"), dir.path());
    let (code, told) = run("flow -F", dir.path());
    assert_eq!(code, Some(0), "{told}");
    let store = rusqlite::Connection::open(dir.path().join(".flow/state.db")).expect("there is a store");
    let page = fs::read_to_string(Path::new(ROOT).join("docs/store.md")).expect("it is there");
    let rows = |question: &str| -> usize {
        let mut statement = store.prepare(question).unwrap_or_else(|error| panic!("{question}: {error}"));
        let rows = statement.query_map([], |_| Ok(())).expect("it needs no values");
        rows.map(|row| row.expect("a row")).count()
    };
    let questions = blocks(&page).into_iter().filter(|block| block.language == "sql");
    let answers: Vec<usize> = questions.map(|block| rows(&block.text.replace("contact.png", "hello.txt"))).collect();
    // Three jobs, three rules, two inputs of hello.txt, no failure.
    assert_eq!(answers, [3, 3, 2, 0]);
}

/// Files and headings that a link names are there.
#[test]
fn links_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").expect("a regex");
    let docs = ["design", "fmt", "language", "lint", "performance", "reliability", "snakemake", "store", "strict"];
    let docs = docs.map(|name| format!("docs/{name}.md"));
    for page in ["README.md".to_owned(), "CHANGELOG.md".to_owned()].into_iter().chain(docs) {
        let path = Path::new(ROOT).join(&page);
        let text = fs::read_to_string(&path).expect("it is there");
        for found in link.captures_iter(&text).map(|found| found[1].to_owned()).filter(|link| !link.contains("://")) {
            let (file, heading) = found.split_once('#').unwrap_or((&found, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            assert!(target.exists(), "{page}: {found}");
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).expect("it is text");
                let slug = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
                assert!(text.lines().any(|line| line.starts_with('#') && slug(line) == heading), "{page}: {found}");
            }
        }
    }
}
