//! S12: the queue has no authority.
//!
//! Two things show that. When the queue lost, forged or repeated entries, the rules that rest on rows alone held all the same. And
//! the queue was never ahead of the store: an entry that a worker found stale was overtaken by its row, not the other way round.

use crate::history::{History, JobPast, Op, Work};

use super::{Check, Look, epochs, fenced, lost, success, terminal};

const RULES: [(&str, Check); 5] = [
    ("S1", lost::check),
    ("S3", epochs::check),
    ("S4", fenced::check),
    ("S5", terminal::check),
    ("S6", success::check),
];

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if history.has_rows {
        for (id, past) in &history.jobs {
            for stale in past.work.iter().filter(|work| work.op == Op::Stale) {
                look.saw();
                if !overtaken(history, past, stale) {
                    look.finds(
                        *id,
                        format!(
                            "an entry under epoch {} was in the queue before its row was",
                            stale.epoch
                        ),
                    );
                }
            }
        }
    }
    if history.losses().next().is_none() {
        return Err("the queue lost nothing in this run");
    }
    for (name, rule) in RULES {
        let mut found = Look::default();
        if rule(history, &mut found).is_err() {
            return Err("a rule that it rests on could not be checked");
        }
        look.looked_at += found.looked_at;
        if found.found > 0 {
            look.finds(
                None,
                format!("{name} did not hold when the queue had lost content"),
            );
        }
    }
    Ok(())
}

/// Whether the row was final, gone or under a higher epoch when the entry was dropped.
fn overtaken(history: &History, past: &JobPast, stale: &Work) -> bool {
    let latest = stale.at.saturating_add(history.setup.tolerance());
    past.rows.iter().any(|change| {
        let ended = change
            .new
            .is_none_or(|new| new.epoch > stale.epoch || (new.epoch == stale.epoch && new.is_final()));
        ended && change.at <= latest
    })
}
