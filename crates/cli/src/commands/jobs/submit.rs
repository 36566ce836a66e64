//! `tsctl jobs submit`

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use scheduler_client::{Client, JobRequest, Priority};

use super::watch;
use crate::output::Format;

/// Submit a job.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tsctl jobs submit noop --watch\n  \
    tsctl jobs submit sleep --payload '{\"ms\": 500}' --priority high\n  \
    tsctl jobs submit flaky --payload @job.json --delay 5m --key order-7")]
pub(crate) struct Args {
    /// Which handler runs it.
    job_type: String,
    /// JSON; @FILE reads a file, - reads standard input.
    #[arg(short, long, default_value = "{}")]
    payload: String,
    /// critical, high, default or low.
    #[arg(long, default_value = "default", value_parser = priority)]
    priority: Priority,
    /// Which line it waits in.
    #[arg(long, default_value = "")]
    queue: String,
    /// Not before this time (RFC 3339).
    #[arg(long, conflicts_with = "delay")]
    run_at: Option<DateTime<Utc>>,
    /// Not before so long from now.
    #[arg(long, value_parser = humantime::parse_duration)]
    delay: Option<Duration>,
    /// Longest that one attempt may run.
    #[arg(long = "attempt-timeout", value_parser = humantime::parse_duration)]
    attempt_timeout: Option<Duration>,
    /// Idempotency key: submitting again under it is submitting once.
    #[arg(long)]
    key: Option<String>,
    /// The job's id, a UUID.
    #[arg(long)]
    id: Option<String>,
    /// How often it may be tried.
    #[arg(long)]
    max_attempts: Option<u32>,
    /// A mark, NAME=VALUE; may be repeated.
    #[arg(long = "label", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Follow it until it ends. Exit code 7 when it does not succeed.
    #[arg(short, long, visible_alias = "wait")]
    watch: bool,
}

pub(super) async fn run(client: &Client, args: Args, format: Format) -> anyhow::Result<ExitCode> {
    let follow = args.watch;
    let submitted = client.submit(request(args)?).await?;
    match format {
        Format::Json => {
            println!(
                "{}",
                serde_json::json!({ "job_id": submitted.job_id, "replayed": submitted.replayed })
            );
        }
        Format::Table | Format::Name => println!("{}", submitted.job_id),
    }
    if submitted.replayed {
        eprintln!("it was there already, with the same body");
    }
    if follow {
        return watch::run(client, &submitted.job_id).await;
    }
    if format == Format::Table {
        eprintln!("next: tsctl jobs watch {}", submitted.job_id);
    }
    Ok(ExitCode::SUCCESS)
}

fn request(args: Args) -> anyhow::Result<JobRequest> {
    let mut job = JobRequest::new(args.job_type)
        .payload_json(payload(&args.payload)?)
        .priority(args.priority);
    if !args.queue.is_empty() {
        job = job.queue(args.queue);
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
    Ok(job)
}

fn payload(given: &str) -> anyhow::Result<String> {
    match given.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).with_context(|| format!("reading --payload @{file}")),
        None if given == "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("reading --payload from standard input")?;
            Ok(text)
        }
        None => Ok(given.to_owned()),
    }
}

pub(crate) fn priority(text: &str) -> Result<Priority, String> {
    Priority::ALL
        .into_iter()
        .find(|priority| priority.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| "must be critical, high, default or low".to_owned())
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_read_by_name() {
        assert_eq!(priority("High"), Ok(Priority::High));
        assert!(priority("urgent").is_err());
    }

    #[test]
    fn a_label_needs_an_equals_sign() {
        assert_eq!(label("team=a=b"), Ok(("team".to_owned(), "a=b".to_owned())));
        assert!(label("team").is_err());
    }

    #[test]
    fn a_payload_file_that_is_not_there_is_named() {
        let error = payload("@/no/such/file").unwrap_err();
        assert!(format!("{error:#}").contains("/no/such/file"));
    }
}
