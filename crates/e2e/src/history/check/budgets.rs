//! S10: every attempt is charged once, to attempts or to crashes, and both are bounded. What is handed back is charged to neither.

use scheduler_domain::State;
use uuid::Uuid;

use crate::history::{Change, History, JobPast, Op, Row};

use super::Look;
use super::shape::Shape;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !history.has_rows && !history.has_last {
        return Err("rows were not recorded");
    }
    let mut amid_faults = 0_u32;
    for (id, past) in &history.jobs {
        for change in &past.rows {
            let Some(new) = change.new else { continue };
            look.saw();
            bounded(history, *id, &new, look);
            charged(*id, change, look);
            if change.shape() == Shape::LeaseLost
                && let Some(at) = given_back(past, change)
            {
                // The store may not have been there to give it back to.
                if history.is_faulty(at.saturating_sub(history.setup.lease()), change.at) {
                    amid_faults += 1;
                } else {
                    look.finds(*id, "it was given back, and that was charged as a lost lease");
                }
            }
        }
        if let Some(last) = &past.last {
            look.saw();
            bounded(history, *id, &last.row, look);
        }
    }
    if amid_faults > 0 {
        look.figure("given back amid a fault, and charged", amid_faults.into());
    }
    Ok(())
}

fn bounded(history: &History, id: Uuid, row: &Row, look: &mut Look) {
    let budget = i32::try_from(history.setup.crash_budget).unwrap_or(i32::MAX);
    if row.attempts > row.max_attempts {
        look.finds(
            id,
            format!("{} attempts were charged, of {}", row.attempts, row.max_attempts),
        );
    }
    if row.crashes > budget {
        look.finds(
            id,
            format!("{} lost leases were charged, of {budget}", row.crashes),
        );
    }
    let open = !row.is_final();
    if open && row.attempts >= row.max_attempts {
        look.finds(id, "it goes on, though its attempts are used up");
    }
    if open && row.crashes >= budget {
        look.finds(id, "it goes on, though its crash budget is used up");
    }
}

/// Attempts and crashes rise by one, one at a time, and with what they are charged for.
fn charged(id: Uuid, change: &Change, look: &mut Look) {
    let Some((old, new)) = change.rows() else { return };
    if change.shape() == Shape::Redriven || old.is_final() {
        return;
    }
    let attempts = i64::from(new.attempts) - i64::from(old.attempts);
    let crashes = i64::from(new.crashes) - i64::from(old.crashes);
    if !matches!((attempts, crashes), (0, 0) | (1, 0) | (0, 1)) {
        look.finds(
            id,
            format!("one change charged {attempts} attempts and {crashes} lost leases"),
        );
        return;
    }
    let reported = match new.state() {
        Some(State::Succeeded | State::Failed) => true,
        Some(State::DeadLetter) => crashes == 0,
        // To be forgotten by the queue moves nothing; a report moves the time.
        Some(State::Retry) => old.state() != new.state() || old.run_at_ns != new.run_at_ns,
        _ => false,
    };
    if reported && attempts == 0 {
        look.finds(id, "an attempt ended, and was not charged");
    }
    if attempts == 1 && !reported {
        look.finds(id, "an attempt was charged, and none ended");
    }
}

/// When it was given back, if that is the last that workers told of the epoch that this change ended.
fn given_back(past: &JobPast, change: &Change) -> Option<u64> {
    let epoch = change.old?.epoch;
    let last = past
        .work
        .iter()
        .rev()
        .find(|work| work.epoch == epoch && !matches!(work.op, Op::Effect | Op::Sunk | Op::Handled))?;
    matches!(last.op, Op::Release | Op::HandBack).then_some(last.at)
}
