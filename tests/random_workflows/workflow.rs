//! A workflow as the test knows it: rules over small text files, what each job's outputs must hold as a pure function
//! of its inputs, and the Rulefile that says the same to flow. Knows nothing of records, stamps or runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;

/// The values of the one wildcard, `x`.
pub const VALUES: [&str; 3] = ["a", "b", "c"];

/// Source files: some that stand alone, and one for each value of the wildcard.
pub const SOURCES: usize = 3;

/// What a job does with its inputs. The two that keep only first lines let a change upstream come to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// `cat`, which flow executes without a shell.
    Cat,
    /// `head`: the first lines of each input.
    Head,
    /// `sed`: each line with a prefix that holds the parameter.
    Prefix,
    /// A loop in bash: each output with a line of its own, then all inputs.
    Bash,
    /// A `run:` body that does what `Bash` does.
    Run,
    /// A `run:` body that keeps the first line of the first input.
    RunFirst,
}

/// Which file an input is: resolved among the sources and the outputs of earlier rules, so that any numbers will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    pub file: u8,
    pub output: u8,
    pub value: u8,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub work: Work,
    /// Whether its outputs have the wildcard.
    pub wild: bool,
    pub outputs: usize,
    /// Bits: which outputs are `temp()`.
    pub temp: u8,
    /// Whether the target rule asks for it.
    pub target: bool,
    /// Whether its jobs can be made to fail.
    pub fallible: bool,
    pub inputs: Vec<Pick>,
    /// A number in the command, and what it is called with.
    pub code: u8,
    pub param: u8,
    /// Comments and white space, which do not count.
    pub remark: u8,
}

#[derive(Debug, Clone)]
pub struct Workflow {
    pub rules: Vec<Rule>,
}

/// A job: its rule, and the value of the wildcard where the rule has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job {
    pub rule: usize,
    pub value: Option<usize>,
}

/// An input: a source, or an output of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Source(usize),
    WildSource(usize),
    Output(Job, usize),
}

pub type Contents = BTreeMap<String, String>;

impl Work {
    /// Whether it can have more than one output.
    pub fn has_outputs(self) -> bool {
        matches!(self, Work::Bash | Work::Run | Work::RunFirst)
    }
}

impl Job {
    /// As the dry run names it.
    pub fn name(self) -> String {
        match self.value {
            Some(value) => format!("r{} (x={})", self.rule, VALUES[value]),
            None => format!("r{}", self.rule),
        }
    }

    /// The file without which a fallible job fails.
    pub fn switch(self) -> String {
        match self.value {
            Some(value) => format!("switch/r{}_{}", self.rule, VALUES[value]),
            None => format!("switch/r{}", self.rule),
        }
    }

    fn output(self, number: usize) -> String {
        match self.value {
            Some(value) => format!("r{}/{number}_{}.txt", self.rule, VALUES[value]),
            None => format!("r{}_{number}.txt", self.rule),
        }
    }
}

impl File {
    fn path(self) -> String {
        match self {
            File::Source(number) => format!("s{number}.txt"),
            File::WildSource(value) => format!("in/{}.txt", VALUES[value]),
            File::Output(job, number) => job.output(number),
        }
    }
}

/// All source files.
pub fn sources() -> Vec<String> {
    let alone = (0..SOURCES).map(File::Source);
    alone.chain((0..VALUES.len()).map(File::WildSource)).map(File::path).collect()
}

impl Rule {
    fn is_temp(&self, output: usize) -> bool {
        self.temp & (1 << output) != 0
    }

    /// Its jobs.
    pub fn jobs(&self, rule: usize) -> Vec<Job> {
        let values = if self.wild { (0..VALUES.len()).map(Some).collect() } else { vec![None] };
        values.into_iter().map(|value| Job { rule, value }).collect()
    }

    /// The parameters of a job, which count whether the work uses them or not.
    pub fn identity(&self) -> (Work, u8, u8, bool) {
        (self.work, self.code, self.param, self.fallible)
    }
}

impl Workflow {
    /// The file an input is, in a job with this value of the wildcard.
    fn file(&self, rule: usize, pick: Pick, value: Option<usize>) -> File {
        let inner = value.unwrap_or(usize::from(pick.value) % VALUES.len());
        match usize::from(pick.file) % (SOURCES + 1 + rule) {
            source if source < SOURCES => File::Source(source),
            SOURCES => File::WildSource(inner),
            other => {
                let rule = other - SOURCES - 1;
                let of = &self.rules[rule];
                let value = of.wild.then_some(inner);
                File::Output(Job { rule, value }, usize::from(pick.output) % of.outputs)
            }
        }
    }

    fn files(&self, job: Job) -> Vec<File> {
        self.rules[job.rule].inputs.iter().map(|&pick| self.file(job.rule, pick, job.value)).collect()
    }

    pub fn inputs(&self, job: Job) -> Vec<String> {
        self.files(job).into_iter().map(File::path).collect()
    }

    /// The outputs of a job, and whether each is `temp()`.
    pub fn outputs(&self, job: Job) -> Vec<(String, bool)> {
        let rule = &self.rules[job.rule];
        (0..rule.outputs).map(|number| (job.output(number), rule.is_temp(number))).collect()
    }

    /// The outputs that are asked for: those of target rules that are kept.
    fn targets(&self) -> Vec<(Job, usize)> {
        let rules = self.rules.iter().enumerate().filter(|(_, rule)| rule.target);
        let jobs = rules.flat_map(|(number, rule)| rule.jobs(number));
        jobs.flat_map(|job| (0..self.rules[job.rule].outputs).map(move |output| (job, output)))
            .filter(|&(job, output)| !self.rules[job.rule].is_temp(output))
            .collect()
    }

    /// The jobs that the targets need, each after those it depends on.
    pub fn jobs(&self) -> Vec<Job> {
        let mut needed: BTreeSet<Job> = self.targets().into_iter().map(|(job, _)| job).collect();
        let mut work: Vec<Job> = needed.iter().copied().collect();
        while let Some(job) = work.pop() {
            work.extend(self.dependencies(job).into_iter().filter(|&before| needed.insert(before)));
        }
        // Rules take their inputs from earlier ones only.
        needed.into_iter().collect()
    }

    pub fn dependencies(&self, job: Job) -> Vec<Job> {
        let producer = |file| if let File::Output(job, _) = file { Some(job) } else { None };
        self.files(job).into_iter().filter_map(producer).collect()
    }

    /// What a clean build makes of the sources: every file of every needed job, one after the other.
    pub fn build(&self, sources: &Contents) -> Contents {
        let mut contents = sources.clone();
        for job in self.jobs() {
            let rule = &self.rules[job.rule];
            let inputs: Vec<&str> = self.inputs(job).iter().map(|path| contents[path].as_str()).collect();
            let made: Vec<String> = (0..rule.outputs).map(|output| rule.content(output, &inputs)).collect();
            contents.extend(made.into_iter().enumerate().map(|(number, text)| (job.output(number), text)));
        }
        contents
    }

    /// The Rulefile that says all this.
    pub fn rulefile(&self) -> String {
        let mut out = String::from("rule all:\n    input:\n");
        for (job, output) in self.targets() {
            let _ = writeln!(out, "        {:?},", job.output(output));
        }
        for (number, rule) in self.rules.iter().enumerate() {
            let _ =
                write!(out, "\n{}rule r{number}:\n    input:\n", "# Nothing to see here.\n".repeat(rule.remark.into()));
            for &pick in &rule.inputs {
                // In a rule with the wildcard, an input that depends on it is a pattern as well.
                let concrete = |value| self.file(number, pick, Some(value)).path();
                let path = match rule.wild.then(|| (concrete(0), concrete(1))) {
                    Some((a, b)) if a != b => a.replace("a.txt", "{x}.txt"),
                    Some((a, _)) => a,
                    None => self.file(number, pick, None).path(),
                };
                let _ = writeln!(out, "        {path:?},");
            }
            let _ = writeln!(out, "    output:");
            for output in 0..rule.outputs {
                let path =
                    if rule.wild { format!("r{number}/{output}_{{x}}.txt") } else { format!("r{number}_{output}.txt") };
                let _ = if rule.is_temp(output) {
                    writeln!(out, "        temp({path:?}),")
                } else {
                    writeln!(out, "        {path:?},")
                };
            }
            let _ = writeln!(out, "    params: p=\"p{}\"", rule.param);
            out.push_str(&rule.body(number));
        }
        out
    }
}

impl Rule {
    /// What an output must hold.
    fn content(&self, output: usize, inputs: &[&str]) -> String {
        let (code, param) = (self.code, self.param);
        match self.work {
            Work::Cat if code % 2 == 1 => inputs.iter().chain(inputs).copied().collect(),
            Work::Cat => inputs.concat(),
            Work::Head => inputs.iter().flat_map(|text| text.split_inclusive('\n').take(self.lines())).collect(),
            Work::Prefix => {
                let lines = inputs.iter().flat_map(|text| text.split_inclusive('\n'));
                lines.map(|line| format!("{code}p{param}:{line}")).collect()
            }
            Work::Bash | Work::Run => format!("{code} p{param} {output}\n{}", inputs.concat()),
            Work::RunFirst => format!("{code} {output} {}\n", inputs[0].split('\n').next().unwrap_or_default()),
        }
    }

    /// How many lines `Head` takes.
    fn lines(&self) -> usize {
        1 + usize::from(self.code % 2)
    }

    fn body(&self, number: usize) -> String {
        let code = self.code;
        let name = format!("switch/r{number}");
        let switch = match (self.fallible, self.wild) {
            (false, _) => String::new(),
            (true, false) => name,
            (true, true) => format!("{name}_{{wildcards.x}}"),
        };
        let blanks = " ".repeat(usize::from(self.remark) + 1);
        let remark = if self.remark == 0 { String::new() } else { format!("  # remark {}", self.remark) };
        let shell = match self.work {
            Work::Cat if code % 2 == 1 => format!("cat {{input}}{blanks}{{input}} {switch} > {{output}}{remark}"),
            Work::Cat => format!("cat{blanks}{{input}} {switch} > {{output}}{remark}"),
            Work::Head => format!("head -q -n {}{blanks}{{input}} {switch} > {{output}}{remark}", 1 + code % 2),
            Work::Prefix => format!("sed 's/^/{code}{{params.p}}:/'{blanks}{{input}} {switch} > {{output}}{remark}"),
            Work::Bash => {
                // It writes before it fails, so that there is something half-written to remove.
                let fail = if self.fallible { format!("; cat {switch}") } else { String::new() };
                format!(
                    "i=0; for o in {{output}}; do {{{{ echo {code} {{params.p}} $i;{blanks}cat {{input}}; }}}} > $o; \
                     i=$((i+1)); done{fail}{remark}"
                )
            }
            Work::Run | Work::RunFirst => return self.run_body(&switch, &blanks, &remark),
        };
        format!("    shell: \"\"\"{shell}\"\"\"\n")
    }

    fn run_body(&self, switch: &str, blanks: &str, remark: &str) -> String {
        let code = self.code;
        let line = if self.work == Work::Run {
            format!("\"{code} %s %s\\n\" % (params.p, i) + \"\".join([read_text(f) for f in input])")
        } else {
            format!("\"{code} %s %s\\n\" % (i, read_text(input[0]).split(\"\\n\")[0])")
        };
        let mut body = format!(
            "    run:\n        for i in range(len(output)):{remark}\n            write_text({line},{blanks}output[i])\n"
        );
        if self.fallible {
            let _ = writeln!(body, "        shell(\"cat {switch}\")");
        }
        body
    }
}

fn pick() -> impl Strategy<Value = Pick> {
    (any::<u8>(), 0..3u8, 0..3u8).prop_map(|(file, output, value)| Pick { file, output, value })
}

fn rule() -> impl Strategy<Value = Rule> {
    let work = prop_oneof![
        2 => Just(Work::Cat),
        2 => Just(Work::Head),
        2 => Just(Work::Prefix),
        3 => Just(Work::Bash),
        3 => Just(Work::Run),
        2 => Just(Work::RunFirst),
    ];
    let bits = (prop::bool::weighted(0.3), 1..4usize, prop_oneof![2 => Just(0u8), 1 => 0..8u8]);
    let flags = (prop::bool::weighted(0.4), any::<bool>());
    let inputs = prop::collection::vec(pick(), 1..4);
    (work, bits, flags, inputs).prop_map(|(work, (wild, outputs, temp), (target, fallible), inputs)| {
        // A redirection has one file.
        let outputs = if work.has_outputs() { outputs } else { 1 };
        Rule { work, wild, outputs, temp, target, fallible, inputs, code: 0, param: 0, remark: 0 }
    })
}

/// Workflows in which the last rule is always asked for.
pub fn workflow() -> impl Strategy<Value = Workflow> {
    prop::collection::vec(rule(), 1..8).prop_map(|mut rules| {
        if let Some(last) = rules.last_mut() {
            (last.target, last.temp) = (true, 0);
        }
        Workflow { rules }
    })
}
