use std::cell::Cell;
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::dag::{Drawing, Node, dot, json, mermaid, svg};
use super::difference::{changes, diff_lines};
use super::live::Live;
use super::plain::{Plain, Show};
use super::summary::{Row, table};
use crate::event::{Event, Failure, JobName, Reporter, RuleCount, Usage};

fn job(number: u32, frame: &str) -> JobName {
    JobName {
        job: number,
        rule: "clean".to_owned(),
        wildcards: vec![("frame".to_owned(), frame.to_owned())],
        outputs: vec![format!("{frame}.fits")],
    }
}

fn started(number: u32, frame: &str) -> Event {
    given_out(number, frame, false)
}

fn given_out(number: u32, frame: &str, queued: bool) -> Event {
    Event::Started {
        job: job(number, frame),
        reason: "output missing".to_owned(),
        message: None,
        command: Some("convert a b".to_owned()),
        log: None,
        threads: 1,
        attempt: 1,
        queued,
    }
}

fn run() -> Vec<Event> {
    let usage = Usage { wall: Duration::from_millis(1500), peak_memory: Some(2_000_000), ..Usage::default() };
    let rules = vec![RuleCount { rule: "clean".to_owned(), jobs: 2 }];
    let failure = Failure {
        cause: "exit code 2".to_owned(),
        diagnostic: None,
        place: Some("Rulefile:7".to_owned()),
        command: Some("convert a b".to_owned()),
        log: Some(".flow/log/b.log".to_owned()),
        log_tail: vec!["no such file\u{1b}[31m".to_owned()],
        undeclared: Vec::new(),
        retrying: false,
        abandoned: false,
        ran: None,
    };
    vec![
        Event::Planned { total: 2, rules, cores: 4, elsewhere: None, estimate: None },
        started(1, "a"),
        Event::Finished { job: job(1, "a"), usage, ran: None },
        started(2, "b"),
        Event::Failed { job: job(2, "b"), reason: "output missing".to_owned(), failure, usage },
        Event::Ended {
            done: 1,
            cut_off: 0,
            failed: vec![job(2, "b")],
            left: 0,
            stopped: 0,
            not_run: 0,
            wall: Duration::from_secs(75),
        },
    ]
}

fn plain(show: Show) -> String {
    let mut out = Vec::new();
    let mut reporter = Plain::new(&mut out, show);
    run().iter().for_each(|event| reporter.tell(event));
    String::from_utf8(out).expect("reports are UTF-8")
}

const FAILURE: &str = "\
[2/2] failed: clean frame=b: exit code 2
  output  b.fits
  reason  output missing
  rule    Rulefile:7
  command convert a b
  log     .flow/log/b.log
  | no such file\\u{1b}[31m
";
const END: &str = "1 job done in 1m15s. 1 job failed: clean frame=b\n";

#[test]
fn a_pipe_gets_a_line_a_job_and_a_block_a_failure() {
    let expected = format!(
        "2 jobs on 4 cores: 2 clean\n[0/2] clean frame=a: output missing\n[1/2] done clean frame=a in 1.5s\n\
         [1/2] clean frame=b: output missing\n{FAILURE}{END}"
    );
    assert_eq!(plain(Show::default()), expected);
    assert_eq!(plain(Show { quiet: true, ..Show::default() }), format!("{FAILURE}{END}"));
    assert_eq!(plain(Show { silent: true, ..Show::default() }), END);
    let loud = plain(Show { commands: true, verbose: true, ..Show::default() });
    assert!(loud.contains("\n  convert a b\n") && loud.contains("in 1.5s, 2 MB\n"), "{loud}");
}

#[test]
fn programs_get_an_object_a_line() {
    let mut out = Vec::new();
    let mut reporter = super::json::Json::new(&mut out);
    run().iter().for_each(|event| reporter.tell(event));
    let lines: Vec<serde_json::Value> = out
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|l| serde_json::from_slice(l).unwrap())
        .collect();
    assert_eq!(lines.len(), run().len());
    assert_eq!(lines[2]["event"], "finished");
    assert_eq!(lines[2]["rule"], "clean");
}

#[derive(Clone, Default)]
struct Screen(Rc<std::cell::RefCell<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_terminal_tells_what_runs_from_what_is_queued() {
    let (screen, zero) = (Screen::default(), Instant::now());
    let mut live = Live::new(screen.clone(), Show::default(), Box::new(|| (80, 9)), Box::new(move || zero));
    let rules = Vec::new();
    live.tell(&Event::Planned { total: 9, rules, cores: 4, elsewhere: None, estimate: None });
    (0..5).for_each(|number| live.tell(&given_out(number, &format!("frame{number}"), number > 0)));
    live.tell(&Event::Begun { jobs: vec![3, 7] });
    live.tell(&Event::Finished { job: job(4, "frame4"), usage: Usage::default(), ran: None });
    screen.0.borrow_mut().clear();
    live.tick();
    let frame = String::from_utf8(screen.0.borrow().clone()).expect("UTF-8");
    assert!(frame.contains("1/9 done, 2 running, 2 queued"), "{frame}");
    assert!(frame.contains("frame0") && frame.contains("frame3") && !frame.contains("frame1"), "{frame}");
}

#[test]
fn a_terminal_gets_a_block_that_fits_and_goes() {
    let screen = Screen::default();
    let width = Rc::new(Cell::new(60));
    let (asked, zero) = (Rc::clone(&width), Instant::now());
    let mut live =
        Live::new(screen.clone(), Show::default(), Box::new(move || (asked.get(), 6)), Box::new(move || zero));
    let take = || String::from_utf8(std::mem::take(&mut *screen.0.borrow_mut())).expect("UTF-8");
    live.tell(&Event::Planned {
        total: 40,
        rules: Vec::new(),
        cores: 4,
        elsewhere: None,
        estimate: Some(Duration::from_secs(60)),
    });
    (0..9).for_each(|number| live.tell(&started(number, "long\u{7}name")));
    take();
    live.tick();
    let frame = take();
    assert!(frame.starts_with("\x1b[1A\r\x1b[J["), "{frame:?}");
    assert_eq!(frame.lines().count(), 4, "{frame}");
    assert!(frame.contains("and 7 more") && frame.contains("1m00s left") && frame.contains("\\u{7}name"), "{frame}");
    width.set(20);
    live.tick();
    let narrow = take();
    assert!(narrow.starts_with("\x1b[4A\r\x1b[J") && narrow.lines().skip(1).all(|line| line.chars().count() < 20));
    run().iter().skip(4).for_each(|event| live.tell(event));
    let end = take();
    assert!(end.contains("failed: clean frame=b: exit code 2") && end.ends_with(END), "{end}");
}

#[test]
fn differences_show_what_changed_and_nothing_else() {
    assert_eq!(diff_lines("a\nb\nc\nd", "a\nx\nc\nd"), ["- b", "+ x"]);
    assert_eq!(diff_lines("a\nb\nc\nd\ne", "a\nc\nd\ny\ne"), ["- b", "+ y"]);
    assert!(diff_lines("a\nb", "a\nb").is_empty());
    let change = |name: &str, old: Option<&str>, new: Option<&str>| {
        (name.to_owned(), old.map(str::to_owned), new.map(str::to_owned))
    };
    let rows = changes(&[change("size", Some("50"), Some("51")), change("k", None, Some("1"))]);
    assert_eq!(rows, ["size  50     → 51", "k     (none) → 1"]);
}

#[test]
fn a_summary_keeps_its_columns() {
    let row = Row {
        output: "a\tb".into(),
        date: "-".into(),
        rule: "r".into(),
        status: "missing".into(),
        reason: String::new(),
    };
    assert_eq!(table(&[row]), "output_file\tdate\trule\tstatus\tplan\na\\tb\t-\tr\tmissing\tno update\n");
}

fn node(rule: &str, label: &str, done: bool) -> Node {
    Node { lines: vec![rule.to_owned(), label.to_owned()], rule: rule.to_owned(), done, ..Node::default() }
}

fn sample() -> Drawing {
    let nodes = vec![node("all", "", false), node("clean", "frame: a", true), node("clean", "frame: b", false)];
    Drawing { title: "dag".to_owned(), nodes, edges: vec![(1, 0), (2, 0), (2, 0), (9, 0)] }
}

#[test]
fn drawings_say_who_is_done_and_colour_rules() {
    let text = dot::render(&sample());
    assert!(
        text.contains("1 [label=\"clean\\nframe: a\", color=\"0.50 0.6 0.85\", style=\"rounded,dashed\"];"),
        "{text}"
    );
    assert_eq!(text.matches(" -> ").count(), 2);
    assert_eq!(mermaid::render(&sample()).matches("stroke-dasharray").count(), 1);
    assert_eq!(svg::render(&sample()).matches("stroke-dasharray").count(), 1);
    assert_eq!(svg::render(&sample()), svg::render(&sample()));
    let graph: serde_json::Value = serde_json::from_str(&json::render(&sample())).expect("JSON");
    assert_eq!(graph["nodes"][1]["done"], true);
    assert_eq!(graph["links"][0], serde_json::json!({"source": 1, "target": 0}));
    assert!(svg::render(&Drawing::default()).contains("<svg"));
}

#[test]
fn a_large_drawing_is_laid_out_at_once() {
    let count = 20_000u32;
    let nodes = (0..count).map(|at| node("n", &at.to_string(), at % 2 == 0)).collect();
    let edges = (1..count).flat_map(|at| [(at - 1, at), (at / 2, at), (0, at)]).collect();
    assert!(svg::render(&Drawing { title: String::new(), nodes, edges }).len() > 1_000_000);
}

/// The texts of a drawing in hostile words, each format read back by a reader of its own.
fn hostile(words: &[String]) -> Drawing {
    let nodes = words.iter().map(|word| Node { inputs: vec![word.clone()], ..node(word, word, false) }).collect();
    Drawing { title: words.concat(), nodes, edges: vec![(0, 1)] }
}

proptest! {
    #[test]
    fn no_name_breaks_out_of_a_drawing(words in proptest::collection::vec(any::<String>(), 2..4)) {
        let drawing = hostile(&words);
        let graph: serde_json::Value = serde_json::from_str(&json::render(&drawing)).expect("JSON");
        prop_assert_eq!(graph["nodes"][0]["rule"].as_str(), Some(words[0].as_str()));
        let text = svg::render(&drawing);
        let lines: usize = words.iter().map(|word| if word.is_empty() { 1 } else { 3 }).sum();
        prop_assert_eq!(text.matches("<text").count(), lines);
        prop_assert_eq!(text.matches("<rect").count(), words.len() + 1);
        let text = mermaid::render(&drawing);
        prop_assert_eq!(text.lines().count(), 4 + 2 * words.len() + 1);
        let text = dot::render(&drawing);
        prop_assert_eq!(text.lines().count(), 6 + words.len());
        for line in text.lines() {
            let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            prop_assert_eq!(quotes % 2, 0, "{}", line);
        }
    }
}

/// Graphviz itself, where it is installed.
#[test]
fn graphviz_reads_hostile_names() {
    let words = ["a\"b", "\\", "x\\\"", "<b>&", "line\nbreak", "{|}"].map(str::to_owned);
    let Ok(mut child) = std::process::Command::new("dot")
        .arg("-Tplain")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
    else {
        return;
    };
    let mut input = child.stdin.take().expect("piped");
    input.write_all(dot::render(&hostile(&words)).as_bytes()).expect("dot reads");
    drop(input);
    let output = child.wait_with_output().expect("dot ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().filter(|line| line.starts_with("node ")).count(), 6);
}
