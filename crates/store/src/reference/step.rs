//! What may happen to jobs.

use proptest::prelude::*;

/// How many jobs, keys and bodies a history is about: few, so that they meet.
pub(super) const JOBS: u64 = 3;
const KEYS: u64 = 2;

/// One call of a store. `back` is how many epochs the caller is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Submit {
        job: u64,
        chosen: bool,
        key: Option<u64>,
        body: u64,
        delay: u64,
    },
    MarkRunning {
        job: u64,
        back: i32,
        worker: u128,
    },
    Finish {
        job: u64,
        back: i32,
        worker: u128,
        verdict: Ending,
    },
    /// The last accepted report on this job, sent again: its answer was lost.
    FinishAgain {
        job: u64,
    },
    HandOut {
        job: u64,
        back: i32,
        cause: Cause,
    },
    Cancel {
        job: u64,
    },
    Redrive {
        job: u64,
    },
    Delete {
        job: u64,
    },
    Advance {
        seconds: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeded,
    Retry { delay: u64 },
    Failed,
    DeadLetter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Forgotten,
    LeaseExpired { budget: u32 },
    Released,
}

pub(super) fn any() -> impl Strategy<Value = Step> {
    let job = 0..JOBS;
    let worker = 1..3u128;
    // Most callers are up to date.
    let back = prop_oneof![5 => Just(0), 2 => Just(1), 1 => Just(2), 1 => Just(-1)];
    let ending = prop_oneof![
        Just(Ending::Succeeded),
        (0..5u64).prop_map(|delay| Ending::Retry { delay }),
        Just(Ending::Failed),
        Just(Ending::DeadLetter),
    ];
    let cause = prop_oneof![
        Just(Cause::Forgotten),
        (1..4u32).prop_map(|budget| Cause::LeaseExpired { budget }),
        Just(Cause::Released),
    ];
    prop_oneof![
        4 => (job.clone(), any_bool(), proptest::option::of(0..KEYS), 0..2u64, prop_oneof![3 => Just(0), 1 => 1..9u64])
            .prop_map(|(job, chosen, key, body, delay)| Step::Submit { job, chosen, key, body, delay }),
        2 => (job.clone(), back.clone(), worker.clone())
            .prop_map(|(job, back, worker)| Step::MarkRunning { job, back, worker }),
        5 => (job.clone(), back.clone(), worker, ending)
            .prop_map(|(job, back, worker, verdict)| Step::Finish { job, back, worker, verdict }),
        1 => job.clone().prop_map(|job| Step::FinishAgain { job }),
        4 => (job.clone(), back, cause).prop_map(|(job, back, cause)| Step::HandOut { job, back, cause }),
        1 => job.clone().prop_map(|job| Step::Cancel { job }),
        2 => job.clone().prop_map(|job| Step::Redrive { job }),
        1 => job.prop_map(|job| Step::Delete { job }),
        2 => (0..6u64).prop_map(|seconds| Step::Advance { seconds }),
    ]
}

fn any_bool() -> impl Strategy<Value = bool> + Clone {
    proptest::bool::ANY
}
