//! Writes small histories. Times are milliseconds.

use std::collections::BTreeMap;

use scheduler_domain::State;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::history::{
    Builder, Event, FinalRow, History, Invariant, Kind, Op, Report, Row, RowChange, Setup, Shown, Status,
    Told, check,
};

/// Wall clock at the start of every history.
const WALL: u64 = 1_796_000_000_000_000_000;
const MS: u64 = 1_000_000;

/// The first job.
pub(super) const A: Uuid = Uuid::from_u128(0xa);
/// The second.
pub(super) const B: Uuid = Uuid::from_u128(0xb);

/// A history that is being written.
pub(super) struct Script {
    builder: Builder,
    seq: u64,
    changes: i64,
    rows: BTreeMap<Uuid, (Row, i64)>,
    results: BTreeMap<Uuid, u64>,
}

impl Script {
    pub(super) fn new() -> Self {
        Self::of(setup())
    }

    pub(super) fn of(setup: Setup) -> Self {
        Self {
            builder: Builder::new(setup),
            seq: 0,
            changes: 0,
            rows: BTreeMap::new(),
            results: BTreeMap::new(),
        }
    }

    /// Something told by `process`; its number.
    pub(super) fn tell(&mut self, ms: u64, process: &str, told: Told) -> u64 {
        self.seq += 1;
        let event = Event {
            run: "test".to_owned(),
            seed: 1,
            process: process.to_owned(),
            seq: self.seq,
            mono_ns: ms * MS,
            wall_ns: WALL + ms * MS,
            told,
        };
        self.builder.event(0, &event);
        self.seq
    }

    /// A call that takes two milliseconds.
    pub(super) fn call(&mut self, ms: u64, client: &str, asked: Told, answered: Told) {
        let call = self.tell(
            ms,
            client,
            Told {
                kind: Kind::Invoke,
                ..asked
            },
        );
        self.tell(ms + 2, client, answered.answers(call));
    }

    /// An acknowledged submit.
    pub(super) fn submits(&mut self, ms: u64, job: Uuid, args: Value) {
        let asked = Told::note(Op::Submit).args(args);
        let answered = Told::new(Kind::Ok, Op::Submit)
            .job(job)
            .reply(json!({"replayed": false}));
        self.call(ms, "client-1", asked, answered);
    }

    /// A client's read of state and sequence.
    pub(super) fn reads(&mut self, ms: u64, client: &str, job: Uuid, state: State, sequence: i64) {
        let answered = Told::new(Kind::Ok, Op::Get)
            .reply(json!({"state": state.number(), "sequence": sequence, "attempts": 0}));
        self.call(ms, client, Told::note(Op::Get).job(job), answered);
    }

    /// An acknowledged cancel.
    pub(super) fn cancels(&mut self, ms: u64, job: Uuid) {
        let answered = Told::new(Kind::Ok, Op::Cancel).reply(json!({"cancelled": true}));
        self.call(ms, "client-1", Told::note(Op::Cancel).job(job), answered);
    }

    /// What a worker does.
    pub(super) fn works(&mut self, ms: u64, worker: &str, op: Op, job: Uuid, epoch: i32) {
        self.tell(ms, worker, Told::note(op).job(job).epoch(epoch).worker(worker));
    }

    /// Claim, take and start.
    pub(super) fn starts(&mut self, ms: u64, worker: &str, job: Uuid, epoch: i32) {
        for op in [Op::Claim, Op::Take, Op::Start] {
            self.works(ms, worker, op, job, epoch);
        }
    }

    /// A report that takes two milliseconds to be answered.
    pub(super) fn reports(
        &mut self,
        ms: u64,
        worker: &str,
        job: Uuid,
        epoch: i32,
        state: State,
        answer: Kind,
    ) {
        let told = |kind| Told::new(kind, Op::Report).job(job).epoch(epoch).worker(worker);
        self.works(ms, worker, Op::End, job, epoch);
        self.tell(ms, worker, told(Kind::Invoke).code(state.name()));
        self.tell(ms + 2, worker, told(answer));
    }

    /// Answered heartbeats, every 500 ms.
    pub(super) fn beats(&mut self, from: u64, to: u64, worker: &str) {
        for ms in (from..to).step_by(500) {
            let told = Told::note(Op::Beat)
                .worker(worker)
                .args(json!({"sent_ns": WALL + ms * MS}));
            self.tell(ms, worker, told);
        }
    }

    /// A fault, from when to when.
    pub(super) fn fault(&mut self, from: u64, to: u64, name: &str, args: Value) {
        let begins = Told::new(Kind::Invoke, Op::Fault).code(name).args(args);
        let call = self.tell(from, "faults", begins);
        self.tell(
            to,
            "faults",
            Told::new(Kind::Ok, Op::Fault).code(name).answers(call),
        );
    }

    pub(super) fn phase(&mut self, ms: u64, name: &str) {
        self.tell(ms, "faults", Told::note(Op::Phase).code(name));
    }

    pub(super) fn sample(&mut self, ms: u64, numbers: Value) {
        self.tell(ms, "faults", Told::note(Op::Sample).args(numbers));
    }

    /// A row is inserted, due at `due`.
    pub(super) fn inserts(&mut self, ms: u64, job: Uuid, due: u64) {
        let row = Row {
            state: State::Queued.number(),
            epoch: 1,
            attempts: 0,
            crashes: 0,
            max_attempts: 3,
            run_at_ns: WALL + due * MS,
        };
        self.change(ms, job, None, Some(row), None);
    }

    /// A row changes.
    pub(super) fn changes(&mut self, ms: u64, job: Uuid, worker: Option<&str>, edit: impl FnOnce(&mut Row)) {
        let old = self.rows[&job].0;
        let mut new = old;
        edit(&mut new);
        self.change(ms, job, Some(old), Some(new), worker);
    }

    /// A row is deleted.
    pub(super) fn deletes(&mut self, ms: u64, job: Uuid) {
        let old = self.rows[&job].0;
        self.change(ms, job, Some(old), None, None);
    }

    /// A row's attempt ends in this state.
    pub(super) fn ends(&mut self, ms: u64, job: Uuid, worker: &str, state: State) {
        self.changes(ms, job, Some(worker), |row| {
            row.state = state.number();
            row.attempts += 1;
            row.epoch += i32::from(state == State::Retry);
        });
    }

    /// A row's lease was lost.
    pub(super) fn reaps(&mut self, ms: u64, job: Uuid) {
        self.changes(ms, job, None, |row| {
            row.state = State::Queued.number();
            row.crashes += 1;
            row.epoch += 1;
        });
    }

    fn change(&mut self, ms: u64, job: Uuid, old: Option<Row>, new: Option<Row>, worker: Option<&str>) {
        self.changes += 1;
        match new {
            Some(row) => {
                let sequence = self.rows.get(&job).map_or(1, |(_, sequence)| sequence + 1);
                self.rows.insert(job, (row, sequence));
            }
            None => {
                self.rows.remove(&job);
            }
        }
        self.builder.row(RowChange {
            n: self.changes,
            job,
            old,
            new,
            worker: worker.map(str::to_owned),
            txid: self.changes,
            at_ns: WALL + ms * MS,
        });
    }

    /// The result that the row has at the end.
    pub(super) fn result(&mut self, job: Uuid, result: u64) {
        self.results.insert(job, result);
    }

    /// A whole life without a fault, one second long: submitted, run by `worker`, succeeded.
    pub(super) fn life(&mut self, ms: u64, job: Uuid, worker: &str) {
        self.submits(ms, job, json!({"body": 7}));
        self.inserts(ms + 1, job, ms);
        self.starts(ms + 100, worker, job, 1);
        let handled = Told::note(Op::Handled)
            .job(job)
            .epoch(1)
            .args(json!({"result": 42}));
        self.tell(ms + 800, worker, handled);
        self.reports(ms + 900, worker, job, 1, State::Succeeded, Kind::Ok);
        self.ends(ms + 901, job, worker, State::Succeeded);
        self.result(job, 42);
    }

    /// The rows as they are now are read at the end, and the API shows them.
    pub(super) fn history(mut self) -> History {
        for (job, (row, sequence)) in std::mem::take(&mut self.rows) {
            let result = self.results.get(&job).copied();
            self.builder.last(FinalRow {
                job,
                row,
                sequence,
                key: None,
                result,
            });
            self.builder.shown(Shown {
                job,
                state: row.state,
                attempts: row.attempts,
                sequence,
                result,
            });
        }
        self.builder.build()
    }

    /// What the checker says of it.
    pub(super) fn report(self) -> Report {
        check(&self.history())
    }

    /// It violates this invariant, and no other but those that follow from it.
    #[track_caller]
    pub(super) fn violates(self, invariant: Invariant, also: &[Invariant]) {
        let report = self.report();
        let violated: Vec<_> = Invariant::ALL
            .iter()
            .filter(|one| report.violates(**one))
            .collect();
        let mut expected: Vec<_> = also.iter().chain([&invariant]).collect();
        expected.sort_unstable();
        assert_eq!(violated, expected, "\n{report}");
    }

    /// It violates nothing, and this invariant was looked at.
    #[track_caller]
    pub(super) fn keeps(self, invariant: Invariant) {
        let report = self.report();
        assert!(report.violations.is_empty(), "\n{report}");
        assert_eq!(status(&report, invariant), Status::Held, "\n{report}");
    }
}

/// What runs are set up as here.
pub(super) fn setup() -> Setup {
    Setup::new("test", 1)
}

pub(super) fn status(report: &Report, invariant: Invariant) -> Status {
    let judged = report
        .invariants
        .iter()
        .find(|judged| judged.invariant == invariant);
    judged.unwrap().status
}
