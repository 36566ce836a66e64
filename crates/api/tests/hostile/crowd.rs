//! Many at once, and what they do to the answers that others get.

use std::net::SocketAddr;
use std::time::Duration;

use scheduler_api::Limits;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::body::submit;
use crate::frames::{CONTINUATION, END_HEADERS, HEADERS, PING, RST_STREAM, Raw, call, frame, header};
use crate::world::World;

/// Of memory, for four thousand ends of connections, of which this process has both.
const MOST_KIB: u64 = 192 << 10;
/// File descriptors that everything else may need.
const SPARE: usize = 500;
/// How long each phase is looked at.
const PHASE: Duration = Duration::from_secs(4);
/// On machines that do much else a slow answer need not be anybody's doing: up to here none is blamed.
const FLOOR: Duration = Duration::from_millis(100);

/// As many connections as are wanted, or as this process may have, with an end of each here and there.
fn affordable(wanted: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let most = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    wanted.min(most.unwrap_or(1_024_usize).saturating_sub(SPARE) / 2)
}

/// Connections that come and go, `each` of them every ten milliseconds.
async fn churn(address: SocketAddr, each: usize) {
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for _ in 0..each {
            drop(Raw::begin(address, &[]).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections_and_hundreds_more_each_second_keep_nobody_from_being_served() {
    let wanted = affordable(2_000);
    let world = World::start(Limits::default()).await;
    let mut idle = Vec::new();
    for _ in 0..wanted {
        idle.push(Raw::begin(world.address, &[]).await);
    }
    let churning = tokio::spawn(churn(world.address, 5));
    let begun = Instant::now();
    while begun.elapsed() < PHASE {
        world.is_well_within(MOST_KIB).await;
        sleep(Duration::from_millis(100)).await;
    }
    churning.abort();
    // They are still there, and are served when they want to be.
    for raw in idle.iter_mut().step_by(wanted / 20) {
        raw.send(&frame(PING, 0, 0, &[7; 8])).await;
        raw.answered_ping().await;
    }
    drop(idle);
    world.is_well_within(MOST_KIB).await;
}

/// Sends these bytes every ten milliseconds, on a new connection whenever it is turned away.
async fn flood(address: SocketAddr, begin: Vec<u8>, again: impl Fn(u32) -> Vec<u8> + Send) {
    loop {
        let mut raw = Raw::begin(address, &[]).await;
        raw.send(&begin).await;
        for turn in 0.. {
            if !raw.send(&again(turn)).await {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Everybody who means harm, at once. What is returned stops them.
async fn abuse(world: &World) -> JoinSet<()> {
    let (address, list) = (world.address, call("ListQueues"));
    let mut all = JoinSet::new();
    let opened = list.clone();
    all.spawn(flood(address, Vec::new(), move |turn| {
        let streams = (0..20).map(|n| turn * 40 + n * 2 + 1);
        let each = streams.map(|stream| {
            let opened = frame(HEADERS, END_HEADERS, stream, &opened);
            [opened, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        });
        each.collect::<Vec<_>>().concat()
    }));
    all.spawn(flood(address, Vec::new(), |_| {
        frame(PING, 0, 0, &[7; 8]).repeat(100)
    }));
    let (begun, more) = (frame(HEADERS, 0, 1, &list), header("x", &"y".repeat(4_000)));
    all.spawn(flood(address, begun, move |_| frame(CONTINUATION, 0, 1, &more)));
    all.spawn(churn(address, 5));
    for _ in 0..2 {
        let channel = world.channel().await;
        for _ in 0..10 {
            let channel = channel.clone();
            all.spawn(async move {
                loop {
                    submit(channel.clone(), 4 << 20, (4 << 20) - 1).await;
                    sleep(Duration::from_secs(1)).await;
                }
            });
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_behaves_well_hardly_waits_longer_while_others_do_not() {
    let limits = Limits {
        max_arriving_bytes: 32 << 20,
        ..Limits::default()
    };
    let world = World::start(limits).await;
    sleep(PHASE).await;
    let quiet = world.slowest_of_a_hundred();
    let others = abuse(&world).await;
    sleep(PHASE).await;
    let abused = world.slowest_of_a_hundred();
    drop(others);
    println!("of a hundred answers the slowest took {quiet:?} in quiet and {abused:?} under abuse");
    assert!(abused <= (quiet * 2).max(FLOOR), "{abused:?} and not {quiet:?}");
    world.is_well_within(MOST_KIB).await;
}
