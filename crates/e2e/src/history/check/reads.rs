//! S16: a job that was acknowledged is found, and what one client reads of it never goes back.
//!
//! RUNNING is shown as soon as a worker holds the lease, and written later. Until it is written it can be taken back: by a worker that
//! gives the entry back unstarted, and by a queue that is gone. So RUNNING promises no more than what came before it.

use std::collections::HashMap;

use scheduler_domain::State;
use uuid::Uuid;

use crate::history::{Call, History, JobPast, Name, Op, Outcome};

use super::Look;

/// What one client has read, in the order in which the answers came.
#[derive(Default)]
struct Seen {
    /// Until when, and the least sequence number that an answer to a later question may have.
    floors: Vec<(u64, i64)>,
    /// The same of its stream of changes, which is in order.
    stream: i64,
}

impl Seen {
    /// The floor for a question asked at `at`.
    fn floor(&self, at: u64) -> i64 {
        let known = self.floors.partition_point(|(until, _)| *until < at);
        known
            .checked_sub(1)
            .and_then(|last| self.floors.get(last))
            .map_or(0, |(_, floor)| *floor)
    }
}

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    for (id, past) in &history.jobs {
        if past.may_be_deleted() {
            continue;
        }
        found(history, *id, past, look);
        onwards(history, *id, past, look);
    }
    Ok(())
}

fn found(history: &History, id: Uuid, past: &JobPast, look: &mut Look) {
    let submits = past
        .calls
        .iter()
        .filter(|call| call.op == Op::Submit && call.is_ok());
    let Some(known) = submits.map(|call| call.ended).min() else {
        return;
    };
    for call in past
        .calls
        .iter()
        .filter(|call| call.op == Op::Get && call.began > known)
    {
        look.saw();
        if let Outcome::Fail(code) = call.outcome
            && history.names.text(code) == "NOT_FOUND"
        {
            look.finds(id, "it was acknowledged, and later it was not found");
        }
    }
}

fn onwards(history: &History, id: Uuid, past: &JobPast, look: &mut Look) {
    let mut reads: Vec<&Call> = past
        .calls
        .iter()
        .filter(|call| call.is_ok() && call.sequence > 0)
        .collect();
    reads.sort_by_key(|call| call.ended);
    let mut clients: HashMap<Name, Seen> = HashMap::new();
    for call in reads {
        look.saw();
        let seen = clients.entry(call.client).or_default();
        let streamed = call.op == Op::Watch;
        let floor = if streamed {
            seen.stream
        } else {
            seen.floor(call.began)
        };
        if call.sequence < floor {
            look.finds(
                id,
                format!(
                    "{} read its change {} after change {floor}",
                    history.names.text(call.client),
                    call.sequence
                ),
            );
        }
        let promised = call.sequence - i64::from(call.state == Some(State::Running));
        if streamed {
            seen.stream = seen.stream.max(promised);
        }
        let highest = seen.floors.last().map_or(0, |(_, floor)| *floor);
        seen.floors.push((call.ended, promised.max(highest)));
    }
}
