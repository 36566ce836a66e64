//! The queues.

use chrono::TimeDelta;
use scheduler_client::{Priority, Timestamp, v1};
use serde::Serialize;

use super::{priority, span};
use crate::output::{Cell, Row};

/// The queues, and what is not in any of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Queues {
    pub(crate) queues: Vec<Queue>,
    pub(crate) running: i64,
    pub(crate) delayed: i64,
    pub(crate) workers: i64,
}

/// What waits in a queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    ready: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_ready_age: Option<String>,
    depths: Vec<Depth>,
    #[serde(skip)]
    oldest: Option<TimeDelta>,
}

/// What waits in a queue at one priority.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Depth {
    priority: String,
    ready: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_ready_age: Option<String>,
}

fn delta(span: prost_types::Duration) -> TimeDelta {
    TimeDelta::seconds(span.seconds) + TimeDelta::nanoseconds(i64::from(span.nanos))
}

/// Seconds, as protobuf's JSON has spans.
fn seconds(span: TimeDelta) -> String {
    let (whole, millis) = (span.num_seconds(), span.subsec_nanos() / 1_000_000);
    if millis == 0 {
        format!("{whole}s")
    } else {
        format!("{whole}.{millis:03}s")
    }
}

impl From<v1::ListQueuesResponse> for Queues {
    fn from(answer: v1::ListQueuesResponse) -> Self {
        Self {
            queues: answer.queues.into_iter().map(Queue::from).collect(),
            running: answer.running,
            delayed: answer.delayed,
            workers: answer.workers,
        }
    }
}

impl From<v1::Queue> for Queue {
    fn from(queue: v1::Queue) -> Self {
        let oldest = queue.oldest_ready_age.map(delta);
        let depth = |depth: v1::QueueDepth| Depth {
            priority: priority(depth.priority),
            ready: depth.ready,
            oldest_ready_age: depth.oldest_ready_age.map(delta).map(seconds),
        };
        Self {
            name: queue.name,
            ready: queue.ready,
            oldest_ready_age: oldest.map(seconds),
            depths: queue.depths.into_iter().map(depth).collect(),
            oldest,
        }
    }
}

impl Row for Queue {
    const COLUMNS: &'static [&'static str] =
        &["queue", "ready", "oldest", "critical", "high", "default", "low"];

    fn name(&self) -> String {
        self.name.clone()
    }

    fn cells(&self, _: Timestamp) -> Vec<Cell> {
        let ready = |priority: Priority| {
            let depths = self
                .depths
                .iter()
                .filter(|depth| depth.priority == priority.name());
            Cell::from(depths.map(|depth| depth.ready).sum::<i64>().to_string())
        };
        let mut cells = vec![
            self.name.as_str().into(),
            self.ready.to_string().into(),
            self.oldest.map(span::age).unwrap_or_default().into(),
        ];
        cells.extend(Priority::ALL.map(ready));
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues() -> Queues {
        let age = Some(prost_types::Duration {
            seconds: 90,
            nanos: 250_000_000,
        });
        Queues::from(v1::ListQueuesResponse {
            queues: vec![v1::Queue {
                name: "mail".to_owned(),
                depths: vec![
                    v1::QueueDepth {
                        priority: 1,
                        ready: 2,
                        oldest_ready_age: age,
                    },
                    v1::QueueDepth {
                        priority: 4,
                        ready: 5,
                        oldest_ready_age: None,
                    },
                ],
                ready: 7,
                oldest_ready_age: age,
            }],
            running: 1,
            delayed: 2,
            workers: 3,
        })
    }

    #[test]
    fn a_row_has_a_column_for_each_priority() {
        let cells: Vec<String> = queues().queues[0]
            .cells(Timestamp::default())
            .iter()
            .map(|cell| cell.show(false))
            .collect();
        assert_eq!(cells, ["mail", "7", "90s", "2", "0", "0", "5"]);
    }

    #[test]
    fn json_is_the_whole_answer() {
        let json = serde_json::to_string(&queues()).unwrap();
        let expected = concat!(
            r#"{"queues":[{"name":"mail","ready":7,"oldest_ready_age":"90.250s","depths":["#,
            r#"{"priority":"critical","ready":2,"oldest_ready_age":"90.250s"},{"priority":"low","ready":5}]}],"#,
            r#""running":1,"delayed":2,"workers":3}"#,
        );
        assert_eq!(json, expected);
    }
}
