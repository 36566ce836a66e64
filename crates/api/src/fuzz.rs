//! Bytes from outside: requests as they are decoded and checked, page tokens, headers, what a trigger's metadata says.

use std::collections::HashMap;

use prost::Message as _;
use scheduler_domain::{Clock as _, Invalid, JobId, ManualClock, limits};
use scheduler_fuzz::{Generate as _, any, bytes_near, check, text_near};
use scheduler_proto::v1;
use scheduler_store::{Cursor, Filter};
use tonic::metadata::MetadataValue;
use tonic::{Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::error::Error;
use crate::scaler::{KEYS, Trigger};
use crate::{TokenKey, convert, malformed, service};

/// Most bytes of a status, headers and all: what a client may be expected to take (gRPC asks for 8 KiB).
const MOST_STATUS: usize = 8 << 10;

fn job() -> v1::Job {
    let span = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    v1::Job {
        r#type: "noop".to_owned(),
        priority: 3,
        payload_json: "{}".to_owned(),
        idempotency_key: "key".to_owned(),
        labels: [("team".to_owned(), "a".to_owned())].into(),
        delay: span(1, 2),
        timeout: span(3, 4),
        retry_policy: Some(v1::RetryPolicy {
            initial_interval: span(1, 0),
            multiplier: 2.0,
            max_interval: span(600, 0),
            jitter: 1,
        }),
        ..v1::Job::default()
    }
}

/// What a caller is told names fields of ours, and fits into headers.
fn told(error: Error, prefix: &str) {
    let status = Status::from(error);
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    assert!(!violations.is_empty());
    for violation in violations {
        assert!(
            violation.field.starts_with(prefix) && !violation.description.is_empty(),
            "{violation:?}"
        );
    }
    let size = status.message().len() + status.details().len();
    assert!(size <= MOST_STATUS, "{size} bytes");
}

#[test]
fn a_job_is_refused_by_its_fields_or_is_within_every_limit() {
    let request = v1::SubmitJobRequest { job: Some(job()) };
    let example: &'static [u8] = request.encode_to_vec().leak();
    let examples: &'static [&'static [u8]] = Box::leak(Box::new([example]));
    let now = ManualClock::default().now();
    check!().with_generator(bytes_near(examples)).for_each(|bytes| {
        let Ok(request) = v1::SubmitJobRequest::decode(bytes.as_slice()) else {
            return;
        };
        match convert::submission(request.job, now, None) {
            Err(faults) => told(Error::Invalid(faults), "job"),
            Ok(submission) => {
                let (spec, options) = (&submission.spec, &submission.spec.options);
                assert!((1..=limits::MAX_ATTEMPTS).contains(&spec.max_attempts));
                assert!(serde_json::from_str::<serde::de::IgnoredAny>(&spec.payload).is_ok());
                assert!(options.labels.len() <= limits::MAX_LABELS);
                assert!(options.delay.is_none_or(|delay| delay <= limits::MAX_DELAY));
                let timeouts = limits::MIN_TIMEOUT..=limits::MAX_TIMEOUT;
                assert!(options.timeout.is_none_or(|timeout| timeouts.contains(&timeout)));
                assert!(
                    options
                        .retry
                        .as_ref()
                        .is_none_or(|policy| policy.violations().is_empty())
                );
                // What is stored of them is JSON, and is read back as it was.
                let stored = serde_json::to_string(options).unwrap();
                assert_eq!(
                    serde_json::from_str::<scheduler_domain::JobOptions>(&stored).unwrap(),
                    *options
                );
            }
        }
    });
}

#[test]
fn a_token_opens_only_as_it_was_sealed() {
    let key = TokenKey::from_secret("test");
    check!()
        .with_generator((
            any::<([u8; 16], i64)>(),
            any::<(u8, u8)>(),
            text_near(&["", "AQ", "===="]),
        ))
        .for_each(|((id, micros), (at, bit), text)| {
            let filter = Filter::default();
            let created_at = chrono_micros(*micros);
            let cursor = Cursor {
                created_at,
                id: JobId(Uuid::from_bytes(*id)),
            };
            let token = key.seal(cursor, &filter);
            assert_eq!(key.open(&token, &filter).unwrap(), Some(cursor));
            let mut forged = token.clone().into_bytes();
            let at = usize::from(*at) % forged.len();
            forged[at] ^= 1 << (bit % 7);
            let forged = String::from_utf8(forged).unwrap();
            assert!(key.open(&forged, &filter).is_err(), "{token} {forged}");
            if !text.is_empty() {
                assert!(key.open(text, &filter).is_err(), "{text}");
            }
        });
}

/// A moment that the store could have made.
fn chrono_micros(micros: i64) -> scheduler_domain::Timestamp {
    // To about 294,000 years, which is past what a row may have.
    scheduler_domain::Timestamp::from_timestamp_micros(micros % 200_000_000_000_000_000).unwrap_or_default()
}

#[test]
fn what_the_decoder_says_becomes_an_answer_that_fits_headers() {
    check!()
        .with_generator(text_near(&[
            "failed to decode Protobuf message: Job.r#type: SubmitJobRequest.job: invalid wire type: Varint (expected LengthDelimited)",
            "failed to decode Protobuf message: buffer underflow",
            "failed to decode Protobuf message: : : .: a.b: ",
        ]))
        .for_each(|text| {
            let mut headers = http::HeaderMap::new();
            Status::internal(text).add_header(&mut headers).unwrap();
            malformed::rewrite(true, &mut headers);
            let status = Status::from_header_map(&headers).unwrap();
            let ours = text.starts_with("failed to decode Protobuf message: ");
            assert_eq!(status.code() == tonic::Code::InvalidArgument, ours, "{status:?}");
        });
}

#[test]
fn a_trace_is_kept_as_it_came_or_not_at_all() {
    check!()
        .with_generator(bytes_near(&[
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ]))
        .for_each(|value| {
            let mut request = Request::new(());
            let Ok(header) = MetadataValue::try_from(value.as_slice()) else {
                return;
            };
            request.metadata_mut().insert("traceparent", header);
            if let Some(kept) = service::trace(&request) {
                assert!(kept.len() == 55 && kept.as_bytes() == value.as_slice());
            }
        });
}

#[test]
fn a_triggers_metadata_is_understood_or_every_fault_is_named_in_an_answer_that_fits_headers() {
    let key = text_near(KEYS);
    let value = text_near(&[
        "ready",
        "a,b",
        "critical,HIGH",
        "2.5",
        "86400",
        "1e308",
        "*",
        "NaN",
    ]);
    check!()
        .with_generator(
            any::<Vec<(String, String)>>()
                .with()
                .values((key, value))
                .map_gen(|pairs| pairs),
        )
        .for_each(|pairs| {
            let metadata: HashMap<String, String> = pairs.iter().cloned().collect();
            if let Err(faults) = Trigger::parse(&metadata) {
                let _: &Vec<Invalid> = &faults;
                told(Error::Invalid(faults), "metadata.");
            }
        });
}
