//! Writes the events of one process.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use rustix::time::{ClockId, Timespec, clock_gettime};
use serde_json::Value;

use super::{Event, Folder, Kind, Op, Reach, Told};

/// Writes into one file. Cheap to clone; clones write into the same. Each event is one unbuffered write, so that what a killed
/// process has told is there.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    run: String,
    seed: u64,
    process: String,
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    file: File,
    seq: u64,
}

impl Recorder {
    /// A file in `folder` for the process called `name`. A process that starts anew under its old name goes on in its file, if
    /// it is told a name of its own: use `NAME-2`.
    ///
    /// # Errors
    /// It cannot be written, or is there already.
    pub fn create(folder: &Folder, name: &str) -> Result<Self> {
        let setup = folder.setup()?;
        Self::open(&folder.events(), &setup.run, setup.seed, name)
    }

    /// As [`Recorder::create`], for a process that knows nothing but the folder of events.
    ///
    /// # Errors
    /// It cannot be written, or is there already.
    pub fn open(events: &Path, run: &str, seed: u64, name: &str) -> Result<Self> {
        let path = events.join(format!("{name}.jsonl"));
        let file = File::options()
            .append(true)
            .create_new(true)
            .open(&path)
            .with_context(|| path.display().to_string())?;
        Ok(Self(Arc::new(Inner {
            run: run.to_owned(),
            seed,
            process: name.to_owned(),
            out: Mutex::new(Out { file, seq: 0 }),
        })))
    }

    /// In whose name it writes.
    #[must_use]
    pub fn process(&self) -> &str {
        &self.0.process
    }

    /// Writes an event down, and says its number.
    ///
    /// A history with a hole in it proves nothing, so what cannot be written is said, and the line that follows shows the hole.
    pub fn tell(&self, told: Told) -> u64 {
        self.tell_as(&self.0.process, told)
    }

    /// As [`Recorder::tell`], in the name of one of several that share this file, such as a logical client.
    pub fn tell_as(&self, process: &str, told: Told) -> u64 {
        let mut out = self.0.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.seq += 1;
        // Inside of the lock, so that the file is in the order of time.
        let event = Event {
            run: self.0.run.clone(),
            seed: self.0.seed,
            process: process.to_owned(),
            seq: out.seq,
            mono_ns: mono_ns(),
            wall_ns: wall_ns(),
            told,
        };
        let written = serde_json::to_vec(&event)
            .map_err(std::io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                out.file.write_all(&line)
            });
        if let Err(error) = written {
            eprintln!("history: {}: event not written: {error}", self.0.process);
        }
        out.seq
    }

    /// A fault begins. Its end is told when the mark ends.
    #[must_use = "the end of the fault is to be told"]
    pub fn fault(&self, name: &str, args: Value) -> FaultMark {
        let call = self.tell(Told::new(Kind::Invoke, Op::Fault).code(name).args(args));
        FaultMark {
            recorder: self.clone(),
            name: name.to_owned(),
            call,
        }
    }

    /// The run enters a phase: `warm_up`, `load`, `heal`, `drain`, `done`.
    pub fn phase(&self, name: &str) {
        self.tell(Told::note(Op::Phase).code(name));
    }

    /// A state worth reaching was reached.
    pub fn reached(&self, what: Reach) {
        self.tell(Told::note(Op::Reached).code(what.name()));
    }

    /// Something was measured: an object of names and numbers.
    pub fn sample(&self, numbers: Value) {
        self.tell(Told::note(Op::Sample).args(numbers));
    }
}

/// A fault under way.
#[derive(Debug)]
pub struct FaultMark {
    recorder: Recorder,
    name: String,
    call: u64,
}

impl FaultMark {
    /// It is over.
    pub fn ends(self) {
        drop(self);
    }
}

impl Drop for FaultMark {
    fn drop(&mut self) {
        let told = Told::new(Kind::Ok, Op::Fault)
            .code(std::mem::take(&mut self.name))
            .answers(self.call);
        self.recorder.tell(told);
    }
}

/// CLOCK_MONOTONIC, which `std` hides, in nanoseconds.
#[must_use]
pub fn mono_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// CLOCK_REALTIME in nanoseconds.
#[must_use]
pub fn wall_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Realtime))
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let rest = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}
