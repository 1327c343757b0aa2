//! The Rulefile and the scripts that say to flow what a workflow does: the other side of `contents.rs`. Workflow in, text
//! out.

use std::fmt::Write as _;

use crate::workflow::{File, How, Input, Job, Rule, Work, Workflow};

/// A rule with what is around it.
struct Text<'w> {
    workflow: &'w Workflow,
    rule: &'w Rule,
    number: usize,
    inputs: Vec<(Input, How)>,
    remark: u8,
}

impl Rule {
    /// `cat` takes all of its inputs twice.
    pub fn doubles(&self) -> bool {
        self.code % 2 == 1 && !self.is_piped()
    }

    /// Where its script is, if it is one.
    pub fn script_path(&self, number: usize) -> Option<String> {
        match self.work {
            Work::Script => Some(format!("script/r{number}.sh")),
            Work::Python => Some(format!("script/r{number}.py")),
            _ => None,
        }
    }
}

impl Workflow {
    fn text<'w>(&'w self, domains: &[Option<usize>], number: usize) -> Text<'w> {
        let rule = &self.rules[number];
        let inputs = self.inputs(domains, rule.pattern(number));
        Text { workflow: self, rule, number, inputs, remark: rule.remark }
    }

    pub fn rulefile(&self) -> String {
        let domains = self.domains();
        let mut out = String::from("rule all:\n    input:\n");
        for (job, output) in self.targets(&domains) {
            let _ = writeln!(out, "        {:?},", self.path(File::Output(job, output)));
        }
        for number in 0..self.rules.len() {
            self.text(&domains, number).write(&mut out);
        }
        out
    }

    /// The text of a rule's script.
    pub fn script(&self, number: usize) -> String {
        self.text(&self.domains(), number).script()
    }

    /// What a rule's jobs do, without what does not count: a change of it is a reason to run them.
    pub fn code(&self, job: Job) -> String {
        let text = self.text(&self.domains(), job.rule);
        let lists = text.lists();
        match (job.writes, text.rule.work.is_script()) {
            (true, _) => text.writing() + &lists,
            (false, true) => text.script(),
            (false, false) => Text { remark: 0, ..text }.body() + &lists,
        }
    }
}

impl Text<'_> {
    /// Which names of inputs stand for lists: the same file is another thing to the code by itself and in a list.
    fn lists(&self) -> String {
        let is_list = |(_, (input, _)): &(usize, &(Input, How))| matches!(input, Input::Gathered { .. });
        self.inputs.iter().enumerate().filter(is_list).map(|(at, _)| format!("\n# i{at} is a list")).collect()
    }

    /// Whether inputs have names, because some of them are folders, lists, or not to be read.
    fn has_names(&self) -> bool {
        let is_special = |(input, how): &(Input, How)| {
            matches!(input, Input::Gathered { .. }) || *how == How::Ancient || self.is_folder(*input)
        };
        !self.rule.work.is_script() && self.inputs.iter().any(is_special)
    }

    fn is_folder(&self, input: Input) -> bool {
        matches!(input, Input::One(File::Output(job, _)) if self.workflow.rules[job.rule].work == Work::Folder)
    }

    /// The files that a command reads.
    fn arguments(&self) -> String {
        if !self.has_names() {
            return "{input}".into();
        }
        let read = self.inputs.iter().enumerate().filter(|(_, (_, how))| *how != How::Ancient);
        let words = read.map(|(at, &(input, _))| {
            let all = if self.is_folder(input) { "/*" } else { "" };
            format!("{{input.i{at}}}{all}")
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn write(&self, out: &mut String) {
        let Text { rule, number, .. } = self;
        self.write_functions(out);
        let _ = write!(out, "\n{}", "# Nothing to see here.\n".repeat(self.remark.into()));
        let path = |file| self.workflow.path(file);
        let job = rule.pattern(*number);
        if rule.is_piped() {
            let pipe = path(File::Output(Job { writes: true, ..job }, 0));
            let _ = writeln!(out, "rule w{number}:\n    input:\n{}    output: pipe({pipe:?})", self.input_lines());
            let _ = writeln!(out, "    shell: \"\"\"{}\"\"\"\n", self.writing());
            let _ = writeln!(out, "rule r{number}:\n    input: {pipe:?}");
        } else {
            let kind = if rule.is_checkpoint() { "checkpoint" } else { "rule" };
            let _ = writeln!(out, "{kind} r{number}:\n    input:\n{}", self.input_lines());
        }
        let _ = writeln!(out, "    output:");
        for output in 0..rule.outputs() {
            let mut text = format!("{:?}", path(File::Output(job, output)));
            match rule.work {
                Work::Folder => text = format!("directory({text})"),
                Work::Touch => text = format!("touch({text})"),
                _ if rule.dressed && rule.work.has_outputs() => text = format!("ensure({text}, non_empty=True)"),
                _ => {}
            }
            if rule.is_temp(output) {
                text = format!("temp({text})");
            }
            let _ = writeln!(out, "        {text},");
        }
        self.write_needs(out);
        let function = if rule.dressed { "lambda wildcards: " } else { "" };
        let _ = writeln!(out, "    params: p={function}\"p{}\"", rule.param);
        match rule.script_path(*number) {
            Some(path) => drop(writeln!(out, "    script: {path:?}")),
            None => out.push_str(&self.body()),
        }
    }

    fn write_needs(&self, out: &mut String) {
        let rule = self.rule;
        let _ = writeln!(out, "    threads: {}", rule.threads());
        let load = rule.needs.load;
        let load =
            if rule.needs.grows { format!("lambda wildcards, attempt: {load} * attempt") } else { load.to_string() };
        let _ = writeln!(out, "    resources: load={load}");
        if rule.retries() > 0 {
            let _ = writeln!(out, "    retries: {}", rule.retries());
        }
        if rule.dressed {
            let _ = writeln!(out, "    group: \"together\"");
        }
    }

    /// The functions that ask checkpoints.
    fn write_functions(&self, out: &mut String) {
        for (at, (input, _)) in self.inputs.iter().enumerate() {
            let Input::Gathered { of, each } = input else { continue };
            let wildcard = if of.x.is_some() { "x=wildcards.x" } else { "" };
            let found = if self.workflow.rules[of.rule].work == Work::Folder {
                "glob_wildcards(made + \"/{letter,[abc]}.txt\").letter"
            } else {
                "read_text(made).split()"
            };
            let whole = self.workflow.path(each.with(crate::workflow::XS));
            let each = match whole.strip_prefix(&self.workflow.path(File::Output(*of, 0))) {
                // What the checkpoint itself was asked for is no letter.
                Some(rest) if matches!(each, File::Part(..)) => format!("made + {rest:?}.replace(\"{{x}}\", letter)"),
                _ => format!("{whole:?}.replace(\"{{x}}\", letter)"),
            };
            let _ = write!(
                out,
                "\ndef gather{}_{at}(wildcards):\n    made = checkpoints.r{}.get({wildcard}).output[0]\n    \
                 return [{each} for letter in {found}]\n",
                self.number, of.rule
            );
        }
    }

    fn input_lines(&self) -> String {
        let mut out = String::new();
        for (at, (input, how)) in self.inputs.iter().enumerate() {
            let name = if self.has_names() { format!("i{at}=") } else { String::new() };
            let text = match (input, how) {
                (Input::Gathered { .. }, _) => format!("gather{}_{at}", self.number),
                (Input::One(file), How::Ancient) => format!("ancient({:?})", self.workflow.path(*file)),
                (Input::One(file), How::Function) => {
                    let path =
                        self.workflow.path(*file).replace("{x}", "{wildcards.x}").replace("{y}", "{wildcards.y}");
                    format!("lambda wildcards: f{path:?}")
                }
                (Input::One(file), _) => format!("{:?}", self.workflow.path(*file)),
            };
            let _ = writeln!(out, "        {name}{text},");
        }
        out
    }

    /// The file without which a job fails, in a command; nothing where it cannot.
    fn switch(&self) -> String {
        if !self.rule.fallible {
            return String::new();
        }
        let switch = self.rule.pattern(self.number).switch();
        switch.replace("{x}", "{wildcards.x}").replace("{y}", "{wildcards.y}")
    }

    fn writing(&self) -> String {
        format!("sed 's/^/w{}:/' {} > {{output}}", self.rule.code, self.arguments())
    }

    fn body(&self) -> String {
        if self.rule.work.is_inside() {
            return self.run_body();
        }
        let Text { rule, remark, .. } = self;
        let code = rule.code;
        let (switch, blanks) = (self.switch(), " ".repeat(usize::from(*remark) + 1));
        let remark = if *remark == 0 { String::new() } else { format!("  # remark {remark}") };
        let input = if rule.is_piped() { "{input}".into() } else { self.arguments() };
        // They write something else before they fail or wait, so that there is something half-written to remove.
        let gate = |half: &str| if rule.fallible { format!("{half}; cat {switch}; ") } else { String::new() };
        let shell = match rule.work {
            Work::Cat if rule.doubles() => format!("cat {switch} {input}{blanks}{input} > {{output}}"),
            Work::Cat => format!("cat{blanks}{switch} {input} > {{output}}"),
            Work::Head => format!("head -q -n {}{blanks}{switch} {input} > {{output}}", rule.lines()),
            Work::Prefix => format!("sed 's/^/{code}{{params.p}}:/'{blanks}{switch} {input} > {{output}}"),
            Work::Touch => format!("{}true{blanks}", gate("true")),
            Work::List => format!(
                "{}cat{blanks}{input} | {{{{ {}; for l in 1:a 2:b 4:c; do [ $((b & ${{{{l%:*}}}})) = 0 ] || echo ${{{{l#*:}}}}; \
                 done; }}}} > {{output}}",
                gate("echo half > {output}"),
                decision(code, "")
            ),
            Work::Folder => format!(
                "mkdir {{output}}; {}cat{blanks}{input} > {{output}}/c.txt; IFS= read -r first < {{output}}/c.txt || true; \
                 {}; [ $((b & 1)) = 0 ] || echo a {{params.p}} > {{output}}/a.txt; \
                 [ $((b & 2)) = 0 ] || echo \"$first\" > {{output}}/b.txt; [ $((b & 4)) != 0 ] || rm {{output}}/c.txt; \
                 echo {code} $b > {{output}}/all.txt",
                gate("echo half > {output}/all.txt"),
                decision(code, " < {output}/c.txt")
            ),
            _ => format!(
                "{}i=0; for o in {{output}}; do {{{{ echo {code} {{params.p}} $i;{blanks}cat {input}; }}}} > $o; i=$((i+1)); done",
                gate("for o in {output}; do echo half > $o; done")
            ),
        };
        let stumble = match rule.stumbles() {
            0 => String::new(),
            count => format!("; test {{attempt}} -gt {count}"),
        };
        format!("    shell: \"\"\"{shell}{stumble}{remark}\"\"\"\n")
    }

    fn run_body(&self) -> String {
        let Text { rule, remark, .. } = self;
        let (code, blanks) = (rule.code, " ".repeat(usize::from(*remark) + 1));
        let remark = if *remark == 0 { String::new() } else { format!("  # remark {remark}") };
        let files = if self.has_names() {
            let read = self.inputs.iter().enumerate().filter(|(_, (_, how))| *how != How::Ancient);
            let lists = read.map(|(at, (input, _))| match input {
                Input::Gathered { .. } => format!("[f for f in input.i{at}]"),
                input if self.is_folder(*input) => format!("[input.i{at} + \"/all.txt\"]"),
                Input::One(_) => format!("[input.i{at}]"),
            });
            lists.collect::<Vec<_>>().join(" + ")
        } else {
            "input".into()
        };
        let line = if rule.work == Work::Run {
            format!("\"{code} %s %s\\n\" % (params.p, i) + \"\".join([read_text(f) for f in {files}])")
        } else {
            format!("\"{code} %s %s\\n\" % (i, read_text(({files})[0]).split(\"\\n\")[0])")
        };
        let mut body = format!(
            "    run:\n        for i in range(len(output)):{remark}\n            write_text({line},{blanks}output[i])\n"
        );
        if rule.fallible {
            let _ = writeln!(body, "        shell(\"cat {}\")", self.switch());
        }
        if rule.stumbles() > 0 {
            let _ = writeln!(body, "        shell(\"test {{attempt}} -gt {}\")", rule.stumbles());
        }
        body
    }

    fn script(&self) -> String {
        let Text { rule, remark, .. } = self;
        let code = rule.code;
        let remark = "# Nothing to see here, and yet another script.\n".repeat(usize::from(*remark));
        if rule.work == Work::Script {
            let switch = self.switch();
            let switch = switch.replace("{wildcards.", "${snakemake_wildcards[").replace('}', "]}");
            let gate = format!("echo half > ${{snakemake_output[0]}}\ncat {switch} || exit 1\n");
            let gate = if rule.fallible { gate } else { String::new() };
            return format!(
                "{remark}{gate}{{\n    echo {code} ${{snakemake_params[p]}} 0\n    \
                 for ((at = 0; at < ${{#snakemake_input[@]}}; at++)); do\n        \
                 file=${{snakemake_input[$at]}}\n        \
                 if [ -d $file ]; then cat $file/*; else cat $file; fi\n    done\n}} > ${{snakemake_output[0]}}\n"
            );
        }
        let switch = self.switch().replace("{wildcards.", "{snakemake.wildcards.");
        let gate = if rule.fallible { format!("    open(f\"{switch}\").read()\n") } else { String::new() };
        format!(
            "{remark}import glob, os\nwith open(snakemake.output[0], \"w\") as out:\n{gate}    \
             print(\"{code}\", snakemake.params.p, 0, file=out)\n    for name in snakemake.input:\n        \
             for file in sorted(glob.glob(name + \"/*\")) if os.path.isdir(name) else [name]:\n            \
             out.write(open(file).read())\n"
        )
    }
}

/// Reads lines, and makes three bits of how long they are: `b`.
fn decision(code: u8, from: &str) -> String {
    format!("n={code}; while IFS= read -r line; do n=$((n + ${{{{#line}}}})); done{from}; b=$((n % 7 + 1))")
}
