//! What can be typed: one definition of each option, which is its parser and its help. Spellings that Snakemake has
//! besides are hidden aliases. Says nothing of what the values mean; see `settings`.

use clap::{Args, Parser};

const EXAMPLES: &str = "\
Lists: options with many values (-C, --resources, …) take the words that look like their values; -R, -U and -O take
every word up to the next option or `--`.

Examples:
  flow -n                          show what would be done, and why
  flow -j 8 results/mosaic.fits    make one file with eight jobs at a time
  flow -C size=51 filter.sigma=2   override the configuration
  flow -R calibrate                run a rule again, and all that follows from it
  flow --why results/mosaic.fits   explain why a file is to be made again, or not
  flow --dag svg > dag.svg         draw the graph of jobs

Exit codes: 0 done or nothing to do, 1 a job or the plan failed, 2 the command line is wrong, 130 interrupted.";

/// Make files from files: say what you want, and flow runs what is out of date.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "flow",
    version,
    args_override_self = true,
    disable_help_subcommand = true,
    disable_help_flag = true,
    disable_version_flag = true,
    max_term_width = 110,
    after_help = EXAMPLES,
    override_usage = "flow [OPTIONS] [TARGETS]..."
)]
pub struct Options {
    /// Files or rules to make; the first rule when there is none
    #[arg(value_name = "TARGETS")]
    pub targets: Vec<String>,
    #[command(flatten)]
    pub what: What,
    #[command(flatten)]
    pub how_much: HowMuch,
    #[command(flatten)]
    pub elsewhere: ElsewhereOptions,
    #[command(flatten)]
    pub which: Which,
    #[command(flatten)]
    pub look: Look,
    #[command(flatten)]
    pub text: Text,
    #[command(flatten)]
    pub measure: Measure,
    #[command(flatten)]
    pub tidy: Tidy,
    #[command(flatten)]
    pub say: SayOptions,
    #[command(flatten)]
    pub no_effect: NoEffect,
    /// On a node: a batch's folder, and the number of the task to run.
    #[arg(long, hide = true, num_args = 2, value_names = ["FOLDER", "N"])]
    pub run_task: Vec<String>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What")]
pub struct What {
    /// Rulefile to read, from where flow is called [default: Rulefile, Snakefile, or either in workflow/]
    #[arg(short = 's', long, value_name = "FILE", alias = "snakefile")]
    pub rulefile: Option<String>,
    /// Work in this directory: its Rulefile, unless -s names one, and all relative paths of rules
    #[arg(short, long, value_name = "DIR")]
    pub directory: Option<String>,
    /// Configuration files, later ones win (YAML, JSON, TOML)
    #[arg(long, value_name = "FILE", alias = "configfiles")]
    pub configfile: Vec<String>,
    /// Configuration values; `a.b=1` is nested, values are YAML
    #[arg(short = 'C', long, value_name = "KEY=VALUE")]
    pub config: Vec<String>,
    #[arg(long, hide = true)]
    pub replace_workflow_config: bool,
    /// Options from a profile: a YAML file, a folder with one, or a name below ~/.config/flow; later ones win
    #[arg(long, value_name = "PROFILE", alias = "profiles")]
    pub profile: Vec<String>,
    /// Options from the workflow's own profile [default: profiles/default, here or beside the Rulefile]
    #[arg(long, value_name = "PROFILE")]
    pub workflow_profile: Option<String>,
    /// Environment variables that jobs need: an error if one is not set
    #[arg(long, value_name = "NAME")]
    pub envvars: Vec<String>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How much")]
pub struct HowMuch {
    /// Jobs, and their threads, at a time [default: all cores; 100 jobs on other machines]
    #[arg(short, long, value_name = "N", short_alias = 'c', alias = "cores", num_args = 0..=1, default_missing_value = "all")]
    pub jobs: Option<String>,
    /// What there is of a resource; units as in `mem=8GB`, `runtime=2h`
    #[arg(long, value_name = "NAME=N", alias = "res")]
    pub resources: Vec<String>,
    /// What a job needs when its rule does not say; a value, or an expression of `input`, `attempt`, `threads`
    #[arg(long, value_name = "NAME=N", alias = "default-res")]
    pub default_resources: Vec<String>,
    /// Override the threads of a rule
    #[arg(long, value_name = "RULE=N")]
    pub set_threads: Vec<String>,
    /// Override how many items a process of `scattergather:` has
    #[arg(long, value_name = "NAME=N")]
    pub set_scatter: Vec<String>,
    /// Override a resource of a rule
    #[arg(long, value_name = "RULE:NAME=N")]
    pub set_resources: Vec<String>,
    /// At most this many threads for any job
    #[arg(long, value_name = "N")]
    pub max_threads: Option<u32>,
    /// Try a failed job again, up to this many times
    #[arg(short = 'T', long, value_name = "N", alias = "restart-times")]
    pub retries: Option<u32>,
    /// After a failure, go on with jobs that do not need the failed one; without it, running jobs are ended
    #[arg(short, long)]
    pub keep_going: bool,
    /// Make only the inputs of this part of a rule with many; the last part makes the rule itself
    #[arg(long, value_name = "RULE=I/N")]
    pub batch: Option<String>,
    /// Share outputs of these rules, and of those with `cache:`, between workflows: $FLOW_OUTPUT_CACHE is their folder
    #[arg(long, value_name = "RULE")]
    pub cache: Vec<String>,
    /// Let jobs see their declared inputs and the system alone, and write only outputs and logs (Linux): what a rule forgot is an error
    #[arg(long)]
    pub strict: bool,
    /// Where jobs with `shadow:` get their folders [default: .flow]
    #[arg(long, value_name = "DIR")]
    pub shadow_prefix: Option<String>,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Other machines")]
pub struct ElsewhereOptions {
    /// Who runs the jobs: local, slurm, or cluster for any batch system by its commands; -j is how many are out at a time
    #[arg(short = 'e', long, value_name = "NAME")]
    pub executor: Option<String>,
    /// With --executor cluster: submits the job script named last, prints its id; {threads}, {resources.mem_mb}, {rule} … are filled in
    #[arg(long, value_name = "COMMAND", alias = "cluster-generic-submit-cmd")]
    pub cluster_submit_cmd: Option<String>,
    /// … says running, success or failed of the job whose id is named last
    #[arg(long, value_name = "COMMAND", alias = "cluster-generic-status-cmd")]
    pub cluster_status_cmd: Option<String>,
    /// … ends the jobs whose ids are named last
    #[arg(long, value_name = "COMMAND", alias = "cluster-generic-cancel-cmd")]
    pub cluster_cancel_cmd: Option<String>,
    /// Cores for jobs that run here nevertheless (localrule) [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub local_cores: Option<u32>,
    /// So many jobs one after the other in a task
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub group_size: u32,
    /// Override the group of a rule
    #[arg(long, value_name = "RULE=GROUP")]
    pub groups: Vec<String>,
    /// So many jobs of a group, or sets of them that need each other, side by side in a task
    #[arg(long, value_name = "GROUP=N")]
    pub group_components: Vec<String>,
    /// Ctrl-C leaves what was submitted running; the next flow takes it over
    #[arg(long)]
    pub detach: bool,
    /// Wait so long for outputs to be seen here
    #[arg(short = 'w', long, value_name = "SECONDS", default_value_t = 5, alias = "output-wait")]
    pub latency_wait: u64,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which jobs")]
pub struct Which {
    /// Make the targets even if they are up to date
    #[arg(short, long)]
    pub force: bool,
    /// Make everything that the targets need again
    #[arg(short = 'F', long)]
    pub forceall: bool,
    /// Make what these rules or files give again, and what follows
    #[arg(short = 'R', long, value_name = "NAME")]
    pub forcerun: Vec<String>,
    /// Stop at these rules or files
    #[arg(short = 'U', long, value_name = "NAME")]
    pub until: Vec<String>,
    /// Leave out these rules or files, and what follows from them
    #[arg(short = 'O', long, value_name = "NAME")]
    pub omit_from: Vec<String>,
    /// What makes a job stale: mtime, params, input, code, checksum [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub rerun_triggers: Vec<String>,
    /// Make again what an earlier run left unfinished (always done)
    #[arg(long, aliases = ["ri"])]
    pub rerun_incomplete: bool,
    /// Stamp the outputs as up to date instead of making them
    #[arg(short, long)]
    pub touch: bool,
    /// Ignore the age of inputs of a rule, by name or number
    #[arg(long, value_name = "RULE=INPUT,…")]
    pub consider_ancient: Vec<String>,
    /// When two rules make one file, take the first instead of failing
    #[arg(long)]
    pub allow_ambiguity: bool,
    /// Make these targets and what they need before all others
    #[arg(short = 'P', long, value_name = "NAME")]
    pub prioritize: Vec<String>,
    /// Keep the files of temp()
    #[arg(long, aliases = ["nt", "no-temp"])]
    pub notemp: bool,
    /// Run jobs that ask for conda, a container or modules with the programs that are there
    #[arg(long)]
    pub without_environments: bool,
    /// Treat every output but the targets as temp()
    #[arg(long)]
    pub all_temp: bool,
    /// Keep the outputs of failed jobs
    #[arg(long)]
    pub keep_incomplete: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Look, don't touch")]
pub struct Look {
    /// Show what would be done
    #[arg(short = 'n', long, alias = "dryrun")]
    pub dry_run: bool,
    /// Explain why the targets are made again, or not
    #[arg(long)]
    pub why: bool,
    /// List the outputs with their dates, rules and states
    #[arg(short = 'S', long)]
    pub summary: bool,
    #[arg(short = 'D', long, hide = true)]
    pub detailed_summary: bool,
    /// List the rules with their descriptions
    #[arg(long, alias = "list", short_alias = 'l')]
    pub list_rules: bool,
    #[arg(long, hide = true, alias = "lt")]
    pub list_target_rules: bool,
    /// List the outputs of jobs whose code, params or inputs have changed
    #[arg(long, value_name = "WHAT", alias = "lc", value_delimiter = ',')]
    pub list_changes: Vec<String>,
    /// List the files here that the workflow neither reads nor makes
    #[arg(long, alias = "lu")]
    pub list_untracked: bool,
    /// Draw the graph of jobs: dot, mermaid-js, json or svg
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "dot")]
    pub dag: Option<String>,
    /// Draw the graph of rules
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "dot")]
    pub rulegraph: Option<String>,
    /// Draw the graph of rules with their files
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "dot")]
    pub filegraph: Option<String>,
    /// List the built-in actions, or show the manual of the one named
    #[arg(long)]
    pub actions: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Write Rulefiles")]
pub struct Text {
    /// Format the files named, or the Rulefile, in place; `-` is standard input to standard output
    #[arg(long)]
    pub fmt: bool,
    /// With --fmt: show what would change, and change nothing
    #[arg(long, requires = "fmt")]
    pub check: bool,
    /// Look for what is allowed and likely a mistake; with a code, explain that
    #[arg(long)]
    pub lint: bool,
    /// Print the completions of a shell: bash, zsh or fish
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<clap_complete::Shell>,
    /// Print the manual page
    #[arg(long)]
    pub man: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Measure")]
pub struct Measure {
    /// Run from nothing in copies of the folder with these numbers of jobs, and tell how much faster each is
    #[arg(long, value_name = "N,…")]
    pub speedup: Option<String>,
    /// How often each number of jobs is run for --speedup; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeats: u32,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tidy up")]
pub struct Tidy {
    /// Delete what the targets' jobs make
    #[arg(long)]
    pub delete_all_output: bool,
    /// Delete the files of temp()
    #[arg(long)]
    pub delete_temp_output: bool,
    /// Remove the lock of a run that is gone
    #[arg(long)]
    pub unlock: bool,
    #[arg(long, hide = true)]
    pub cleanup_shadow: bool,
    /// Forget what is recorded of the files named
    #[arg(long, alias = "cm")]
    pub cleanup_metadata: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Say")]
pub struct SayOptions {
    /// Print the commands
    #[arg(short, long = "printshellcmds")]
    pub printshellcmds: bool,
    /// Print failures only; `-q all`: nothing but the last line of a failed run
    #[arg(short, long, value_name = "WHAT", num_args = 0..=1, default_missing_value = "progress", value_delimiter = ',')]
    pub quiet: Vec<String>,
    /// Print more: finished jobs with their times and memory; that nothing has changed since the last call
    #[arg(short, long)]
    pub verbose: bool,
    /// Print the whole logs of failed jobs
    #[arg(long)]
    pub show_failed_logs: bool,
    /// Use colours
    #[arg(long, value_name = "WHEN", value_parser = ["auto", "always", "never"], default_value = "auto", hide_possible_values = true)]
    pub color: String,
    #[arg(long, hide = true)]
    pub nocolor: bool,
    /// Print text, or one JSON object a line
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text", hide_possible_values = true)]
    pub log_format: String,
    /// Print this help
    #[arg(short, long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Options of Snakemake that ask for what flow does anyway, or that have nothing to act on here.
#[derive(Debug, Clone, Args)]
pub struct NoEffect {
    /// Every job's reason is shown anyway.
    #[arg(short = 'r', long, hide = true)]
    pub reason: bool,
    /// The lock dies with its process.
    #[arg(long, hide = true)]
    pub nolock: bool,
    /// There is one scheduler.
    #[arg(long, hide = true, value_name = "NAME")]
    pub scheduler: Option<String>,
}
