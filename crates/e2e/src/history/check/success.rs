//! S6: at most one success is accepted per generation. A redrive opens a generation, but not after a success: so there is at most
//! one at all.

use std::collections::HashSet;

use scheduler_domain::State;

use crate::history::History;

use super::Look;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    for (id, past) in &history.jobs {
        if past.may_be_deleted() {
            continue;
        }
        let succeeded = State::Succeeded.number();
        let successes = past
            .rows
            .iter()
            .filter(|change| change.new.is_some_and(|new| new.state == succeeded));
        let successes = successes.count();
        if successes > 0 {
            look.saw();
        }
        if successes > 1 {
            look.finds(*id, format!("its row became SUCCEEDED {successes} times"));
        }
        let reports = past.reports(&history.names);
        let accepted: HashSet<_> = reports
            .iter()
            .filter(|report| report.accepted() && report.state == Some(State::Succeeded))
            .map(|report| (report.epoch, report.worker))
            .collect();
        if !accepted.is_empty() {
            look.saw();
        }
        if accepted.len() > 1 {
            look.finds(
                *id,
                format!("{} reports of success were accepted", accepted.len()),
            );
        }
    }
    Ok(())
}
