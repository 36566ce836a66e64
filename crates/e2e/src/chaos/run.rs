//! One run, from an empty database to a verdict.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use scheduler_client::{Client, ClientOptions, JobRequest};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::load::Load;
use super::verdict::{self, Outcome};
use super::{FAULTS, Fault, Lane};
use crate::Dice;
use crate::history::{Folder, Recorder, Setup};
use crate::site::{Plan, Site, SmallDisk};

/// After the last fault, and without load, everything that is due is done within this: lease, sweep period, longest backoff,
/// run time and ten seconds, several times over because the machine is shared.
const DRAIN: Duration = Duration::from_secs(120);
/// A service that nothing is done to any more serves again within this.
const RECOVERY: Duration = Duration::from_secs(60);
/// After a fault of one lane, while those of the other go on.
const RECOVERY_MEANWHILE: Duration = Duration::from_secs(180);

/// What is wanted of a run.
#[derive(Debug, Clone)]
pub struct Order {
    /// The programs of ours.
    pub bin: PathBuf,
    /// An Envoy.
    pub envoy: PathBuf,
    /// Where the run keeps what it records.
    pub folder: PathBuf,
    /// What faults and load are drawn from.
    pub seed: u64,
    /// How long faults are drawn.
    pub lasts: Duration,
    /// Only these; all that can be mixed when empty.
    pub faults: Vec<Fault>,
    /// Longest pause between two calls of one of the clients.
    pub pause: Duration,
    /// Longest pause between two faults of one lane.
    pub breath: Duration,
    /// Whether somebody watches.
    pub progress: bool,
}

/// What the lanes have done.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// How often each fault was made to happen.
    pub(super) faults: BTreeMap<&'static str, u64>,
    /// How long it took until a job ran again, after each.
    pub(super) recoveries: Vec<(&'static str, Duration)>,
    /// How often processes ended by themselves and were started again.
    pub(super) ended: BTreeMap<String, u64>,
    /// What went wrong with the driver or the site: a process that does not stop is a violation too.
    pub(super) violations: Vec<String>,
}

/// Makes a run, and says how it went.
///
/// # Errors
/// The site could not be built, or not be read at the end: nothing is known then.
pub async fn run(order: &Order) -> Result<Outcome> {
    let dice = Dice::new(order.seed);
    let setup = Setup::new("chaos", order.seed);
    let folder = Folder::create(&order.folder, &setup)?;
    let recorder = Recorder::create(&folder, "faults")?;
    recorder.phase("warm_up");
    // Lives until the site is gone.
    let disk = match order.faults.iter().any(|fault| fault.is("F23")) {
        true => Some(SmallDisk::mount(&order.folder, 500)?),
        false => None,
    };
    let plan = Plan {
        data: disk.as_ref().map(SmallDisk::folder).transpose()?,
        isolation: if dice.once_in(2) {
            "serializable"
        } else {
            "read committed"
        },
        settings: settings(),
        ..Plan::default()
    };
    let site = Site::start(&order.bin, &order.envoy, &plan, &folder, &dice).await?;
    let load = Load::new(&dice, order.pause);
    let done = Mutex::new(Done::default());

    recorder.phase("load");
    let begun = Instant::now();
    let lanes = async {
        let lane = |lane| strike(order, &site, &recorder, &done, lane, dice.split());
        tokio::join!(lane(Lane::Processes), lane(Lane::Backends));
        recorder.phase("heal");
        let healed = site.heal().await.context("the site does not come back");
        if serves(&site, RECOVERY).await.is_none() {
            let found = format!("L5: no job ran within {RECOVERY:?} after everything was healed");
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .violations
                .push(found);
        }
        // Submits go on for a moment, so that the end of the load is not the end of a fault.
        sleep(Duration::from_secs(2)).await;
        load.stop.store(true, Ordering::Relaxed);
        healed
    };
    let watch = async {
        while !load.stop.load(Ordering::Relaxed) {
            progress(order, begun.elapsed(), &load, &done);
            for member in &site.members {
                if member.supervise().unwrap_or(false) {
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    *done.ended.entry(member.name.clone()).or_default() += 1;
                }
            }
            sleep(Duration::from_secs(1)).await;
        }
    };
    let (healed, loaded, ()) = tokio::join!(lanes, load.run(site.envoy.port), watch);
    healed?;
    loaded?;
    if order.progress {
        let _ = writeln!(std::io::stderr());
    }

    recorder.phase("drain");
    let drained = drain(&site).await?;
    recorder.phase("done");
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    verdict::judge(order, &site, &folder, &load.take_ledger(), done, drained).await
}

/// Every job of the load that is not wrong succeeds, however often its worker is killed.
fn settings() -> Vec<(String, String)> {
    [
        ("SCHEDULER__ENGINE__CRASH_BUDGET", "100"),
        ("LOG_LEVEL", "info"),
        ("LOG_FORMAT", "text"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// Draws faults of one lane until the time is up.
async fn strike(order: &Order, site: &Site, recorder: &Recorder, done: &Mutex<Done>, lane: Lane, dice: Dice) {
    let deadline = Instant::now() + order.lasts;
    let mine = |fault: &&Fault| fault.lane == lane;
    let faults: Vec<&Fault> = if order.faults.is_empty() {
        FAULTS.iter().filter(|fault| fault.mixed).filter(mine).collect()
    } else {
        order.faults.iter().filter(mine).collect()
    };
    let mut bag: Vec<&Fault> = faults.iter().copied().filter(|fault| fault.first).collect();
    let lock = || done.lock().unwrap_or_else(PoisonError::into_inner);
    sleep(dice.within(Duration::from_secs(1)..Duration::from_secs(3))).await;
    while Instant::now() < deadline && !faults.is_empty() {
        // Each once, in a drawn order, before any comes twice.
        if bag.is_empty() {
            bag.clone_from(&faults);
        }
        let fault = bag.swap_remove(dice.below(bag.len()));
        let mark = recorder.fault(fault.name, json!({"redis_lost": fault.redis_lost}));
        let struck = (fault.strike)(site, &dice).await;
        mark.ends();
        *lock().faults.entry(fault.name).or_default() += 1;
        match struck {
            Ok(()) => match serves(site, RECOVERY_MEANWHILE).await {
                Some(took) => lock().recoveries.push((fault.name, took)),
                None => lock().violations.push(format!(
                    "L5: no job ran within {RECOVERY_MEANWHILE:?} after {}",
                    fault.name
                )),
            },
            Err(error) => lock().violations.push(format!("{}: {error:#}", fault.name)),
        }
        sleep(dice.within(Duration::ZERO..order.breath)).await;
    }
}

/// How long it takes until a job that is submitted now has run.
async fn serves(site: &Site, within: Duration) -> Option<Duration> {
    let begun = Instant::now();
    let options = ClientOptions {
        request_timeout: Duration::from_secs(5),
        ..ClientOptions::new(format!("http://127.0.0.1:{}", site.envoy.port))
    };
    let ran = async {
        loop {
            if let Ok(client) = Client::connect(options.clone()).await
                && let Ok(job) = client.submit(JobRequest::new("noop")).await
                && client.wait(&job.job_id).await.is_ok()
            {
                return begun.elapsed();
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(within, ran).await.ok()
}

/// Waits until no job is open; how long it took, or `None` when it did not come to that.
async fn drain(site: &Site) -> Result<Option<Duration>> {
    let begun = Instant::now();
    while begun.elapsed() < DRAIN {
        if site.rows.open_jobs().await.is_ok_and(|open| open == 0) {
            return Ok(Some(begun.elapsed()));
        }
        sleep(Duration::from_millis(200)).await;
    }
    Ok(None)
}

fn progress(order: &Order, elapsed: Duration, load: &Load, done: &Mutex<Done>) {
    if !order.progress {
        return;
    }
    let (faults, violations) = {
        let done = done.lock().unwrap_or_else(PoisonError::into_inner);
        (done.faults.values().sum::<u64>(), done.violations.len())
    };
    let (accepted, wrong) = {
        let ledger = load.ledger();
        (ledger.accepted.len(), ledger.violations.len())
    };
    let line = format!(
        "{:>5}s of {}s  {accepted} jobs accepted  {faults} faults  {} violations",
        elapsed.as_secs(),
        order.lasts.as_secs(),
        violations + wrong
    );
    // One line that renews itself for people, one a minute for logs.
    let mut out = std::io::stderr();
    let _ = if out.is_terminal() {
        write!(out, "\r{line}")
    } else if elapsed.as_secs().is_multiple_of(60) {
        writeln!(out, "{line}")
    } else {
        Ok(())
    };
}
