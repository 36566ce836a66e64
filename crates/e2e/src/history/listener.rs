//! Hears what a process tells under the target `history`, and writes it down.

use std::sync::{Arc, OnceLock};

use scheduler_service::telemetry::Observer;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer};

use super::{Kind, Op, Recorder, Told};

/// The name that the process's worker gave itself, once it has told something.
pub type WorkerName = Arc<OnceLock<String>>;

/// A layer of the process's subscriber.
#[derive(Debug)]
pub struct Listener {
    recorder: Recorder,
    worker: WorkerName,
}

impl Listener {
    /// Writes to `recorder`, and keeps in `worker` who tells.
    #[must_use]
    pub fn observer(recorder: Recorder, worker: WorkerName) -> Observer {
        let listener = Self { recorder, worker };
        Box::new(listener.with_filter(Targets::new().with_target("history", LevelFilter::TRACE)))
    }
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut heard = Heard::default();
        event.record(&mut heard);
        let told = heard.told();
        if let Some(worker) = &told.worker {
            self.worker.get_or_init(|| worker.clone());
        }
        self.recorder.tell(told);
    }
}

/// The fields of an event.
#[derive(Default)]
struct Heard(Map<String, Value>);

impl Heard {
    /// What is known by name, and the rest as arguments. What is no operation is a remark, so that nothing that was told is lost.
    fn told(mut self) -> Told {
        let kind = self.read::<Kind>("kind").unwrap_or(Kind::Note);
        let mut told = match self.read::<Op>("op") {
            Some(op) => Told::new(kind, op),
            None => Told::note(Op::Remark),
        };
        told.job = self.read("job");
        told.epoch = self.read("epoch");
        told.worker = self.read("worker");
        told.code = self.read("code");
        if !self.0.is_empty() {
            told.args = Some(Value::Object(self.0));
        }
        told
    }

    /// A field, if it reads as a `T`.
    fn read<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = T::deserialize(self.0.get(name)?).ok()?;
        self.0.remove(name);
        Some(value)
    }

    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Heard {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tracing::trace;
    use tracing_subscriber::layer::SubscriberExt as _;
    use uuid::Uuid;

    use super::*;
    use crate::history::{self, Folder, Setup};

    fn told(events: &Path) -> Vec<Told> {
        let mut told = Vec::new();
        for line in std::fs::read_to_string(events.join("w.jsonl")).unwrap().lines() {
            told.push(serde_json::from_str::<history::Event>(line).unwrap().told);
        }
        told
    }

    #[test]
    fn what_is_told_under_the_target_is_written_down_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), &Setup::new("r", 1)).unwrap();
        let worker = WorkerName::default();
        let recorder = Recorder::create(&folder, "w").unwrap();
        let observer = Listener::observer(recorder, Arc::clone(&worker));
        let job = Uuid::from_u128(7);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(observer), || {
            trace!(target: "history", op = "report", kind = "fail", job = %job, epoch = 3, worker = "w/1", code = "fenced");
            trace!(target: "history", op = "beat", worker = "w/1", sent_ns = Some(9_i64), held = 2_usize);
            trace!(target: "history", op = "no such thing", code = "x");
            trace!("elsewhere");
        });
        let report = Told::new(Kind::Fail, Op::Report).job(job).epoch(3);
        let beat = Told::note(Op::Beat).worker("w/1");
        let remark = Told::note(Op::Remark).code("x");
        assert_eq!(
            told(&folder.events()),
            [
                report.worker("w/1").code("fenced"),
                beat.args(serde_json::json!({"sent_ns": 9, "held": 2})),
                remark.args(serde_json::json!({"op": "no such thing"})),
            ]
        );
        assert_eq!(worker.get().map(String::as_str), Some("w/1"));
    }
}
