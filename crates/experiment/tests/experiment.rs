//! Whole experiments, on a cluster that is told what to be and a scheduler that speaks the real protocol.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scheduler_client::testing::FakeScheduler;
use scheduler_domain::{SeededEntropy, SystemClock};
use scheduler_experiment::{
    Cluster, Component, Error, Event, Gateway, Now, Phase, Plan, Profile, Side, Silent, State, Stops, Turn,
    View, run, schema,
};
use scheduler_load::Seams;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// What the fake is told to fail at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fail {
    Nothing,
    Check,
    Install,
    Uninstall,
}

/// A cluster where side b has twenty times the workers.
#[derive(Debug)]
struct Fake {
    scheduler: FakeScheduler,
    done: Mutex<Vec<String>>,
    fail: Fail,
}

impl Fake {
    fn new(fail: Fail) -> Self {
        Self {
            scheduler: FakeScheduler::start().unwrap(),
            done: Mutex::default(),
            fail,
        }
    }

    fn note(&self, what: &str) {
        self.done.lock().unwrap().push(what.to_owned());
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    fn failed(&self, here: Fail) -> Result<(), Error> {
        if self.fail == here {
            return Err(Error::Failed {
                what: "helm".to_owned(),
                said: "as told".to_owned(),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl Cluster for Fake {
    async fn check(&self, _: &[PathBuf]) -> Result<String, Error> {
        self.failed(Fail::Check)?;
        Ok("a fake".to_owned())
    }

    async fn install(&self, side: &Path, stop: &CancellationToken) -> Result<(), Error> {
        let name = side.file_stem().unwrap().to_str().unwrap();
        self.note(&format!("install {name}"));
        if name == "endless" {
            stop.cancelled().await;
            return Err(Error::Stopped);
        }
        self.failed(Fail::Install)
    }

    async fn gateway(&self) -> Result<Gateway, Error> {
        Ok(Gateway::at(self.scheduler.address()))
    }

    async fn least(&self) -> Result<BTreeMap<String, u64>, Error> {
        Ok([].into())
    }

    async fn observe(&self) -> Result<Vec<Component>, Error> {
        let installed = self
            .done()
            .iter()
            .rfind(|what| what.starts_with("install"))
            .cloned();
        let pods = if installed.as_deref() == Some("install b") {
            40
        } else {
            2
        };
        Ok(vec![Component {
            name: "worker".to_owned(),
            wanted: pods,
            ready: pods,
            pods,
        }])
    }

    async fn usage(&self) -> Result<Option<BTreeMap<String, f64>>, Error> {
        Ok(None)
    }

    async fn events(&self) -> Result<Vec<Event>, Error> {
        Ok(Vec::new())
    }

    async fn uninstall(&self, last: bool, _: &CancellationToken) -> Result<(), Error> {
        self.note(if last { "uninstall all" } else { "uninstall" });
        self.failed(Fail::Uninstall)
    }

    fn farewell(&self) -> String {
        "helm uninstall by hand".to_owned()
    }
}

fn plan(out: &Path, names: &[&str], repeat: u32, stage: &str) -> Plan {
    let side = |name: &&str| Side {
        name: (*name).to_owned(),
        file: PathBuf::from(format!("{name}.yaml")),
        text: "worker: {poolSize: 5}\n".to_owned(),
    };
    Plan {
        sides: names.iter().map(side).collect(),
        repeat,
        profile: Profile {
            stages: Some(vec!["0s:20".to_owned(), stage.to_owned()]),
            mix: Some("noop".to_owned()),
            ..Profile::default()
        },
        thresholds: vec!["lost==0".parse().unwrap()],
        settle: Duration::ZERO,
        settle_timeout: Duration::from_secs(5),
        drain_timeout: Duration::from_secs(20),
        after: Duration::from_secs(1),
        out: out.to_owned(),
        user_agent: "test/1".to_owned(),
    }
}

fn seams() -> Seams {
    Seams {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SeededEntropy::new(1)),
    }
}

fn read(out: &Path, name: &str) -> String {
    std::fs::read_to_string(out.join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_side_runs_in_turns_and_the_folder_has_all_that_is_promised() {
    let (fake, folder) = (Fake::new(Fail::Nothing), tempfile::tempdir().unwrap());
    let plan = plan(folder.path(), &["a", "b"], 2, "1s:20");
    let ended = run(&plan, &fake, &seams(), &Stops::default(), &mut Silent)
        .await
        .unwrap();
    assert!(
        ended.failure.is_none() && ended.summary.passed(),
        "{:?}",
        ended.summary
    );

    let order: Vec<String> = ended
        .summary
        .runs
        .iter()
        .map(|run| format!("install {}", run.side))
        .collect();
    let installs: Vec<String> = fake
        .done()
        .into_iter()
        .filter(|what| what.starts_with("install"))
        .collect();
    assert_eq!(installs, order);
    assert_eq!(
        (&order[0], &order[1]),
        (&order[3], &order[2]),
        "the second round mirrors the first"
    );
    assert_eq!(fake.done().iter().filter(|what| *what == "uninstall").count(), 3);
    assert_eq!(fake.done().last().unwrap(), "uninstall all");

    let summary: Value = serde_json::from_str(&read(folder.path(), "summary.json")).unwrap();
    let measure = |name: &str| {
        let measures = summary["measures"].as_array().unwrap();
        measures
            .iter()
            .find(|measure| measure["name"] == name)
            .unwrap()
            .clone()
    };
    let pods = measure("worker_pod_seconds");
    assert_eq!(pods["verdict"]["better"], "a", "{pods}");
    assert_eq!(pods["sides"][1]["values"].as_array().unwrap().len(), 2);
    assert_eq!(measure("lost")["verdict"]["text"], "the same: 0");
    assert_eq!(measure("cpu_seconds")["sides"][0]["values"][0], "unmeasured");

    let samples = read(folder.path(), "samples.csv");
    let columns = samples.lines().next().unwrap().split(',').count();
    assert!(
        samples.lines().count() > 4 && samples.lines().all(|line| line.split(',').count() == columns),
        "{samples}"
    );
    let page = read(folder.path(), "report.html");
    assert!(page.contains("\"worker_pods\"") && !page.contains("\"DATA\""));
    assert!(
        !page.contains("src=") && !page.contains("@import"),
        "the page needs no network"
    );
    assert!(read(folder.path(), "summary.md").contains("| Worker pods |"));
    for run in &ended.summary.runs {
        for file in ["timeseries.csv", "summary.json", "run.json"] {
            assert!(
                !read(folder.path(), &format!("{}/{file}", run.folder)).is_empty(),
                "{file}"
            );
        }
    }
}

/// Stops the experiment when a phase of a run has come.
struct StopAt {
    phase: Phase,
    run: usize,
    stops: Stops,
    now: bool,
}

impl View for StopAt {
    fn phase(&mut self, turn: &Turn, _: &str, phase: Phase) {
        self.now = turn.number == self.run && phase == self.phase;
        if self.now && phase == Phase::Install {
            self.stops.measuring.cancel();
        }
    }

    fn tick(&mut self, _: &Now) {
        if self.now {
            self.stops.measuring.cancel();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_under_load_it_uninstalls_and_keeps_what_was_measured() {
    let (fake, folder) = (Fake::new(Fail::Nothing), tempfile::tempdir().unwrap());
    let plan = plan(folder.path(), &["a"], 2, "1s:20");
    let stops = Stops::default();
    let mut view = StopAt {
        phase: Phase::Load,
        run: 2,
        stops: stops.clone(),
        now: false,
    };
    let ended = run(&plan, &fake, &seams(), &stops, &mut view).await.unwrap();
    assert!(
        ended.summary.interrupted && ended.failure.is_none(),
        "{:?}",
        ended.failure
    );
    assert_eq!(
        fake.done(),
        ["install a", "uninstall", "install a", "uninstall all"]
    );
    let states: Vec<State> = ended.summary.runs.iter().map(|run| run.state).collect();
    assert_eq!(states, [State::Complete, State::Interrupted]);
    let wait = ended
        .summary
        .measures
        .iter()
        .find(|of| of.measure.name == "errors")
        .unwrap();
    assert_eq!(
        wait.sides[0].values.len(),
        1,
        "what was interrupted does not count"
    );
    assert!(
        !ended.summary.runs[1].figures.is_empty(),
        "and is told nevertheless"
    );
    assert!(read(folder.path(), "report.html").contains("interrupted"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_while_installing_it_uninstalls() {
    let (fake, folder) = (Fake::new(Fail::Nothing), tempfile::tempdir().unwrap());
    let plan = plan(folder.path(), &["endless"], 1, "1s:20");
    let stops = Stops::default();
    let mut view = StopAt {
        phase: Phase::Install,
        run: 1,
        stops: stops.clone(),
        now: false,
    };
    let ended = run(&plan, &fake, &seams(), &stops, &mut view).await.unwrap();
    assert_eq!(fake.done(), ["install endless", "uninstall all"]);
    assert_eq!(ended.summary.runs[0].state, State::Interrupted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_that_fails_is_removed_and_ends_it() {
    let (fake, folder) = (Fake::new(Fail::Install), tempfile::tempdir().unwrap());
    let plan = plan(folder.path(), &["a", "b"], 3, "1s:20");
    let ended = run(&plan, &fake, &seams(), &Stops::default(), &mut Silent)
        .await
        .unwrap();
    assert_eq!(ended.failure.unwrap().to_string(), "helm failed: as told");
    assert_eq!((fake.done().len(), fake.done()[1].as_str()), (2, "uninstall all"));
    assert_eq!(ended.summary.runs[0].state, State::Failed);
    assert!(read(folder.path(), "summary.md").contains("Ended early: helm failed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_cleaned_up_says_how_to_do_it_by_hand() {
    let (fake, folder) = (Fake::new(Fail::Uninstall), tempfile::tempdir().unwrap());
    let plan = plan(folder.path(), &["a", "b"], 1, "1s:20");
    let ended = run(&plan, &fake, &seams(), &Stops::default(), &mut Silent)
        .await
        .unwrap();
    let told = ended.failure.unwrap().to_string();
    assert!(told.contains("by hand: helm uninstall by hand"), "{told}");
    assert_eq!(
        ended.summary.runs.len(),
        1,
        "the next would begin beside what is left"
    );
    assert_eq!(
        ended.summary.runs[0].state,
        State::Complete,
        "what was measured counts"
    );
}

#[tokio::test]
async fn nothing_is_installed_when_something_is_in_the_way() {
    let (fake, folder) = (Fake::new(Fail::Check), tempfile::tempdir().unwrap());
    let out = folder.path().join("new");
    let plan = plan(&out, &["a"], 1, "1s:20");
    let failed = run(&plan, &fake, &seams(), &Stops::default(), &mut Silent).await;
    assert!(failed.is_err() && fake.done().is_empty());
    assert!(!out.exists(), "nor is a folder left");
}

/// `docs/experiment-summary.schema.json` is what other programs read the summary by.
#[test]
fn the_published_schema_is_the_one_of_this_version() {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/experiment-summary.schema.json");
    let schema = format!("{:#}\n", schema());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&published, &schema).unwrap();
    }
    let known = std::fs::read_to_string(&published).unwrap_or_default();
    assert!(
        known == schema,
        "renew it: UPDATE_GENERATED=1 cargo test -p scheduler-experiment the_published_schema"
    );
}
