//! `benchmark:` files, with the columns of Snakemake's. What is not known of a job is `NA`, as it is there.

use std::fmt::Write;

use super::sample::Peaks;
use crate::event::Usage;

const HEADER: &str = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n";

/// The whole table, a row a repetition. Memory, and what was read from and written to storage, are in MiB, `mean_load`
/// in percent of one core. Memory is seen from time to time while the job runs: one that is over at once is not seen.
pub fn table(rows: &[(Usage, Peaks)]) -> String {
    let mut out = HEADER.to_owned();
    for (usage, peaks) in rows {
        let (seconds, cpu) = (usage.wall.as_secs_f64(), usage.cpu.as_secs_f64());
        let whole = usage.wall.as_secs();
        let clock = format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
        let resident = usage.peak_memory.max(peaks.resident);
        let sizes = [resident, peaks.virtual_size, peaks.unique, peaks.proportional, peaks.read, peaks.written];
        let sizes = sizes.map(mebibytes).join("\t");
        let load = if seconds > 0.0 { format!("{:.2}", 100.0 * cpu / seconds) } else { "NA".to_owned() };
        writeln!(out, "{seconds:.4}\t{clock}\t{sizes}\t{load}\t{cpu:.2}").expect("text can always be written to");
    }
    out
}

#[expect(clippy::cast_precision_loss, reason = "a size in MiB with two decimals")]
fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or("NA".to_owned(), |bytes| format!("{:.2}", bytes as f64 / 1_048_576.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_row_for_each_repetition() {
        let long = Usage {
            wall: Duration::from_millis(3_723_500),
            cpu: Duration::from_secs(7447),
            peak_memory: Some(3 << 20),
        };
        let peaks = Peaks { virtual_size: Some(5 << 20), written: Some(1 << 19), ..Peaks::default() };
        let text = table(&[(long, peaks), (Usage::default(), Peaks::default())]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].split('\t').count(), 10);
        assert_eq!(lines[1], "3723.5000\t1:02:03\t3.00\t5.00\tNA\tNA\tNA\t0.50\t200.00\t7447.00");
        assert_eq!(lines[2], "0.0000\t0:00:00\tNA\tNA\tNA\tNA\tNA\tNA\tNA\t0.00");
    }
}
