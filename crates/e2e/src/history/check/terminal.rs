//! S5: only a redrive that somebody asked for leaves a final state.

use uuid::Uuid;

use crate::history::{Call, History, JobPast, Op};

use super::Look;
use super::shape::Shape;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    for (id, past) in &history.jobs {
        rows(history, *id, past, look);
        if past.asked(Op::Redrive) == 0 && !past.may_be_deleted() {
            reads(*id, past, look);
        }
    }
    Ok(())
}

fn rows(history: &History, id: Uuid, past: &JobPast, look: &mut Look) {
    let mut redriven = 0;
    for change in &past.rows {
        let Some((old, new)) = change.rows() else { continue };
        let (Some(from), Some(to)) = (old.state(), new.state()) else {
            look.finds(id, format!("its state became the number {}", new.state));
            continue;
        };
        if new.is_final() {
            look.saw();
        }
        if old.is_final() {
            match change.shape() {
                Shape::Redriven => redriven += 1,
                // A statement that sets what is there already is one that does not look.
                _ => look.finds(id, format!("{from} is final, and became {to}")),
            }
        }
    }
    let asked = past.asked(Op::Redrive);
    if redriven > asked && !(asked > 0 && history.setup.gateway_repeats) {
        look.finds(
            id,
            format!("it was reopened {redriven} times, and redriven {asked} times"),
        );
    }
}

/// What clients saw: one final state, and nothing else after it.
fn reads(id: Uuid, past: &JobPast, look: &mut Look) {
    let seen = |call: &&Call| call.is_ok() && call.state.is_some_and(scheduler_domain::State::is_final);
    let finals = past.calls.iter().filter(seen);
    let Some(first) = finals.min_by_key(|call| call.ended) else {
        return;
    };
    for call in past.calls.iter().filter(|call| call.is_ok()) {
        let Some(state) = call.state else { continue };
        look.saw();
        if call.state != first.state && (state.is_final() || call.began > first.ended) {
            let was = first.state.map_or("", scheduler_domain::State::name);
            look.finds(
                id,
                format!("a client saw {was}, which is final, and then {state}"),
            );
            return;
        }
    }
}
