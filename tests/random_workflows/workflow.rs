//! A workflow as the test knows it: rules, and which files the inputs and outputs of a job are. Knows neither what is in
//! the files, nor the Rulefile, nor records, stamps and runs.

/// The values of the first wildcard, `x`; the last stands for all of them, in a pattern.
pub const VALUES: [&str; 4] = ["a", "b", "c", "{x}"];

/// Those of the second, `y`.
pub const OTHERS: [&str; 3] = ["u", "v", "{y}"];

/// How many there are.
pub const XS: usize = 3;
pub const YS: usize = 2;

/// Source files: some that stand alone, and one for each value of `x`.
pub const SOURCES: usize = 3;

/// What a job does with its inputs. Some keep little of them, so that a change upstream can come to nothing.
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
    /// A `directory()` with some of `a.txt`, `b.txt` and `c.txt`, and `all.txt`; which ones, the lines' lengths decide.
    Folder,
    /// The same decision as a list of letters.
    List,
    /// A `touch()` output.
    Touch,
    /// Bash and Python scripts that do what `Bash` does, for one output.
    Script,
    Python,
}

/// How an input is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Plain,
    /// By a function of the wildcards.
    Function,
    Ancient,
    /// The file for `x` in a checkpoint's folder.
    Part,
    /// By a function that asks a checkpoint, one file for each letter that it made.
    Gather,
}

/// Which file an input is: resolved among the sources and the outputs of earlier rules, so that any numbers will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    pub file: u8,
    pub output: u8,
    pub value: u8,
    pub how: How,
}

/// What a job takes, and how often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    pub threads: u8,
    /// Of the resource `load`; for each attempt as much again, where it `grows`.
    pub load: u8,
    pub grows: bool,
    pub retries: u8,
    /// So many attempts fail.
    pub stumbles: u8,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub work: Work,
    /// How many of `x` and `y` its outputs have.
    pub wildcards: u8,
    pub outputs: usize,
    /// Bits: which outputs are `temp()`.
    pub temp: u8,
    /// Whether the target rule asks for it.
    pub target: bool,
    /// Whether its jobs can be made to fail, or to wait.
    pub fallible: bool,
    /// Whether a second job prepares its inputs, and hands them on by a `pipe()`.
    pub piped: bool,
    pub checkpoint: bool,
    /// `group:`, `ensure(non_empty=True)`, params by a function: what must not make any difference.
    pub dressed: bool,
    pub needs: Needs,
    pub inputs: Vec<Pick>,
    /// A number in the command, and what it is called with.
    pub code: u8,
    pub param: u8,
    /// Comments and white space, which do not count but in a script.
    pub remark: u8,
}

#[derive(Debug, Clone)]
pub struct Workflow {
    pub rules: Vec<Rule>,
}

/// A job: its rule, and the values of the wildcards that the rule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job {
    pub rule: usize,
    pub x: Option<usize>,
    pub y: Option<usize>,
    /// Whether it is the one that writes to the rule's pipe.
    pub writes: bool,
}

/// A file: a source, an output of a job, or one in a folder that a job makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    Source(usize),
    WildSource(usize),
    Output(Job, usize),
    Part(Job, usize),
}

/// What an input of a rule comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    One(File),
    /// For each letter that the job `of` made, the file that `each` is with that in the place of its value.
    Gathered {
        of: Job,
        each: File,
    },
}

impl Work {
    pub fn has_outputs(self) -> bool {
        matches!(self, Work::Bash | Work::Run | Work::RunFirst)
    }

    pub fn is_inside(self) -> bool {
        matches!(self, Work::Run | Work::RunFirst)
    }

    pub fn is_script(self) -> bool {
        matches!(self, Work::Script | Work::Python)
    }
}

impl Job {
    pub fn rule_name(self) -> String {
        format!("{}{}", if self.writes { "w" } else { "r" }, self.rule)
    }

    /// As the dry run names it.
    pub fn name(self) -> String {
        let x = self.x.map(|x| format!("x={}", VALUES[x]));
        let y = self.y.map(|y| format!("y={}", OTHERS[y]));
        let wildcards: Vec<String> = x.into_iter().chain(y).collect();
        let rule = self.rule_name();
        if wildcards.is_empty() { rule } else { format!("{rule} ({})", wildcards.join(", ")) }
    }

    /// The values of its wildcards as they stand in the names of its files.
    fn values(self) -> String {
        let x = self.x.map(|x| format!("_{}", VALUES[x])).unwrap_or_default();
        x + &self.y.map(|y| format!("_{}", OTHERS[y])).unwrap_or_default()
    }

    /// The file without which a fallible job fails.
    pub fn switch(self) -> String {
        format!("switch/r{}{}", self.rule, self.values())
    }
}

impl File {
    /// With this in the place of the first wildcard's value.
    pub fn with(self, x: usize) -> File {
        match self {
            File::WildSource(_) => File::WildSource(x),
            File::Output(job, output) => File::Output(Job { x: Some(x), ..job }, output),
            File::Part(of, _) => File::Part(of, x),
            File::Source(_) => self,
        }
    }

    pub fn maker(self) -> Option<Job> {
        match self {
            File::Output(job, _) | File::Part(job, _) => Some(job),
            File::Source(_) | File::WildSource(_) => None,
        }
    }
}

impl Rule {
    pub fn outputs(&self) -> usize {
        if self.work.has_outputs() { self.outputs } else { 1 }
    }

    pub fn is_checkpoint(&self) -> bool {
        self.checkpoint && self.wildcards < 2 && matches!(self.work, Work::Folder | Work::List)
    }

    /// What reads a pipe must read it to its end, and once.
    pub fn is_piped(&self) -> bool {
        self.piped && matches!(self.work, Work::Cat | Work::Prefix | Work::Bash) && self.outputs() == 1
    }

    /// Where a checkpoint's own files are temporary, who is asked for them again is another story.
    pub fn is_temp(&self, output: usize) -> bool {
        self.temp & (1 << output) != 0 && !self.is_checkpoint()
    }

    /// How many attempts of its jobs fail. Jobs that run together are tried again together, which is another test's.
    pub fn stumbles(&self) -> u8 {
        let retries = self.retries();
        if self.work.is_script() { 0 } else { self.needs.stumbles.min(retries) }
    }

    pub fn retries(&self) -> u8 {
        if self.is_piped() { 0 } else { self.needs.retries }
    }

    /// Two that run together have a thread each.
    pub fn threads(&self) -> u8 {
        if self.is_piped() { 1 } else { self.needs.threads }
    }

    pub fn load(&self, attempt: u8) -> u8 {
        if self.needs.grows { self.needs.load * attempt } else { self.needs.load }
    }

    /// Its jobs but those that write to pipes, for all values of its wildcards.
    pub fn jobs(&self, rule: usize) -> Vec<Job> {
        let values =
            |wild, count| -> Vec<Option<usize>> { if wild { (0..count).map(Some).collect() } else { vec![None] } };
        let ys = values(self.wildcards > 1, YS);
        let xs = values(self.wildcards > 0, XS).into_iter();
        xs.flat_map(|x| ys.iter().map(move |&y| Job { rule, x, y, writes: false })).collect()
    }

    /// The job that stands for all of them, in patterns.
    pub fn pattern(&self, rule: usize) -> Job {
        let (x, y) = ((self.wildcards > 0).then_some(XS), (self.wildcards > 1).then_some(YS));
        Job { rule, x, y, writes: false }
    }
}

impl Workflow {
    pub fn path(&self, file: File) -> String {
        match file {
            File::Source(number) => format!("s{number}.txt"),
            File::WildSource(value) => format!("in/{}.txt", VALUES[value]),
            File::Part(of, value) => format!("{}/{}.txt", self.path(File::Output(of, 0)), VALUES[value]),
            File::Output(job, number) => {
                let suffix = match self.rules[job.rule].work {
                    _ if job.writes => "pipe",
                    Work::Folder => "d",
                    _ => "txt",
                };
                let folder = if job.x.is_some() { "/" } else { "_" };
                format!("r{}{folder}{number}{}.{suffix}", job.rule, job.values())
            }
        }
    }

    /// For each rule the checkpoint whose letters are the only values of its wildcard, because its jobs use what is in
    /// that checkpoint's folder.
    pub fn domains(&self) -> Vec<Option<usize>> {
        let mut domains = Vec::with_capacity(self.rules.len());
        for (number, rule) in self.rules.iter().enumerate() {
            // Everybody may ask for a checkpoint, and for the last rule.
            let is_free = rule.wildcards != 1 || rule.is_checkpoint() || number + 1 == self.rules.len();
            let of_pick = |pick: &Pick| match pick.how {
                How::Part => self.folder_checkpoint(number, *pick),
                How::Gather => None,
                _ => {
                    domains.get((usize::from(pick.file) % (SOURCES + 1 + number)).checked_sub(SOURCES + 1)?).copied()?
                }
            };
            let domain = if is_free { None } else { rule.inputs.iter().find_map(of_pick) };
            domains.push(domain);
        }
        domains
    }

    /// Among the checkpoints before a rule that make one folder.
    fn folder_checkpoint(&self, rule: usize, pick: Pick) -> Option<usize> {
        let is_one = |of: &Rule| of.is_checkpoint() && of.work == Work::Folder && of.wildcards == 0;
        let all: Vec<usize> = (0..rule).filter(|&number| is_one(&self.rules[number])).collect();
        (!all.is_empty()).then(|| all[usize::from(pick.file) % all.len()])
    }

    fn gathered(&self, domains: &[Option<usize>], rule: usize, pick: Pick, x: Option<usize>) -> Option<Input> {
        let may_ask = |of: &Rule| of.is_checkpoint() && (of.wildcards == 0 || x.is_some());
        let all: Vec<usize> = (0..rule).filter(|&number| may_ask(&self.rules[number])).collect();
        let checkpoint = *all.get(usize::from(pick.file).checked_rem(all.len())?)?;
        let of = &self.rules[checkpoint];
        let job = Job { rule: checkpoint, x: x.filter(|_| of.wildcards == 1), y: None, writes: false };
        let mut each = vec![File::WildSource(XS)];
        if of.work == Work::Folder {
            each.push(File::Part(job, XS));
        }
        for (number, rule) in self.rules[..rule].iter().enumerate() {
            let has_letters = domains[number].is_none_or(|domain| domain == checkpoint);
            if rule.wildcards == 1 && rule.work != Work::Folder && has_letters {
                each.extend((0..rule.outputs()).map(|output| File::Output(rule.pattern(number), output)));
            }
        }
        // Rather what is made than a source.
        let at = each.len() - 1 - (usize::from(pick.output) * 3 + usize::from(pick.value)) % each.len();
        Some(Input::Gathered { of: job, each: each[at] })
    }

    fn input(&self, domains: &[Option<usize>], job: Job, pick: Pick) -> Input {
        let Job { rule, x, y, .. } = job;
        let inner = x.unwrap_or(usize::from(pick.value) % XS);
        let otherwise = if x.is_some() { File::WildSource(inner) } else { File::Source(0) };
        if pick.how == How::Gather
            && let Some(gathered) = self.gathered(domains, rule, pick, x)
        {
            return gathered;
        }
        if pick.how == How::Part
            && domains[rule].is_some()
            && let Some(of) = self.folder_checkpoint(rule, pick).filter(|of| domains[rule] == Some(*of))
        {
            return Input::One(File::Part(self.rules[of].pattern(of), inner));
        }
        let file = match usize::from(pick.file) % (SOURCES + 1 + rule) {
            source if source < SOURCES => File::Source(source),
            SOURCES => File::WildSource(inner),
            other => {
                let number = other - SOURCES - 1;
                let of = &self.rules[number];
                let y = y.unwrap_or(usize::from(pick.value) % YS);
                let (x, y) = ((of.wildcards > 0).then_some(inner), (of.wildcards > 1).then_some(y));
                let file =
                    File::Output(Job { rule: number, x, y, writes: false }, usize::from(pick.output) % of.outputs());
                if domains[number].is_none() || domains[number] == domains[rule] { file } else { otherwise }
            }
        };
        Input::One(file)
    }

    /// The inputs of a job, or of a rule's pattern, with how they are given. The first one always counts.
    pub fn inputs(&self, domains: &[Option<usize>], job: Job) -> Vec<(Input, How)> {
        let rule = &self.rules[job.rule];
        let how = |at: usize, how: How| match how {
            // A script reads all of its inputs.
            How::Ancient if at == 0 || rule.work.is_script() => How::Plain,
            other => other,
        };
        let inputs = rule.inputs.iter().enumerate();
        inputs.map(|(at, &pick)| (self.input(domains, job, pick), how(at, pick.how))).collect()
    }

    /// The outputs that are asked for: those of target rules that are kept.
    pub fn targets(&self, domains: &[Option<usize>]) -> Vec<(Job, usize)> {
        let is_target = |(number, rule): &(usize, &Rule)| rule.target && domains[*number].is_none();
        let rules = self.rules.iter().enumerate().filter(is_target);
        let jobs = rules.flat_map(|(number, rule)| rule.jobs(number));
        jobs.flat_map(|job| (0..self.rules[job.rule].outputs()).map(move |output| (job, output)))
            .filter(|&(job, output)| !self.rules[job.rule].is_temp(output))
            .collect()
    }
}
