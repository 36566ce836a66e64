//! Where effects arrive: outside of every fault, and never anything but appended.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Folder, Op, Recorder, Told};

/// An effect, as a line of JSON on the sink's socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Effect {
    /// Whose.
    pub job: Uuid,
    /// Under which fencing number.
    pub epoch: i32,
    /// By whom.
    pub worker: String,
}

/// Takes effects in for as long as this process lives, on a socket and in threads of its own.
#[derive(Debug)]
pub struct Sink;

impl Sink {
    /// Opens it for the run of `folder`.
    ///
    /// # Errors
    /// The socket or the file of events cannot be made.
    pub fn start(folder: &Folder) -> Result<Self> {
        let recorder = Recorder::create(folder, "sink")?;
        let path = folder.sink();
        let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let recorder = recorder.clone();
                thread::spawn(move || take_in(connection, &recorder));
            }
        });
        Ok(Self)
    }
}

fn take_in(connection: UnixStream, recorder: &Recorder) {
    for line in BufReader::new(connection).lines().map_while(Result::ok) {
        match serde_json::from_str::<Effect>(&line) {
            Ok(Effect { job, epoch, worker }) => {
                recorder.tell(Told::note(Op::Sunk).job(job).epoch(epoch).worker(worker));
            }
            // Its worker was killed in the middle of it.
            Err(_) => {
                recorder.tell(Told::note(Op::Remark).code("a cut effect"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::history::{Event, Setup};

    #[test]
    fn each_effect_is_told_once_and_a_cut_one_is_a_remark() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), &Setup::new("r", 1)).unwrap();
        Sink::start(&folder).unwrap();
        let job = Uuid::from_u128(7);
        let mut worker = UnixStream::connect(folder.sink()).unwrap();
        let effect = serde_json::json!({"job": job, "epoch": 2, "worker": "w/1"});
        write!(worker, "{effect}\n{{\"job\":").unwrap();
        drop(worker);
        let file = folder.events().join("sink.jsonl");
        let told = loop {
            let text = std::fs::read_to_string(&file).unwrap();
            if text.lines().count() == 2 {
                break text;
            }
            thread::yield_now();
        };
        let told: Vec<_> = told
            .lines()
            .map(|line| serde_json::from_str::<Event>(line).unwrap().told)
            .collect();
        assert_eq!(told[0], Told::note(Op::Sunk).job(job).epoch(2).worker("w/1"));
        assert_eq!(told[1].op, Op::Remark);
    }
}
