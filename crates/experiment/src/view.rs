//! The experiment while it goes on: two lines on a terminal, a line per phase elsewhere.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cluster::Component;
use crate::measure::MEASURES;
use crate::plan::Turn;
use crate::summary::{RunRecord, State};
use crate::verdict::told;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The chart is being installed.
    Install,
    /// The pods come to rest.
    Settle,
    /// Jobs are sent.
    Load,
    /// Jobs are followed to their end.
    Drain,
    /// All jobs have ended; the pods are still looked at.
    After,
    /// It is being removed.
    Uninstall,
}

impl Phase {
    /// In a word or two.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Install => "installing",
            Self::Settle => "waiting until the pods stand still",
            Self::Load => "sending jobs",
            Self::Drain => "waiting for the drain",
            Self::After => "looking on",
            Self::Uninstall => "uninstalling",
        }
    }
}

/// How a run stands.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// The pods.
    pub components: Vec<Component>,
    /// Jobs that are ready and not started.
    pub ready: Option<u64>,
    /// How long the oldest of them has waited.
    pub oldest: Option<Duration>,
    /// Jobs accepted so far.
    pub accepted: u64,
}

/// Shows the experiment.
pub trait View: Send {
    /// A phase of a run begins.
    fn phase(&mut self, turn: &Turn, side: &str, phase: Phase);
    /// A second has passed.
    fn tick(&mut self, _: &Now) {}
    /// A run has ended.
    fn ran(&mut self, _: &Turn, _: &RunRecord) {}
    /// Nothing stays on the screen that should not.
    fn end(&mut self) {}
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl View for Silent {
    fn phase(&mut self, _: &Turn, _: &str, _: Phase) {}
}

/// A line per phase on standard error.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines;

impl View for Lines {
    fn phase(&mut self, turn: &Turn, side: &str, phase: Phase) {
        eprintln!("{} {}", lead(turn, side), phase.name());
    }

    fn ran(&mut self, turn: &Turn, run: &RunRecord) {
        eprintln!("{} {}", lead(turn, &run.side), ended(run));
    }
}

/// Two lines on a terminal, and one for each run that has ended.
#[derive(Debug)]
pub struct Bars {
    all: MultiProgress,
    phase: ProgressBar,
    now: ProgressBar,
}

impl Default for Bars {
    fn default() -> Self {
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
        };
        let all = MultiProgress::new();
        let phase = all.add(ProgressBar::new_spinner());
        phase.set_style(style("{spinner} {wide_msg} {elapsed}"));
        phase.enable_steady_tick(Duration::from_millis(120));
        let now = all.add(ProgressBar::new_spinner());
        now.set_style(style("  {wide_msg}"));
        Self { all, phase, now }
    }
}

impl View for Bars {
    fn phase(&mut self, turn: &Turn, side: &str, phase: Phase) {
        self.phase
            .set_message(format!("{} {}", lead(turn, side), phase.name()));
        self.now.set_message("");
    }

    fn tick(&mut self, now: &Now) {
        self.now.set_message(line(now));
    }

    fn ran(&mut self, turn: &Turn, run: &RunRecord) {
        // A line that cannot be written to a terminal is not worth failing for.
        let _ = self
            .all
            .println(format!("{} {}", lead(turn, &run.side), ended(run)));
    }

    fn end(&mut self) {
        self.phase.finish_and_clear();
        self.now.finish_and_clear();
        let _ = self.all.clear();
    }
}

fn lead(turn: &Turn, side: &str) -> String {
    format!("[{}/{}] {side}, repeat {}:", turn.number, turn.of, turn.repeat)
}

fn line(now: &Now) -> String {
    let mut parts: Vec<String> = now
        .components
        .iter()
        .map(|component| format!("{} {}/{}", component.name, component.ready, component.wanted))
        .collect();
    if let Some(ready) = now.ready {
        parts.push(format!("backlog {ready}"));
    }
    if let Some(oldest) = now.oldest.filter(|age| !age.is_zero()) {
        parts.push(format!("oldest {:.1}s", oldest.as_secs_f64()));
    }
    if now.accepted > 0 {
        parts.push(format!("accepted {}", now.accepted));
    }
    parts.join("  ")
}

fn ended(run: &RunRecord) -> String {
    if let Some(error) = &run.error {
        return format!("failed: {error}");
    }
    if run.state == State::Interrupted {
        return "interrupted".to_owned();
    }
    let of = |name: &str| {
        let measure = MEASURES.iter().find(|measure| measure.name == name)?;
        Some(told(run.figures.get(name)?.figure()?, measure.unit))
    };
    let or_none = |figure: Option<String>| figure.unwrap_or_else(|| "-".to_owned());
    format!(
        "caught up after {}, wait p95 {}, {}, lost {}",
        or_none(of("catch_up")),
        or_none(of("wait_p95")),
        or_none(of("worker_pod_seconds")),
        or_none(of("lost"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_a_line() {
        let now = Now {
            components: vec![Component {
                name: "worker".to_owned(),
                wanted: 6,
                ready: 4,
                pods: 6,
            }],
            ready: Some(120),
            oldest: Some(Duration::from_millis(3_240)),
            accepted: 900,
        };
        assert_eq!(line(&now), "worker 4/6  backlog 120  oldest 3.2s  accepted 900");
        assert_eq!(line(&Now::default()), "");
    }
}
