//! What the fake knows.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use scheduler_domain::State;
use scheduler_proto::v1;
use tokio::sync::watch;
use tonic::Status;

/// A call of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rpc {
    /// `SubmitJob`.
    Submit,
    /// `BatchSubmitJobs`.
    SubmitBatch,
    /// `GetJob`.
    Get,
    /// `WatchJob`.
    Watch,
    /// `CancelJob`.
    Cancel,
    /// `ListJobs`.
    List,
    /// `RetryJob`.
    Retry,
    /// `DeleteJob`.
    Delete,
    /// `ListJobAttempts`.
    Attempts,
    /// `ListQueues`.
    Queues,
    /// `GetQueueStats`.
    Stats,
}

/// A failure ordered for the next call of `rpc`.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) rpc: Rpc,
    pub(super) status: Status,
    /// Whether the call is carried out first.
    pub(super) done: bool,
}

/// One job and its past.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) job: v1::Job,
    pub(super) status: v1::JobStatus,
    pub(super) events: Vec<v1::JobEvent>,
    pub(super) attempts: Vec<v1::JobAttempt>,
}

#[derive(Debug)]
pub(super) struct Inside {
    pub(super) records: Vec<Record>,
    pub(super) life: Vec<State>,
    pub(super) faults: Vec<Fault>,
    pub(super) breaks: VecDeque<usize>,
    pub(super) calls: Vec<Rpc>,
    pub(super) watched_from: Vec<i64>,
    pub(super) peers: BTreeSet<SocketAddr>,
    pub(super) workers: i64,
    born: u32,
}

/// Everything, behind one lock; a change wakes the watchers.
#[derive(Debug)]
pub(super) struct World {
    inside: Mutex<Inside>,
    changed: watch::Sender<()>,
}

impl Default for World {
    fn default() -> Self {
        let inside = Inside {
            records: Vec::new(),
            life: vec![State::Queued, State::Running, State::Succeeded],
            faults: Vec::new(),
            breaks: VecDeque::new(),
            calls: Vec::new(),
            watched_from: Vec::new(),
            peers: BTreeSet::new(),
            workers: 1,
            born: 0,
        };
        Self {
            inside: Mutex::new(inside),
            changed: watch::channel(()).0,
        }
    }
}

impl World {
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Inside) -> T) -> T {
        let answer = f(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
        answer
    }

    /// Like [`World::with`], for a look that wakes nobody.
    pub(super) fn peek<T>(&self, f: impl FnOnce(&mut Inside) -> T) -> T {
        f(&mut self.inside.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

impl Inside {
    pub(super) fn find(&mut self, job_id: &str) -> Option<&mut Record> {
        self.records
            .iter_mut()
            .find(|record| record.status.job_id == job_id)
    }

    pub(super) fn insert(&mut self, mut job: v1::Job, states: &[State]) -> String {
        self.born += 1;
        if job.job_id.is_empty() {
            job.job_id = format!("00000000-0000-4000-8000-{:012}", self.born);
        }
        let id = job.job_id.clone();
        let created_at = prost_types::Timestamp {
            seconds: 1_767_225_600 + i64::from(self.born),
            nanos: 0,
        };
        let queue = if job.queue.is_empty() {
            "default".to_owned()
        } else {
            job.queue.clone()
        };
        let status = v1::JobStatus {
            job_id: id.clone(),
            created_at: Some(created_at),
            r#type: job.r#type.clone(),
            priority: job.priority,
            queue,
            max_attempts: if job.max_attempts == 0 {
                3
            } else {
                job.max_attempts
            },
            labels: job.labels.clone(),
            ..v1::JobStatus::default()
        };
        let mut record = Record {
            job,
            status,
            events: Vec::new(),
            attempts: Vec::new(),
        };
        for state in states {
            record.push(*state);
        }
        self.records.push(record);
        id
    }
}

impl Record {
    pub(super) fn state(&self) -> Option<State> {
        State::from_number(self.status.state)
    }

    /// Moves on to `state`, a tenth of a second after the last change.
    pub(super) fn push(&mut self, state: State) {
        let status = &mut self.status;
        let at = match status.updated_at {
            None => status.created_at,
            Some(at) if at.nanos < 900_000_000 => Some(prost_types::Timestamp {
                nanos: at.nanos + 100_000_000,
                ..at
            }),
            Some(at) => Some(prost_types::Timestamp {
                seconds: at.seconds + 1,
                nanos: 0,
            }),
        };
        status.state = state.number();
        status.sequence += 1;
        status.updated_at = at;
        status.finished_at = state.is_final().then_some(at).flatten();
        if state == State::Running {
            status.attempts += 1;
            status.started_at = at;
            "worker-1".clone_into(&mut status.worker_id);
            let outcome = v1::job_attempt::Outcome::Running.into();
            let number = status.attempts;
            let attempt = v1::JobAttempt {
                number,
                epoch: number,
                worker_id: status.worker_id.clone(),
                started_at: at,
                outcome,
                ..v1::JobAttempt::default()
            };
            self.attempts.push(attempt);
        } else {
            self.end_attempt(state, at);
        }
        let status = &self.status;
        self.events.push(v1::JobEvent {
            job_id: status.job_id.clone(),
            state: status.state,
            message: state.name().to_lowercase(),
            timestamp: at,
            attempts: status.attempts,
            sequence: status.sequence,
            status: Some(status.clone()),
        });
    }

    fn end_attempt(&mut self, state: State, at: Option<prost_types::Timestamp>) {
        use v1::job_attempt::Outcome;
        let outcome = match state {
            State::Succeeded => Outcome::Succeeded,
            State::Failed | State::DeadLetter | State::Retry => Outcome::Failed,
            State::Cancelled => Outcome::Cancelled,
            State::Queued | State::Running | State::Scheduled => return,
        };
        if outcome == Outcome::Succeeded {
            "{\"ok\":true}".clone_into(&mut self.status.result_json);
        }
        let error = (outcome == Outcome::Failed).then(|| v1::JobError {
            r#type: "boom".to_owned(),
            message: "it broke".to_owned(),
            retryable: state != State::Failed,
        });
        if let Some(error) = &error {
            self.status.last_error.clone_from(&error.message);
            self.status.error = Some(error.clone());
        }
        if let Some(attempt) = self
            .attempts
            .last_mut()
            .filter(|attempt| attempt.finished_at.is_none())
        {
            attempt.finished_at = at;
            attempt.outcome = outcome.into();
            attempt.error = error;
        }
    }
}
