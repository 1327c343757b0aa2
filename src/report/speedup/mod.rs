//! What runs with different numbers of jobs tell: speedup, efficiency, the serial part, and the longest chain of jobs,
//! as a table, as CSV and as a plot. Numbers in, text out.
//!
//! The serial fraction of one run is that of A. H. Karp and H. P. Flatt, "Measuring parallel processor performance" (CACM
//! 33, 1990); that of all of them together is the least-squares fit of G. Amdahl's law to the times.

mod plot;

use std::fmt::Write;
use std::time::Duration;

pub use plot::plot;

use super::words::{duration, line};

/// The runs with one number of jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Runs {
    pub jobs: usize,
    /// From start to end, in the order of the runs; at least one.
    pub walls: Vec<Duration>,
}

/// A chain of jobs that each need the one before.
#[derive(Debug, Clone, PartialEq)]
pub struct CriticalPath {
    pub time: Duration,
    /// The rules on the way, first to last.
    pub rules: Vec<String>,
}

/// All that was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// In rising order of jobs; at least two.
    pub runs: Vec<Runs>,
    pub critical_path: CriticalPath,
}

impl Runs {
    /// The median in seconds; of an even number of runs the mean of the two in the middle.
    pub fn wall(&self) -> f64 {
        let mut walls: Vec<f64> = self.walls.iter().map(Duration::as_secs_f64).collect();
        walls.sort_by(f64::total_cmp);
        let middle = walls.len() / 2;
        if walls.len() % 2 == 1 { walls[middle] } else { f64::midpoint(walls[middle - 1], walls[middle]) }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub jobs: usize,
    /// Seconds.
    pub wall: f64,
    pub speedup: f64,
    pub efficiency: f64,
    /// Karp and Flatt's; `None` for one job.
    pub serial: Option<f64>,
}

impl Study {
    /// The table. Where one job was not measured, the smallest number is taken to be perfectly efficient.
    pub fn rows(&self) -> Vec<Row> {
        let base = &self.runs[0];
        let one = base.wall() * count(base.jobs);
        let row = |runs: &Runs| {
            let (n, wall) = (count(runs.jobs), runs.wall());
            let speedup = one / wall;
            let serial = (runs.jobs > 1).then(|| (1.0 / speedup - 1.0 / n) / (1.0 - 1.0 / n));
            Row { jobs: runs.jobs, wall, speedup, efficiency: speedup / n, serial }
        };
        self.runs.iter().map(row).collect()
    }

    /// The serial fraction that fits all times best, from 0 to 1.
    pub fn serial_fraction(&self) -> f64 {
        // T(n) / T(1) = f + (1 - f) / n is a line in f: what is above 1/n over what could be.
        let (mut above, mut could) = (0.0, 0.0);
        for row in self.rows() {
            let share = 1.0 / count(row.jobs);
            above += (1.0 / row.speedup - share) * (1.0 - share);
            could += (1.0 - share).powi(2);
        }
        (above / could).clamp(0.0, 1.0)
    }

    /// The speedup that the critical path allows.
    pub fn limit(&self) -> f64 {
        let one = self.runs[0].wall() * count(self.runs[0].jobs);
        one / self.critical_path.time.as_secs_f64().max(1e-9)
    }

    /// For the terminal.
    pub fn table(&self) -> String {
        let mut out =
            format!("{:>6}{:>10}{:>10}{:>12}{:>17}\n", "jobs", "wall", "speedup", "efficiency", "serial fraction");
        for row in self.rows() {
            let serial = row.serial.map_or(String::new(), |serial| format!("{:>15.1} %", 100.0 * serial));
            let _ = writeln!(
                out,
                "{:>6}{:>10}{:>10.2}{:>10.0} %{serial}",
                row.jobs,
                seconds(row.wall),
                row.speedup,
                100.0 * row.efficiency
            );
        }
        let serial = self.serial_fraction();
        let _ = match serial {
            0.0005.. => writeln!(
                out,
                "Amdahl's law: {:.1} % of the work is serial; no number of jobs is more than {:.1} times as fast as one.",
                100.0 * serial,
                1.0 / serial
            ),
            _ => writeln!(out, "Amdahl's law: nothing of the work is seen to be serial."),
        };
        let path = &self.critical_path;
        let rules: Vec<String> = path.rules.iter().map(|rule| line(rule)).collect();
        let _ = writeln!(
            out,
            "Critical path: {} ({}); no number of jobs is more than {:.1} times as fast as one.",
            duration(path.time),
            shortened(&rules),
            self.limit()
        );
        out
    }

    /// One line a number of jobs; times in seconds, fractions as such, empty where there is none.
    pub fn csv(&self) -> String {
        let mut out = "jobs,runs,wall_s,wall_min_s,wall_max_s,speedup,efficiency,serial_fraction\n".to_owned();
        for (row, runs) in self.rows().iter().zip(&self.runs) {
            let all = runs.walls.iter().map(Duration::as_secs_f64);
            let (least, most) = (all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max));
            let serial = row.serial.map_or(String::new(), |serial| format!("{serial:.4}"));
            let _ = writeln!(
                out,
                "{},{},{:.6},{least:.6},{most:.6},{:.4},{:.4},{serial}",
                row.jobs,
                runs.walls.len(),
                row.wall,
                row.speedup,
                row.efficiency
            );
        }
        out
    }
}

/// A long chain by its ends.
fn shortened(rules: &[String]) -> String {
    match rules {
        [first, second, .., last] if rules.len() > 6 => {
            format!("{first} → {second} → … → {last}, {} jobs", rules.len())
        }
        _ => rules.join(" → "),
    }
}

fn seconds(time: f64) -> String {
    if time < 10.0 { format!("{time:.2}s") } else { duration(Duration::from_secs_f64(time)) }
}

#[allow(clippy::cast_precision_loss)]
fn count(jobs: usize) -> f64 {
    jobs as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(times: &[(usize, &[u64])]) -> Study {
        let runs = times.iter().map(|&(jobs, walls)| {
            let walls = walls.iter().map(|&ms| Duration::from_millis(ms)).collect();
            Runs { jobs, walls }
        });
        let critical_path = CriticalPath { time: Duration::from_secs(2), rules: vec!["frame".into(), "page".into()] };
        Study { runs: runs.collect(), critical_path }
    }

    #[test]
    fn amdahl_s_law_is_found_again() {
        // A fifth is serial: 10 s, 2 + 4 s, 2 + 2 s.
        let study = study(&[(1, &[10_000]), (2, &[6000]), (4, &[4000])]);
        assert!((study.serial_fraction() - 0.2).abs() < 1e-12);
        let rows = study.rows();
        assert_eq!(rows[0].serial, None);
        for row in &rows[1..] {
            assert!((row.serial.expect("more than one job") - 0.2).abs() < 1e-12);
        }
        assert!((rows[2].speedup - 2.5).abs() < 1e-12 && (rows[2].efficiency - 0.625).abs() < 1e-12);
        assert!((study.limit() - 5.0).abs() < 1e-12);
    }

    #[test]
    fn the_median_counts_and_csv_has_the_extremes() {
        let study = study(&[(1, &[4000, 1000, 2000]), (2, &[1000, 1200])]);
        assert_eq!(
            study.csv(),
            "jobs,runs,wall_s,wall_min_s,wall_max_s,speedup,efficiency,serial_fraction\n\
             1,3,2.000000,1.000000,4.000000,1.0000,1.0000,\n\
             2,2,1.100000,1.000000,1.200000,1.8182,0.9091,0.1000\n"
        );
    }

    #[test]
    fn faster_than_perfect_is_no_negative_serial_part() {
        let study = study(&[(2, &[3000]), (4, &[1400])]);
        assert_eq!(study.serial_fraction(), 0.0);
        assert!((study.rows()[0].efficiency - 1.0).abs() < 1e-12);
        assert_eq!(
            study.table(),
            "  jobs      wall   speedup  efficiency  serial fraction\n     \
             2     3.00s      2.00       100 %            0.0 %\n     \
             4     1.40s      4.29       107 %           -2.2 %\n\
             Amdahl's law: nothing of the work is seen to be serial.\n\
             Critical path: 2.0s (frame → page); no number of jobs is more than 3.0 times as fast as one.\n"
        );
    }
}
