//! Drawings of graphs: nodes and edges as plain data in, DOT, Mermaid, JSON or SVG out. Knows no jobs: whoever has the
//! graph says what stands in the nodes. Every text is escaped for the format it goes into.

pub mod dot;
pub mod json;
mod layout;
pub mod mermaid;
pub mod svg;

/// A graph to draw; edges go from what is needed to what needs it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Drawing {
    pub title: String,
    pub nodes: Vec<Node>,
    pub edges: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// The rule's name and, below it, wildcards.
    pub lines: Vec<String>,
    pub rule: String,
    /// Nothing to do: drawn dashed.
    pub done: bool,
    /// For `--filegraph`; empty otherwise.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
}

impl Node {
    /// All lines: label, then inputs, then outputs, each with an arrow.
    fn text(&self) -> impl Iterator<Item = String> {
        let label = self.lines.iter().filter(|line| !line.is_empty()).map(|line| clean(line));
        let inputs = self.inputs.iter().map(|file| format!("→ {}", clean(file)));
        let outputs = self.outputs.iter().map(|file| format!("{} →", clean(file)));
        label.chain(inputs).chain(outputs)
    }
}

/// A text without control characters, which no format shows.
fn clean(text: &str) -> String {
    super::words::line(text)
}

/// The edges that join two nodes, sorted, each once.
fn edges(drawing: &Drawing) -> Vec<(usize, usize)> {
    let count = drawing.nodes.len();
    let mut edges: Vec<(usize, usize)> = drawing
        .edges
        .iter()
        .map(|(a, b)| (*a as usize, *b as usize))
        .filter(|(a, b)| *a < count && *b < count)
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// A hue for each node, from 0 to 1: evenly spaced over the rules in the order of their first node.
#[allow(clippy::cast_precision_loss)]
fn hues(drawing: &Drawing) -> Vec<f64> {
    let mut rules: Vec<&str> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let at: Vec<usize> = drawing
        .nodes
        .iter()
        .map(|node| {
            *places.entry(node.rule.as_str()).or_insert_with(|| {
                rules.push(&node.rule);
                rules.len() - 1
            })
        })
        .collect();
    at.into_iter().map(|place| place as f64 / rules.len() as f64).collect()
}
