//! Times and spans as the wire has them.

use std::time::Duration;

use scheduler_domain::{Jitter, RetryPolicy, Timestamp};
use scheduler_proto::v1;

pub(crate) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

pub(crate) fn duration(span: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

pub(crate) fn retry_policy(policy: &RetryPolicy) -> v1::RetryPolicy {
    let jitter = match policy.jitter {
        Jitter::Full => v1::retry_policy::Jitter::Full,
        Jitter::None => v1::retry_policy::Jitter::None,
    };
    v1::RetryPolicy {
        initial_interval: Some(duration(policy.initial)),
        multiplier: policy.multiplier,
        max_interval: Some(duration(policy.max_interval)),
        jitter: jitter.into(),
    }
}
