//! How many bytes may be on their way, and who has how many of them.

use std::sync::Arc;

use metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics as meters;

/// What is counted at once: memory is given out in pages.
const PAGE: u64 = 4 << 10;
/// A call's first bytes are not counted: most calls have no more, and come in one frame. They cost nothing here, and are taken
/// when there is no room for others.
const FREE: u64 = 16 << 10;

/// There is no room for more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// Room for the requests of a server.
pub(crate) struct Budget {
    /// Pages that are free.
    pages: Arc<Semaphore>,
    /// Room for one message of any size, for one of those that find no page. It is what makes sure that of many which have all
    /// come half the way, one arrives, and then the next.
    last: Arc<Semaphore>,
    held: Gauge,
}

impl Budget {
    /// Room for `bytes`, of which the largest message can take `largest`.
    pub(crate) fn new(bytes: u64, largest: u64) -> Self {
        let pages = usize::try_from(bytes.saturating_sub(largest) / PAGE).unwrap_or(usize::MAX);
        Self {
            pages: Arc::new(Semaphore::new(pages.min(Semaphore::MAX_PERMITS))),
            last: Arc::new(Semaphore::new(1)),
            held: meters::arriving(),
        }
    }
}

/// What one call has of the room. It is given back when this is dropped.
#[derive(Default)]
pub(super) struct Share {
    pages: Option<OwnedSemaphorePermit>,
    last: Option<OwnedSemaphorePermit>,
    counted: Option<(Gauge, u64)>,
}

impl Share {
    /// Makes sure that there is room for `bytes` in all.
    pub(super) fn cover(&mut self, budget: &Budget, bytes: u64) -> Result<(), Full> {
        if bytes <= FREE {
            return Ok(());
        }
        if self.last.is_none() && self.grow(budget, bytes).is_none() {
            let last = Arc::clone(&budget.last).try_acquire_owned();
            self.last = Some(last.map_err(|_| Full)?);
        }
        let (held, counted) = self.counted.get_or_insert_with(|| (budget.held.clone(), 0));
        let more = u32::try_from(bytes.saturating_sub(*counted)).unwrap_or(u32::MAX);
        held.increment(f64::from(more));
        *counted += u64::from(more);
        Ok(())
    }

    /// `None` when there are not as many pages.
    fn grow(&mut self, budget: &Budget, bytes: u64) -> Option<()> {
        let have = self.pages.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let need = usize::try_from(bytes.div_ceil(PAGE)).ok()?.saturating_sub(have);
        let more = Arc::clone(&budget.pages).try_acquire_many_owned(u32::try_from(need).ok()?);
        let more = more.ok()?;
        match &mut self.pages {
            Some(pages) => pages.merge(more),
            none => *none = Some(more),
        }
        Some(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some((held, counted)) = &self.counted {
            held.decrement(f64::from(u32::try_from(*counted).unwrap_or(u32::MAX)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn small_calls_are_taken_when_there_is_no_room() {
        let budget = Budget::new(0, 0);
        let mut others = Share::default();
        others.cover(&budget, MIB).unwrap();
        assert_eq!(Share::default().cover(&budget, FREE), Ok(()));
        assert_eq!(Share::default().cover(&budget, FREE + 1), Err(Full));
    }

    #[test]
    fn of_many_that_came_half_the_way_one_arrives_and_then_the_next() {
        let budget = Budget::new(4 * MIB, 2 * MIB);
        let mut calls: Vec<Share> = (0..4).map(|_| Share::default()).collect();
        for half in &mut calls {
            half.cover(&budget, MIB / 2).unwrap();
        }
        let mut first = calls.remove(0);
        for mib in [1, 2] {
            first.cover(&budget, mib * MIB).unwrap();
            assert_eq!(calls[0].cover(&budget, MIB), Err(Full), "there is one such place");
        }
        drop(first);
        calls[0].cover(&budget, MIB).unwrap();
    }

    #[test]
    fn what_ends_gives_all_of_its_room_back() {
        let budget = Budget::new(4 * MIB, 2 * MIB);
        for _ in 0..10 {
            let mut shares = [Share::default(), Share::default(), Share::default()];
            for share in &mut shares {
                share.cover(&budget, MIB).unwrap();
            }
            assert_eq!(budget.pages.available_permits(), 0);
        }
        assert_eq!(budget.pages.available_permits(), 512);
        assert_eq!(budget.last.available_permits(), 1);
    }
}
