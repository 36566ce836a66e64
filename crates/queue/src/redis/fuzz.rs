//! What is read back from Redis may have been written by somebody else: every reader takes any bytes, and what it takes for one of
//! ours is what we would have written.

use redis::Value;
use scheduler_domain::{Epoch, JobId, Shard};
use scheduler_fuzz::{Generate as _, any, bytes_near, check, text_near};
use uuid::Uuid;

use super::codec::{
    hint, member, read_hint, read_lease, read_member, read_number, read_time, read_token, token,
};
use super::{claim, extend, inspect, keys, reap, reports, upkeep};

const ID: JobId = JobId(Uuid::from_bytes([7; 16]));
/// A lease of the worker `w-1` in the line `q:3`.
const LEASE: &[u8] = b"\0\0\0\x01\0\x06\x47\x6a\xfa\x80\x40\0\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03q:3w-1";
const MEMBER: &[u8] = b"0123456789abcdef\0\0\0\x01";

#[test]
fn a_member_is_refused_or_is_the_one_that_we_would_write() {
    check!()
        .with_generator(bytes_near(&[MEMBER, b"\xff\xff\xff\xff0123456789abcdef"]))
        .for_each(|bytes| {
            if let Some((id, epoch)) = read_member(bytes) {
                assert_eq!(member(id, epoch)[..], bytes[..]);
            }
        });
    check!().with_type::<([u8; 16], i32)>().for_each(|(id, epoch)| {
        let (id, epoch) = (JobId(Uuid::from_bytes(*id)), Epoch(*epoch));
        assert_eq!(read_member(&member(id, epoch)), Some((id, epoch)));
    });
}

#[test]
fn a_hint_is_refused_or_is_the_one_that_we_would_publish() {
    check!()
        .with_generator(bytes_near(&[
            b"\x01",
            b"\x01\x00123456789abcdef0123456789abcdef",
            b"\x020123456789abcdef",
            b"\x09",
        ]))
        .for_each(|bytes| {
            if let Some(read) = read_hint(bytes) {
                assert_eq!(&hint(&read), bytes);
            }
        });
}

#[test]
fn a_token_is_refused_or_says_what_we_would_have_written_first() {
    check!()
        .with_generator(bytes_near(&[b"\x05", b"\x050123456789abcdef\0\0\0\x01"]))
        .for_each(|bytes| {
            if let Some(read) = read_token(bytes) {
                assert_eq!(read.shard.byte(), bytes[0] % Shard::COUNT);
                assert!(bytes[1..].starts_with(&token(&read)[1..]));
            }
        });
}

#[test]
fn a_lease_is_refused_or_names_a_worker_that_stands_in_it() {
    check!().with_generator(bytes_near(&[LEASE])).for_each(|bytes| {
        if let Some(lease) = read_lease(ID, bytes) {
            assert_eq!(lease.id, ID);
            assert!(bytes.ends_with(lease.worker.as_str().as_bytes()));
        }
    });
    assert!(read_lease(ID, LEASE).is_some(), "the example is one");
}

#[test]
fn a_line_is_refused_or_is_called_as_we_would_call_it() {
    check!()
        .with_generator(bytes_near(&[b"default:3", b"eu.mail-1_x:1", b":1", b"a:9"]))
        .for_each(|name| {
            if let Some((queue, priority)) = keys::parse_line(name) {
                assert_eq!(keys::line(&queue, priority).as_bytes(), &name[..]);
            }
        });
}

#[test]
fn a_report_is_refused_or_has_only_rates_that_can_be_added_up_and_is_written_back() {
    check!()
        .with_generator(text_near(&[
            "10",
            "10\ndefault 3 noop 7 1.500000 0.250000 1000000.000000 0.000001 3.000000 0.000000",
            "0\nq 1 * 0 0 0 0 0 0 0\neu.mail-1 4 a:b/c 1 1 1 1 1 1 1 17",
            "4294967295\nq 1 * 4294967295 1e308 1e308 1e308 1e308 1e308 1e308",
        ]))
        .for_each(|text| {
            let Some(report) = reports::read(text) else {
                return;
            };
            for flow in &report.flows {
                // A million processes' worth of any of them is still a number.
                assert!(
                    reports::measures(flow)
                        .iter()
                        .all(|rate| (*rate * 1e6).is_finite() && *rate >= 0.0)
                );
            }
            // Written with six decimals: what was read may have had more, what is read again has not.
            let rounded = reports::read(&reports::write(&report)).unwrap();
            assert_eq!(rounded.flows.len(), report.flows.len());
            assert_eq!(reports::read(&reports::write(&rounded)), Some(rounded));
        });
}

/// What a script may answer: right and wrong values in any order, lists among them.
fn value(parts: &[(u8, i64, Vec<u8>)]) -> Value {
    let mut values: Vec<Value> = Vec::new();
    for (kind, number, bytes) in parts {
        let value = match kind % 12 {
            0 | 1 => Value::Int(*number),
            2 => Value::Int(number.rem_euclid(4)),
            3 => Value::BulkString(bytes.clone()),
            4 | 5 => Value::BulkString(MEMBER.to_vec()),
            6 | 7 => Value::BulkString(b"default:3".to_vec()),
            8 => Value::BulkString(LEASE.to_vec()),
            9 => Value::BulkString(MEMBER[..16].to_vec()),
            10 => Value::Double(f64::from_bits(number.cast_unsigned())),
            _ => Value::Array(std::mem::take(&mut values)),
        };
        values.push(value);
    }
    Value::Array(values)
}

#[test]
fn whatever_a_script_answers_it_is_read_or_refused_and_grows_no_larger() {
    check!()
        .with_generator(any::<Vec<(u8, i64, Vec<u8>)>>().map_gen(|parts| value(&parts)))
        .for_each(|answer| {
            let Value::Array(values) = answer else { return };
            let size = values.len();
            if let Some(read) = claim::read(answer) {
                assert!(read.claimed.len() <= size);
            }
            if let Some((lost, again)) = extend::read(answer) {
                assert!(size == 2, "{lost:?} {again:?}");
            }
            if let Some((_, lines)) = inspect::read_depths(answer) {
                assert!(lines.len() <= size / 3);
            }
            if let Some(step) = reap::read(answer) {
                assert!(step.expired.len() <= size / 2);
            }
            if let Some(promoted) = upkeep::read_promoted(answer) {
                assert!(promoted.ready.len() <= size / 2);
            }
            let _ = inspect::read_sizes(answer);
            for pair in values.chunks_exact(2) {
                let _ = reports::reported(pair);
            }
            for value in values {
                let _ = (read_number(value), read_time(value));
            }
        });
}
