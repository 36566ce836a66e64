//! L2: what was due and not running when the queue lost its content begins, or ends, within the time that the setup gives.

use std::collections::HashMap;

use crate::history::{Fault, History, JobPast, Name, Op};

use super::{Look, millis, overlap};

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    let Some(within) = history.setup.rebuilt_within_ms else {
        return Err("the setup gives no time for it");
    };
    if !history.has_rows {
        return Err("rows were not recorded");
    }
    if !history.setup.workers_tell {
        return Err("not every worker tells what it does");
    }
    let losses: Vec<&Fault> = history.losses().collect();
    if losses.is_empty() {
        return Err("the queue lost nothing in this run");
    }
    let last_words = overlap::last_words(history);
    let within = within.saturating_mul(1_000_000);
    let mut worst = 0;
    for (at, loss) in losses.iter().enumerate() {
        let deadline = loss.over().saturating_add(within);
        // What is lost again meanwhile is judged by the later loss.
        if losses.get(at + 1).is_some_and(|next| next.began < deadline) {
            continue;
        }
        for (id, past) in &history.jobs {
            if !waited(history, past, loss.began) || runs(past, loss.began, &last_words) {
                continue;
            }
            look.saw();
            match next(past, loss.began) {
                Some(moved) => {
                    worst = worst.max(moved.saturating_sub(loss.over()));
                    if moved > deadline {
                        let late = moved.saturating_sub(loss.over()) / 1_000_000;
                        look.finds(*id, format!("it began {late} ms after the queue was lost"));
                    }
                }
                None => look.finds(*id, "it was due when the queue was lost, and never began"),
            }
        }
    }
    if look.looked_at > 0 {
        look.figure(
            "longest until a due job began after the queue was lost, ms",
            millis(worst),
        );
    }
    Ok(())
}

/// Whether it was open and due then.
fn waited(history: &History, past: &JobPast, at: u64) -> bool {
    let row = past.rows.iter().take_while(|change| change.at <= at).last();
    row.and_then(|change| change.new)
        .is_some_and(|row| !row.is_final() && history.mono(row.run_at_ns) <= at)
}

/// Whether a worker ran it, or had just ended it, then.
fn runs(past: &JobPast, at: u64, last_words: &HashMap<Name, u64>) -> bool {
    past.attempts().iter().any(|attempt| {
        let end = attempt.ended.or_else(|| last_words.get(&attempt.worker).copied());
        attempt.started.is_some_and(|started| started <= at) && end >= Some(at)
    })
}

/// When it next began, or was ended by something else.
fn next(past: &JobPast, at: u64) -> Option<u64> {
    let began = past.work.iter().find(|work| work.op == Op::Start && work.at > at);
    let ended = past
        .rows
        .iter()
        .find(|change| change.at > at && change.new.is_none_or(|new| new.is_final()));
    let (began, ended) = (began.map(|work| work.at), ended.map(|change| change.at));
    began.into_iter().chain(ended).min()
}
