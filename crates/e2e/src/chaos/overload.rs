//! F58: ten times the load that can be carried, for a minute.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use scheduler_client::{Client, ClientOptions, Error, JobRequest};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::run::Order;
use crate::Dice;
use crate::history::{Folder, Setup};
use crate::site::{Plan, Role, Site};

/// Attempts of one worker at once, and how long each takes: so the capacity is known, whatever the machine.
const POOL: usize = 5;
const RUN: Duration = Duration::from_millis(150);
const TIMES: u32 = 10;
/// Most calls of the load open at once: more would be a flood of this process's own making.
const OPEN: usize = 2_000;

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
/// Goodput, memory or heartbeats gave in.
pub async fn overload(order: &Order) -> Result<Overload> {
    let dice = Dice::new(order.seed);
    let folder = Folder::create(&order.folder, &Setup::new("overload", order.seed))?;
    let plan = Plan {
        pool_size: POOL,
        direct: true,
        settings: vec![("SCHEDULER__API__MAX_IN_FLIGHT".to_owned(), "100".to_owned())],
        ..Plan::default()
    };
    let site = Site::start(&order.bin, &order.envoy, &plan, &folder, &dice).await?;
    let client = Client::connect(ClientOptions {
        connections: 4,
        attempts: 1,
        ..ClientOptions::new(format!("http://127.0.0.1:{}", site.envoy.port))
    })
    .await?;
    // A backlog, so that workers never wait for work.
    for _ in 0..6 {
        client.submit_batch((0..1_000).map(|_| job()).collect()).await?;
    }
    sleep(Duration::from_secs(3)).await;
    let memory_before = largest(&site);
    let before = rate(&site, Duration::from_secs(15)).await?;

    let answers = Mutex::new(BTreeMap::new());
    let offered = AtomicU64::new(0);
    let peak = AtomicU64::new(0);
    let minute = Duration::from_secs(60);
    let flood = async {
        let mut ticks = interval(Duration::from_millis(20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some dozens"
        )]
        let each = (before * f64::from(TIMES) / 50.0).ceil() as usize;
        let mut calls: JoinSet<String> = JoinSet::new();
        let begun = Instant::now();
        let note = |answer: String| {
            *answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(answer)
                .or_default() += 1;
        };
        while begun.elapsed() < minute {
            ticks.tick().await;
            for _ in 0..each {
                offered.fetch_add(1, Ordering::Relaxed);
                if calls.len() >= OPEN {
                    note("not sent: too many open".to_owned());
                    continue;
                }
                let client = client.clone();
                calls.spawn(async move { outcome(client.submit(job()).await.err().as_ref()) });
            }
            while let Some(Ok(answer)) = calls.try_join_next() {
                note(answer);
            }
            peak.fetch_max(largest(&site), Ordering::Relaxed);
        }
        while let Some(answer) = calls.join_next().await {
            note(answer.unwrap_or_default());
        }
    };
    let (during, ()) = tokio::join!(rate(&site, minute), flood);
    let during = during?;
    sleep(Duration::from_secs(30)).await;
    let after = rate(&site, Duration::from_secs(30)).await?;
    let measured = Overload {
        before,
        during,
        after,
        offered: offered.into_inner(),
        answers: answers.into_inner().unwrap_or_else(PoisonError::into_inner),
        memory: (memory_before, peak.into_inner()),
        lost_leases: crashes(&site).await?,
    };
    ensure!(
        measured.during >= measured.before * 0.8,
        "goodput gave in\n{measured}"
    );
    ensure!(
        measured.after >= measured.before * 0.9,
        "it did not come back\n{measured}"
    );
    ensure!(measured.memory.1 < 300 << 10, "memory grew\n{measured}");
    ensure!(measured.lost_leases == 0, "heartbeats did not arrive\n{measured}");
    Ok(measured)
}

fn job() -> JobRequest {
    JobRequest::new("sleep").payload_json(format!(r#"{{"ms":{}}}"#, RUN.as_millis()))
}

fn outcome(error: Option<&Error>) -> String {
    match error.and_then(Error::status) {
        None => "OK".to_owned(),
        Some(status) => format!("{:?}", status.code()),
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
    count(site, "SELECT count(*) FROM jobs WHERE state = 3").await
}

async fn crashes(site: &Site) -> Result<i64> {
    count(site, "SELECT COALESCE(sum(crashes), 0)::INT8 FROM jobs").await
}

async fn count(site: &Site, query: &'static str) -> Result<i64> {
    let mut connection = PgConnection::connect(&site.database).await?;
    let count = sqlx::query_scalar(query).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(count)
}

/// The most that any process of ours has in memory, KiB.
fn largest(site: &Site) -> u64 {
    let members = site.of(Role::Api).chain(site.of(Role::Worker));
    let sizes = members.filter_map(|member| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", member.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    });
    sizes.max().unwrap_or_default()
}
