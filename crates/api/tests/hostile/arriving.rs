//! Large requests that do not arrive whole.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http::uri::PathAndQuery;
use scheduler_api::Limits;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::body::submit;
use crate::raw::Raw;
use crate::world::{LONG, World, forget_peak, peak};

const MIB: usize = 1 << 20;
/// Largest message.
const LARGEST: usize = 8 * MIB;
/// The room and what is in the windows of four connections at either end, 56 MiB at most; and what glibc keeps of what was freed: up to
/// twice the largest piece ever freed in each arena that a thread has used (`M_TRIM_THRESHOLD` follows `M_MMAP_THRESHOLD`, mallopt(3)).
const MOST_KIB: u64 = 256 << 10;

/// Room for three of the largest.
fn limits() -> Limits {
    Limits {
        max_message_bytes: LARGEST,
        max_arriving_bytes: 3 * LARGEST as u64,
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_large_requests_that_stall_at_their_last_byte_cost_no_more_than_there_is_room_for() {
    let world = World::start(limits()).await;
    let mut stalled = FuturesUnordered::new();
    for _ in 0..4 {
        let channel = world.channel().await;
        stalled.extend((0..100).map(|_| submit(channel.clone(), LARGEST, LARGEST - 1)));
    }
    let mut refused = 0;
    // Whoever found room is silent.
    while let Ok(Some(answer)) = timeout(Duration::from_secs(2), stalled.next()).await {
        assert_eq!(answer.code(), Code::ResourceExhausted, "{answer:?}");
        let details = answer.get_error_details();
        assert_eq!(details.error_info().unwrap().reason, "TOO_MANY_REQUEST_BYTES");
        assert!(details.retry_info().is_some());
        refused += 1;
    }
    assert!((390..400).contains(&refused), "{refused} of 400 were refused");
    // 3 GiB were offered. Small calls are taken, on the same connections and on others.
    world.is_well_within(MOST_KIB).await;
    drop(stalled);
    largest_arrives(&world).await;
    world.is_well_within(MOST_KIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_announces_much_and_sends_little_takes_no_room_from_others() {
    let world = World::start(limits()).await;
    let channel = world.channel().await;
    let mut announced: FuturesUnordered<_> = (0..500)
        .map(|_| submit(channel.clone(), LARGEST, 1_000))
        .collect();
    assert!(timeout(Duration::from_secs(1), announced.next()).await.is_err());
    largest_arrives(&world).await;
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_large_requests_at_once_those_arrive_that_there_is_room_for() {
    let world = World::start(limits()).await;
    let channel = world.channel().await;
    let mut calls: FuturesUnordered<_> = (0..50)
        .map(|_| submit(channel.clone(), LARGEST, LARGEST))
        .collect();
    let (mut arrived, mut refused) = (0, 0);
    while let Some(answer) = timeout(LONG, calls.next()).await.unwrap() {
        match answer.code() {
            Code::InvalidArgument => arrived += 1,
            Code::ResourceExhausted => refused += 1,
            _ => panic!("{answer:?}"),
        }
    }
    assert!(arrived > 0, "{refused} were refused and none arrived");
    world.is_well_within(MOST_KIB).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_unfold_to_gigabytes_are_refused_before_they_are_decoded() {
    let world = World::start(Limits::default()).await;
    forget_peak();
    let before = peak();
    // Millions of jobs in a batch, jobs in one job's place, labels in a job.
    let labels = [
        &[0x0a, 0xf8, 0xff, 0xff, 0x07][..],
        &[0x52, 0].repeat(8 * MIB - 4),
    ]
    .concat();
    let empty = [0x0a, 0].repeat(8 * MIB - 3);
    for (method, message) in [
        ("BatchSubmitJobs", &empty),
        ("SubmitJob", &empty),
        ("SubmitJob", &labels),
    ] {
        let mut grpc = Grpc::new(world.channel().await);
        grpc.ready().await.unwrap();
        let path = PathAndQuery::try_from(format!("/scheduler.v1.SchedulerService/{method}")).unwrap();
        let answer = grpc.unary(Request::new(message.clone()), path, Raw).await;
        let refused = answer.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{method}: {refused:?}");
        assert!(
            refused.message().contains("more than 131072 fields"),
            "{method}: {refused:?}"
        );
    }
    let grown = peak().saturating_sub(before);
    assert!(grown < MOST_KIB, "{grown} KiB at once");
    world.is_well_within(MOST_KIB).await;
}

/// One of the largest requests arrives whole, if not at once: what had the room before gives it back when its streams have ended.
async fn largest_arrives(world: &World) {
    let arrives = async {
        let channel = world.channel().await;
        loop {
            let answer = submit(channel.clone(), LARGEST, LARGEST).await;
            if answer.code() == Code::InvalidArgument {
                return;
            }
            assert_eq!(answer.code(), Code::ResourceExhausted, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LONG, arrives).await.expect("room");
}
