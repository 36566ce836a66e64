//! What a test is told by its surroundings.

use std::io::Write as _;
use std::path::PathBuf;

/// Where the programs and the services are, as `ci/test.sh` says it in environment variables.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `SCHEDULER_BIN_DIR`: the folder with `scheduler-api`, `scheduler-worker` and `tsctl`.
    pub bin: PathBuf,
    /// `TEST_DATABASE_URL`: a PostgreSQL in which databases may be created.
    pub database: String,
    /// `TEST_REDIS_URL`: a Redis that may be flushed.
    pub redis: String,
    /// `ENVOY_BIN`: an Envoy.
    pub envoy: PathBuf,
}

impl Settings {
    /// The settings, or a line `SKIPPED …` on the error stream that names what is missing.
    #[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
    #[must_use]
    pub fn read() -> Option<Self> {
        let mut missing = Vec::new();
        let mut get = |name| {
            std::env::var(name).unwrap_or_else(|_| {
                missing.push(name);
                String::new()
            })
        };
        let settings = Self {
            bin: get("SCHEDULER_BIN_DIR").into(),
            database: get("TEST_DATABASE_URL"),
            redis: get("TEST_REDIS_URL"),
            envoy: get("ENVOY_BIN").into(),
        };
        if missing.is_empty() {
            return Some(settings);
        }
        // Not eprintln!: the test harness hides what a passing test prints.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: {} not set: run it through ci/test.sh",
            missing.join(", ")
        );
        None
    }
}
