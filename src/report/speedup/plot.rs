//! The speedup against the number of jobs as SVG: what was measured with its spread, the line of perfect efficiency,
//! Amdahl's law as fitted, and the limit of the critical path.

use std::fmt::Write;

use super::{Study, count};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 48.0;

/// Numbers of jobs and speedups → places on the page.
struct Axes {
    most_jobs: f64,
    most: f64,
}

impl Axes {
    fn x(&self, jobs: f64) -> f64 {
        LEFT + jobs / self.most_jobs * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, speedup: f64) -> f64 {
        HEIGHT - BOTTOM - speedup.min(self.most) / self.most * (HEIGHT - TOP - BOTTOM)
    }
}

/// The plot, an SVG file.
pub fn plot(study: &Study) -> String {
    let rows = study.rows();
    let most_jobs = count(rows.last().expect("two or more").jobs);
    let best = rows.iter().map(|row| row.speedup).fold(most_jobs, f64::max);
    let axes = Axes { most_jobs: most_jobs * 1.05, most: best * 1.08 };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH:.0}\" height=\"{HEIGHT:.0}\" \
         viewBox=\"0 0 {WIDTH:.0} {HEIGHT:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Speedup</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    frame(&mut out, &axes, best);
    let line = |out: &mut String, from: (f64, f64), to: (f64, f64), style: &str| {
        let _ = writeln!(
            out,
            "<path d=\"M{:.1} {:.1}L{:.1} {:.1}\" fill=\"none\" {style}/>",
            axes.x(from.0),
            axes.y(from.1),
            axes.x(to.0),
            axes.y(to.1)
        );
    };
    line(&mut out, (0.0, 0.0), (most_jobs, most_jobs), "stroke=\"#999\" stroke-dasharray=\"5 4\"");
    let limit = study.limit();
    let limit_is_shown = limit < axes.most;
    if limit_is_shown {
        line(&mut out, (0.0, limit), (axes.most_jobs, limit), "stroke=\"#c0392b\" stroke-dasharray=\"2 3\"");
    }
    let serial = study.serial_fraction();
    let steps = 60;
    let points: Vec<String> = (0..=steps)
        .map(|step| {
            let n = 1.0 + (most_jobs - 1.0) * count(step) / count(steps);
            format!("{:.1} {:.1}", axes.x(n), axes.y(1.0 / (serial + (1.0 - serial) / n)))
        })
        .collect();
    let _ = writeln!(out, "<path d=\"M{}\" fill=\"none\" stroke=\"#7fb3d5\" stroke-width=\"2\"/>", points.join("L"));
    for (row, runs) in rows.iter().zip(&study.runs) {
        let x = axes.x(count(row.jobs));
        let of = |wall: std::time::Duration| axes.y(row.speedup * row.wall / wall.as_secs_f64().max(1e-9));
        let (least, most) = (runs.walls.iter().min().expect("a run"), runs.walls.iter().max().expect("a run"));
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {:.1}V{:.1}\" stroke=\"#1f618d\" stroke-width=\"1.5\"/>\n\
             <circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"#1f618d\"/>",
            of(*most),
            of(*least),
            axes.y(row.speedup)
        );
    }
    legend(&mut out, limit_is_shown, serial);
    out.push_str("</svg>\n");
    out
}

/// Axes, ticks and their numbers.
fn frame(out: &mut String, axes: &Axes, best: f64) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let _ = writeln!(out, "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"black\"/>");
    for tick in ticks(axes.most_jobs / 1.05) {
        let x = axes.x(tick);
        let _ = writeln!(
            out,
            "<path d=\"M{x:.1} {bottom}v5\" stroke=\"black\"/>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{tick}</text>",
            bottom + 18.0
        );
    }
    for tick in ticks(best) {
        let y = axes.y(tick);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {y:.1}h-5\" stroke=\"black\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let middle = f64::midpoint(TOP, bottom);
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">jobs at a time</text>\n\
         <text x=\"16\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {middle:.1})\">speedup</text>",
        f64::midpoint(LEFT, right),
        HEIGHT - 10.0
    );
}

/// Whole numbers from a step up to `most`; at most eight.
fn ticks(most: f64) -> Vec<f64> {
    let step = (0..)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
        .find(|step| most / step <= 8.0)
        .expect("steps grow without end");
    (1..).map(|n| f64::from(n) * step).take_while(|tick| *tick <= most * 1.0001).collect()
}

fn legend(out: &mut String, limit_is_shown: bool, serial: f64) {
    let amdahl = format!("Amdahl's law, {:.1} % serial", 100.0 * serial);
    let mut lines = vec![
        ("stroke=\"#1f618d\" stroke-width=\"6\"", "measured; least and most of the runs"),
        ("stroke=\"#7fb3d5\" stroke-width=\"2\"", &amdahl),
        ("stroke=\"#999\" stroke-dasharray=\"5 4\"", "perfect"),
    ];
    if limit_is_shown {
        lines.push(("stroke=\"#c0392b\" stroke-dasharray=\"2 3\"", "limit of the critical path"));
    }
    for (at, (style, text)) in lines.iter().enumerate() {
        let y = TOP + 14.0 + 18.0 * count(at);
        let _ = writeln!(
            out,
            "<path d=\"M{:.1} {:.1}h24\" {style}/>\n<text x=\"{:.1}\" y=\"{y:.1}\">{text}</text>",
            LEFT + 14.0,
            y - 4.0,
            LEFT + 46.0
        );
    }
}
