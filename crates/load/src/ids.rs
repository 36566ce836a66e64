//! Job ids that say which job of the run they belong to.
//!
//! They are UUIDs of version 7, so that the store inserts them in order. Behind the run's beginning they carry the job's
//! number, the run's mark and, in the low bits where the scheduler looks for it, the shard, which the jobs of one call
//! share. So a listing can be held against what was sent without remembering an id.

use scheduler_client::Timestamp;
use uuid::Uuid;

const INDEX_BITS: u32 = 40;
const LOW_BITS: u32 = 28;
const MARK_BITS: u32 = 31;
const SHARDS: u64 = 8;
const VERSION: u128 = 0x7 << 76;
const VARIANT: u128 = 0x2 << 62;

/// The ids of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ids {
    millis: u64,
    mark: u64,
    per_call: u64,
}

impl Ids {
    /// Those of the run that began at `begun`; `mark` tells it from others that began in the same millisecond.
    pub(crate) fn new(begun: Timestamp, mark: u32, per_call: u32) -> Self {
        Self {
            millis: u64::try_from(begun.timestamp_millis()).unwrap_or_default() & ((1 << 48) - 1),
            mark: u64::from(mark) & ((1 << MARK_BITS) - 1),
            per_call: u64::from(per_call.max(1)),
        }
    }

    /// The id of the job with this number.
    pub(crate) fn id(&self, index: u64) -> Uuid {
        let index = index & ((1 << INDEX_BITS) - 1);
        let (high, low) = (index >> LOW_BITS, index & ((1 << LOW_BITS) - 1));
        let shard = index / self.per_call % SHARDS;
        let bits = u128::from(self.millis) << 80
            | VERSION
            | u128::from(high) << 64
            | VARIANT
            | u128::from(low) << (MARK_BITS + 3)
            | u128::from(self.mark) << 3
            | u128::from(shard);
        Uuid::from_u128(bits)
    }

    /// The number of the job with this id, if it is one of this run's.
    pub(crate) fn index(&self, id: Uuid) -> Option<u64> {
        let bits = id.as_u128();
        let part =
            |shift: u32, width: u32| u64::try_from((bits >> shift) & ((1 << width) - 1)).unwrap_or_default();
        let index = part(64, 12) << LOW_BITS | part(MARK_BITS + 3, LOW_BITS);
        (self.id(index) == id).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use scheduler_domain::{Clock as _, JobId, ManualClock};

    use super::*;

    fn ids(mark: u32, per_call: u32) -> Ids {
        Ids::new(ManualClock::default().now(), mark, per_call)
    }

    #[test]
    fn an_id_gives_its_number_back() {
        let ids = ids(u32::MAX, 1);
        for index in [0, 1, 7, 1 << 28, (1 << 40) - 1] {
            let id = ids.id(index);
            assert_eq!((id.get_version_num(), ids.index(id)), (7, Some(index)));
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        }
    }

    #[test]
    fn ids_rise_in_the_order_of_the_numbers() {
        let ids = ids(1, 1);
        assert!((0..10_000).all(|index| ids.id(index) < ids.id(index + 1)));
    }

    #[test]
    fn the_jobs_of_a_call_share_a_shard_and_calls_take_them_in_turn() {
        let ids = ids(1, 100);
        let shard = |index| JobId(ids.id(index)).shard().byte();
        assert!((0..100).all(|index| shard(index) == 0));
        assert_eq!([shard(100), shard(700), shard(800)], [1, 7, 0]);
    }

    #[test]
    fn the_jobs_of_others_have_no_number() {
        let ours = ids(1, 1);
        assert_eq!(ours.index(ids(2, 1).id(5)), None);
        assert_eq!(ours.index(Uuid::nil()), None);
    }
}
