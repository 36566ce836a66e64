//! The queues, and their load.

use chrono::TimeDelta;
use scheduler_client::{Priority, Timestamp, v1};
use serde::Serialize;

use super::load::{Load, TypeLoad, delta, seconds};
use super::{priority, span};
use crate::output::{Cell, Row};

/// The queues, and what is not in any of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Queues {
    pub(crate) queues: Vec<Queue>,
    pub(crate) running: i64,
    pub(crate) buffered: i64,
    pub(crate) delayed: i64,
    pub(crate) workers: i64,
    /// Whole workers for all queues; a server of an earlier release does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) desired_workers: Option<i64>,
}

/// What waits in a queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    ready: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_ready_age: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<Load>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<Load>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    types: Vec<TypeLoad>,
}

impl Queues {
    /// With what is known of their load, in which queues can be that have nothing ready.
    pub(crate) fn with(mut self, stats: v1::GetQueueStatsResponse) -> Self {
        self.desired_workers = Some(stats.desired_workers);
        for line in stats.lines {
            let at = self.queues.iter().position(|queue| queue.name == line.queue);
            let at = at.unwrap_or_else(|| {
                self.queues.push(Queue::empty(&line.queue));
                self.queues.len() - 1
            });
            self.queues[at].add(line);
        }
        self.queues.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }
}

impl From<v1::ListQueuesResponse> for Queues {
    fn from(answer: v1::ListQueuesResponse) -> Self {
        Self {
            queues: answer.queues.into_iter().map(Queue::from).collect(),
            running: answer.running,
            buffered: answer.buffered,
            delayed: answer.delayed,
            workers: answer.workers,
            desired_workers: None,
        }
    }
}

impl Queue {
    fn empty(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ready: 0,
            oldest_ready_age: None,
            load: None,
            depths: Vec::new(),
            oldest: None,
        }
    }

    fn add(&mut self, line: v1::QueueStats) {
        let load = line.figures.as_ref().map(Load::from);
        if let Some(load) = &load {
            self.load.get_or_insert_default().join(load);
        }
        let name = priority(line.priority);
        let at = self.depths.iter().position(|depth| depth.priority == name);
        let at = at.unwrap_or_else(|| {
            self.depths.push(Depth {
                priority: name,
                ready: 0,
                oldest_ready_age: None,
                load: None,
                types: Vec::new(),
            });
            self.depths.len() - 1
        });
        self.depths[at].load = load;
        self.depths[at].types = line.types.into_iter().map(TypeLoad::from).collect();
    }
}

impl From<v1::Queue> for Queue {
    fn from(queue: v1::Queue) -> Self {
        let oldest = queue.oldest_ready_age.map(delta);
        let depth = |depth: v1::QueueDepth| Depth {
            priority: priority(depth.priority),
            ready: depth.ready,
            oldest_ready_age: depth.oldest_ready_age.map(delta).map(seconds),
            load: None,
            types: Vec::new(),
        };
        Self {
            name: queue.name,
            ready: queue.ready,
            oldest_ready_age: oldest.map(seconds),
            load: None,
            depths: queue.depths.into_iter().map(depth).collect(),
            oldest,
        }
    }
}

impl Row for Queue {
    const COLUMNS: &'static [&'static str] = &[
        "queue", "ready", "oldest", "running", "in/s", "out/s", "run", "workers", "critical", "high",
        "default", "low",
    ];

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
        cells.extend(self.load.as_ref().map_or_else(Load::no_cells, Load::cells));
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
            buffered: 4,
            delayed: 2,
            workers: 3,
        })
    }

    fn figures(ready: i64, running: i64, millis: i64) -> Option<v1::LoadFigures> {
        Some(v1::LoadFigures {
            ready,
            running,
            arrival_rate: 2.5,
            completion_rate: 1.25,
            mean_run_time: Some(prost_types::Duration {
                seconds: 0,
                nanos: i32::try_from(millis * 1_000_000).unwrap(),
            }),
            desired_workers: 0.333_333,
            ..Default::default()
        })
    }

    fn loaded() -> Queues {
        let line = |queue: &str, priority, figures: Option<v1::LoadFigures>| v1::QueueStats {
            queue: queue.to_owned(),
            priority,
            figures,
            types: vec![v1::TypeStats {
                r#type: "send".to_owned(),
                figures,
            }],
        };
        queues().with(v1::GetQueueStatsResponse {
            lines: vec![
                line("bulk", 3, figures(0, 1, 100)),
                line("mail", 1, figures(2, 3, 100)),
                line("mail", 4, figures(5, 0, 300)),
            ],
            desired_workers: 1,
            ..Default::default()
        })
    }

    fn cells(queue: &Queue) -> Vec<String> {
        let cells = queue.cells(Timestamp::default());
        cells.iter().map(|cell| cell.show(false)).collect()
    }

    #[test]
    fn a_row_has_a_column_for_each_figure_and_priority() {
        let blank = ["mail", "7", "90s", "", "", "", "", "", "2", "0", "0", "5"];
        assert_eq!(cells(&queues().queues[0]), blank);
        let loaded = loaded();
        let mail = [
            "mail", "7", "90s", "3", "5.0", "2.5", "200ms", "0.67", "2", "0", "0", "5",
        ];
        assert_eq!(cells(&loaded.queues[1]), mail);
        let bulk = [
            "bulk", "0", "", "1", "2.5", "1.2", "100ms", "0.33", "0", "0", "0", "0",
        ];
        assert_eq!(cells(&loaded.queues[0]), bulk);
    }

    #[test]
    fn json_is_the_whole_answer() {
        let json = serde_json::to_string(&queues()).unwrap();
        let expected = concat!(
            r#"{"queues":[{"name":"mail","ready":7,"oldest_ready_age":"90.250s","depths":["#,
            r#"{"priority":"critical","ready":2,"oldest_ready_age":"90.250s"},{"priority":"low","ready":5}]}],"#,
            r#""running":1,"buffered":4,"delayed":2,"workers":3}"#,
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn json_has_the_load_of_each_queue_priority_and_type() {
        let json = serde_json::to_value(loaded()).unwrap();
        assert_eq!(json["desired_workers"], 1);
        let mail = &json["queues"][1];
        assert_eq!(mail["load"]["running"], 3);
        assert_eq!(mail["load"]["mean_run_time"], "0.200s");
        assert_eq!(mail["load"]["desired_workers"], 0.667);
        assert_eq!(mail["depths"][1]["load"]["arrival_rate"], 2.5);
        let send = &mail["depths"][0]["types"][0];
        assert_eq!((&send["type"], &send["ready"]), (&"send".into(), &2.into()));
        assert_eq!(send["completion_rate"], 1.25);
    }
}
