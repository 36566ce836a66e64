//! What entries, leases and hints look like as bytes. The scripts know the first two as well: `lua/prelude.lua`.

use chrono::DateTime;
use redis::Value;
use scheduler_domain::{Entry, Epoch, JobId, Lease, Shard, Timestamp, WorkerId};
use uuid::Uuid;

use crate::{Hint, Woken};

/// Bytes of a [`member`].
pub(super) const MEMBER: usize = 20;
/// Bytes of a lease before the line's name: epoch, since, ready_at, padding, length of the name.
const LEASE: usize = 65;

/// An id and an epoch: how an entry stands in a ready line.
pub(super) fn member(id: JobId, epoch: Epoch) -> [u8; MEMBER] {
    let mut bytes = [0; MEMBER];
    bytes[..16].copy_from_slice(id.0.as_bytes());
    bytes[16..].copy_from_slice(&epoch.0.to_be_bytes());
    bytes
}

/// The member of `entry`.
pub(super) fn member_of(entry: &Entry) -> [u8; MEMBER] {
    member(entry.id, entry.epoch)
}

pub(super) fn read_member(bytes: &[u8]) -> Option<(JobId, Epoch)> {
    let bytes: &[u8; MEMBER] = bytes.try_into().ok()?;
    let (id, epoch) = bytes.split_at(16);
    Some((read_id(id)?, Epoch(i32::from_be_bytes(epoch.try_into().ok()?))))
}

pub(super) fn read_id(bytes: &[u8]) -> Option<JobId> {
    Uuid::from_slice(bytes).ok().map(JobId)
}

/// The lease of `id`, whose value is `bytes`.
pub(super) fn read_lease(id: JobId, bytes: &[u8]) -> Option<Lease> {
    let (epoch, rest) = bytes.split_first_chunk::<4>()?;
    let (since, _) = rest.split_first_chunk::<8>()?;
    let worker = bytes.get(LEASE + usize::from(*bytes.get(LEASE - 1)?)..)?;
    Some(Lease {
        id,
        epoch: Epoch(i32::from_be_bytes(*epoch)),
        worker: WorkerId::from_stored(String::from_utf8(worker.to_vec()).ok()?),
        since: DateTime::from_timestamp_micros(i64::from_be_bytes(*since))?,
    })
}

/// A moment or a number as the server answers it: a score comes as text, which may be in scientific notation.
pub(super) fn read_number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse::<f64>().ok().map(rounded),
        Value::Double(number) => Some(rounded(*number)),
        _ => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` holds at the ends of i64; microseconds are exact below 2^53"
)]
fn rounded(number: f64) -> i64 {
    number.round() as i64
}

pub(super) fn read_time(value: &Value) -> Option<Timestamp> {
    read_number(value).and_then(DateTime::from_timestamp_micros)
}

pub(super) fn read_bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

/// The shard in one byte, then the member if there is one.
pub(super) fn token(woken: &Woken) -> Vec<u8> {
    let mut bytes = vec![woken.shard.byte()];
    if let Some((id, epoch)) = woken.entry {
        bytes.extend_from_slice(&member(id, epoch));
    }
    bytes
}

/// What follows the shard and is no member is left out: a later version may say more.
pub(super) fn read_token(bytes: &[u8]) -> Option<Woken> {
    let (shard, rest) = bytes.split_first()?;
    Some(Woken {
        shard: Shard::wrapping(u64::from(*shard)),
        entry: read_member(rest),
    })
}

const CHANGED: u8 = 1;
const CANCELLED: u8 = 2;

/// One byte that says which, then ids.
pub(super) fn hint(hint: &Hint) -> Vec<u8> {
    let (kind, ids) = match hint {
        Hint::Changed(ids) => (CHANGED, ids.as_slice()),
        Hint::Cancelled(id) => (CANCELLED, std::slice::from_ref(id)),
    };
    let mut bytes = Vec::with_capacity(1 + 16 * ids.len());
    bytes.push(kind);
    ids.iter().for_each(|id| bytes.extend_from_slice(id.0.as_bytes()));
    bytes
}

/// `None` for what was not published by us, or by a later version of us.
pub(super) fn read_hint(bytes: &[u8]) -> Option<Hint> {
    let (kind, rest) = bytes.split_first()?;
    let ids = rest.chunks(16).map(read_id).collect::<Option<Vec<_>>>()?;
    match (*kind, ids.as_slice()) {
        (CHANGED, _) => Some(Hint::Changed(ids)),
        (CANCELLED, [id]) => Some(Hint::Cancelled(*id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: JobId = JobId(Uuid::from_bytes([7; 16]));

    #[test]
    fn a_member_is_the_id_and_the_epoch() {
        let bytes = member(ID, Epoch(258));
        assert_eq!(bytes[16..], [0, 0, 1, 2]);
        assert_eq!(read_member(&bytes), Some((ID, Epoch(258))));
        assert_eq!(read_member(&bytes[1..]), None);
    }

    #[test]
    fn hints_round_trip_and_rubbish_is_refused() {
        for sent in [
            Hint::Changed(vec![ID; 3]),
            Hint::Changed(Vec::new()),
            Hint::Cancelled(ID),
        ] {
            assert_eq!(read_hint(&hint(&sent)), Some(sent));
        }
        for rubbish in [&b""[..], b"\x01abc", b"\x02", b"\x09", &[2; 33]] {
            assert_eq!(read_hint(rubbish), None, "{rubbish:?}");
        }
    }

    #[test]
    fn tokens_round_trip_and_what_cannot_be_read_of_one_is_left_out() {
        let shard = Shard::wrapping(5);
        for entry in [None, Some((ID, Epoch(258)))] {
            let woken = Woken { shard, entry };
            assert_eq!(read_token(&token(&woken)), Some(woken));
        }
        assert_eq!(read_token(&[5, 1, 2, 3]), Some(Woken { shard, entry: None }));
        assert_eq!(read_token(&[]), None);
    }

    #[test]
    fn a_lease_cut_short_is_none() {
        let whole = [
            &[0, 0, 0, 1][..],
            &1_767_225_600_000_000_i64.to_be_bytes(),
            &[0; 8],
            &[0; 44],
            &[3],
            b"q:3",
            b"w-1",
        ]
        .concat();
        let lease = read_lease(ID, &whole).unwrap();
        assert_eq!((lease.epoch, lease.worker.as_str()), (Epoch::FIRST, "w-1"));
        assert_eq!(lease.since.timestamp_micros(), 1_767_225_600_000_000);
        for cut in 0..LEASE + 3 {
            assert_eq!(read_lease(ID, &whole[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn a_score_may_be_in_scientific_notation() {
        for text in ["1767225600000000", "1.7672256e+15", "1.7672256e15"] {
            let value = Value::BulkString(text.as_bytes().to_vec());
            assert_eq!(read_number(&value), Some(1_767_225_600_000_000), "{text}");
        }
    }
}
