//! S12: the queue has no authority.
//!
//! When it lost its content, or came back with an older one, the rules of what may be stored held all the same. That it is never
//! ahead of the store is part of S7.

use crate::history::History;

use super::{Check, Look, epochs, fenced, lost, success, terminal};

const RULES: [(&str, Check); 5] = [
    ("S1", lost::check),
    ("S3", epochs::check),
    ("S4", fenced::check),
    ("S5", terminal::check),
    ("S6", success::check),
];

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
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
