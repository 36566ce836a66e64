//! Clients that mean harm, on loopback: what one of them does ends for it alone, costs a bounded amount of memory, and others are
//! served meanwhile.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod arriving;
mod body;
mod crowd;
mod frames;
#[path = "../support/raw.rs"]
mod raw;
#[path = "../support/server.rs"]
mod server;
mod world;

use std::time::Duration;

use scheduler_api::Limits;
use tokio::time::timeout;

use frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, Raw, call, frame,
    header, text,
};
use world::{LONG, World};

/// Frames of a flood: far more than any client has reason to send at once.
const FLOOD: u32 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_opens_streams_and_resets_them_at_once_is_turned_away() {
    let world = World::start(Limits::default()).await;
    let mut raw = Raw::begin(world.address, &[]).await;
    let headers = call("ListQueues");
    for stream in (1..FLOOD).step_by(2) {
        let opened = frame(HEADERS, END_HEADERS, stream, &headers);
        let reset = frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        if !raw.send(&[opened, reset].concat()).await {
            break;
        }
    }
    raw.turned_away().await;
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_are_continued_without_end_are_cut_off() {
    let world = World::start(Limits::default()).await;
    let mut raw = Raw::begin(world.address, &[]).await;
    raw.send(&frame(HEADERS, 0, 1, &call("ListQueues"))).await;
    let more = header("x", &"y".repeat(16_000));
    for _ in 0..FLOOD {
        if !raw.send(&frame(CONTINUATION, 0, 1, &more)).await {
            break;
        }
    }
    raw.turned_away().await;
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_unfold_to_megabytes_are_refused() {
    let world = World::start(Limits::default()).await;
    let mut raw = Raw::begin(world.address, &[]).await;
    // Kept in the table once, and then named by one byte again and again: 16 KiB that stand for 48 MiB.
    let kept = [&[0x40][..], &text("x"), &text(&"y".repeat(3_000))].concat();
    let bomb = [call("ListQueues"), kept, vec![0xbe; 13_000]].concat();
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb))
        .await;
    raw.turned_away().await;
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_whose_answers_nobody_reads_are_not_kept() {
    let world = World::start(Limits::default()).await;
    let mut raw = Raw::begin(world.address, &[]).await;
    let ping = frame(PING, 0, 0, &[7; 8]).repeat(1_000);
    let flood = async { while raw.send(&ping).await {} };
    // The server stops reading when it cannot write; what it has not read is in the system's buffers.
    let _ = timeout(Duration::from_secs(2), flood).await;
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_carry_nothing_are_not_taken_for_ever() {
    let world = World::start(Limits::default()).await;
    let mut raw = Raw::begin(world.address, &[]).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &call("ListQueues")))
        .await;
    let empty = frame(DATA, 0, 1, &[]).repeat(1_000);
    for _ in 0..FLOOD / 1_000 {
        if !raw.send(&empty).await {
            break;
        }
    }
    raw.turned_away().await;
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_begins_a_connection_and_does_not_go_on_gives_its_place_up() {
    let limits = Limits {
        max_connections: 8,
        keepalive: Duration::from_millis(500),
        ..Limits::default()
    };
    let world = World::start(limits).await;
    // All places but the neighbour's.
    let mut slow = Vec::new();
    for length in [1, 2, 3, 10, 20, 22, 23] {
        let mut raw = Raw::silent(world.address).await;
        raw.send(&PREFACE[..length]).await;
        slow.push(raw);
    }
    for raw in &mut slow {
        raw.turned_away().await;
    }
    timeout(LONG, world.client()).await.unwrap();
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_does_not_arrive_is_answered_all_the_same() {
    let limits = Limits {
        request_timeout: Duration::from_millis(500),
        ..Limits::default()
    };
    let world = World::start(limits).await;
    let mut raw = Raw::begin(world.address, &[]).await;
    raw.send(&frame(HEADERS, END_HEADERS, 1, &call("SubmitJob")))
        .await;
    // Half of a message of a megabyte.
    let begun = [&[0, 0, 0x10, 0, 0][..], &[7; 1_000]].concat();
    raw.send(&frame(DATA, 0, 1, &begun)).await;
    let answer = raw.answer(1).await;
    assert!(
        answer.flags & END_STREAM != 0 || answer.kind == RST_STREAM,
        "{answer:?}"
    );
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_says_it_is_huge_or_packed_is_refused_before_it_is_read() {
    let world = World::start(Limits::default()).await;
    // Whether it is packed, and how long it is. No more of it ever arrives.
    for head in [[0, 0xff, 0xff, 0xff, 0xff], [1, 0, 0, 0, 100], [2, 0, 0, 0, 0]] {
        let mut raw = Raw::begin(world.address, &[]).await;
        raw.send(&frame(HEADERS, END_HEADERS, 1, &call("SubmitJob")))
            .await;
        raw.send(&frame(DATA, 0, 1, &head)).await;
        let answer = raw.answer(1).await;
        // Headers alone are an error: a result has a message.
        assert!(
            answer.kind == HEADERS && answer.flags & END_STREAM != 0,
            "{head:?}: {answer:?}"
        );
    }
    world.is_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_never_reads_holds_no_more_than_its_own_watches_and_does_not_keep_the_server_from_stopping() {
    let limits = Limits {
        max_watchers: 100,
        drain_grace: Duration::ZERO,
        request_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let world = World::start(limits).await;
    // SETTINGS_INITIAL_WINDOW_SIZE of nothing: no answer can be sent.
    let mut raw = Raw::begin(world.address, &[0, 4, 0, 0, 0, 0]).await;
    let request = |message: &[u8]| {
        let length = u8::try_from(message.len()).unwrap();
        [&[0, 0, 0, 0, length][..], message].concat()
    };
    let watch = request(&[&[0x0a, 36][..], world.job.as_bytes()].concat());
    let list = request(&[]);
    let mut stream = 1;
    for _ in 0..300 {
        for (method, message) in [("WatchJob", &watch), ("ListJobs", &list)] {
            let opened = frame(HEADERS, END_HEADERS, stream, &call(method));
            assert!(
                raw.send(&[opened, frame(DATA, END_STREAM, stream, message)].concat())
                    .await
            );
            stream += 2;
        }
    }
    world.is_well().await;
    world.stops().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_idle_connections_cost_little_and_are_asked_whether_they_live() {
    let limits = Limits {
        keepalive: Duration::from_secs(1),
        ..Limits::default()
    };
    let world = World::start(limits).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(Raw::begin(world.address, &[]).await);
    }
    world.is_well().await;
    // None answers the question.
    for raw in &mut idle {
        raw.turned_away().await;
    }
    world.is_well().await;
}
