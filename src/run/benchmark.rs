//! `benchmark:` files, with the columns of Snakemake's. What is not known of a job is `NA`, as it is there.

use std::fmt::Write;

use crate::event::Usage;

const HEADER: &str = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n";

/// The whole table, a row a repetition. Memory is in MiB, `mean_load` in percent of one core. Sizes other than the
/// resident one, and bytes read and written, would have to be sampled while the job runs; a short job would end unseen.
pub fn table(rows: &[Usage]) -> String {
    let mut out = HEADER.to_owned();
    for row in rows {
        let (seconds, cpu) = (row.wall.as_secs_f64(), row.cpu.as_secs_f64());
        let whole = row.wall.as_secs();
        let clock = format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
        #[expect(clippy::cast_precision_loss, reason = "a size in MiB with two decimals")]
        let memory = row.peak_memory.map_or("NA".to_owned(), |bytes| format!("{:.2}", bytes as f64 / 1_048_576.0));
        let load = if seconds > 0.0 { format!("{:.2}", 100.0 * cpu / seconds) } else { "NA".to_owned() };
        writeln!(out, "{seconds:.4}\t{clock}\t{memory}\tNA\tNA\tNA\tNA\tNA\t{load}\t{cpu:.2}")
            .expect("text can always be written to");
    }
    out
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
        let text = table(&[long, Usage::default()]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0].split('\t').count(), 10);
        assert_eq!(lines[1], "3723.5000\t1:02:03\t3.00\tNA\tNA\tNA\tNA\tNA\t200.00\t7447.00");
        assert_eq!(lines[2], "0.0000\t0:00:00\tNA\tNA\tNA\tNA\tNA\tNA\tNA\t0.00");
    }
}
