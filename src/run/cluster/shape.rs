//! What a job asks of a batch system: its threads and resources as options of `sbatch`. Jobs of one shape go out as one
//! array. Names of resources as Snakemake's Slurm plugin has them.

use crate::value::Value;
use std::collections::BTreeMap;

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
    /// Of a task whose units take `threads` at a time, and whose jobs have these resources.
    ///
    /// # Errors
    /// A resource that is no amount or text; `slurm_extra` that cannot be cut into words.
    pub fn of(threads: u32, resources: &BTreeMap<String, Value>) -> Result<Shape, String> {
        let mut options = Vec::new();
        let given = |name: &str| resources.get(name).map(|value| text(name, value)).transpose();
        let cpus = given("cpus_per_task")?.unwrap_or_else(|| threads.max(1).to_string());
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

/// The resources of jobs that one task runs: one after the other, or `at_a_time` of them. Of what they share the most
/// counts, times the number at a time; times add up over the rounds.
pub fn together(resources: &[&BTreeMap<String, Value>], at_a_time: usize) -> BTreeMap<String, Value> {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    let rounds = resources.len().div_ceil(at_a_time.max(1));
    for (name, value) in resources.iter().copied().flatten() {
        let most = match (all.get(name), value) {
            (Some(Value::Int(one)), Value::Int(other)) => Value::Int(*one.max(other)),
            (Some(one), _) => one.clone(),
            (None, value) => value.clone(),
        };
        all.insert(name.clone(), most);
    }
    let mut times = |names: &[&str], factor: usize| {
        for name in names {
            if let Some(Value::Int(amount)) = all.get_mut(*name) {
                *amount = amount.saturating_mul(i64::try_from(factor).unwrap_or(i64::MAX));
            }
        }
    };
    times(&["mem_mb", "gpu"], at_a_time.min(resources.len()));
    times(&["runtime"], rounds);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(threads: u32, resources: &[(&str, Value)]) -> Vec<String> {
        let resources = resources.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Shape::of(threads, &resources).expect("they are all right").options
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
        let of = |memory, minutes| {
            BTreeMap::from([("mem_mb".to_owned(), Value::Int(memory)), ("runtime".to_owned(), Value::Int(minutes))])
        };
        let (one, other, third) = (of(100, 10), of(300, 20), of(200, 5));
        assert_eq!(together(&[&one, &other, &third], 1), of(300, 60));
        assert_eq!(together(&[&one, &other, &third], 2), of(600, 40));
    }
}
