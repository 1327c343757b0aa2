//! Which jobs go into one task: as many of one shape as asked for, one after the other or side by side. Strands of units in,
//! tasks with what they ask for out.

use std::collections::BTreeMap;

use super::shape::{Needs, Shape};
use super::spool::{Task, Unit};

/// How many jobs a task runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundling {
    /// Of jobs, or of sets of jobs of a group that need each other, one after the other.
    pub size: usize,
    /// The group of each rule that has one.
    pub groups: BTreeMap<String, String>,
    /// Of each group, how many of them a task runs side by side.
    pub components: BTreeMap<String, usize>,
}

/// Units of which each comes after those that it follows, and that are run by one task; most are one unit.
pub type Strand = Vec<Unit>;

/// Tasks that ask for the same, and so can be one array.
#[derive(Debug)]
pub struct Array {
    pub shape: Shape,
    /// What the first of them needs.
    pub needs: Needs,
    pub tasks: Vec<Task>,
}

/// Strands that may share tasks.
struct Alike {
    group: Option<String>,
    /// What each asks for by itself.
    shape: Shape,
    /// How many share a task, and how many of those run at a time.
    size: usize,
    at_a_time: usize,
    strands: Vec<(Strand, Needs)>,
}

impl Bundling {
    /// The group of a strand, and how many of it share a task, and how many of those run at a time.
    fn of(&self, strand: &Strand) -> (Option<&String>, usize, usize) {
        let first = strand.first().and_then(|unit| unit.jobs.first());
        let group = first.and_then(|job| self.groups.get(&job.spec.rule));
        match group.map(|group| (group, self.components.get(group).copied().unwrap_or(1))) {
            Some((group, components)) => (Some(group), components.max(1) * self.size.max(1), components.max(1)),
            None => (None, self.size.max(1), 1),
        }
    }

    /// Puts strands into tasks, and tasks into arrays, in their order. Gives as well the strands that cannot be asked for, with
    /// the reason.
    pub fn arrays(&self, strands: Vec<Strand>) -> (Vec<Array>, Vec<(Strand, String)>) {
        let mut refused = Vec::new();
        let mut alike: Vec<Alike> = Vec::new();
        for strand in strands {
            let (group, size, at_a_time) = self.of(&strand);
            let needs = needs(&strand);
            match Shape::of(&needs) {
                Err(why) => refused.push((strand, why)),
                Ok(shape) => {
                    let group = group.cloned();
                    match alike.iter_mut().find(|alike| alike.group == group && alike.shape == shape) {
                        Some(alike) => alike.strands.push((strand, needs)),
                        None => alike.push(Alike { group, shape, size, at_a_time, strands: vec![(strand, needs)] }),
                    }
                }
            }
        }
        let mut arrays: Vec<Array> = Vec::new();
        for Alike { size, at_a_time, strands, .. } in alike {
            // The first is the fullest: what it asks for, the others ask for as well, so that they are one array.
            let most: Vec<&Needs> = strands.iter().take(size).map(|(_, needs)| needs).collect();
            let needs = Needs::of_several(&most, at_a_time);
            let Ok(shape) = Shape::of(&needs) else { continue };
            let mut strands = strands.into_iter().map(|(strand, _)| strand).peekable();
            while strands.peek().is_some() {
                let units = in_order(strands.by_ref().take(size).collect(), at_a_time);
                let task = Task { units, threads: needs.threads };
                match arrays.iter_mut().find(|array| array.shape == shape) {
                    Some(array) => array.tasks.push(task),
                    None => arrays.push(Array { shape: shape.clone(), needs: needs.clone(), tasks: vec![task] }),
                }
            }
        }
        (arrays, refused)
    }
}

/// The units of strands, each of which waits for those beside which it would take more than was asked for: of its strand the
/// step before, and the strand before, of those that take turns at its place.
fn in_order(strands: Vec<Strand>, at_a_time: usize) -> Vec<Unit> {
    // By place, the units of the step that is the last one there so far.
    let mut last: Vec<Vec<String>> = vec![Vec::new(); at_a_time];
    let mut all = Vec::new();
    for (at, strand) in strands.into_iter().enumerate() {
        let mut before = std::mem::take(&mut last[at % at_a_time]);
        let mut step = Vec::new();
        let mut depth = 0;
        let depths = depths(&strand);
        let mut units: Vec<(usize, Unit)> = depths.into_iter().zip(strand).collect();
        units.sort_by_key(|(depth, _)| *depth);
        for (of_unit, mut unit) in units {
            if of_unit > depth {
                (before, depth) = (std::mem::take(&mut step), of_unit);
            }
            unit.after.clone_from(&before);
            step.push(unit.name.clone());
            all.push(unit);
        }
        last[at % at_a_time] = step;
    }
    all
}

/// Of each unit of a strand, how many others it follows one after the other.
fn depths(strand: &Strand) -> Vec<usize> {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    let depth = |unit: &'_ Unit, depths: &BTreeMap<&str, usize>| {
        let before = unit.follows.iter().filter_map(|name| depths.get(name.as_str()));
        before.max().map_or(0, |depth| depth + 1)
    };
    let mut all = Vec::with_capacity(strand.len());
    for unit in strand {
        all.push(depth(unit, &depths));
        depths.insert(&unit.name, all[all.len() - 1]);
    }
    all
}

/// What a strand asks for: its steps are run one after the other, and the units of a step side by side.
fn needs(strand: &Strand) -> Needs {
    let mut steps: Vec<Vec<Needs>> = Vec::new();
    for (depth, unit) in depths(strand).into_iter().zip(strand) {
        if steps.len() == depth {
            steps.push(Vec::new());
        }
        let of_jobs = unit.jobs.iter().map(|job| Needs::of_job(&job.spec));
        steps[depth].push(Needs::side_by_side(&of_jobs.collect::<Vec<_>>()));
    }
    let steps: Vec<Needs> = steps.iter().map(|step| Needs::side_by_side(step)).collect();
    Needs::in_turn(&steps)
}
