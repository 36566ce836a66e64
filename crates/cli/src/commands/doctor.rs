//! `tsctl doctor`: does it answer, does anybody work, and if not, what to do.

mod backends;
mod scheduler;

use std::process::ExitCode;

use clap::builder::styling::AnsiColor;
use scheduler_client::{Client, Timestamp};
use serde::Serialize;

use crate::args::Format;
use crate::output::{Cell, Console, Row, paint};

/// Check that the scheduler answers, that somebody works, and on request that its database and Redis are there.
///
/// Every line that is not fine ends with what to do. The exit code is 1 when something failed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsctl doctor
  tsctl doctor --database-url postgres://root@localhost:26257/scheduler --redis-url redis://localhost:6379")]
pub(crate) struct Args {
    /// Look at this CockroachDB or PostgreSQL as well.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Look at this Redis as well.
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    redis_url: Option<String>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    Ok,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    health: Health,
    found: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    fix: String,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Ok,
            found: found.into(),
            fix: String::new(),
        }
    }

    fn warning(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Warning,
            found: found.into(),
            fix: fix.into(),
        }
    }

    fn failed(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Failed,
            found: found.into(),
            fix: fix.into(),
        }
    }

    fn line(&self, colored: bool) -> String {
        let (mark, color) = match self.health {
            Health::Ok => ("ok  ", AnsiColor::Green),
            Health::Warning => ("warn", AnsiColor::Yellow),
            Health::Failed => ("FAIL", AnsiColor::Red),
        };
        let fix = if self.fix.is_empty() {
            String::new()
        } else {
            format!(" → {}", self.fix)
        };
        format!(
            "{}  {:<10}  {}{fix}",
            paint(mark, color, colored),
            self.name,
            self.found
        )
    }
}

impl Row for Check {
    const COLUMNS: &'static [&'static str] = &["check", "health", "found", "fix"];

    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn cells(&self, _: Timestamp) -> Vec<Cell> {
        Vec::new()
    }
}

pub(crate) async fn run(client: &Client, console: &Console, args: Args) -> anyhow::Result<ExitCode> {
    let mut checks = scheduler::check(client).await;
    if let Some(url) = args.database_url {
        checks.extend(backends::database(url).await);
    }
    if let Some(url) = args.redis_url {
        checks.push(backends::redis(url).await);
    }
    match console.format() {
        Format::Table => {
            for check in &checks {
                console.line(&check.line(console.colored()))?;
            }
        }
        Format::Json | Format::Yaml | Format::Name => console.list(&checks)?,
    }
    let failed = checks.iter().any(|check| check.health == Health::Failed);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
