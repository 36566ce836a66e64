//! S1: every acknowledged job is there at the end; what was refused for certain is not.

use crate::history::{History, JobPast, Names, Op, Outcome};

use super::Look;

/// Refused because it was there already.
const KNOWN: &str = "ALREADY_EXISTS";

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !(history.has_last || history.has_shown || history.has_rows) {
        return Err("neither were rows recorded nor was anything read at the end");
    }
    for (id, past) in &history.jobs {
        if past
            .rows
            .iter()
            .any(|change| change.new.is_none() && change.old.is_some_and(|old| !old.is_final()))
        {
            look.finds(*id, "its row was deleted while it was open");
        }
        if past
            .calls
            .iter()
            .any(|call| call.op == Op::Submit && call.is_ok())
        {
            look.saw();
            if !is_there(history, past) && !past.may_be_deleted() {
                look.finds(*id, "it was acknowledged, and is not there at the end");
            }
        } else if !history.setup.gateway_repeats
            && let Some(code) = refused(past, &history.names)
        {
            look.saw();
            if is_there(history, past) || !past.rows.is_empty() {
                look.finds(
                    *id,
                    format!("its submission was refused for certain with {code}, and it is there"),
                );
            }
        }
    }
    Ok(())
}

fn is_there(history: &History, past: &JobPast) -> bool {
    if history.has_last {
        past.last.is_some()
    } else if history.has_rows {
        past.rows.last().is_some_and(|change| change.new.is_some())
    } else {
        past.shown.is_some()
    }
}

/// The code of the last refusal, if every submission was refused, and none because another had been accepted.
fn refused<'a>(past: &JobPast, names: &'a Names) -> Option<&'a str> {
    let mut code = None;
    for call in past.calls.iter().filter(|call| call.op == Op::Submit) {
        match call.outcome {
            Outcome::Fail(name) if names.text(name) != KNOWN => code = Some(names.text(name)),
            _ => return None,
        }
    }
    code
}
