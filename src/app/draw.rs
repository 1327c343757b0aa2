//! `--dag`, `--rulegraph`, `--filegraph`: the graph as a plain drawing, and that in the format asked for.

use std::collections::BTreeMap;

use super::Failure;
use super::planning::Plan;
use super::print;
use super::project::Project;
use crate::cli::{Drawing as Kind, DrawingFormat};
use crate::disk::Disk;
use crate::graph::dag::JobId;
use crate::plan::decide::Verdict;
use crate::report::dag::{Drawing, Node, dot, json, mermaid, svg};
use crate::rulefile::instance;

pub fn draw(project: &Project, disk: &dyn Disk, kind: Kind, format: DrawingFormat) -> Result<(), Failure> {
    project.look(disk, |plan, _, _| {
        let drawing = match kind {
            Kind::Dag => jobs(project, plan),
            Kind::Rulegraph => rules(project, plan, false),
            Kind::Filegraph => rules(project, plan, true),
        };
        print(&match format {
            DrawingFormat::Dot => dot::render(&drawing),
            DrawingFormat::Mermaid => mermaid::render(&drawing),
            DrawingFormat::Json => json::render(&drawing),
            DrawingFormat::Svg => svg::render(&drawing),
        });
        Ok(())
    })
}

/// Whether there is nothing to do for a job; for a target rule, nothing for what it asks for.
fn is_done(plan: &Plan, job: JobId) -> bool {
    match &plan.verdicts[job.index()] {
        Verdict::Nothing => plan.dag.dependencies(job).all(|needed| !plan.verdicts[needed.index()].is_to_do()),
        verdict => !verdict.is_to_do(),
    }
}

/// A node a job.
fn jobs(project: &Project, plan: &Plan) -> Drawing {
    let mut drawing = Drawing { title: "dag".to_owned(), ..Drawing::default() };
    for id in plan.dag.ids() {
        let job = plan.dag.job(id);
        let rule = project.workflow.rule(job.rule);
        // A wildcard that all the jobs it needs have too says nothing new.
        let own = instance::wildcards(rule, &job.wildcards);
        let known = |pair: &(String, String)| {
            plan.dag.dependencies(id).any(|needed| {
                let needed = plan.dag.job(needed);
                instance::wildcards(project.workflow.rule(needed.rule), &needed.wildcards).contains(pair)
            })
        };
        let mut lines = vec![rule.name.clone()];
        lines.extend(own.iter().filter(|pair| !known(pair)).map(|(name, value)| format!("{name}: {value}")));
        drawing.nodes.push(Node { lines, rule: rule.name.clone(), done: is_done(plan, id), ..Node::default() });
        drawing.edges.extend(plan.dag.dependencies(id).map(|needed| (needed.0, id.0)));
    }
    drawing.edges.sort_unstable();
    drawing
}

/// A node a rule; with `files`, its inputs and outputs below its name.
fn rules(project: &Project, plan: &Plan, files: bool) -> Drawing {
    let title = if files { "filegraph" } else { "rulegraph" };
    let mut drawing = Drawing { title: title.to_owned(), ..Drawing::default() };
    let mut places: BTreeMap<u32, u32> = BTreeMap::new();
    for id in plan.dag.ids() {
        let job = plan.dag.job(id);
        let rule = project.workflow.rule(job.rule);
        let next = u32::try_from(drawing.nodes.len()).expect("fewer than 2^32 rules");
        let place = *places.entry(job.rule.0).or_insert(next);
        if place == next {
            let mut node =
                Node { lines: vec![rule.name.clone()], rule: rule.name.clone(), done: true, ..Node::default() };
            if files {
                let patterns = instance::input_patterns(rule).ok().flatten();
                node.inputs = match patterns {
                    Some(named) => named.items.iter().map(|(pattern, _)| pattern.text().to_owned()).collect(),
                    None => vec!["<function>".to_owned()],
                };
                node.outputs = rule.output.items.iter().map(|output| output.pattern.text().to_owned()).collect();
            }
            drawing.nodes.push(node);
        }
        let node = &mut drawing.nodes[place as usize];
        node.done &= is_done(plan, id);
        for needed in plan.dag.dependencies(id) {
            let needed = plan.dag.job(needed).rule.0;
            if needed != job.rule.0 {
                drawing.edges.push((places[&needed], place));
            }
        }
    }
    drawing.edges.sort_unstable();
    drawing.edges.dedup();
    drawing
}
