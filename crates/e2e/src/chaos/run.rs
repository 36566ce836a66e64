//! One run, from an empty database to a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use scheduler_client::{Client, ClientOptions, JobRequest, Priority};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::load::Load;
use super::states::{self, Wanted};
use super::verdict::{self, Outcome};
use super::{FAULTS, Fault, Lane, measures};
use crate::Dice;
use crate::history::{Folder, Op, Recorder, Setup, Told};
use crate::site::{MemoryGroup, Plan, Site, SmallDisk};

/// After the last fault, and without load, everything that is due is done within this, or the number of what is open falls: lease, sweep
/// period, longest backoff, run time and ten seconds, several times over because the machine is shared.
const DRAIN: Duration = Duration::from_secs(120);
/// A service serves again within this after a fault, also while one of the other lane goes on.
const RECOVERY: Duration = Duration::from_secs(60);
/// Attempts of one worker at once: so many that the load takes a part of them only, and what an outage leaves behind is soon worked off.
/// With few, jobs wait behind each other for longer than any recovery takes.
const SLOTS: usize = 30;
/// A run that has not reached what it is about goes on for so long at most.
const LONGER: Duration = Duration::from_secs(120);
/// What a fault leads to shows within this: only then it is made to happen once more.
const SHOWS: Duration = Duration::from_secs(6);
/// Load without faults that is long enough to measure what the service carries.
const MEASURABLE: Duration = Duration::from_secs(10);
/// What was due when Redis was flushed begins within this, whatever else is being done to the site.
const REBUILT: Duration = Duration::from_secs(60);
/// Of what the service carried before the first fault, so much is carried again after the last. The load of a run is drawn, and so few
/// seconds of it differ by a tenth or two; `--only overload` measures with a load that does not.
const GOODPUT: f64 = 0.7;

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
    /// Load without faults before the first and after the last of them.
    pub calm: Duration,
    /// Jobs that are due at once where that is the fault.
    pub due: usize,
    /// A folder of older programs, where two versions at once are the fault.
    pub old: Option<PathBuf>,
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
    let folder = Folder::create(&order.folder, &setup(order))?;
    let recorder = Recorder::create(&folder, "faults")?;
    recorder.phase("warm_up");
    possible(order)?;
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
        pool_size: SLOTS,
        due: order.due,
        old: order.old.clone(),
        tells: true,
        ..Plan::default()
    };
    let site = Site::start(&order.bin, &order.envoy, &plan, &folder, &dice).await?;
    let course = Course {
        order,
        site: &site,
        folder: &folder,
        recorder: &recorder,
        load: Load::new(&dice, order.pause),
        reached: AtomicBool::new(states::needed(order).is_empty()),
        struck: AtomicBool::new(false),
        done: Mutex::default(),
    };

    recorder.phase("load");
    let (healed, loaded, ()) = tokio::join!(
        course.mistreat(&dice),
        course.load.run(&folder, site.envoy.port),
        course.watch()
    );
    healed?;
    loaded?;
    if order.progress {
        let _ = writeln!(std::io::stderr());
    }

    recorder.phase("drain");
    let drained = drain(&site).await?;
    measures::at_rest(&site, &recorder, DRAIN).await?;
    recorder.phase("done");
    let Course { load, done, .. } = course;
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    verdict::judge(order, &site, &folder, &load.take_ledger(), done, drained).await
}

/// What a fault needs and this machine has not is said at once, and not after a site was built.
fn possible(order: &Order) -> Result<()> {
    let wanted = |name: &str| order.faults.iter().any(|fault| fault.is(name));
    if wanted("F27") && order.old.is_none() {
        bail!("F27 needs a folder of older programs: SCHEDULER_OLD_BIN_DIR");
    }
    if wanted("F39") {
        MemoryGroup::create("scheduler-chaos-try")?;
    }
    if wanted("F50") {
        let done = Command::new("unshare").args(["--mount", "true"]).output();
        let allowed = done.is_ok_and(|done| done.status.success());
        ensure!(
            allowed,
            "F50 needs names of its own for a process, and so a mount namespace: run it as root"
        );
    }
    Ok(())
}

/// What the run is judged by.
fn setup(order: &Order) -> Setup {
    let clocks = order
        .faults
        .iter()
        .any(|fault| ["F55", "F56", "F57"].iter().any(|clock| fault.is(clock)));
    let setup = Setup {
        two_queues: order.faults.iter().any(|fault| fault.is("F10")),
        crash_budget: CRASH_BUDGET,
        gateway_repeats: true,
        // An hour is what clocks are set wrong by.
        clock_tolerance_ms: if clocks { 3_700_000 } else { 50 },
        rebuilt_within_ms: u64::try_from(REBUILT.as_millis()).ok(),
        goodput: (order.calm >= MEASURABLE).then_some(GOODPUT),
        ..Setup::new("chaos", order.seed)
    };
    setup.reaching(states::needed(order).iter().copied().collect::<BTreeSet<_>>())
}

/// A run under way.
struct Course<'a> {
    order: &'a Order,
    site: &'a Site,
    folder: &'a Folder,
    recorder: &'a Recorder,
    load: Load,
    /// Whether it has reached what it is about.
    reached: AtomicBool,
    /// Whether the first fault has begun.
    struck: AtomicBool,
    done: Mutex<Done>,
}

impl Course<'_> {
    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// Both lanes, from the first fault to the end of the load.
    async fn mistreat(&self, dice: &Dice) -> Result<()> {
        let lane = |lane| self.strike(lane, dice.split());
        tokio::join!(lane(Lane::Processes), lane(Lane::Backends));
        self.recorder.phase("heal");
        let healed = self.site.heal().await.context("the site does not come back");
        if serves(self.site, RECOVERY).await.is_none() {
            let found = format!("L5: no job ran within {RECOVERY:?} after everything was healed");
            self.done().violations.push(found);
        }
        // Submits go on for a while, so that the end of the load is not the end of a fault, and that it can be measured.
        sleep(self.order.calm.max(Duration::from_secs(2))).await;
        self.load.stop.store(true, Ordering::Relaxed);
        healed
    }

    /// Once a second, until the load ends: looks after processes that ended by themselves, measures, and sees what was reached.
    async fn watch(&self) {
        let begun = Instant::now();
        let mut wanted = Wanted::new(states::needed(self.order));
        while !self.load.stop.load(Ordering::Relaxed) {
            progress(self.order, begun.elapsed(), &self.load, &self.done);
            for member in &self.site.members {
                if member.supervise().unwrap_or(false) {
                    *self.done().ended.entry(member.name.clone()).or_default() += 1;
                }
            }
            if !self.struck.load(Ordering::Relaxed) {
                measures::while_calm(self.site, self.recorder);
            }
            if let Err(error) = wanted.look(self.folder, &self.site.rows).await {
                let found = format!("what was reached cannot be read: {error:#}");
                self.done().violations.push(found);
                return;
            }
            self.reached.store(wanted.is_empty(), Ordering::Relaxed);
            sleep(Duration::from_secs(1)).await;
        }
    }

    /// Draws faults of one lane until the time is up, and on until the run has reached what it is about.
    async fn strike(&self, lane: Lane, dice: Dice) {
        let Self {
            order,
            site,
            recorder,
            ..
        } = self;
        let mine = |fault: &&Fault| fault.lane == lane;
        let faults: Vec<&Fault> = if order.faults.is_empty() {
            FAULTS.iter().filter(|fault| fault.mixed).filter(mine).collect()
        } else {
            order.faults.iter().filter(mine).collect()
        };
        let first: Vec<&Fault> = faults.iter().copied().filter(|fault| fault.first).collect();
        let mut bag = first.clone();
        sleep(order.calm + dice.within(Duration::ZERO..Duration::from_secs(2))).await;
        let deadline = Instant::now() + order.lasts;
        while !faults.is_empty() && self.goes_on(deadline).await {
            // Each once, in a drawn order, before any comes twice. When the time is up, only what leads to what is to be reached.
            if Instant::now() >= deadline && !first.is_empty() {
                bag.retain(|fault| fault.first);
            }
            if bag.is_empty() {
                let late = Instant::now() >= deadline && !first.is_empty();
                bag.clone_from(if late { &first } else { &faults });
            }
            let fault = bag.swap_remove(dice.below(bag.len()));
            self.struck.store(true, Ordering::Relaxed);
            let mark = recorder.fault(fault.name, json!({"redis_lost": fault.redis_lost}));
            let struck = (fault.strike)(site, &dice).await;
            mark.ends();
            *self.done().faults.entry(fault.name).or_default() += 1;
            match struck {
                Ok(()) => match serves(site, RECOVERY).await {
                    Some(took) => {
                        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                        let told = Told::note(Op::Remark).code("a job ran again");
                        recorder.tell(told.args(json!({"after": fault.name, "ms": ms})));
                        self.done().recoveries.push((fault.name, took));
                    }
                    None => self
                        .done()
                        .violations
                        .push(format!("L5: no job ran within {RECOVERY:?} after {}", fault.name)),
                },
                Err(error) => self.done().violations.push(format!("{}: {error:#}", fault.name)),
            }
            sleep(dice.within(Duration::ZERO..order.breath)).await;
        }
    }

    /// Whether another fault is to come.
    async fn goes_on(&self, deadline: Instant) -> bool {
        if Instant::now() < deadline {
            return true;
        }
        // What the last one has led to may show only now.
        let shows = Instant::now() + SHOWS;
        while !self.has_reached() && Instant::now() < shows {
            sleep(Duration::from_millis(100)).await;
        }
        !self.has_reached() && Instant::now() < deadline + LONGER
    }
}

/// Lost leases that end a job. Every job of the load that is not wrong succeeds, however often its worker is killed.
const CRASH_BUDGET: u32 = 100;

fn settings() -> Vec<(String, String)> {
    [
        ("SCHEDULER__ENGINE__CRASH_BUDGET", CRASH_BUDGET.to_string()),
        ("LOG_LEVEL", "info".to_owned()),
        ("LOG_FORMAT", "text".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// How long it takes until a job that is submitted now has run. It is one that does not stand in line: what is asked is whether the service
/// runs jobs, not how many wait.
pub(super) async fn serves(site: &Site, within: Duration) -> Option<Duration> {
    let begun = Instant::now();
    let options = ClientOptions {
        request_timeout: Duration::from_secs(5),
        ..ClientOptions::new(site.gateway())
    };
    let ran = async {
        loop {
            if let Ok(client) = Client::connect(options.clone()).await
                && let Ok(job) = client
                    .submit(JobRequest::new("noop").priority(Priority::Critical))
                    .await
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
    let (mut fewest, mut since) = (i64::MAX, begun);
    while since.elapsed() < DRAIN {
        let open = site.rows.open_jobs().await.unwrap_or(i64::MAX);
        if open == 0 {
            return Ok(Some(begun.elapsed()));
        }
        if open < fewest {
            (fewest, since) = (open, Instant::now());
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
