//! The built `tsctl` against a scheduler inside the test process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod basics;
mod dev;
mod dlq;
mod doctor;
mod experiment;
mod failures;
mod follow;
mod jobs;
mod load;
mod metrics;
mod submit;

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use scheduler_client::testing::FakeScheduler;

/// What became of a run.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Expects this exit code.
    #[track_caller]
    fn code(self, expected: i32) -> Self {
        assert_eq!(
            self.code, expected,
            "\n--- out\n{}\n--- err\n{}",
            self.out, self.err
        );
        self
    }

    /// Data as JSON.
    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }

    fn lines(&self) -> Vec<&str> {
        self.out.lines().collect()
    }
}

/// `tsctl` in an environment of its own.
fn tsctl(address: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tsctl"));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for variable in ["NO_COLOR", "DATABASE_URL", "REDIS_URL"] {
        command.env_remove(variable);
    }
    command.env("TSCTL_ADDRESS", address);
    command
}

/// Runs it to its end.
fn run(fake: &FakeScheduler, args: &[&str]) -> Ran {
    Ran::of(tsctl(&fake.address(), args).spawn().unwrap())
}

/// Runs it to its end, with this on its standard input.
fn run_with_input(fake: &FakeScheduler, args: &[&str], input: &str) -> Ran {
    let mut child = tsctl(&fake.address(), args)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ran::of(child)
}

fn fake() -> FakeScheduler {
    FakeScheduler::start().unwrap()
}
