//! Which executor runs the jobs, and what is said of jobs on other machines. Options in, a checked choice out.

use std::collections::BTreeMap;

use super::options::ElsewhereOptions;
use super::pairs::pair;

/// Who runs the jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutorChoice {
    /// This process.
    Local,
    Slurm,
    /// A batch system by its commands.
    Commands {
        submit: String,
        status: Option<String>,
        cancel: Option<String>,
    },
}

impl ExecutorChoice {
    /// For people.
    pub fn name(&self) -> &'static str {
        match self {
            ExecutorChoice::Local => "this machine",
            ExecutorChoice::Slurm => "Slurm",
            ExecutorChoice::Commands { .. } => "the batch system",
        }
    }
}

/// Jobs on other machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    pub executor: ExecutorChoice,
    /// For jobs that run here nevertheless: how many cores; `None` for all.
    pub local_cores: Option<usize>,
    /// An interrupted run leaves what it has submitted running.
    pub detach: bool,
    /// How long outputs may take to be seen here, in seconds.
    pub latency_s: u64,
    /// How many jobs without a group go into one task.
    pub group_size: usize,
    /// The group of a rule, over what the rule says.
    pub groups: BTreeMap<String, String>,
    /// How many jobs of a group run side by side in one task.
    pub components: BTreeMap<String, usize>,
}

impl Elsewhere {
    /// Whether jobs run on this machine, all of them.
    pub fn is_here(&self) -> bool {
        self.executor == ExecutorChoice::Local
    }
}

impl TryFrom<ElsewhereOptions> for Elsewhere {
    /// A message for the user.
    type Error = String;

    fn try_from(options: ElsewhereOptions) -> Result<Elsewhere, String> {
        let executor = executor(&options)?;
        Ok(Elsewhere {
            executor,
            local_cores: options.local_cores.map(|cores| cores as usize),
            detach: options.detach,
            latency_s: options.latency_wait,
            group_size: options.group_size as usize,
            groups: options.groups.iter().map(|text| group(text)).collect::<Result<_, _>>()?,
            components: options.group_components.iter().map(|text| components(text)).collect::<Result<_, _>>()?,
        })
    }
}

fn executor(options: &ElsewhereOptions) -> Result<ExecutorChoice, String> {
    let commands = [
        ("--cluster-submit-cmd", &options.cluster_submit_cmd),
        ("--cluster-status-cmd", &options.cluster_status_cmd),
        ("--cluster-cancel-cmd", &options.cluster_cancel_cmd),
    ];
    let name = options.executor.as_deref();
    let by_command = matches!(name, Some("cluster" | "cluster-generic"));
    if let Some((option, _)) = commands.iter().find(|(_, command)| command.is_some()).filter(|_| !by_command) {
        return Err(format!("{option} is for --executor cluster"));
    }
    match name {
        None | Some("local") => Ok(ExecutorChoice::Local),
        Some("slurm") => Ok(ExecutorChoice::Slurm),
        Some("cluster" | "cluster-generic") => {
            match &options.cluster_submit_cmd {
                Some(submit) => Ok(ExecutorChoice::Commands {
                    submit: submit.clone(),
                    status: options.cluster_status_cmd.clone(),
                    cancel: options.cluster_cancel_cmd.clone(),
                }),
                None => Err("--executor cluster needs --cluster-submit-cmd, such as \"qsub -l nodes=1:ppn={threads}\""
                    .to_owned()),
            }
        }
        Some("dryrun") => Err("--executor dryrun: write `flow -n`".to_owned()),
        Some("touch") => Err("--executor touch: write `flow --touch`".to_owned()),
        Some(name) => Err(format!(
            "--executor {name}: flow has local, slurm, and cluster for any system with commands of its own"
        )),
    }
}

/// `RULE=GROUP`.
fn group(text: &str) -> Result<(String, String), String> {
    let (rule, group) = pair("--groups", text)?;
    Ok((rule.to_owned(), group.to_owned()))
}

/// `GROUP=N`.
fn components(text: &str) -> Result<(String, usize), String> {
    let (group, count) = pair("--group-components", text)?;
    match count.parse() {
        Ok(count) if count > 0 => Ok((group.to_owned(), count)),
        _ => Err(format!("--group-components: `{count}` is not a number from 1")),
    }
}
