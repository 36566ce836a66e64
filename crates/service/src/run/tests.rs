//! Whole processes, with real signals: the test binary runs itself again as the process under test.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value as Json;

use super::{Context, run_from};
use crate::config::{Environment, Role};

/// Names what the process under test does.
const ACT: &str = "TEST_ACT";

#[test]
#[ignore = "is the process that the other tests here start"]
#[expect(
    clippy::disallowed_methods,
    reason = "ends the process under test with the code that is tested"
)]
fn process_under_test() {
    let env = Environment::of_process();
    let act = env.get(ACT).unwrap_or_default().to_owned();
    let code = run_from(
        [OsString::from("test")],
        env,
        "scheduler-test",
        Role::Api,
        None,
        |context| play(context, act),
    );
    std::process::exit(code.into());
}

async fn play(context: Context, act: String) -> anyhow::Result<()> {
    tracing::info_span!("a step of the test").in_scope(|| tracing::info!("begun"));
    context.serve_side_port().await?;
    let (drain, abort) = (context.shutdown.drain_token(), context.shutdown.abort_token());
    match act.as_str() {
        "obeys" => context.tasks.spawn("role", drain.cancelled_owned()),
        "lingers" => context.tasks.spawn("role", abort.cancelled_owned()),
        "hangs" => context.tasks.spawn("role", std::future::pending::<()>()),
        "fails" => context.tasks.spawn("role", async { bail!("out of luck") }),
        "refuses" => bail!("no such luck"),
        other => bail!("unknown act {other}"),
    }
    context.readiness.open(Vec::new());
    context.tasks.join().await.context("working")
}

/// A process under test.
struct Process {
    child: Child,
    log: BufReader<ChildStderr>,
    lines: Vec<Json>,
}

impl Process {
    fn start(act: &str, set: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "run::tests::process_under_test",
                "--ignored",
                "--nocapture",
            ])
            .env_clear()
            .envs(set.iter().copied())
            .env(ACT, act)
            .env("SCHEDULER__API__HOST", "127.0.0.1")
            .env("METRICS_PORT", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            log,
            lines: Vec::new(),
        }
    }

    /// Reads the log up to the line with `message`.
    fn wait_for(&mut self, message: &str) -> Json {
        let mut line = String::new();
        while self.log.read_line(&mut line).unwrap() > 0 {
            if let Ok(line) = serde_json::from_str::<Json>(&line) {
                self.lines.push(line.clone());
                if line["message"] == message {
                    return line;
                }
            }
            line.clear();
        }
        panic!("no {message:?} in {:#?}", self.lines);
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Its exit code, and how long it took to end.
    fn end(mut self) -> (i32, Duration) {
        let begun = now();
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code().unwrap(), begun.elapsed())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures another process, whose time no test can pause"
)]
fn now() -> Instant {
    Instant::now()
}

fn status_of(address: &Json, path: &str) -> String {
    let mut stream = TcpStream::connect(address.as_str().unwrap()).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_signal_ends_an_obedient_process_well() {
    for signal in ["TERM", "INT"] {
        let mut process = Process::start("obeys", &[]);
        process.wait_for("metrics port open");
        process.signal(signal);
        assert_eq!(process.wait_for("draining")["reason"], format!("SIG{signal}"));
        process.wait_for("stopped");
        assert_eq!(process.end().0, 0);
    }
}

#[test]
fn a_draining_process_says_so_until_a_second_signal_aborts_it() {
    let mut process = Process::start("lingers", &[]);
    let address = process.wait_for("metrics port open")["address"].clone();
    process.signal("TERM");
    process.wait_for("draining");
    assert_eq!(status_of(&address, "/ready"), "503");
    assert_eq!(status_of(&address, "/health"), "200");
    process.signal("TERM");
    process.wait_for("aborting");
    assert_eq!(process.end().0, 0, "it ended all its work in time");
}

#[test]
fn a_process_that_hangs_is_gone_within_its_bound() {
    let bound = [
        ("SCHEDULER__API__SHUTDOWN_TIMEOUT", "1s"),
        ("SCHEDULER__API__DRAIN_GRACE", "0s"),
    ];
    let mut process = Process::start("hangs", &bound);
    process.wait_for("metrics port open");
    process.signal("TERM");
    process.wait_for("aborting");
    process.wait_for("stopped after a failure");
    let (code, took) = process.end();
    assert_eq!(code, 1);
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_failure_ends_the_process_with_its_whole_story() {
    for (act, story) in [
        ("fails", "working: role role: out of luck"),
        ("refuses", "no such luck"),
    ] {
        let mut process = Process::start(act, &[]);
        let line = process.wait_for("stopped after a failure");
        assert_eq!(line["error"], story);
        assert_eq!(
            (line["service"].as_str(), line["level"].as_str()),
            (Some("scheduler-test"), Some("ERROR"))
        );
        assert_eq!(process.end().0, 1);
    }
}

#[test]
fn the_start_is_logged_with_the_flat_names_that_were_used() {
    let mut process = Process::start("refuses", &[("POD_NAME", "pod-7"), ("COCKROACHDB_HOST", "db")]);
    let start = process.wait_for("starting");
    assert_eq!(
        (start["instance"].as_str(), start["pod"].as_str()),
        (Some("pod-7"), Some("pod-7"))
    );
    assert_eq!(start["database"], "db:26257/scheduler");
    let names = process.wait_for("flat environment variables used");
    assert_eq!(names["names"], "METRICS_PORT,COCKROACHDB_HOST,POD_NAME");
    assert_eq!(process.end().0, 1);
}

#[test]
fn spans_are_sent_at_the_latest_when_the_process_ends_and_a_dumb_collector_holds_nothing_up() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let received = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // Reads what comes and never answers, until the process hangs up.
        let _ = collector.accept().unwrap().0.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("SCHEDULER__TELEMETRY__TRACE_SAMPLE_RATIO", "1"),
    ];
    let mut process = Process::start("obeys", &env);
    assert_eq!(process.wait_for("begun")["trace_id"].as_str().unwrap().len(), 32);
    process.wait_for("metrics port open");
    process.signal("TERM");
    let (code, took) = process.end();
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(5), "{took:?}");
    let received = received.join().unwrap();
    for part in ["PRI * HTTP/2.0", "a step of the test", "scheduler-test"] {
        assert!(received.contains(part), "no {part:?}");
    }
}

#[test]
fn arguments_and_configuration_decide_the_exit_code() {
    let run = |args: &[&str]| {
        let args = ["test"].iter().chain(args).map(OsString::from);
        run_from(
            args,
            Environment::default(),
            "scheduler-test",
            Role::Api,
            None,
            |_| async { bail!("must not run") },
        )
    };
    assert_eq!(run(&["--version"]), 0);
    assert_eq!(run(&["--print-config"]), 0);
    assert_eq!(run(&["--no-such-flag"]), 2);
    assert_eq!(run(&["--set", "api.prot=1"]), 78);
    assert_eq!(run(&["--config", "/no/such/file.toml"]), 78);
}
