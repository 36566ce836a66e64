//! What the operating system says of this process, read at each scrape.

use std::fmt::Write;
use std::fs;

/// Ticks per second in `/proc/self/stat`. The kernel's USER_HZ is 100 on every platform we build for, and asking
/// (`sysconf`) would take unsafe code.
const TICKS_PER_SECOND: f64 = 100.0;

/// Appends the `process_…` metrics to `page`. Outside Linux, or without `/proc`, appends nothing.
pub(super) fn render(page: &mut String) {
    if let Some(seconds) = fs::read_to_string("/proc/self/stat")
        .ok()
        .and_then(|stat| cpu_seconds(&stat))
    {
        line(page, "process_cpu_seconds_total", seconds);
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        if let Some(kib) = status_field(&status, "VmRSS:") {
            line(page, "process_resident_memory_bytes", kib * 1024.0);
        }
        if let Some(threads) = status_field(&status, "Threads:") {
            line(page, "process_threads", threads);
        }
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        line(
            page,
            "process_open_fds",
            u32::try_from(files.count()).unwrap_or(u32::MAX),
        );
    }
}

/// Written here and not through the recorder, whose counters hold whole numbers only.
fn line(page: &mut String, name: &str, value: impl Into<f64>) {
    if let Some(metric) = super::METRICS.iter().find(|metric| metric.name == name) {
        let kind = metric.kind.as_str();
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "# HELP {name} {}\n# TYPE {name} {kind}\n{name} {}\n\n",
            metric.help,
            value.into()
        );
    }
}

/// User and system time of `/proc/self/stat`, fields 14 and 15. The second field, the program's name in parentheses,
/// may itself hold spaces and parentheses.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS_PER_SECOND)
}

/// The number after `name` in `/proc/self/status`.
fn status_field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_an_awkward_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194304 900 0 0 0 150 50 0 0 20 0 9 0 100 1000 200";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a"), None);
    }

    #[test]
    fn status_fields_are_read_without_their_unit() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t9\n";
        assert_eq!(status_field(status, "VmRSS:"), Some(2048.0));
        assert_eq!(status_field(status, "Threads:"), Some(9.0));
        assert_eq!(status_field(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_has_all_of_them() {
        let mut page = String::new();
        render(&mut page);
        for name in [
            "cpu_seconds_total",
            "resident_memory_bytes",
            "threads",
            "open_fds",
        ] {
            assert!(
                page.lines()
                    .any(|line| line.starts_with(&format!("process_{name} "))),
                "{name} in {page}"
            );
        }
        assert!(page.contains("# TYPE process_cpu_seconds_total counter\n"));
    }
}
