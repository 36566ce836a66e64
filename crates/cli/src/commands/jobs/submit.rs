//! `tsctl jobs submit`

use std::process::ExitCode;
use std::time::Duration;

use scheduler_client::{Client, JobRequest, Priority, Timestamp};
use serde::Serialize;

use super::follow;
use crate::args::Format;
use crate::output::{Cell, Console, Item, Row};
use crate::parse;
use retry::Retry;

mod retry;

/// Most jobs in one call.
const BATCH: usize = 1_000;

/// Submit a job.
///
/// When this returns, the job is durable and will run at least once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsctl jobs submit noop --watch
  tsctl jobs submit sleep --payload '{\"ms\": 500}' --priority high --wait
  tsctl jobs submit report --payload @report.json --run-at 2027-01-02T06:00:00Z --key report-7
  jq -c .job big.json | tsctl jobs submit import --payload - --attempt-timeout 1h
  tsctl jobs submit flaky --payload '{\"failures\": 3}' --max-attempts 5 --retry-initial 200ms --retry-max 5s --no-jitter
  tsctl jobs submit noop --count 10000 --wait")]
pub(crate) struct Args {
    /// Which handler runs it.
    #[arg(value_name = "TYPE")]
    job_type: String,
    /// The handler's argument: JSON, or @FILE to read a file, or - to read standard input.
    #[arg(short, long, value_name = "JSON", default_value = "{}")]
    payload: String,
    /// How urgent it is: critical, high, default or low.
    #[arg(long, default_value = "default", value_parser = parse::priority)]
    priority: Priority,
    /// Which line it waits in [default: default].
    #[arg(long)]
    queue: Option<String>,
    /// Not before this time (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = parse::moment, conflicts_with = "delay")]
    run_at: Option<Timestamp>,
    /// Not before so long after it was accepted.
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    delay: Option<Duration>,
    /// Longest that one attempt may run [default: the server's].
    #[arg(long, value_name = "DURATION", value_parser = parse::positive)]
    attempt_timeout: Option<Duration>,
    /// Idempotency key: submitting the same job again under it is submitting it once.
    #[arg(long)]
    key: Option<String>,
    /// The job's id, a UUID [default: a new one].
    #[arg(long)]
    id: Option<String>,
    /// How often it may be tried [default: 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    max_attempts: Option<u32>,
    /// A mark of yours, NAME=VALUE; may be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse::label)]
    labels: Vec<(String, String)>,
    /// Submit so many jobs like this.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..),
        conflicts_with_all = ["id", "key", "watch"])]
    count: u32,
    /// Follow it until it ends, one line per change. Exit code 7 when it does not succeed.
    #[arg(short, long, conflicts_with = "wait")]
    watch: bool,
    /// Wait until it ends, and print how. Exit code 7 when it does not succeed.
    #[arg(long)]
    wait: bool,
    // Last, because its heading would stand above whatever follows.
    #[command(flatten)]
    retry: Retry,
}

/// A job was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Accepted {
    job_id: String,
    replayed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    served_by: Option<String>,
}

pub(super) async fn run(client: &Client, console: &Console, args: Args) -> anyhow::Result<ExitCode> {
    let (watch, wait, count) = (args.watch, args.wait, usize::try_from(args.count)?);
    let job = request(args)?;
    if count > 1 {
        return many(client, console, &job, count, wait).await;
    }
    let reply = client.submit(job).await?;
    let served_by = reply.served_by.clone();
    let submitted = reply.into_inner();
    let accepted = Accepted {
        job_id: submitted.job_id,
        replayed: submitted.replayed,
        served_by,
    };
    // To a program that waits, the end says all.
    let ends_with_more = (watch || wait) && matches!(console.format(), Format::Json | Format::Yaml);
    if !ends_with_more {
        console.item(&accepted)?;
    }
    if accepted.replayed {
        console.note("it was there already, with the same body");
    }
    if watch {
        return follow::watch(client, console, &accepted.job_id).await;
    }
    if wait {
        return follow::wait(client, console, &accepted.job_id).await;
    }
    console.hint(&format!("next: tsctl jobs watch {}", accepted.job_id));
    Ok(ExitCode::SUCCESS)
}

async fn many(
    client: &Client,
    console: &Console,
    job: &JobRequest,
    count: usize,
    wait: bool,
) -> anyhow::Result<ExitCode> {
    let progress = console.progress("submitting", Some(count));
    let mut accepted: Vec<Accepted> = Vec::with_capacity(count);
    while accepted.len() < count {
        let size = BATCH.min(count - accepted.len());
        let reply = client.submit_batch(vec![job.clone(); size]).await?;
        let served_by = reply.served_by.clone();
        for result in reply.into_inner() {
            let submitted = result?;
            let (job_id, replayed) = (submitted.job_id, submitted.replayed);
            accepted.push(Accepted {
                job_id,
                replayed,
                served_by: served_by.clone(),
            });
        }
        progress.advance(size);
    }
    drop(progress);
    if !wait {
        console.list(&accepted)?;
        return Ok(ExitCode::SUCCESS);
    }
    console.note(&format!("{count} jobs accepted"));
    let ids: Vec<String> = accepted.into_iter().map(|job| job.job_id).collect();
    follow::wait_for_all(client, console, &ids).await
}

fn request(args: Args) -> anyhow::Result<JobRequest> {
    let payload = parse::payload(&args.payload, std::io::stdin())?;
    let mut job = JobRequest::new(args.job_type)
        .payload_json(payload)
        .priority(args.priority);
    if let Some(queue) = args.queue {
        job = job.queue(queue);
    }
    if let Some(at) = args.run_at {
        job = job.run_at(at);
    }
    if let Some(delay) = args.delay {
        job = job.delay(delay);
    }
    if let Some(timeout) = args.attempt_timeout {
        job = job.timeout(timeout);
    }
    if let Some(key) = args.key {
        job = job.key(key);
    }
    if let Some(id) = args.id {
        job = job.id(id);
    }
    if let Some(attempts) = args.max_attempts {
        job = job.max_attempts(attempts);
    }
    for (name, value) in args.labels {
        job = job.label(name, value);
    }
    if let Some(policy) = args.retry.policy() {
        job = job.retry(&policy);
    }
    Ok(job)
}

impl Item for Accepted {
    fn name(&self) -> &str {
        &self.job_id
    }

    fn text(&self, _: bool) -> String {
        self.job_id.clone()
    }
}

impl Row for Accepted {
    const COLUMNS: &'static [&'static str] = &["id"];

    fn name(&self) -> String {
        self.job_id.clone()
    }

    fn cells(&self, _: Timestamp) -> Vec<Cell> {
        vec![self.job_id.as_str().into()]
    }
}
