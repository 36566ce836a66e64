//! Which rare states a run has reached so far, told from what is being written: it goes on until it has reached what it is about.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::run::Order;
use crate::history::{Event, Folder, Kind, Op, Reach, Rows, Told};

/// A mixed run shorter than this may not come to all that the first faults lead to.
const MIXED: std::time::Duration = std::time::Duration::from_secs(180);

/// What a run has to reach in order to prove anything.
pub(super) fn needed(order: &Order) -> &'static [Reach] {
    match order.faults.as_slice() {
        [] if order.lasts >= MIXED => &[
            Reach::LeaseReclaimed,
            Reach::StaleReportRefused,
            Reach::IdempotentReplay,
            Reach::DoubtCommitted,
            Reach::DoubtNotCommitted,
            Reach::ConflictRetried,
            Reach::QueueRebuilt,
        ],
        [only] if only.is("F2") || only.is("F3_all_workers_killed") => &[Reach::LeaseReclaimed],
        [only] if only.is("F5_redis_flushed") => &[Reach::QueueRebuilt],
        [only] if only.is("F17") => &[Reach::DoubtCommitted],
        [only] if only.is("F18") => &[Reach::DoubtNotCommitted],
        [only] if only.is("F19_serialization_once") => &[Reach::ConflictRetried],
        [only] if only.is("F29") => &[Reach::DrainWithWork],
        [only] if only.is("F37") => &[Reach::LeaseReclaimed],
        [only] if only.is("F49") => &[Reach::ReportReplayed, Reach::IdempotentReplay],
        [only] if only.is("F35") || only.is("F36") => &[Reach::LeaseReclaimed, Reach::StaleReportRefused],
        _ => &[],
    }
}

/// Those states that are still wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    states: BTreeSet<Reach>,
    /// How far each file of events was read.
    read: HashMap<PathBuf, u64>,
}

impl Wanted {
    pub(super) fn new(states: &[Reach]) -> Self {
        Self {
            states: states.iter().copied().collect(),
            read: HashMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Strikes out what was reached since.
    ///
    /// # Errors
    /// The events cannot be read.
    pub(super) async fn look(&mut self, folder: &Folder, rows: &Rows) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        for file in folder.event_files()? {
            let text = self.news(&file)?;
            for line in text.lines().filter(|line| may_tell(line)) {
                if let Some(state) = serde_json::from_str(line)
                    .ok()
                    .and_then(|event: Event| state(&event.told))
                {
                    self.states.remove(&state);
                }
            }
        }
        // The reaper tells nobody; a database that is down now is asked again.
        if self.states.contains(&Reach::LeaseReclaimed) && rows.leases_lost().await.is_ok_and(|lost| lost > 0)
        {
            self.states.remove(&Reach::LeaseReclaimed);
        }
        Ok(())
    }

    /// The whole lines that have come to a file.
    fn news(&mut self, path: &Path) -> Result<String> {
        let from = self.read.entry(path.to_owned()).or_default();
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(*from))?;
        let mut news = Vec::new();
        file.read_to_end(&mut news)?;
        let whole = news
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        news.truncate(whole);
        *from += whole as u64;
        Ok(String::from_utf8_lossy(&news).into_owned())
    }
}

/// Most lines tell nothing of the kind, and are not worth reading.
fn may_tell(line: &str) -> bool {
    [
        r#""op":"reached""#,
        r#""kind":"fail","op":"report""#,
        r#""replayed":true"#,
        r#""op":"drain""#,
    ]
    .iter()
    .any(|sign| line.contains(sign))
}

fn state(told: &Told) -> Option<Reach> {
    match (told.op, told.kind) {
        (Op::Reached, _) => {
            let code = told.code.as_deref()?;
            Reach::ALL.iter().copied().find(|reach| reach.name() == code)
        }
        (Op::Report, Kind::Fail) => Some(Reach::StaleReportRefused),
        (Op::Submit, Kind::Ok) => Some(Reach::IdempotentReplay),
        (Op::Drain, _) => (told.args.as_ref()?["running"].as_u64()? > 0).then_some(Reach::DrainWithWork),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::history::{Recorder, Setup};

    #[test]
    fn what_was_told_is_struck_out_once_its_line_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), &Setup::new("r", 1)).unwrap();
        let recorder = Recorder::create(&folder, "w").unwrap();
        let mut wanted = Wanted::new(&[
            Reach::StaleReportRefused,
            Reach::QueueRebuilt,
            Reach::DrainWithWork,
        ]);
        let look = |wanted: &mut Wanted| {
            let text = wanted.news(&folder.events().join("w.jsonl")).unwrap();
            for line in text.lines().filter(|line| may_tell(line)) {
                let event: Event = serde_json::from_str(line).unwrap();
                state(&event.told).map(|state| wanted.states.remove(&state));
            }
            wanted.states.len()
        };
        recorder.tell(Told::new(Kind::Ok, Op::Report).job(Uuid::from_u128(1)).epoch(1));
        recorder.tell(Told::note(Op::Drain).args(json!({"running": 0})));
        assert_eq!(look(&mut wanted), 3);
        recorder.reached(Reach::QueueRebuilt);
        recorder.tell(Told::new(Kind::Fail, Op::Report).job(Uuid::from_u128(1)).epoch(1));
        assert_eq!(look(&mut wanted), 1);
        recorder.tell(Told::note(Op::Drain).args(json!({"running": 2})));
        assert_eq!(look(&mut wanted), 0);
    }
}
