//! The run while it goes on: bars on a terminal, a line a second elsewhere.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::series::{Phase, Row};
use crate::stats::Percentiles;
use crate::summary::{ErrorCount, Replica};

/// How the run stands, told once a second.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The second that has ended.
    pub row: &'a Row,
    /// How much of the sending is done, from 0 to 1, where that is known.
    pub done: Option<f64>,
    /// Jobs accepted so far.
    pub accepted: u64,
    /// Jobs dropped so far.
    pub dropped: u64,
    /// Jobs refused so far.
    pub refused: u64,
    /// Submit latency so far.
    pub latency: Option<Percentiles>,
    /// Errors so far, most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Answers per replica, most frequent first.
    pub served_by: Vec<Replica>,
    /// What the generator has to say about itself.
    pub warning: Option<String>,
}

/// Shows the run.
pub trait View: Send {
    /// A second has ended.
    fn tick(&mut self, progress: &Progress<'_>);
    /// The run has ended: nothing of it stays on the screen that should not.
    fn end(&mut self) {}
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl View for Silent {
    fn tick(&mut self, _: &Progress<'_>) {}
}

/// A line a second on standard error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines;

impl View for Lines {
    fn tick(&mut self, progress: &Progress<'_>) {
        eprintln!("{}", line(progress));
    }
}

/// Bars on a terminal.
#[derive(Debug)]
pub struct Bars {
    all: MultiProgress,
    sending: ProgressBar,
    lines: Vec<ProgressBar>,
}

impl Default for Bars {
    fn default() -> Self {
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let all = MultiProgress::new();
        let sending = all.add(ProgressBar::new(1_000));
        sending.set_style(style("{msg:8} {wide_bar} {percent:>3}% {elapsed} eta {eta}"));
        let line = || {
            let line = all.add(ProgressBar::new_spinner());
            line.set_style(style("  {wide_msg}"));
            line
        };
        let lines = std::iter::repeat_with(line).take(7).collect();
        Self { all, sending, lines }
    }
}

impl View for Bars {
    fn tick(&mut self, progress: &Progress<'_>) {
        self.sending.set_message(progress.row.phase.name());
        if let Some(done) = progress.done {
            self.sending.set_position(crate::number::whole(done * 1_000.0));
        }
        for (line, text) in self.lines.iter().zip(block(progress)) {
            line.set_message(text);
        }
    }

    fn end(&mut self) {
        self.sending.finish_and_clear();
        self.lines.iter().for_each(ProgressBar::finish_and_clear);
        // What cannot be cleared from a terminal is not worth failing for.
        let _ = self.all.clear();
    }
}

fn line(progress: &Progress<'_>) -> String {
    let row = progress.row;
    let mut text = format!("{:>6.0}s {:6}", row.at, row.phase.name());
    if row.phase == Phase::Follow {
        text += &format!(" completed {}", count(row.completed));
    } else {
        text += &format!(
            " offered {:>6}/s accepted {:>6}/s p50 {} p99 {} max {} in flight {}",
            per_second(row.offered, row),
            per_second(row.accepted, row),
            span(row.p50_us),
            span(row.p99_us),
            span(row.max_us),
            row.in_flight,
        );
    }
    if let Some(ready) = row.ready {
        text += &format!(
            " backlog {}",
            ready + row.running.unwrap_or_default() + row.delayed.unwrap_or_default()
        );
    }
    if row.dropped + row.refused > 0 {
        text += &format!(" dropped {} refused {}", row.dropped, row.refused);
    }
    if let Some(error) = progress.errors.first().filter(|_| row.refused > 0) {
        text += &format!(" ({} {})", error.code, error.reason);
    }
    if let Some(warning) = &progress.warning {
        text += &format!(" ! {warning}");
    }
    text
}

fn block(progress: &Progress<'_>) -> [String; 7] {
    let row = progress.row;
    let total = progress.latency.map_or(String::new(), |all| {
        format!(
            "p50 {} p90 {} p99 {} p99.9 {} max {}",
            span(all.p50_us),
            span(all.p90_us),
            span(all.p99_us),
            span(all.p999_us),
            span(all.max_us)
        )
    });
    let errors: Vec<String> = progress
        .errors
        .iter()
        .take(4)
        .map(|error| format!("{} {} {}", error.jobs, error.code, error.reason))
        .collect();
    let replicas: Vec<String> = progress
        .served_by
        .iter()
        .take(8)
        .map(|replica| {
            format!(
                "{} {} {:.0}%",
                replica.name,
                bar(replica.share),
                replica.share * 100.0
            )
        })
        .collect();
    [
        format!(
            "now      offered {}/s  accepted {}/s  in flight {}  dropped {}  refused {}",
            per_second(row.offered, row),
            per_second(row.accepted, row),
            row.in_flight,
            row.dropped,
            row.refused
        ),
        format!(
            "so far   accepted {}  completed {}  dropped {}  refused {}",
            progress.accepted,
            count(row.completed),
            progress.dropped,
            progress.refused
        ),
        format!(
            "latency  p50 {} p90 {} p99 {} p99.9 {} max {}   so far {total}",
            span(row.p50_us),
            span(row.p90_us),
            span(row.p99_us),
            span(row.p999_us),
            span(row.max_us)
        ),
        format!(
            "backlog  ready {}  running {}  delayed {}  oldest {}  workers {}",
            count(row.ready),
            count(row.running),
            count(row.delayed),
            row.oldest_ms
                .map_or("-".to_owned(), |ms| span(ms.saturating_mul(1_000))),
            count(row.workers)
        ),
        format!("replicas {}", or_none(&replicas.join("   "))),
        format!("errors   {}", or_none(&errors.join(" · "))),
        match &progress.warning {
            Some(warning) => format!("warning  {warning}"),
            None => String::new(),
        },
    ]
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn bar(share: f64) -> String {
    "█".repeat(
        usize::try_from(crate::number::whole(share * 20.0))
            .unwrap_or_default()
            .min(20),
    )
}

fn per_second(jobs: u64, row: &Row) -> u64 {
    crate::number::whole(jobs as f64 / row.seconds.max(0.001))
}

fn count(count: Option<u64>) -> String {
    count.map_or("-".to_owned(), |count| count.to_string())
}

/// Microseconds for people.
pub(crate) fn span(micros: u64) -> String {
    let span = Duration::from_micros(micros);
    match micros {
        0 => "-".to_owned(),
        1..=999 => format!("{micros}µs"),
        1_000..=9_999 => format!("{:.2}ms", span.as_secs_f64() * 1e3),
        10_000..=999_999 => format!("{:.0}ms", span.as_secs_f64() * 1e3),
        _ => format!("{:.2}s", span.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short_at_every_size() {
        let told = [0, 7, 1_234, 56_789, 1_234_567].map(span);
        assert_eq!(told, ["-", "7µs", "1.23ms", "57ms", "1.23s"]);
    }
}
