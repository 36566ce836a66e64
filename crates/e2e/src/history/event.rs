//! One thing that happened, as a line of JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// One line of a process's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Line", into = "Line")]
pub struct Event {
    /// Names the run.
    pub run: String,
    /// What the run's faults and load were made from.
    pub seed: u64,
    /// Who tells: a logical client, a worker process, an API process, `faults`, `sink`.
    pub process: String,
    /// Counts the lines of one process from 1.
    pub seq: u64,
    /// CLOCK_MONOTONIC: one host, so it orders what different processes tell.
    pub mono_ns: u64,
    /// CLOCK_REALTIME: relates to what the database's clock says.
    pub wall_ns: u64,
    /// What is told.
    pub told: Told,
}

/// What an event tells, without who and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Where in a call it stands.
    pub kind: Kind,
    /// Which call, or what happened.
    pub op: Op,
    /// Of `ok`, `fail` and `info`: `seq` of the `invoke` that it answers.
    pub call: Option<u64>,
    /// Which job.
    pub job: Option<Uuid>,
    /// Under which fencing number.
    pub epoch: Option<i32>,
    /// Which life of which worker.
    pub worker: Option<String>,
    /// gRPC code of a failure (`UNAVAILABLE`), name of a fault (`F17`), or which of its kind it is (see [`Op`]).
    pub code: Option<String>,
    /// What was asked.
    pub args: Option<Value>,
    /// What was answered.
    pub reply: Option<Value>,
}

/// Where in a call an event stands. What is no call is a `note`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It begins.
    Invoke,
    /// It was carried out.
    Ok,
    /// It was not carried out, for certain.
    Fail,
    /// Nobody knows whether it was carried out; a logical client that learns so is not used again.
    Info,
    /// Something happened.
    Note,
}

/// Which call, or what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A client's call; args `{key?, body, max_attempts, run_at_ns?, batch?}`, reply `{replayed}`. A batch is one per job.
    Submit,
    /// A client's call; reply `{state, sequence, attempts}`. `fail` with `NOT_FOUND` when there is none.
    Get,
    /// A client's call; one `ok` for the call (reply `{jobs}`), then one `note` per job as for [`Op::Get`].
    List,
    /// A client's; one `note` per change as for [`Op::Get`].
    Watch,
    /// A client's call; reply `{cancelled}`.
    Cancel,
    /// A client's call; reply as for [`Op::Get`].
    Redrive,
    /// A client's call.
    Delete,

    /// A worker leased an entry in the queue; its row is not read yet.
    Claim,
    /// A worker saw the row open under the entry's epoch.
    Take,
    /// A worker dropped an entry whose row is final, gone, or out under a higher epoch.
    Stale,
    /// A worker began an attempt.
    Start,
    /// An attempt ended in its worker; code `ok`, `error`, `unwanted`, `leaving`.
    End,
    /// A worker reports (`invoke`, code is the state that it asks for: `SUCCEEDED`); `ok` accepted, `fail` fenced, `info` not known.
    Report,
    /// A worker gave back an entry that it had not started.
    Release,
    /// A draining worker gave back an attempt that it had started.
    HandBack,
    /// A worker's heartbeat was answered; args `{sent_ns, held, lost}`, where `sent_ns` is a wall clock time.
    Beat,
    /// A worker drains; args `{running, released}`.
    Drain,
    /// A handler of the harness made its effect; told by the handler.
    Effect,
    /// The effect sink received it; told by the sink.
    Sunk,
    /// A handler of the harness returned; args `{result?}`.
    Handled,

    /// A fault began (`invoke`) and ended (`ok`); code is its name, args its parameters (flush: `{queued}`).
    Fault,
    /// The run entered a phase; code `warm_up`, `load`, `heal`, `drain`, `done`.
    Phase,
    /// A state worth reaching was reached; code is the [`Reach`](super::Reach).
    Reached,
    /// Measured; args are names and numbers: `fds`, `rss_kib`, `connections`, `idle_in_transaction`, `orphan_keys` …
    Sample,
    /// For people.
    Remark,
}

impl Told {
    /// So far only what happened.
    #[must_use]
    pub fn new(kind: Kind, op: Op) -> Self {
        Self {
            kind,
            op,
            call: None,
            job: None,
            epoch: None,
            worker: None,
            code: None,
            args: None,
            reply: None,
        }
    }

    /// Something that is no call.
    #[must_use]
    pub fn note(op: Op) -> Self {
        Self::new(Kind::Note, op)
    }

    /// Of which job.
    #[must_use]
    pub fn job(self, job: Uuid) -> Self {
        Self {
            job: Some(job),
            ..self
        }
    }

    /// Under which fencing number.
    #[must_use]
    pub fn epoch(self, epoch: i32) -> Self {
        Self {
            epoch: Some(epoch),
            ..self
        }
    }

    /// By which worker.
    #[must_use]
    pub fn worker(self, worker: impl Into<String>) -> Self {
        Self {
            worker: Some(worker.into()),
            ..self
        }
    }

    /// Which of its kind.
    #[must_use]
    pub fn code(self, code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            ..self
        }
    }

    /// What was asked.
    #[must_use]
    pub fn args(self, args: Value) -> Self {
        Self {
            args: Some(args),
            ..self
        }
    }

    /// What was answered.
    #[must_use]
    pub fn reply(self, reply: Value) -> Self {
        Self {
            reply: Some(reply),
            ..self
        }
    }

    /// The `invoke` that it answers.
    #[must_use]
    pub fn answers(self, call: u64) -> Self {
        Self {
            call: Some(call),
            ..self
        }
    }
}

/// An event as it is written: flat. (Not by `serde(flatten)`, which cannot read numbers where `serde_json` keeps them exact.)
#[derive(Serialize, Deserialize)]
struct Line {
    run: String,
    seed: u64,
    process: String,
    seq: u64,
    mono_ns: u64,
    wall_ns: u64,
    kind: Kind,
    op: Op,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    call: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epoch: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    args: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply: Option<Value>,
}

impl From<Line> for Event {
    fn from(line: Line) -> Self {
        Self {
            run: line.run,
            seed: line.seed,
            process: line.process,
            seq: line.seq,
            mono_ns: line.mono_ns,
            wall_ns: line.wall_ns,
            told: Told {
                kind: line.kind,
                op: line.op,
                call: line.call,
                job: line.job,
                epoch: line.epoch,
                worker: line.worker,
                code: line.code,
                args: line.args,
                reply: line.reply,
            },
        }
    }
}

impl From<Event> for Line {
    fn from(event: Event) -> Self {
        let Told {
            kind,
            op,
            call,
            job,
            epoch,
            worker,
            code,
            args,
            reply,
        } = event.told;
        Self {
            run: event.run,
            seed: event.seed,
            process: event.process,
            seq: event.seq,
            mono_ns: event.mono_ns,
            wall_ns: event.wall_ns,
            kind,
            op,
            call,
            job,
            epoch,
            worker,
            code,
            args,
            reply,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_one_flat_line_and_reads_back_as_it_was() {
        let event = Event {
            run: "r".to_owned(),
            seed: u64::MAX,
            process: "client-1".to_owned(),
            seq: 2,
            mono_ns: 3,
            wall_ns: 1_796_000_000_000_000_000,
            told: Told::new(Kind::Fail, Op::Submit)
                .job(Uuid::from_u128(7))
                .epoch(1)
                .code("UNAVAILABLE")
                .answers(1)
                .args(json!({"body": u64::MAX})),
        };
        let line = serde_json::to_value(&event).unwrap();
        assert!(line.get("told").is_none());
        assert_eq!((&line["kind"], &line["op"]), (&json!("fail"), &json!("submit")));
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}
