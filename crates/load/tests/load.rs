//! Whole runs: against a scheduler in this process with real workers, and against one that fails when it is told to.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use scheduler_api::{Deps, Limits, TokenKey, serve};
use scheduler_client::testing::{FakeScheduler, Rpc};
use scheduler_client::{Client, ClientOptions, Priority, State};
use scheduler_domain::{SeededEntropy, SystemClock, SystemEntropy};
use scheduler_engine::{Keep, connect};
use scheduler_load::{
    Content, Kind, Mode, Naming, Pace, Plan, Report, Schedule, Seams, Silent, Spread, Stops, Summary,
    Weighted, job_type, run, schema,
};
use scheduler_queue::Served;
use scheduler_service::config::Config;
use scheduler_worker::{Stop, handlers};
use serde_json::Value;
use tokio::net::TcpListener;
use tonic::Status;

/// API, worker, store and queue in this process; gone when dropped.
struct Scheduler {
    address: String,
    stop: Stop,
}

impl Scheduler {
    async fn start() -> Self {
        let config = Config::default();
        let engine = connect(&config, Keep::InMemory, Keep::InMemory, "api-0")
            .await
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let stop = Stop::default();
        let worker = scheduler_worker::Options {
            instance: "worker-0".to_owned(),
            pool_size: 16,
            claim_batch: 100,
            served: Served::All,
            busy: tokio::sync::watch::Sender::new(0),
            drain_grace: Duration::ZERO,
        };
        let registry = handlers::built_in(&config.worker).unwrap();
        tokio::spawn(scheduler_worker::run(
            engine.clone(),
            registry,
            worker,
            stop.clone(),
        ));
        tokio::spawn(scheduler_engine::upkeep::run(
            engine.clone(),
            "api-0".to_owned(),
            stop.abort.clone(),
        ));
        let deps = Deps {
            engine,
            tokens: TokenKey::from_secret("test"),
            instance: "api-0".to_owned(),
            limits: Limits::default(),
        };
        tokio::spawn(serve(listener, deps, stop.clone()));
        Self { address, stop }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.stop.drain.cancel();
        self.stop.abort.cancel();
    }
}

fn plan(address: &str, mode: Mode, pace: Pace) -> Plan {
    Plan {
        address: address.to_owned(),
        connections: 2,
        reconnect: None,
        deadline: Duration::from_secs(5),
        mode,
        pace,
        jobs: None,
        batch: 1,
        content: Content {
            types: Weighted::only(Kind::named("noop")),
            priorities: Weighted::only(Priority::Default),
            payload: (0, 0),
            sleep: Duration::from_millis(1),
            duplicates: 0.0,
            queue: String::new(),
            seed: 1,
        },
        naming: Naming::Client,
        warmup: Duration::ZERO,
        drain_timeout: Duration::from_secs(20),
        times: false,
        thresholds: Vec::new(),
        user_agent: "test/1".to_owned(),
    }
}

fn steady(rate: f64, millis: u64) -> Pace {
    Pace::Open {
        schedule: Schedule::steady(rate, Duration::from_millis(millis)),
        spread: Spread::Constant,
        max_in_flight: 10_000,
    }
}

fn closed(callers: u32) -> Pace {
    Pace::Closed {
        callers,
        duration: None,
    }
}

async fn carry_out(plan: &Plan, stops: &Stops, out: Option<&Path>) -> Summary {
    plan.check().unwrap();
    let seams = Seams {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let mut report = Report::new(out).unwrap();
    let summary = run(plan, &seams, stops, &mut Silent, &mut report).await.unwrap();
    report.finish(&summary).unwrap();
    summary
}

async fn done(plan: &Plan) -> Summary {
    carry_out(plan, &Stops::default(), None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_of_an_open_loop_is_followed_to_its_end() {
    let scheduler = Scheduler::start().await;
    let mut plan = plan(&scheduler.address, Mode::EndToEnd, steady(300.0, 1_000));
    plan.content.types = Weighted::parse("noop=80,sleep=15,fail=5", job_type).unwrap();
    plan.content.payload = (64, 512);
    plan.content.duplicates = 0.1;
    plan.thresholds = ["lost==0", "duplicated==0", "open==0", "submit_p50>1h"]
        .map(|t| t.parse().unwrap())
        .into();
    let folder = tempfile::tempdir().unwrap();
    let summary = carry_out(&plan, &Stops::default(), Some(folder.path())).await;

    assert_eq!(
        (summary.jobs.offered, summary.jobs.accepted, summary.jobs.dropped),
        (300, 300, 0)
    );
    // The time after the last job of the schedule is not waited for: up to a three-hundredth of it.
    assert!(
        (299.9..301.1).contains(&summary.rates.offered),
        "{:?}",
        summary.rates
    );
    assert!(summary.jobs.replayed > 10, "{:?}", summary.jobs);
    let ledger = summary.ledger.as_ref().unwrap();
    assert_eq!(ledger.sent, 300 - summary.jobs.replayed);
    assert_eq!(ledger.acknowledged, ledger.sent);
    assert_eq!(ledger.succeeded + ledger.dead, ledger.sent, "{ledger:?}");
    assert!(
        ledger.dead > 0 && ledger.repeated_runs == 2 * ledger.dead,
        "{ledger:?}"
    );
    assert_eq!((ledger.lost, ledger.duplicated, ledger.open), (0, 0, 0));
    assert_eq!(summary.served_by[0].name, "api-0");
    assert_eq!(summary.latency.e2e.unwrap().count, ledger.sent);
    let holds: Vec<bool> = summary.thresholds.iter().map(|verdict| verdict.holds).collect();
    assert_eq!(holds, [true, true, true, false]);
    assert!(!summary.passed());
    whole_folder(folder.path());
}

/// Everything that is promised is there, and says the same.
fn whole_folder(folder: &Path) {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    assert_eq!(summary["jobs"]["offered"], 300);
    let rows = read("timeseries.csv");
    let offered = |line: &str| line.split(',').nth(3).unwrap().parse::<u64>().unwrap();
    assert_eq!(rows.lines().skip(1).map(offered).sum::<u64>(), 300);
    assert!(rows.lines().all(|line| line.split(',').count() == 23));
    assert!(read("summary.md").contains("| **lost** | 0 |"));
    let page = read("report.html");
    assert!(page.contains("\"offered\":300") && !page.contains("\"DATA\""));
    assert!(
        !page.contains("src=") && !page.contains("@import"),
        "the page needs no network"
    );

    let log = std::fs::read(folder.join("latency.hlog")).unwrap();
    let mut deserializer = hdrhistogram::serialization::Deserializer::new();
    let calls: u64 = hdrhistogram::serialization::interval_log::IntervalLogIterator::new(&log)
        .filter_map(|entry| match entry.unwrap() {
            hdrhistogram::serialization::interval_log::LogEntry::Interval(interval) => Some(interval),
            _ => None,
        })
        .map(|interval| {
            let bytes = base64::Engine::decode(
                &base64::engine::general_purpose::STANDARD,
                interval.encoded_histogram(),
            );
            let histogram: hdrhistogram::Histogram<u64> =
                deserializer.deserialize(&mut bytes.unwrap().as_slice()).unwrap();
            histogram.len()
        })
        .sum();
    assert_eq!(calls, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_in_a_closed_loop_send_exactly_what_is_asked_for_whoever_names_the_jobs() {
    let scheduler = Scheduler::start().await;
    for naming in [Naming::Client, Naming::Server] {
        let mut plan = plan(&scheduler.address, Mode::EndToEnd, closed(4));
        (plan.jobs, plan.batch, plan.naming) = (Some(2_500), 100, naming);
        let summary = done(&plan).await;
        assert_eq!((summary.calls.made, summary.jobs.accepted), (25, 2_500));
        let ledger = summary.ledger.unwrap();
        assert_eq!(
            (ledger.succeeded, ledger.lost, ledger.duplicated),
            (2_500, 0, 0),
            "{naming:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_idle_mode_measures_each_job_from_its_acknowledgement() {
    let scheduler = Scheduler::start().await;
    let mut plan = plan(&scheduler.address, Mode::Latency, closed(1));
    plan.jobs = Some(10);
    let summary = done(&plan).await;
    let (start, done) = (summary.latency.start.unwrap(), summary.latency.done.unwrap());
    assert_eq!((start.count, done.count), (10, 10));
    assert!(
        start.p50_us <= done.p50_us && done.max_us < 5_000_000,
        "{start:?} {done:?}"
    );
}

#[tokio::test]
async fn jobs_are_dropped_and_counted_when_too_many_calls_are_under_way() {
    let scheduler = Scheduler::start().await;
    let mut plan = plan(&scheduler.address, Mode::Submit, steady(2_000.0, 500));
    let Pace::Open { max_in_flight, .. } = &mut plan.pace else {
        panic!()
    };
    *max_in_flight = 0;
    let summary = done(&plan).await;
    assert_eq!(
        (summary.jobs.offered, summary.jobs.dropped, summary.calls.made),
        (1_000, 1_000, 0)
    );
    assert!(
        summary
            .warnings
            .iter()
            .any(|w| w.contains("1000 jobs were dropped")),
        "{:?}",
        summary.warnings
    );
}

#[tokio::test]
async fn the_warm_up_is_sent_and_not_measured() {
    let scheduler = Scheduler::start().await;
    let mut plan = plan(&scheduler.address, Mode::EndToEnd, steady(100.0, 2_000));
    plan.warmup = Duration::from_secs(1);
    let summary = done(&plan).await;
    assert_eq!(summary.ledger.unwrap().sent, 200);
    assert!((50..=150).contains(&summary.jobs.offered), "{:?}", summary.jobs);
}

#[tokio::test]
async fn a_lost_job_is_found_out() {
    let fake = FakeScheduler::start().unwrap();
    let address = fake.address();
    let plan = plan(&address, Mode::EndToEnd, steady(50.0, 1_000));
    let thief = async {
        let client = Client::connect(ClientOptions::new(&address)).await.unwrap();
        while fake.jobs().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        client.delete(&fake.jobs()[0].job_id).await.unwrap();
    };
    let (summary, ()) = tokio::join!(done(&plan), thief);
    let ledger = summary.ledger.unwrap();
    assert_eq!((ledger.acknowledged, ledger.succeeded, ledger.lost), (50, 49, 1));
}

#[tokio::test]
async fn an_error_is_not_repeated_and_a_lost_answer_is_not_a_lost_job() {
    let fake = FakeScheduler::start().unwrap();
    fake.fail(Rpc::Submit, Status::resource_exhausted("full"));
    fake.lose_answer(Rpc::Submit);
    let mut plan = plan(&fake.address(), Mode::EndToEnd, closed(1));
    plan.jobs = Some(10);
    let summary = done(&plan).await;
    assert_eq!(
        (summary.calls.made, summary.calls.failed, summary.jobs.accepted),
        (10, 2, 8)
    );
    let codes: Vec<_> = summary
        .errors
        .iter()
        .map(|error| (error.code.as_str(), error.jobs))
        .collect();
    assert_eq!(codes, [("RESOURCE_EXHAUSTED", 1), ("UNAVAILABLE", 1)]);
    let ledger = summary.ledger.unwrap();
    assert_eq!(
        (ledger.acknowledged, ledger.unacknowledged_found, ledger.lost),
        (8, 1, 0)
    );
    assert_eq!(fake.calls(Rpc::Submit), 10);
}

#[tokio::test]
async fn jobs_that_do_not_end_are_open_and_not_lost() {
    let fake = FakeScheduler::start().unwrap();
    fake.lives(&[State::Queued]);
    let mut plan = plan(&fake.address(), Mode::EndToEnd, closed(1));
    (plan.jobs, plan.drain_timeout) = (Some(5), Duration::from_millis(300));
    let summary = done(&plan).await;
    let ledger = summary.ledger.unwrap();
    assert_eq!((ledger.open, ledger.lost), (5, 0));
    assert!(
        ledger
            .gave_up
            .unwrap()
            .contains("5 acknowledged jobs have not ended")
    );
}

#[tokio::test]
async fn what_nobody_could_ask_for_is_not_proven() {
    let fake = FakeScheduler::start().unwrap();
    let mut plan = plan(&fake.address(), Mode::EndToEnd, closed(1));
    (plan.jobs, plan.thresholds) = (Some(5), vec!["lost==0".parse().unwrap()]);
    let stops = Stops::default();
    stops.following.cancel();
    fake.fail(Rpc::List, Status::internal("broken"));
    let summary = carry_out(&plan, &stops, None).await;
    let ledger = summary.ledger.as_ref().unwrap();
    assert_eq!((ledger.lost, ledger.unverified, ledger.open), (0, 5, 5));
    assert!(!summary.passed());
}

#[tokio::test]
async fn an_interrupted_run_has_a_summary_of_what_was_sent() {
    let scheduler = Scheduler::start().await;
    let plan = plan(&scheduler.address, Mode::EndToEnd, steady(100.0, 60_000));
    let stops = Stops::default();
    let interrupt = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stops.sending.cancel();
    };
    let (summary, ()) = tokio::join!(carry_out(&plan, &stops, None), interrupt);
    assert!(summary.interrupted);
    let ledger = summary.ledger.unwrap();
    assert!(
        ledger.sent > 0 && ledger.sent < 6_000 && ledger.succeeded == ledger.sent,
        "{ledger:?}"
    );
}

#[tokio::test]
async fn without_a_scheduler_nothing_begins() {
    let plan = plan("http://127.0.0.1:1", Mode::Submit, steady(10.0, 1_000));
    let seams = Seams {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let mut report = Report::new(None).unwrap();
    let error = run(&plan, &seams, &Stops::default(), &mut Silent, &mut report)
        .await
        .unwrap_err();
    assert!(error.is_connection(), "{error}");
}

/// `docs/load-summary.schema.json` is what other programs read the summary by.
#[test]
fn the_published_schema_is_the_one_of_this_version() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/load-summary.schema.json");
    let schema = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&published, &schema).unwrap();
    }
    let known = std::fs::read_to_string(&published).unwrap();
    assert!(
        known == schema,
        "renew it: UPDATE_GENERATED=1 cargo test -p scheduler-load the_published_schema"
    );
}
