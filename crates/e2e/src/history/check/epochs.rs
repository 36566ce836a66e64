//! S3: the epoch never falls, rises with every hand-out, and attempts under one epoch are begun by one life of one worker.
//!
//! Who began it is not looked at when there were two queues: [`Setup::two_queues`](crate::history::Setup::two_queues).
//!
//! A worker may claim an entry and give it back before it began; then another claims it under the same epoch. So what counts is
//! who *started*.

use std::collections::HashMap;

use scheduler_domain::State;

use crate::history::{Change, History, Name, Op, Row};

use super::Look;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    for (id, past) in &history.jobs {
        for (old, new) in past.rows.iter().filter_map(Change::rows) {
            look.saw();
            if new.epoch < old.epoch {
                look.finds(*id, format!("its epoch fell from {} to {}", old.epoch, new.epoch));
            } else if new.epoch == old.epoch && is_out_again(&old, &new) {
                look.finds(
                    *id,
                    format!(
                        "it was handed out again under the epoch {} that it was out under",
                        old.epoch
                    ),
                );
            }
        }
        if past.may_be_deleted() || history.setup.two_queues {
            continue;
        }
        let mut starters: HashMap<i32, Name> = HashMap::new();
        for work in past.work.iter().filter(|work| work.op == Op::Start) {
            look.saw();
            let first = *starters.entry(work.epoch).or_insert(work.worker);
            if first != work.worker {
                look.finds(
                    *id,
                    format!(
                        "it was started under epoch {} by {} and by {}",
                        work.epoch,
                        history.names.text(first),
                        history.names.text(work.worker)
                    ),
                );
            }
        }
    }
    Ok(())
}

/// Whether the change makes it run another time.
fn is_out_again(old: &Row, new: &Row) -> bool {
    let waits = matches!(new.state(), Some(State::Queued | State::Retry | State::Scheduled));
    let left = old.state() == Some(State::Running) || old.is_final();
    waits && (left || new.attempts > old.attempts || new.crashes > old.crashes)
}
