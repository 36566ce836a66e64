//! F58: ten times the load that can be carried, for a minute.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use scheduler_client::{Client, ClientOptions, Error, JobRequest};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::run::Order;
use crate::Dice;
use crate::history::{Folder, Setup};
use crate::site::{Plan, Site};

/// Attempts of one worker at once, and how long each takes: so the capacity is known, whatever the machine.
const POOL: usize = 5;
const RUN: Duration = Duration::from_millis(150);
const TIMES: u32 = 10;
/// Submits that may wait for the database in one API: fewer than come at once, so that some have to be refused.
const IN_FLIGHT: usize = 20;
/// Jobs that wait before anything is measured: workers never wait for work.
const BACKLOG: usize = 6_000;
/// Time between two bursts of submits. What comes evenly is refused by nobody who is fast enough.
const BURST: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_secs(60);
/// Most calls of the load open at once: more would be a flood of this process's own making.
const OPEN: usize = 2_000;
/// No process may have more in memory, KiB.
const MEMORY: u64 = 300 << 10;

/// What was measured.
#[derive(Debug)]
pub struct Overload {
    before: f64,
    during: f64,
    after: f64,
    offered: u64,
    answers: BTreeMap<String, u64>,
    memory: (u64, u64),
    lost_leases: i64,
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "capacity {:.0} jobs/s, measured with a full queue",
            self.before
        )?;
        writeln!(
            f,
            "overload: {} submits offered in 60 s; {:.0} jobs/s done ({:.0} %)",
            self.offered,
            self.during,
            self.during / self.before * 100.0
        )?;
        writeln!(
            f,
            "within 60 s after: {:.0} jobs/s done ({:.0} %)",
            self.after,
            self.after / self.before * 100.0
        )?;
        writeln!(
            f,
            "memory of the largest process: {} MiB before, at most {} MiB during",
            self.memory.0 >> 10,
            self.memory.1 >> 10
        )?;
        writeln!(
            f,
            "jobs handed out again because heartbeats did not arrive: {}",
            self.lost_leases
        )?;
        for (answer, count) in &self.answers {
            writeln!(f, "  {count:>7}  {answer}")?;
        }
        Ok(())
    }
}

/// Measures it, and refuses what is worse than promised.
///
/// # Errors
/// Goodput, memory or heartbeats gave in, or it was no overload.
pub async fn overload(order: &Order) -> Result<Overload> {
    let dice = Dice::new(order.seed);
    let folder = Folder::create(&order.folder, &Setup::new("overload", order.seed))?;
    let plan = Plan {
        pool_size: POOL,
        direct: true,
        settings: vec![("SCHEDULER__API__MAX_IN_FLIGHT".to_owned(), IN_FLIGHT.to_string())],
        ..Plan::default()
    };
    let site = Site::start(&order.bin, &order.envoy, &plan, &folder, &dice).await?;
    let client = Client::connect(ClientOptions {
        connections: 4,
        attempts: 1,
        ..ClientOptions::new(site.gateway())
    })
    .await?;
    for _ in 0..BACKLOG / IN_FLIGHT {
        let jobs = (0..IN_FLIGHT).map(|_| job()).collect();
        for item in client.submit_batch(jobs).await?.into_inner() {
            item?;
        }
    }
    sleep(Duration::from_secs(3)).await;
    let memory_before = largest(&site);
    let before = rate(&site, Duration::from_secs(15)).await?;

    let flood = Flood::default();
    let (during, ()) = tokio::join!(rate(&site, MINUTE), flood.pour(&site, &client, before));
    let during = during?;
    sleep(MINUTE / 2).await;
    let after = rate(&site, MINUTE / 2).await?;
    let measured = Overload {
        before,
        during,
        after,
        offered: flood.offered.into_inner(),
        answers: flood.answers.into_inner().unwrap_or_else(PoisonError::into_inner),
        memory: (memory_before, flood.peak.into_inner()),
        lost_leases: crashes(&site).await?,
    };
    measured.is_as_promised()?;
    Ok(measured)
}

impl Overload {
    fn is_as_promised(&self) -> Result<()> {
        ensure!(
            self.answers.contains_key(REFUSED),
            "nothing was refused, so it was no overload\n{self}"
        );
        ensure!(
            !self.answers.contains_key(REFUSED_FOR_EVER),
            "a refusal does not say when to come again\n{self}"
        );
        ensure!(self.during >= self.before * 0.8, "goodput gave in\n{self}");
        ensure!(self.after >= self.before * 0.9, "it did not come back\n{self}");
        ensure!(self.memory.1 < MEMORY, "memory grew\n{self}");
        ensure!(self.lost_leases == 0, "heartbeats did not arrive\n{self}");
        Ok(())
    }
}

/// Submits that do not wait for each other.
#[derive(Debug, Default)]
struct Flood {
    offered: AtomicU64,
    answers: Mutex<BTreeMap<String, u64>>,
    /// The largest process meanwhile, KiB.
    peak: AtomicU64,
}

impl Flood {
    /// Ten times `capacity`, for a minute.
    async fn pour(&self, site: &Site, client: &Client, capacity: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some hundreds"
        )]
        let each = (capacity * f64::from(TIMES) * BURST.as_secs_f64()).ceil() as usize;
        let mut bursts = interval(BURST);
        bursts.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut calls: JoinSet<&'static str> = JoinSet::new();
        let begun = Instant::now();
        while begun.elapsed() < MINUTE {
            bursts.tick().await;
            for _ in 0..each {
                self.offered.fetch_add(1, Ordering::Relaxed);
                if calls.len() >= OPEN {
                    self.note("not sent: too many open");
                    continue;
                }
                let client = client.clone();
                calls.spawn(async move { outcome(client.submit(job()).await.err().as_ref()) });
            }
            while let Some(Ok(answer)) = calls.try_join_next() {
                self.note(answer);
            }
            self.peak.fetch_max(largest(site), Ordering::Relaxed);
        }
        while let Some(answer) = calls.join_next().await {
            self.note(answer.unwrap_or("panicked"));
        }
    }

    fn note(&self, answer: &str) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(answer.to_owned()).or_default() += 1;
    }
}

const REFUSED: &str = "refused, with the time after which to come again";
const REFUSED_FOR_EVER: &str = "refused, without a time";

fn job() -> JobRequest {
    JobRequest::new("sleep").payload_json(format!(r#"{{"ms":{}}}"#, RUN.as_millis()))
}

fn outcome(error: Option<&Error>) -> &'static str {
    match error {
        None => "accepted",
        Some(error @ Error::Busy { .. }) if error.retry_after().is_some() => REFUSED,
        Some(Error::Busy { .. }) => REFUSED_FOR_EVER,
        Some(Error::Unavailable { .. }) => "unavailable",
        Some(Error::Timeout { .. }) => "no answer in time",
        Some(_) => "another error",
    }
}

/// Jobs done a second, over this time.
async fn rate(site: &Site, over: Duration) -> Result<f64> {
    let begun = Instant::now();
    let first = done(site).await?;
    sleep(over).await;
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let done = (done(site).await? - first) as f64;
    Ok(done / begun.elapsed().as_secs_f64())
}

async fn done(site: &Site) -> Result<i64> {
    site.count("SELECT count(*) FROM jobs WHERE state = 3").await
}

async fn crashes(site: &Site) -> Result<i64> {
    site.count("SELECT COALESCE(sum(crashes), 0)::INT8 FROM jobs")
        .await
}

/// The most that any process of ours has in memory, KiB.
fn largest(site: &Site) -> u64 {
    let sizes = site.members.iter().filter_map(|member| Some(member.usage()?.1));
    sizes.max().unwrap_or_default()
}
