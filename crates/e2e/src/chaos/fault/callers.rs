//! What callers do: they give up, they repeat themselves, they do not wait.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::join_all;
use scheduler_client::{Error, JobRequest, ListQuery, Priority};
use tokio::time::{Instant, sleep, timeout};

use super::rest;
use crate::Dice;
use crate::history::RecordingClient;
use crate::proxy::{Proxy, Shape};
use crate::site::{Launch, Role, Site};

/// Callers that lose patience, each with one call open.
const IMPATIENT: usize = 40;
/// What they have at most: less than most transactions take behind links this slow.
const PATIENCE: Duration = Duration::from_millis(120);
/// Calls given up per second, with fewer the fault is not what it is called. The machine is shared, and debug builds are slow.
const STORM: u64 = 100;
/// Answers to calls that were made several times, with fewer it was not tried.
const ENOUGH: u64 = 100;
/// The queue of their jobs, by which these are told from others.
const THEIRS: &str = "SELECT count(*) FROM jobs WHERE queue = 'given-up'";
/// A connection that was idle in a transaction for longer is stuck in it.
const STUCK: &str = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
    AND datname = current_database() AND state_change < clock_timestamp() - INTERVAL '2 seconds'";
/// What a session says that was left inside of a transaction by whoever had it before: 25P02 and 25001.
const LEFT_INSIDE: [&str; 2] = [
    "current transaction is aborted",
    "there is already a transaction in progress",
];

/// Several hundred calls a second are dropped at any point of their transactions, while the database is slow.
pub(super) async fn give_up(site: &Site, dice: &Dice) -> Result<()> {
    let inside =
        |site: &Site| -> Result<usize> { LEFT_INSIDE.iter().map(|sign| site.postgres.said(sign)).sum() };
    let (before, theirs) = (inside(site)?, site.count(THEIRS).await?);
    for link in site.database_links() {
        let delay = dice.within(Duration::from_millis(2)..Duration::from_millis(25));
        link.shape_both(Shape::slow(delay, Duration::from_millis(20)));
    }
    let client = site.caller("impatient").await?;
    let begun = Instant::now();
    let until = begun + dice.within(Duration::from_secs(8)..Duration::from_secs(12));
    let callers = (0..IMPATIENT).map(|_| impatient(client.another(), dice, until));
    let told = join_all(callers).await;
    let seconds = begun.elapsed().as_secs().max(1);
    site.database_links().for_each(Proxy::heal);

    let given_up: u64 = told.iter().map(|(given_up, _)| given_up).sum();
    let answered: i64 = told.iter().map(|(_, answered)| answered).sum();
    // What was given up goes on where it was; then it is there or it is not.
    rest(dice, 2_000, 3_000).await;
    let carried_out = site.count(THEIRS).await? - theirs - answered;
    site.notes.add("calls given up", given_up);
    site.notes.peak("calls given up per second", given_up / seconds);
    site.notes.add(
        "submits given up and carried out",
        carried_out.try_into().unwrap_or_default(),
    );
    ensure!(
        given_up / seconds >= STORM,
        "only {given_up} calls were given up in {seconds} s"
    );
    ensure!(carried_out > 0, "no call was given up in the middle");
    let since = Instant::now();
    while site.count(STUCK).await? > 0 {
        ensure!(
            since.elapsed() < Duration::from_secs(10),
            "a connection stays idle in a transaction"
        );
        sleep(Duration::from_millis(200)).await;
    }
    let left = inside(site)? - before;
    ensure!(
        left == 0,
        "{left} statements were sent into a transaction of somebody else (25P02, 25001)"
    );
    Ok(())
}

/// How many calls it gave up, and how many submits it was answered.
async fn impatient(client: RecordingClient, dice: &Dice, until: Instant) -> (u64, i64) {
    let (mut given_up, mut answered) = (0, 0);
    let mut mine: Vec<String> = Vec::new();
    while Instant::now() < until {
        // What is given up may still be under way, so the next call is another client's.
        let mut caller = client.another();
        let patience = dice.within(Duration::from_millis(1)..PATIENCE);
        let known = dice.pick(&mine).cloned();
        let call = async {
            match (dice.below(10), known) {
                (0, Some(id)) => caller.get(&id).await.is_ok(),
                (1, Some(id)) => caller.cancel(&id).await.is_ok(),
                (2, _) => caller.list(&ListQuery::default(), "").await.is_ok(),
                _ => match caller.submit(JobRequest::new("noop").queue("given-up")).await {
                    Ok(submitted) => {
                        mine.push(submitted.job_id);
                        answered += 1;
                        true
                    }
                    Err(_) => false,
                },
            }
        };
        match timeout(patience, call).await {
            Err(_) => given_up += 1,
            // Refused: it comes again a little later.
            Ok(false) => sleep(Duration::from_millis(20)).await,
            Ok(true) => {}
        }
    }
    (given_up, answered)
}

/// Every call of some callers arrives several times, at once and later; and workers and an API whose reports, heartbeats, cancels and
/// hand-outs are carried out twice.
pub(super) async fn repeat(site: &Site, dice: &Dice) -> Result<()> {
    let calls = "store.finish, store.mark_running, store.cancel, store.hand_out, queue.extend, queue.ack";
    let twice = [("HARNESS_REPLAYS", calls.to_owned())];
    let of = |role| site.of(role).take(2);
    for member in of(Role::Worker).chain(of(Role::Api)) {
        member.restart_as(Launch::with(&twice)).await?;
    }
    let client = site.caller("repeats").await?;
    let lasts = dice.within(Duration::from_secs(8)..Duration::from_secs(12));
    let answers = repeating_enough(&client, dice, lasts).await;
    // A late one may come as late as this.
    rest(dice, 4_000, 5_000).await;
    for member in of(Role::Worker).chain(of(Role::Api)) {
        member.restart().await?;
    }
    let repeated = answers?;
    site.notes.add("answers to repeated calls", repeated);
    ensure!(repeated > ENOUGH, "only {repeated} repeated calls were answered");
    Ok(())
}

/// Until enough was answered: with the database away or slow at the same time that takes more than one round.
async fn repeating_enough(client: &RecordingClient, dice: &Dice, round: Duration) -> Result<u64> {
    let mut answered = 0;
    for _ in 0..4 {
        let until = Instant::now() + round;
        let callers = (0..6).map(|_| repeating(client, dice, until));
        answered += join_all(callers).await.into_iter().sum::<Result<u64>>()?;
        if answered > ENOUGH {
            break;
        }
    }
    Ok(answered)
}

async fn repeating(client: &RecordingClient, dice: &Dice, until: Instant) -> Result<u64> {
    let mut answers = 0;
    while Instant::now() < until {
        let key = format!("repeated-{:x}", dice.next());
        let job = JobRequest::new("sleep")
            .payload_json(format!(r#"{{"ms":{}}}"#, dice.below(1_500)))
            .key(&key);
        let submit = || {
            let (mut caller, job) = (client.another(), job.clone());
            async move { caller.submit(job).await }
        };
        let mut told = join_all((0..3).map(|_| submit())).await;
        rest(dice, 0, 1_000).await;
        told.push(submit().await);
        let told: Vec<_> = told.into_iter().flatten().collect();
        answers += told.len() as u64;
        let Some(first) = told.first() else { continue };
        let one = told.iter().all(|answer| answer.job_id == first.job_id);
        ensure!(one, "S2: key {key} has several jobs");
        let new = told.iter().filter(|answer| !answer.replayed).count();
        ensure!(new <= 1, "S2: key {key} was answered {new} times as new");
        if dice.once_in(2) {
            answers += cancelled(client, &first.job_id).await?;
        }
    }
    Ok(answers)
}

async fn cancelled(client: &RecordingClient, id: &str) -> Result<u64> {
    let cancel = || {
        let mut caller = client.another();
        async move { caller.cancel(id).await }
    };
    let mut told = join_all((0..3).map(|_| cancel())).await;
    told.push(cancel().await);
    let missing = told
        .iter()
        .any(|answer| matches!(answer, Err(Error::NotFound { .. })));
    ensure!(!missing, "S1: job {id} was accepted, and then said not to exist");
    let first = told.iter().filter(|answer| matches!(answer, Ok(true))).count();
    ensure!(first <= 1, "S11: job {id} was cancelled {first} times");
    Ok(told.iter().filter(|answer| answer.is_ok()).count() as u64)
}

/// Callers who wait half a second and ask again at once, for ever until they are answered, while the database is gone for half a minute:
/// what they gave up is still waiting in the API when they ask again.
pub(super) async fn storm(site: &Site, dice: &Dice) -> Result<()> {
    const CALLERS: usize = 100;
    const OUTAGE: Duration = Duration::from_secs(30);
    const AFTER: Duration = Duration::from_secs(15);
    let client = site.caller("storm").await?;
    let begun = Instant::now();
    let callers = join_all((0..CALLERS).map(|_| hasty(&client, dice, begun + OUTAGE + AFTER)));
    let outage = async {
        site.postgres.kill()?;
        sleep(OUTAGE).await;
        site.postgres.launch().await
    };
    let (told, outage) = tokio::join!(callers, outage);
    outage?;
    let refused: u64 = told.iter().map(|(refused, _)| refused).sum();
    let answered: u64 = told.iter().map(|(_, answered)| answered).sum();
    site.notes.add("calls of the storm refused or given up", refused);
    site.notes.add("calls of the storm answered", answered);
    ensure!(refused > 1_000, "{refused} refused calls are no storm");
    ensure!(
        answered > CALLERS as u64,
        "the storm did not end with the outage: {answered} answered"
    );
    Ok(())
}

/// How many calls were refused or given up, and how many answered.
async fn hasty(client: &RecordingClient, dice: &Dice, until: Instant) -> (u64, u64) {
    let (mut refused, mut answered) = (0, 0);
    while Instant::now() < until {
        // Under one key, so that asking again means the same job.
        let key = format!("hasty-{:x}", dice.next());
        let job = JobRequest::new("noop").key(key).priority(Priority::Low);
        while Instant::now() < until {
            let mut caller = client.another();
            let answer = timeout(Duration::from_millis(500), caller.submit(job.clone())).await;
            if answer.is_ok_and(|answer| answer.is_ok()) {
                answered += 1;
                break;
            }
            refused += 1;
        }
    }
    (refused, answered)
}
