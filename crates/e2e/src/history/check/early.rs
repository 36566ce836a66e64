//! S9: no attempt begins before the time that its row gives for its epoch.

use std::collections::HashMap;

use crate::history::{History, Op};

use super::Look;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !history.has_rows {
        return Err("rows were not recorded");
    }
    let tolerance = history.setup.tolerance();
    let mut worst = 0;
    for (id, past) in &history.jobs {
        let mut due: HashMap<i32, u64> = HashMap::new();
        for new in past.rows.iter().filter_map(|change| change.new) {
            let at = due.entry(new.epoch).or_insert(u64::MAX);
            *at = history.mono(new.run_at_ns).min(*at);
        }
        for work in past.work.iter().filter(|work| work.op == Op::Start) {
            let Some(due) = due.get(&work.epoch) else {
                continue;
            };
            look.saw();
            let early = due.saturating_sub(work.at);
            worst = worst.max(early);
            if early > tolerance {
                look.finds(
                    *id,
                    format!(
                        "it began under epoch {} {} ms before its time",
                        work.epoch,
                        early / 1_000_000
                    ),
                );
            }
        }
    }
    if look.looked_at > 0 {
        look.figure("earliest start before its time, ms", super::millis(worst));
    }
    Ok(())
}
