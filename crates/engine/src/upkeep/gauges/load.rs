//! The figures of load as metrics: what Prometheus can scale workers by.

use std::collections::{BTreeMap, BTreeSet};

use metrics::gauge;
use scheduler_domain::Priority;

use crate::metrics as names;
use crate::signal::{Aim, Figures, Load, Signal};

/// Most queues that have series of their own. Whoever submits names queues, so there is no natural bound.
const MOST_QUEUES: usize = 100;
/// What the others share.
const OTHER_QUEUES: &str = "other";

/// The queues that have series; these stay, at zero when nothing is known of them any more.
#[derive(Debug, Default)]
pub(super) struct Shown(BTreeSet<String>);

impl Shown {
    pub(super) fn show(&mut self, signal: &Signal) {
        let aim = Aim::with(signal);
        let mut lines: BTreeMap<(&str, Priority), (Vec<&Figures>, f64)> = BTreeMap::new();
        for load in &signal.lines {
            let queue = load.queue.as_str();
            if !self.0.contains(queue) && self.0.len() < MOST_QUEUES {
                self.0.insert(queue.to_owned());
            }
        }
        for load in &signal.lines {
            let (all, workers) = lines.entry((self.label(load), load.priority)).or_default();
            all.push(&load.figures);
            *workers += load.workers(&aim);
        }
        for queue in self.0.iter().map(String::as_str).chain([OTHER_QUEUES]) {
            for priority in Priority::ALL {
                let (all, workers) = lines.remove(&(queue, priority)).unwrap_or_default();
                set(queue, priority, &Figures::total(all), workers);
            }
        }
    }

    fn label<'a>(&self, load: &'a Load) -> &'a str {
        let queue = load.queue.as_str();
        if self.0.contains(queue) {
            queue
        } else {
            OTHER_QUEUES
        }
    }
}

fn set(queue: &str, priority: Priority, figures: &Figures, workers: f64) {
    let (queue, priority) = (queue.to_owned(), priority.name());
    let seconds = |span: Option<std::time::Duration>| span.unwrap_or_default().as_secs_f64();
    let labels = [("queue", queue), ("priority", priority.to_owned())];
    gauge!(names::LOAD_READY, &labels).set(super::number(figures.ready));
    gauge!(names::LOAD_OLDEST, &labels).set(seconds(figures.oldest));
    gauge!(names::LOAD_RUNNING, &labels).set(super::number(figures.running));
    gauge!(names::LOAD_ARRIVALS, &labels).set(figures.arrival_rate);
    gauge!(names::LOAD_COMPLETIONS, &labels).set(figures.completion_rate);
    gauge!(names::LOAD_RUN, &labels).set(seconds(figures.mean_run));
    gauge!(names::LOAD_WORKERS, &labels).set(workers);
}
