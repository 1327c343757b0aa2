//! JSON: nodes with their numbers, and links between them.

use serde_json::json;

use super::{Drawing, edges};
use crate::diagnostic::printable_json;

pub fn render(drawing: &Drawing) -> String {
    let node = |(id, node): (usize, &super::Node)| {
        let mut out = json!({"id": id, "label": node.lines.join("\n"), "rule": node.rule, "done": node.done});
        if !node.inputs.is_empty() || !node.outputs.is_empty() {
            out["input"] = json!(node.inputs);
            out["output"] = json!(node.outputs);
        }
        out
    };
    let nodes: Vec<_> = drawing.nodes.iter().enumerate().map(node).collect();
    let links: Vec<_> = edges(drawing).into_iter().map(|(from, to)| json!({"source": from, "target": to})).collect();
    let graph = json!({"title": drawing.title, "nodes": nodes, "links": links});
    printable_json(format!("{graph:#}\n"))
}
