//! What a job asks of a batch system: its threads and resources as options of `sbatch`. Jobs of one shape go out as one
//! array. Names of resources as Snakemake's Slurm plugin has them.

use std::collections::BTreeMap;

use crate::run::spec::JobSpec;
use crate::value::Value;

/// What a task needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    options: Vec<String>,
}

/// Resources that go to `sbatch` as they are, and the option of each.
const PLAIN: [(&str, &str); 10] = [
    ("nodes", "--nodes"),
    ("tasks", "--ntasks"),
    ("gres", "--gres"),
    ("constraint", "--constraint"),
    ("slurm_partition", "--partition"),
    ("slurm_account", "--account"),
    ("slurm_qos", "--qos"),
    ("qos", "--qos"),
    ("slurm_reservation", "--reservation"),
    ("clusters", "--clusters"),
];

impl Shape {
    /// Of a task that takes so much.
    ///
    /// # Errors
    /// A resource that is no amount or text; `slurm_extra` that cannot be cut into words.
    pub fn of(Needs { threads, resources }: &Needs) -> Result<Shape, String> {
        let mut options = Vec::new();
        let given = |name: &str| resources.get(name).map(|value| text(name, value)).transpose();
        let cpus = given("cpus_per_task")?.unwrap_or_else(|| (*threads).max(1).to_string());
        options.push(format!("--cpus-per-task={cpus}"));
        match (given("mem_mb_per_cpu")?, given("mem_mb")?) {
            (Some(megabytes), _) => options.push(format!("--mem-per-cpu={megabytes}M")),
            (None, Some(megabytes)) => options.push(format!("--mem={megabytes}M")),
            (None, None) => {}
        }
        if let Some(minutes) = given("runtime")? {
            options.push(format!("--time={minutes}"));
        }
        if let Some(count) = given("gpu")? {
            let model = given("gpu_model")?.map(|model| format!("{model}:")).unwrap_or_default();
            options.push(format!("--gpus={model}{count}"));
        }
        for (name, option) in PLAIN {
            if let Some(value) = given(name)? {
                options.push(format!("{option}={value}"));
            }
        }
        if let Some(extra) = given("slurm_extra")? {
            let words = shlex::split(&extra);
            options.extend(words.ok_or_else(|| format!("slurm_extra: a quote is not closed in `{extra}`"))?);
        }
        Ok(Shape { options })
    }

    pub fn options(&self) -> &[String] {
        &self.options
    }
}

fn text(name: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        Value::Int(number) => Ok(number.to_string()),
        // Whole megabytes and minutes.
        Value::Float(number) => Ok(number.ceil().to_string()),
        _ => Err(format!("resource `{name}` is neither a number nor text")),
    }
}

/// What a job, or several, take of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Needs {
    pub threads: u32,
    pub resources: BTreeMap<String, Value>,
}

/// Resources of which jobs that run side by side take more than one of them.
const ADD_UP: [&str; 5] = ["mem_mb", "mem_mib", "disk_mb", "disk_mib", "gpu"];

/// What jobs one after the other take more of than one of them: time.
const TIME: &str = "runtime";

impl Needs {
    pub fn of_job(spec: &JobSpec) -> Needs {
        Needs { threads: spec.threads.max(1), resources: spec.resources.clone() }
    }

    /// A job's specification, as if the job asked for this.
    pub fn over(&self, spec: &JobSpec) -> JobSpec {
        JobSpec { threads: self.threads, resources: self.resources.clone(), ..spec.clone() }
    }

    /// Of jobs that run at the same time.
    pub fn side_by_side(all: &[Needs]) -> Needs {
        let threads = all.iter().fold(0, |sum: u32, one| sum.saturating_add(one.threads));
        Needs { threads, resources: merged(all, |name| ADD_UP.contains(&name)) }
    }

    /// Of jobs that run one after the other.
    pub fn in_turn(all: &[Needs]) -> Needs {
        let threads = all.iter().map(|one| one.threads).max().unwrap_or(1);
        Needs { threads, resources: merged(all, |name| name == TIME) }
    }

    /// Of jobs of which `at_a_time` run side by side, until all are done: as if each took what the one takes that takes most.
    pub fn of_several(all: &[&Needs], at_a_time: usize) -> Needs {
        let at_a_time = at_a_time.clamp(1, all.len().max(1));
        let most = all.iter().map(|one| (*one).clone()).reduce(|one, other| Needs {
            threads: one.threads.max(other.threads),
            resources: merged(&[one, other], |_| false),
        });
        let round = Needs::side_by_side(&vec![most.unwrap_or_default(); at_a_time]);
        Needs::in_turn(&vec![round; all.len().div_ceil(at_a_time)])
    }
}

/// Resources of several: the sum of those of which it is asked for, and the most of the others; of what is no number, the first.
fn merged(all: &[Needs], adds_up: impl Fn(&str) -> bool) -> BTreeMap<String, Value> {
    let mut merged: BTreeMap<String, Value> = BTreeMap::new();
    for (name, value) in all.iter().flat_map(|one| &one.resources) {
        let both = match (merged.get(name), value) {
            (Some(Value::Int(one)), Value::Int(other)) if adds_up(name) => Value::Int(one.saturating_add(*other)),
            (Some(Value::Int(one)), Value::Int(other)) => Value::Int(*one.max(other)),
            (Some(one), _) => one.clone(),
            (None, value) => value.clone(),
        };
        merged.insert(name.clone(), both);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(threads: u32, resources: &[(&str, Value)]) -> Vec<String> {
        let resources = resources.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Shape::of(&Needs { threads, resources }).expect("they are all right").options
    }

    #[test]
    fn resources_are_options_of_sbatch() {
        let text = |text: &str| Value::Str(text.to_owned());
        assert_eq!(options(1, &[]), ["--cpus-per-task=1"]);
        let of = [("mem_mb", Value::Int(2000)), ("runtime", Value::Int(90)), ("slurm_partition", text("short"))];
        assert_eq!(options(4, &of), ["--cpus-per-task=4", "--mem=2000M", "--time=90", "--partition=short"]);
        let of = [("gpu", Value::Int(2)), ("gpu_model", text("a100")), ("mem_mb_per_cpu", Value::Int(500))];
        assert_eq!(options(1, &of), ["--cpus-per-task=1", "--mem-per-cpu=500M", "--gpus=a100:2"]);
        let of = [("slurm_extra", text("--mail-type=END --exclude='n1 n2'"))];
        assert_eq!(options(1, &of), ["--cpus-per-task=1", "--mail-type=END", "--exclude=n1 n2"]);
    }

    #[test]
    fn a_bundle_asks_for_the_most_of_its_jobs_and_the_sum_of_their_times() {
        let of = |threads, memory, minutes| {
            let resources =
                [("mem_mb".to_owned(), Value::Int(memory)), ("runtime".to_owned(), Value::Int(minutes))].into();
            Needs { threads, resources }
        };
        let (one, other, third) = (of(1, 100, 10), of(2, 300, 20), of(1, 200, 5));
        assert_eq!(Needs::of_several(&[&one, &other, &third], 1), of(2, 300, 60));
        assert_eq!(Needs::of_several(&[&one, &other, &third], 2), of(4, 600, 40));
        assert_eq!(Needs::in_turn(&[one.clone(), other.clone(), third.clone()]), of(2, 300, 35));
        assert_eq!(Needs::side_by_side(&[one, other, third]), of(4, 600, 20));
    }
}
