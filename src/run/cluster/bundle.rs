//! Which jobs go into one task: as many of one shape as asked for, one after the other or side by side. Units in, tasks
//! with what they ask for out.

use std::collections::BTreeMap;

use super::node::threads;
use super::shape::{Shape, together};
use super::spool::{Task, Unit};
use crate::value::Value;

/// How many jobs a task runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundling {
    /// Of jobs without a group, one after the other.
    pub size: usize,
    /// The group of each rule that has one.
    pub groups: BTreeMap<String, String>,
    /// Of each group, how many jobs a task runs side by side.
    pub components: BTreeMap<String, usize>,
}

/// Tasks that ask for the same, and so can be one array.
#[derive(Debug)]
pub struct Array {
    pub shape: Shape,
    pub tasks: Vec<Task>,
}

/// Units that may share tasks.
struct Alike {
    group: Option<String>,
    /// What each asks for by itself.
    shape: Shape,
    /// How many share a task, and how many of those run at a time.
    size: usize,
    at_a_time: usize,
    units: Vec<Unit>,
}

impl Bundling {
    /// The group of a unit, and how many of it share a task, and how many of those run at a time.
    fn of(&self, unit: &Unit) -> (Option<&String>, usize, usize) {
        let group = unit.jobs.first().and_then(|job| self.groups.get(&job.spec.rule));
        match group.map(|group| (group, self.components.get(group).copied().unwrap_or(1))) {
            Some((group, components)) => (Some(group), components.max(1) * self.size.max(1), components.max(1)),
            None => (None, self.size.max(1), 1),
        }
    }

    /// Puts units into tasks, and tasks into arrays, in their order. Gives as well the units that cannot be asked for, with
    /// the reason.
    pub fn arrays(&self, units: Vec<Unit>) -> (Vec<Array>, Vec<(Unit, String)>) {
        let mut refused = Vec::new();
        let mut alike: Vec<Alike> = Vec::new();
        for unit in units {
            let (group, size, at_a_time) = self.of(&unit);
            match shape(std::slice::from_ref(&unit), 1) {
                Err(why) => refused.push((unit, why)),
                Ok((shape, _)) => {
                    let group = group.cloned();
                    match alike.iter_mut().find(|alike| alike.group == group && alike.shape == shape) {
                        Some(alike) => alike.units.push(unit),
                        None => alike.push(Alike { group, shape, size, at_a_time, units: vec![unit] }),
                    }
                }
            }
        }
        let mut arrays: Vec<Array> = Vec::new();
        for Alike { size, at_a_time, units, .. } in alike {
            // The first is the fullest: what it asks for, the others ask for as well, so that they are one array.
            let Ok((shape, threads)) = shape(&units[..size.min(units.len())], at_a_time) else { continue };
            let mut units = units.into_iter().peekable();
            while units.peek().is_some() {
                let task = Task { units: units.by_ref().take(size).collect(), threads };
                match arrays.iter_mut().find(|array| array.shape == shape) {
                    Some(array) => array.tasks.push(task),
                    None => arrays.push(Array { shape: shape.clone(), tasks: vec![task] }),
                }
            }
        }
        (arrays, refused)
    }
}

/// What a task asks for that runs these units, so many at a time; and its threads.
fn shape(units: &[Unit], at_a_time: usize) -> Result<(Shape, u32), String> {
    let at_a_time = at_a_time.min(units.len()).max(1);
    let most = units.iter().map(threads).max().unwrap_or(1);
    let threads = most * u32::try_from(at_a_time).unwrap_or(u32::MAX);
    let all: Vec<&BTreeMap<String, Value>> =
        units.iter().flat_map(|unit| &unit.jobs).map(|job| &job.spec.resources).collect();
    // Jobs of a unit run side by side as well.
    let members = units.iter().map(|unit| unit.jobs.len()).max().unwrap_or(1);
    Ok((Shape::of(threads, &together(&all, at_a_time * members))?, threads))
}
