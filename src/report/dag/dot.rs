//! DOT, for graphviz: `flow --dag | dot -Tsvg`.

use super::{Drawing, clean, edges, hues};

pub fn render(drawing: &Drawing) -> String {
    let mut out = format!("digraph {} {{\n", quoted(&clean(&drawing.title)));
    out.push_str("    graph [bgcolor=white, margin=0];\n");
    out.push_str("    node [shape=box, style=rounded, fontname=sans, fontsize=10, penwidth=2];\n");
    out.push_str("    edge [penwidth=2, color=grey];\n");
    for (at, (node, hue)) in drawing.nodes.iter().zip(hues(drawing)).enumerate() {
        let label = node.text().map(|line| escaped(&line)).collect::<Vec<_>>().join("\\n");
        let style = if node.done { "rounded,dashed" } else { "rounded" };
        out.push_str(&format!("    {at} [label=\"{label}\", color=\"{hue:.2} 0.6 0.85\", style=\"{style}\"];\n"));
    }
    for (from, to) in edges(drawing) {
        out.push_str(&format!("    {from} -> {to};\n"));
    }
    out.push_str("}\n");
    out
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Inside a quoted string a backslash begins an escape (`\n`, `\N`), and `"` ends it.
fn escaped(text: &str) -> String {
    // Labels know the names of characters, as `&amp;`.
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('&', "&amp;")
}
