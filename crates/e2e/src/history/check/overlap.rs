//! S8: two attempts at one job run at the same time only under different epochs, and only after the older one's lease was lost.
//!
//! A lease lives as long as its worker's heartbeats are answered, so it was lost if there is a gap among them as long as a lease; or
//! if the queue lost its content, and no heartbeat came after that. Whether the older attempt's report is refused decides S4.

use std::collections::HashMap;

use crate::history::{History, JobPast, Name};

use super::Look;
use super::attempts::Attempt;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !history.setup.workers_tell {
        return Err("not every worker tells what it does");
    }
    let last_words = last_words(history);
    let mut overlaps = 0_u32;
    for (id, past) in &history.jobs {
        for _ in past.attempts().iter().filter(|attempt| attempt.started.is_some()) {
            look.saw();
        }
        for (older, newer) in pairs(past, &last_words) {
            overlaps += 1;
            let [first, second] = [older, newer].map(|attempt| history.names.text(attempt.worker));
            if older.epoch == newer.epoch && !history.setup.two_queues {
                look.finds(
                    *id,
                    format!(
                        "attempts of {first} and {second} overlap under epoch {}",
                        older.epoch
                    ),
                );
            } else if history.faults.is_empty() {
                look.finds(
                    *id,
                    format!("attempts of {first} and {second} overlap, and there was no fault"),
                );
            } else if older.epoch != newer.epoch && !lost(history, past, &older, &newer) {
                look.finds(
                    *id,
                    format!(
                        "{second} was given it under epoch {} while {first} ran it under epoch {} and renewed its lease",
                        newer.epoch, older.epoch
                    ),
                );
            }
        }
    }
    if look.looked_at > 0 {
        look.figure("attempts that overlapped", overlaps.into());
    }
    Ok(())
}

/// Attempts that overlap with the next one, the one begun earlier first.
pub(super) fn pairs(past: &JobPast, last_words: &HashMap<Name, u64>) -> Vec<(Attempt, Attempt)> {
    let mut begun: Vec<Attempt> = past.attempts();
    begun.retain(|attempt| attempt.started.is_some());
    begun.sort_by_key(|attempt| attempt.started);
    let mut pairs = Vec::new();
    // Of those before, the one that ends last: if any overlaps, it does.
    let mut longest: Option<(Attempt, u64)> = None;
    for attempt in begun {
        let end = attempt
            .ended
            .or_else(|| last_words.get(&attempt.worker).copied())
            .max(attempt.started)
            .unwrap_or_default();
        if let Some((before, until)) = longest
            && attempt.started.is_some_and(|started| started < until)
        {
            pairs.push((before, attempt));
        }
        if longest.is_none_or(|(_, until)| until < end) {
            longest = Some((attempt, end));
        }
    }
    pairs
}

/// The last that each worker told: one that was killed ran for no longer than until then, as far as is known.
pub(super) fn last_words(history: &History) -> HashMap<Name, u64> {
    let mut last: HashMap<Name, u64> = HashMap::new();
    for work in history.jobs.values().flat_map(|past| &past.work) {
        let at = last.entry(work.worker).or_default();
        *at = work.at.max(*at);
    }
    for (worker, beats) in &history.beats {
        let beat = beats.last().map_or(0, |sent| history.mono(*sent));
        let at = last.entry(*worker).or_default();
        *at = beat.max(*at);
    }
    last
}

/// Whether the lease of the older attempt was lost before the newer one was given out.
fn lost(history: &History, past: &JobPast, older: &Attempt, newer: &Attempt) -> bool {
    let Some(beats) = history.beats.get(&older.worker) else {
        return true;
    };
    let begun = older
        .claimed
        .or(older.taken)
        .or(older.started)
        .unwrap_or_default();
    let given = given(past, older, newer);
    let (setup, mut before) = (&history.setup, begun);
    let enough = setup.lease().saturating_sub(setup.heartbeat());
    let renewed = beats
        .iter()
        .map(|sent| history.mono(*sent))
        .filter(|at| (begun..given).contains(at));
    for at in renewed.clone().chain([given]) {
        if at.saturating_sub(before) >= enough {
            return true;
        }
        before = at;
    }
    // One that is under way when the queue is asked comes too late.
    let in_time = given.saturating_sub(setup.heartbeat());
    history
        .losses()
        .filter(|loss| loss.began <= given)
        .any(|loss| !renewed.clone().any(|at| at > loss.over() && at < in_time))
}

/// When the job was taken from the older attempt, or else when the newer one's worker was seen to have it.
fn given(past: &JobPast, older: &Attempt, newer: &Attempt) -> u64 {
    let taken = past
        .rows
        .iter()
        .find(|change| {
            change
                .rows()
                .is_some_and(|(old, new)| old.epoch == older.epoch && new.epoch > older.epoch)
        })
        .map(|change| change.at);
    let seen = newer.claimed.or(newer.taken).or(newer.started);
    taken.or(seen).unwrap_or_default()
}
