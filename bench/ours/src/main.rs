//! The scheduler itself, driven from outside: gRPC through `scheduler-client` to a real `scheduler-api`; the jobs run in a
//! real `scheduler-worker`. Its modes are those of the peers but for `work`, which is what the driver starts those two for.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use bench_peer::{Payload, Producer, now, number, say, setting};
use scheduler_client::{Client, ClientOptions, JobRequest};
use serde_json::json;

#[derive(Clone)]
struct Ours(Client);

fn request(job: &Payload) -> JobRequest {
    let argument = match job.k.as_str() {
        "hold" => json!({"ms": job.ms}),
        _ => json!({"k": job.k, "pad": job.pad}),
    };
    let request = JobRequest::new(if job.k == "hold" { "sleep" } else { "noop" }).payload_json(argument.to_string());
    if job.at > 0 {
        request.run_at((UNIX_EPOCH + Duration::from_millis(job.at.unsigned_abs())).into())
    } else {
        request
    }
}

impl Producer for Ours {
    async fn add(&self, job: &Payload, n: usize) -> Result<()> {
        if n == 1 {
            self.0.submit(request(job)).await?;
            return Ok(());
        }
        let reply = self.0.submit_batch(vec![request(job); n]).await?;
        for one in reply.inner {
            one?;
        }
        Ok(())
    }
}

async fn latency(client: &Client) -> Result<()> {
    let (mut samples, mut whole) = (Vec::new(), Vec::new());
    let (job, warm) = (bench_peer::payload(), 20);
    for i in 0..warm + number("SAMPLES", 500) {
        let called = now();
        let submitted = client.submit(request(&job)).await?;
        let acknowledged = now();
        // Not watched meanwhile: a stream would be work that the peers do not have.
        let mut began = None;
        for _ in 0..6000 {
            tokio::time::sleep(Duration::from_millis(number("REST_MS", 20))).await;
            let status = client.get(&submitted.job_id).await?.inner;
            if status.finished_at.is_some() {
                began = status.started_at;
                break;
            }
        }
        let began = began.context("a job did not end")?;
        let start = began.seconds * 1_000_000 + i64::from(began.nanos) / 1000;
        if i >= warm {
            samples.push(start - acknowledged);
            whole.push(start - called);
        }
    }
    say(&json!({"mode": "latency", "us": samples, "whole_us": whole}));
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = ClientOptions {
        connections: number("CONNECTIONS", 4) as usize,
        // As a producer that wants throughput does: without, each submit costs the server a look for the id.
        generate_job_ids: setting("CLIENT_IDS", "no") == "yes",
        ..ClientOptions::new(setting("API_URL", ""))
    };
    let client = Client::connect(options).await?;
    match std::env::args().nth(1).as_deref() {
        Some("setup") => {
            let _ = client.queues().await?;
        }
        Some("produce") => bench_peer::produce(Ours(client)).await?,
        Some("latency") => latency(&client).await?,
        other => bail!("no such mode: {other:?}"),
    }
    Ok(())
}
