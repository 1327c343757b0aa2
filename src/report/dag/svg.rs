//! SVG by flow's own layout, so that `--dag svg` needs no graphviz. Done nodes are dashed, and each rule has its colour.

use std::fmt::Write;

use super::layout::{Place, layout};
use super::{Drawing, clean, edges, hues};

const FONT_SIZE: f64 = 12.0;
const LINE_HEIGHT: f64 = 16.0;
const PADDING: f64 = 10.0;
const MARGIN: f64 = 16.0;
/// Longer lines are cut in the middle: the end of a path tells more than what is between.
const LONGEST: usize = 60;

pub fn render(drawing: &Drawing) -> String {
    let texts: Vec<Vec<String>> = drawing.nodes.iter().map(|node| node.text().map(shortened).collect()).collect();
    let sizes: Vec<(f64, f64)> = texts.iter().map(|lines| box_size(lines)).collect();
    let edges = edges(drawing);
    let plan = layout(&sizes, &edges);
    let (width, height) = (plan.width + 2.0 * MARGIN, plan.height + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"{FONT_SIZE}\">\n"
    );
    out.push_str(&format!("<title>{}</title>\n", escaped(&clean(&drawing.title))));
    out.push_str(concat!(
        "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" ",
        "orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#888\"/></marker></defs>\n",
        "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        "<g fill=\"none\" stroke=\"#888\" stroke-width=\"1.3\">\n"
    ));
    for ((from, to), bends) in edges.iter().zip(&plan.bends) {
        let start = Place { y: plan.boxes[*from].y + sizes[*from].1 / 2.0, ..plan.boxes[*from] };
        let end = Place { y: plan.boxes[*to].y - sizes[*to].1 / 2.0, ..plan.boxes[*to] };
        out.push_str(&format!("<path d=\"{}\" marker-end=\"url(#arrow)\"/>\n", curve(start, bends, end)));
    }
    out.push_str("</g>\n");
    let hues = hues(drawing);
    for (at, node) in drawing.nodes.iter().enumerate() {
        out.push_str(&boxed(plan.boxes[at], sizes[at], &texts[at], &colour(hues[at]), node.done));
    }
    out.push_str("</svg>\n");
    out
}

/// A node: its frame, its lines, and all of its first line as a tooltip.
fn boxed(at: Place, size: (f64, f64), lines: &[String], colour: &str, done: bool) -> String {
    let (x, y) = (at.x + MARGIN, at.y + MARGIN);
    let dashes = if done { " stroke-dasharray=\"5 4\"" } else { "" };
    let mut out = format!(
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"6\" fill=\"white\" stroke=\"{colour}\" \
         stroke-width=\"2\"{dashes}/>\n",
        x - size.0 / 2.0,
        y - size.1 / 2.0,
        size.0,
        size.1
    );
    let mut baseline = y - size.1 / 2.0 + PADDING + FONT_SIZE - 2.0;
    for (number, line) in lines.iter().enumerate() {
        let weight = if number == 0 { " font-weight=\"bold\"" } else { "" };
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{baseline:.1}\" text-anchor=\"middle\"{weight}>{}</text>",
            escaped(line)
        );
        baseline += LINE_HEIGHT;
    }
    out
}

/// A smooth line through the bends, vertical at both ends.
fn curve(start: Place, bends: &[Place], end: Place) -> String {
    let mut out = format!("M{:.1} {:.1}", start.x + MARGIN, start.y + MARGIN);
    let mut from = start;
    for to in bends.iter().chain([&end]) {
        let middle = (from.y + to.y) / 2.0 + MARGIN;
        let (x0, x1, y1) = (from.x + MARGIN, to.x + MARGIN, to.y + MARGIN);
        let _ = write!(out, "C{x0:.1} {middle:.1} {x1:.1} {middle:.1} {x1:.1} {y1:.1}");
        from = *to;
    }
    out
}

#[allow(clippy::cast_precision_loss)]
fn box_size(lines: &[String]) -> (f64, f64) {
    let widest = lines.iter().enumerate().map(|(at, line)| text_width(line) * if at == 0 { 1.08 } else { 1.0 });
    (widest.fold(20.0, f64::max) + 2.0 * PADDING, lines.len().max(1) as f64 * LINE_HEIGHT + 2.0 * PADDING - 4.0)
}

/// About how wide a text is in a common sans-serif font: narrow, ordinary, wide and East Asian characters.
fn text_width(text: &str) -> f64 {
    let share = |c: char| match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '/' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '→' | '=' => 0.9,
        'A'..='Z' => 0.7,
        c if (c as u32) >= 0x1100 => 1.05,
        _ => 0.6,
    };
    text.chars().map(share).sum::<f64>() * FONT_SIZE
}

fn shortened(line: String) -> String {
    let count = line.chars().count();
    if count <= LONGEST {
        return line;
    }
    let head: String = line.chars().take(LONGEST / 2 - 1).collect();
    let tail: String = line.chars().skip(count - LONGEST / 2).collect();
    format!("{head}…{tail}")
}

/// Text as XML has it; what XML cannot hold at all is gone.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

/// A hue as `#rrggbb`, with the saturation and value that DOT's nodes have.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn colour(hue: f64) -> String {
    let (saturation, value) = (0.6, 0.85);
    let channel = |n: f64| {
        let k = (n + hue * 6.0) % 6.0;
        let level = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
        (level * 255.0).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", channel(5.0), channel(3.0), channel(1.0))
}
