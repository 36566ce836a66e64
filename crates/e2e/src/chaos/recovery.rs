//! How long it takes until the service is whole again, with the leases and periods that processes have by default.

use std::collections::HashMap;
use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use scheduler_client::{Client, ClientOptions, JobRequest, Priority};
use sqlx::types::Uuid;
use sqlx::{Connection as _, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use super::run::Order;
use crate::Dice;
use crate::history::{Folder, Setup};
use crate::site::{Member, Plan, Role, Site};

/// Jobs that wait in Redis when it is flushed.
const QUEUED: usize = 100_000;
/// Jobs that run when it is flushed: three workers' slots.
const RUNNING: usize = 501;
const PATIENCE: Duration = Duration::from_secs(300);

/// What was measured.
#[derive(Debug, Default)]
pub struct Recovery(Vec<String>);

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// Measures all of it, on one site.
///
/// # Errors
/// Something did not recover, or a job ran twice that must not.
pub async fn recovery(order: &Order) -> Result<Recovery> {
    let dice = Dice::new(order.seed);
    let folder = Folder::create(&order.folder, &Setup::new("recovery", order.seed))?;
    let by_default = [
        ("SCHEDULER__ENGINE__LEASE", "15s"),
        ("SCHEDULER__ENGINE__HEARTBEAT", "3s"),
        ("SCHEDULER__ENGINE__SWEEP_PERIOD", "5s"),
    ];
    let plan = Plan {
        pool_size: RUNNING / 3,
        direct: true,
        settings: by_default
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..Plan::default()
    };
    let site = Site::start(&order.bin, &order.envoy, &plan, &folder, &dice).await?;
    let client = Client::connect(ClientOptions {
        request_timeout: Duration::from_secs(30),
        ..ClientOptions::new(site.gateway())
    })
    .await?;
    let mut found = Recovery::default();
    found.adds(order, "lease 15 s, heartbeat 3 s, sweep period 5 s".to_owned());
    found.adds(order, worker_killed(&site, &client).await?);
    found.adds(order, apis_killed(&site, &client).await?);
    found.adds(order, database_restarted(&site, &client).await?);
    found.adds(order, redis_flushed(&site, &client).await?);
    Ok(found)
}

impl Recovery {
    /// One more figure, said at once: the next may not be had.
    fn adds(&mut self, order: &Order, figure: String) {
        if order.progress {
            let _ = writeln!(std::io::stderr(), "{figure}");
        }
        self.0.push(figure);
    }
}

/// Long jobs by id: their worker and epoch, as rows say.
async fn running(site: &Site) -> Result<HashMap<Uuid, (String, i32)>> {
    let mut connection = PgConnection::connect(&site.database).await?;
    let rows: Vec<(Uuid, String, i32)> = sqlx::query_as(
        "SELECT id, worker, epoch FROM jobs WHERE type = 'sleep' AND state = 2 AND worker IS NOT NULL",
    )
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    Ok(rows
        .into_iter()
        .map(|(id, worker, epoch)| (id, (worker, epoch)))
        .collect())
}

/// Waits for this to be so; how long it took.
async fn until(what: &str, is_so: impl AsyncFn() -> Result<bool>) -> Result<Duration> {
    let begun = Instant::now();
    let waiting = async {
        while !is_so().await.unwrap_or(false) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .with_context(|| format!("not within {PATIENCE:?}: {what}"))?;
    Ok(begun.elapsed())
}

async fn submit(client: &Client, count: usize, job: impl Fn() -> JobRequest) -> Result<()> {
    for batch in 0..count.div_ceil(1_000) {
        let jobs = (0..1_000.min(count - batch * 1_000)).map(|_| job()).collect();
        for item in client.submit_batch(jobs).await?.into_inner() {
            item?;
        }
    }
    Ok(())
}

fn sleeping(time: Duration) -> JobRequest {
    JobRequest::new("sleep")
        .payload_json(format!(r#"{{"ms":{}}}"#, time.as_millis()))
        .priority(Priority::Critical)
}

async fn all_done(site: &Site) -> Result<Duration> {
    until("every job is final", async || {
        Ok(site.rows.open_jobs().await? == 0)
    })
    .await
}

/// What a caller notices of its calls.
#[derive(Debug, Default)]
struct Noticed {
    calls: usize,
    failed: Vec<String>,
    longest: Duration,
}

/// Clients submit all the time through the gateway, and each API is killed once: what do they notice?
async fn apis_killed(site: &Site, client: &Client) -> Result<String> {
    let stop = AtomicBool::new(false);
    let callers = join_all((0..8).map(|_| async {
        let mut noticed = Noticed::default();
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            noticed.calls += 1;
            if let Err(error) = client.submit(JobRequest::new("noop")).await {
                noticed
                    .failed
                    .push(format!("{error:#} after {:.2?}", begun.elapsed()));
            }
            noticed.longest = noticed.longest.max(begun.elapsed());
            sleep(Duration::from_millis(10)).await;
        }
        noticed
    }));
    let fault = async {
        for killed in site.of(Role::Api) {
            sleep(Duration::from_secs(3)).await;
            killed.kill()?;
            sleep(Duration::from_secs(6)).await;
            killed.launch_again()?;
            // Until the gateway has found it again: one at a time.
            sleep(Duration::from_secs(4)).await;
        }
        stop.store(true, Ordering::Relaxed);
        Ok::<_, anyhow::Error>(())
    };
    let (told, faulted) = tokio::join!(callers, fault);
    faulted?;
    let calls: usize = told.iter().map(|noticed| noticed.calls).sum();
    let failed: Vec<_> = told.iter().flat_map(|noticed| &noticed.failed).collect();
    let longest = told
        .iter()
        .map(|noticed| noticed.longest)
        .max()
        .unwrap_or_default();
    ensure!(
        failed.is_empty(),
        "API killed: of {calls} calls failed {failed:?}"
    );
    Ok(format!(
        "API killed, each once: {calls} calls, none failed, the slowest took {longest:.2?}"
    ))
}

async fn database_restarted(site: &Site, client: &Client) -> Result<String> {
    site.postgres.kill()?;
    sleep(Duration::from_secs(3)).await;
    site.postgres.launch().await?;
    let began = Instant::now();
    let submitted = until("a submit is answered", async || {
        Ok(client.submit(JobRequest::new("noop")).await.is_ok())
    })
    .await?;
    all_done(site).await?;
    Ok(format!(
        "database killed and restarted: the first submit was answered {submitted:.2?} after it took connections again, everything open was done after {:.2?}",
        began.elapsed()
    ))
}

async fn redis_flushed(site: &Site, client: &Client) -> Result<String> {
    // Long enough to outlast the flush and the loading.
    submit(client, RUNNING, || sleeping(Duration::from_secs(150))).await?;
    until("all slots are taken", async || {
        Ok(running(site).await?.len() == RUNNING)
    })
    .await?;
    submit(client, QUEUED, || JobRequest::new("noop").priority(Priority::Low)).await?;
    let ready = async || -> Result<usize> {
        let queues = client.queues().await?;
        Ok(usize::try_from(
            queues.queues.iter().map(|queue| queue.ready).sum::<i64>(),
        )?)
    };
    until("all are queued", async || Ok(ready().await? >= QUEUED)).await?;
    let before = running(site).await?;
    site.redis.admin(&["FLUSHALL"]).await?;
    let flushed = Instant::now();
    ensure!(ready().await? < QUEUED, "the flush took the queue");
    let back = until("all are queued again", async || Ok(ready().await? >= QUEUED)).await?;
    let after = running(site).await?;
    ensure!(
        before == after,
        "a running job was handed out again although its worker renews its lease"
    );
    all_done(site).await?;
    let done = flushed.elapsed();
    let accepted = site.rows.accepted().await?;
    let mut times: HashMap<&str, usize> = HashMap::new();
    for acceptance in &accepted {
        *times.entry(&acceptance.job).or_default() += 1;
    }
    ensure!(times.values().all(|n| *n == 1), "a job was completed twice");
    let epochs = epochs(site, before.keys()).await?;
    ensure!(
        before
            .iter()
            .all(|(id, (_, epoch))| epochs.get(id) == Some(epoch)),
        "a job that ran during the flush ran again"
    );
    Ok(format!(
        "Redis flushed with {QUEUED} queued and {RUNNING} running: all queued again after {back:.2?}, all done after {done:.0?} (those that ran took 150 s); none was completed twice, and of those running none ran twice"
    ))
}

async fn epochs(site: &Site, ids: impl Iterator<Item = &Uuid>) -> Result<HashMap<Uuid, i32>> {
    let mut connection = PgConnection::connect(&site.database).await?;
    let ids: Vec<Uuid> = ids.copied().collect();
    let rows: Vec<(Uuid, i32)> = sqlx::query_as("SELECT id, epoch FROM jobs WHERE id = ANY($1)")
        .bind(ids)
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(rows.into_iter().collect())
}

async fn worker_killed(site: &Site, client: &Client) -> Result<String> {
    const JOBS: usize = 60;
    submit(client, JOBS, || sleeping(Duration::from_secs(40))).await?;
    until("all run", async || Ok(running(site).await?.len() == JOBS)).await?;
    let now = running(site).await?;
    let of = |member: &Member| -> HashMap<Uuid, i32> {
        let theirs = now
            .iter()
            .filter(|(_, (worker, _))| worker.starts_with(&member.name));
        theirs.map(|(id, (_, epoch))| (*id, *epoch)).collect()
    };
    // Whichever took most: a worker takes as many as it has slots, so that one may have taken them all.
    let workers = site.of(Role::Worker).map(|member| (member, of(member)));
    let (killed, theirs) = workers
        .max_by_key(|(_, theirs)| theirs.len())
        .context("a worker")?;
    ensure!(!theirs.is_empty(), "the worker that is killed runs jobs");
    killed.kill()?;
    let elsewhere = until("its jobs run elsewhere", async || {
        let now = running(site).await?;
        Ok(theirs
            .iter()
            .all(|(id, epoch)| now.get(id).is_some_and(|(_, later)| later > epoch)))
    })
    .await?;
    killed.launch_again()?;
    all_done(site).await?;
    Ok(format!(
        "worker killed: all of its {} jobs were seen running elsewhere after {elsewhere:.2?} (a second of it until RUNNING is written)",
        theirs.len()
    ))
}
