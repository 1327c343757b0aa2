//! Mermaid's flowcharts, for Markdown pages that draw them.

use super::svg::colour;
use super::{Drawing, clean, edges, hues};

pub fn render(drawing: &Drawing) -> String {
    let title = escaped(&clean(&drawing.title));
    let mut out = format!("---\ntitle: \"{title}\"\n---\nflowchart TB\n");
    let hues = hues(drawing);
    for (at, node) in drawing.nodes.iter().enumerate() {
        let label = node.text().map(|line| escaped(&line)).collect::<Vec<_>>().join("<br>");
        out.push_str(&format!("    id{at}[\"{label}\"]\n"));
    }
    for (at, (node, hue)) in drawing.nodes.iter().zip(hues).enumerate() {
        let dashes = if node.done { ",stroke-dasharray: 5 5" } else { "" };
        out.push_str(&format!("    style id{at} fill:#fff,stroke-width:2px,stroke:{}{dashes}\n", colour(hue)));
    }
    for (from, to) in edges(drawing) {
        out.push_str(&format!("    id{from} --> id{to}\n"));
    }
    out
}

/// Everything but letters, digits and harmless marks as a numbered entity, which Mermaid shows and never reads.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() || " _-=.,/+→".contains(c) {
            out.push(c);
        } else {
            out.push_str(&format!("#{};", c as u32));
        }
    }
    out
}
