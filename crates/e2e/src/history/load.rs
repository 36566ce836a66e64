//! From lines to a [`History`].

use std::collections::{BTreeMap, HashMap};

use anyhow::Result;
use scheduler_domain::State;
use serde_json::Value;
use uuid::Uuid;

use super::folder::read_lines;
use super::past::{Call, Change, Fault, FinalRow, History, JobPast, Names, Outcome, RowChange, Shown, Work};
use super::{Event, Folder, Kind, Op, Reach, Setup, Told};

/// One event in so many says how the clocks relate.
const CLOCK_SAMPLES: u64 = 64;

/// A call whose end is not told yet.
struct Pending {
    job: Option<Uuid>,
    call: Call,
}

/// Puts a history together.
pub struct Builder {
    history: History,
    pending: HashMap<(usize, u64), Pending>,
    faults: HashMap<(usize, u64), usize>,
    offsets: Vec<i64>,
    rows: Vec<RowChange>,
}

impl History {
    /// Reads a run.
    ///
    /// # Errors
    /// A file is not as it should be.
    pub fn load(folder: &Folder) -> Result<Self> {
        let mut builder = Builder::new(folder.setup()?);
        for (source, file) in folder.event_files()?.iter().enumerate() {
            read_lines(file, |event| builder.event(source, &event))?;
        }
        // An empty file says that there is nothing, no file that nobody looked.
        let history = &mut builder.history;
        history.has_rows = folder.path().join("rows.jsonl").exists();
        history.has_last = folder.path().join("final.jsonl").exists();
        history.has_shown = folder.path().join("shown.jsonl").exists();
        folder.read_lines("rows.jsonl", |row| builder.row(row))?;
        folder.read_lines("final.jsonl", |row| builder.last(row))?;
        folder.read_lines("shown.jsonl", |shown| builder.shown(shown))?;
        Ok(builder.build())
    }
}

impl Builder {
    /// Of a run that was set up so.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self {
            history: History {
                setup,
                jobs: BTreeMap::new(),
                faults: Vec::new(),
                phases: Vec::new(),
                reached: BTreeMap::new(),
                drains: Vec::new(),
                samples: Vec::new(),
                beats: HashMap::new(),
                names: Names::default(),
                events: 0,
                offset: 0,
                has_rows: false,
                has_last: false,
                has_shown: false,
            },
            pending: HashMap::new(),
            faults: HashMap::new(),
            offsets: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// An event of the file numbered `source`.
    pub fn event(&mut self, source: usize, event: &Event) {
        self.history.events += 1;
        if self.history.events % CLOCK_SAMPLES == 1 {
            self.offsets
                .push(event.wall_ns.cast_signed() - event.mono_ns.cast_signed());
        }
        let told = &event.told;
        match told.op {
            Op::Submit | Op::Get | Op::List | Op::Watch | Op::Cancel | Op::Redrive | Op::Delete => {
                self.call(source, event);
            }
            Op::Claim
            | Op::Take
            | Op::Stale
            | Op::Start
            | Op::End
            | Op::Report
            | Op::Release
            | Op::HandBack
            | Op::Effect
            | Op::Sunk
            | Op::Handled => self.work(event),
            Op::Beat => {
                let sent = number(told.args.as_ref(), "sent_ns").unwrap_or_default();
                let worker = self
                    .history
                    .names
                    .of(told.worker.as_deref().unwrap_or(&event.process));
                self.history.beats.entry(worker).or_default().push(sent);
            }
            Op::Drain => self
                .history
                .drains
                .push(number(told.args.as_ref(), "running").unwrap_or_default()),
            Op::Fault => self.fault(source, event),
            Op::Phase => {
                let name = told.code.clone().unwrap_or_default();
                self.history.phases.push((name, event.mono_ns));
            }
            Op::Reached => {
                let code = told.code.as_deref();
                if let Some(reach) = Reach::ALL.iter().find(|reach| Some(reach.name()) == code) {
                    *self.history.reached.entry(*reach).or_default() += 1;
                }
            }
            Op::Sample => {
                let numbers = told.args.as_ref().and_then(Value::as_object);
                let numbers = numbers.into_iter().flatten();
                let numbers = numbers.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
                self.history.samples.push((event.mono_ns, numbers.collect()));
            }
            Op::Remark => {}
        }
    }

    /// A change of a row.
    pub fn row(&mut self, row: RowChange) {
        self.history.has_rows = true;
        self.rows.push(row);
    }

    /// A row at the end.
    pub fn last(&mut self, row: FinalRow) {
        self.history.has_last = true;
        let job = row.job;
        self.job(job).last = Some(row);
    }

    /// A job at the end, as the API showed it.
    pub fn shown(&mut self, shown: Shown) {
        self.history.has_shown = true;
        let job = shown.job;
        self.job(job).shown = Some(shown);
    }

    /// All of it.
    #[must_use]
    pub fn build(mut self) -> History {
        self.offsets.sort_unstable();
        self.history.offset = self
            .offsets
            .get(self.offsets.len() / 2)
            .copied()
            .unwrap_or_default();
        for pending in std::mem::take(&mut self.pending).into_values() {
            if let Some(job) = pending.job {
                self.job(job).calls.push(pending.call);
            }
        }
        self.rows.sort_unstable_by_key(|row| row.n);
        for row in std::mem::take(&mut self.rows) {
            let change = Change {
                n: row.n,
                old: row.old,
                new: row.new,
                worker: row.worker.as_deref().map(|worker| self.history.names.of(worker)),
                at: self.history.mono(row.at_ns),
            };
            self.job(row.job).rows.push(change);
        }
        for past in self.history.jobs.values_mut() {
            past.calls.sort_by_key(|call| call.began);
            past.work.sort_by_key(|work| work.at);
        }
        for beats in self.history.beats.values_mut() {
            beats.sort_unstable();
        }
        self.history.phases.sort_by_key(|(_, at)| *at);
        self.history.faults.sort_by_key(|fault| fault.began);
        self.history.samples.sort_by_key(|(at, _)| *at);
        self.history
    }

    fn job(&mut self, id: Uuid) -> &mut JobPast {
        self.history.jobs.entry(id).or_default()
    }

    fn call(&mut self, source: usize, event: &Event) {
        let told = &event.told;
        let asked = (source, told.call.unwrap_or_default());
        match told.kind {
            Kind::Invoke => {
                let (job, call) = (told.job, self.begun(event));
                self.pending.insert((source, event.seq), Pending { job, call });
            }
            Kind::Ok | Kind::Fail | Kind::Info => {
                let Some(Pending { job, mut call }) = self.pending.remove(&asked) else {
                    return;
                };
                call.ended = event.mono_ns;
                let code = self.history.names.of(told.code.as_deref().unwrap_or_default());
                call.outcome = match told.kind {
                    Kind::Ok => Outcome::Ok,
                    Kind::Fail => Outcome::Fail(code),
                    _ => Outcome::Info(code),
                };
                answer(&mut call, told);
                // With a key alone, it is the answer that says which job it is.
                if let Some(job) = told.job.or(job) {
                    self.job(job).calls.push(call);
                }
            }
            Kind::Note => {
                let mut call = self.begun(event);
                call.began = self
                    .pending
                    .get(&asked)
                    .map_or(event.mono_ns, |pending| pending.call.began);
                call.ended = event.mono_ns;
                call.outcome = Outcome::Ok;
                answer(&mut call, told);
                if let Some(job) = told.job {
                    self.job(job).calls.push(call);
                }
            }
        }
    }

    fn begun(&mut self, event: &Event) -> Call {
        let args = event.told.args.as_ref();
        let key = args.and_then(|args| args["key"].as_str());
        Call {
            op: event.told.op,
            client: self.history.names.of(&event.process),
            began: event.mono_ns,
            ended: u64::MAX,
            outcome: Outcome::Open,
            key: key.map(|key| self.history.names.of(key)),
            body: number(args, "body").unwrap_or_default(),
            flag: false,
            state: None,
            sequence: 0,
        }
    }

    fn work(&mut self, event: &Event) {
        let told = &event.told;
        let (Some(job), Some(epoch)) = (told.job, told.epoch) else {
            return;
        };
        let code = told.code.as_deref().map(|code| self.history.names.of(code));
        let unnamed = code.unwrap_or_else(|| self.history.names.of(""));
        let work = Work {
            op: told.op,
            outcome: match told.kind {
                Kind::Ok => Outcome::Ok,
                Kind::Fail => Outcome::Fail(unnamed),
                Kind::Info => Outcome::Info(unnamed),
                Kind::Invoke | Kind::Note => Outcome::Open,
            },
            worker: self
                .history
                .names
                .of(told.worker.as_deref().unwrap_or(&event.process)),
            epoch,
            at: event.mono_ns,
            code,
            result: number(told.args.as_ref(), "result"),
        };
        self.job(job).work.push(work);
    }

    fn fault(&mut self, source: usize, event: &Event) {
        let told = &event.told;
        if told.kind == Kind::Invoke {
            self.faults.insert((source, event.seq), self.history.faults.len());
            self.history.faults.push(Fault {
                name: told.code.clone().unwrap_or_default(),
                began: event.mono_ns,
                ended: None,
                args: told.args.clone().unwrap_or_default(),
            });
        } else if let Some(at) = self.faults.remove(&(source, told.call.unwrap_or_default()))
            && let Some(fault) = self.history.faults.get_mut(at)
        {
            fault.ended = Some(event.mono_ns);
        }
    }
}

/// Takes over what an answer says.
fn answer(call: &mut Call, told: &Told) {
    let Some(reply) = &told.reply else { return };
    call.flag = ["replayed", "cancelled"]
        .iter()
        .any(|name| reply[*name].as_bool() == Some(true));
    call.state = reply["state"]
        .as_i64()
        .and_then(|number| State::from_number(i32::try_from(number).ok()?));
    call.sequence = reply["sequence"].as_i64().unwrap_or_default();
}

fn number(value: Option<&Value>, name: &str) -> Option<u64> {
    value?.get(name)?.as_u64()
}
