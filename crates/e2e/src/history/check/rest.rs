//! L3: when all is at rest, no row is RUNNING for a worker that is silent, and none is due and not claimed.

use scheduler_domain::State;

use crate::history::{History, JobPast, Op};

use super::{Look, ends};

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !history.has_last {
        return Err("the rows were not read at the end");
    }
    if history.phase("drain").is_none() && !history.setup.drains {
        return Err("the run does not come to rest");
    }
    let end = history.phase("done").unwrap_or_else(|| history.end());
    let setup = &history.setup;
    // As long as it takes to find out that something is amiss, and to put it right.
    let grace = setup.lease() + setup.sweep_ms.saturating_mul(1_000_000) + 10_000_000_000;
    let settled = end.saturating_sub(grace);
    if ends::healed(history) > settled {
        // Whatever is open now had no time to be put right.
        for past in history.jobs.values() {
            if past.last.as_ref().is_some_and(|last| last.row.is_final()) {
                look.saw();
            } else if past.last.is_some() {
                return Err("the run ended too soon after its last fault, with jobs open");
            }
        }
        return Ok(());
    }
    for (id, past) in &history.jobs {
        let Some(last) = &past.last else { continue };
        look.saw();
        if last.row.is_final() {
            continue;
        }
        let stirred = stirred(history, past);
        let due = history.mono(last.row.run_at_ns);
        match last.row.state() {
            Some(State::Running) if stirred < settled => {
                look.finds(*id, "it is RUNNING, and its worker is silent");
            }
            Some(State::Queued | State::Retry | State::Scheduled) if stirred.max(due) < settled => {
                look.finds(*id, "it is due, and nobody claimed it");
            }
            _ => {}
        }
    }
    Ok(())
}

/// When something was last heard of it, or of the worker that last had it.
fn stirred(history: &History, past: &JobPast) -> u64 {
    let changed = past.rows.last().map(|change| change.at);
    let worked = past.work.last().map(|work| work.at);
    let held = past.work.iter().rev().find(|work| work.op == Op::Start);
    let beat = held
        .and_then(|work| history.beats.get(&work.worker)?.last())
        .map(|sent| history.mono(*sent));
    changed.max(worked).max(beat).unwrap_or_default()
}
