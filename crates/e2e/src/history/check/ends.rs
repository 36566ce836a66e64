//! L1: once nothing is wrong any more, every job ends.
//!
//! None is open when the run ends, which waits for that. And from the last fault until then, some job's row changes at least every
//! [`patience`](crate::history::Setup::patience): a job that waits its turn waits for others that change, one that was forgotten is
//! the last and changes late.

use uuid::Uuid;

use crate::history::History;

use super::{Look, millis};

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !history.setup.drains {
        return Err("the run does not wait until no job is open");
    }
    if !(history.has_last || history.has_rows) {
        return Err("neither were rows recorded nor read at the end");
    }
    for (id, past) in &history.jobs {
        let Some(row) = past.row_at_end() else { continue };
        look.saw();
        if !row.is_final() {
            let state = row
                .state()
                .map_or("of no known state", scheduler_domain::State::name);
            look.finds(*id, format!("it is {state} at the end of the run"));
        }
    }
    if history.has_rows {
        moves(history, look);
    }
    Ok(())
}

/// A change after all was well: when, when the job was due before it, and whose.
type Step = (u64, u64, Uuid);

fn moves(history: &History, look: &mut Look) {
    let healed = healed(history);
    let mut steps: Vec<Step> = Vec::new();
    for (id, past) in &history.jobs {
        for change in past.rows.iter().filter(|change| change.at > healed) {
            // A job that is new is not late, however long nobody asked for one.
            let due = change.old.map_or(change.at, |old| history.mono(old.run_at_ns));
            steps.push((change.at, due, *id));
        }
    }
    steps.sort_unstable();
    // Where nothing ever was wrong and nobody says when the load ended, time begins with the first change: there is nothing that it
    // could be late after.
    let Some(begun) = since(healed, &steps) else {
        return;
    };
    let (mut before, mut longest) = (begun, 0);
    for (at, due, id) in steps {
        let waited = at.saturating_sub(before.max(due));
        longest = longest.max(waited);
        if waited > history.setup.patience() {
            look.finds(
                id,
                format!(
                    "it changed after {} ms in which no job did, and nothing was wrong any more",
                    waited / 1_000_000
                ),
            );
        }
        before = at;
    }
    if before > begun {
        look.figure("last change after the last fault, ms", millis(before - begun));
        look.figure(
            "longest time without a change after the last fault, ms",
            millis(longest),
        );
    }
}

/// From when on a change can be late.
fn since(healed: u64, steps: &[Step]) -> Option<u64> {
    match healed {
        0 => steps.first().map(|(at, ..)| *at),
        _ => Some(healed),
    }
}

/// Since when nothing is wrong and nothing more is asked for; 0 when that is not known.
pub(super) fn healed(history: &History) -> u64 {
    let faults = history.faults.iter().map(crate::history::Fault::over).max();
    let phases = ["heal", "drain"].map(|name| history.phase(name));
    faults.max(phases[0]).max(phases[1]).unwrap_or_default()
}
