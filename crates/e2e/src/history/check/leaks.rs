//! L6: what the samples measure is at the end what it was before the first fault, within bounds.
//!
//! A measure may carry the name of its process before a dot: `api-1.fds`.

use std::collections::BTreeMap;

use crate::history::History;

use super::Look;

/// How far above its base a measure may end.
const BOUNDS: &[(&str, Bound)] = &[
    (
        "fds",
        Bound {
            times: 1.2,
            more: 32.0,
        },
    ),
    (
        "rss_kib",
        Bound {
            times: 1.5,
            more: 65_536.0,
        },
    ),
    (
        "connections",
        Bound {
            times: 1.2,
            more: 4.0,
        },
    ),
    (
        "idle_in_transaction",
        Bound {
            times: 0.0,
            more: 0.0,
        },
    ),
    (
        "orphan_keys",
        Bound {
            times: 0.0,
            more: 0.0,
        },
    ),
];

struct Bound {
    times: f64,
    more: f64,
}

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if history.samples.is_empty() {
        return Err("nothing was measured");
    }
    let calm = history.faults.first().map_or(0, |fault| fault.began);
    let mut base: BTreeMap<&str, f64> = BTreeMap::new();
    let mut last: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for (at, numbers) in &history.samples {
        for (name, value) in numbers {
            let first = base.entry(name).or_insert(*value);
            if *at < calm {
                *first = first.max(*value);
            }
            let (count, latest) = last.entry(name).or_default();
            (*count, *latest) = (*count + 1, *value);
        }
    }
    for (name, (count, latest)) in last {
        let measure = name.rsplit_once('.').map_or(name, |(_, measure)| measure);
        let Some((_, bound)) = BOUNDS.iter().find(|(known, _)| *known == measure) else {
            continue;
        };
        // A single sample is its own base.
        if count < 2 && bound.times > 0.0 {
            continue;
        }
        look.saw();
        let base = base.get(name).copied().unwrap_or_default();
        look.figure(&format!("{name} before"), base);
        look.figure(&format!("{name} at the end"), latest);
        if latest > base * bound.times + bound.more {
            look.finds(None, format!("{name} was {base}, and is {latest} at the end"));
        }
    }
    Ok(())
}
