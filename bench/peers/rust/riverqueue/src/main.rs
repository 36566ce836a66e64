//! River's Rust client with the settings of its own `riverqueue bench`: 2,000 workers, a fetch at most every 2 ms, a poll
//! every 20 ms, 50 connections.

use std::time::Duration;

use anyhow::Result;
use bench_peer::{Adapter, Handler, Payload, Producer, number, setting};
use riverqueue::jiff::Timestamp;
use riverqueue::migrate::PostgresMigrator;
use riverqueue::sqlx::PgPool;
use riverqueue::sqlx::postgres::PgPoolOptions;
use riverqueue::{
    BoxError, Client, InsertOpts, Job, JobArgs, QUEUE_DEFAULT, QueueConfig, WorkContext,
    WorkOutcome, Workers,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, JobArgs)]
#[river(kind = "bench")]
struct Bench {
    job: Payload,
}

async fn pool() -> Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(number("POOL", 50) as u32)
        .connect(&setting("DATABASE_URL", ""))
        .await?)
}

struct Peer;

#[derive(Clone)]
struct Queue(Client);

impl Producer for Queue {
    async fn add(&self, job: &Payload, n: usize) -> Result<()> {
        let mut opts = InsertOpts::default();
        if job.at > 0 {
            opts = opts.with_scheduled_at(Timestamp::from_millisecond(job.at)?);
        }
        let args = Bench { job: job.clone() };
        if n == 1 {
            self.0.insert(args).opts(opts).await?;
        } else {
            self.0.insert_many(vec![(args, opts); n]).await?;
        }
        Ok(())
    }
}

impl Adapter for Peer {
    type Producer = Queue;

    async fn setup(&self) -> Result<()> {
        PostgresMigrator::new(pool().await?).migrate_up().await?;
        Ok(())
    }

    async fn producer(&self) -> Result<Queue> {
        Ok(Queue(Client::builder(pool().await?).build()?))
    }

    async fn work(&self, handler: Handler, concurrency: usize) -> Result<()> {
        let mut workers = Workers::new();
        workers.add_fn(move |_: WorkContext, job: Job<Bench>| {
            let handler = handler.clone();
            async move {
                handler.run(&job.args.job).await;
                Ok::<_, BoxError>(WorkOutcome::Complete)
            }
        })?;
        let client = Client::builder(pool().await?)
            .workers(workers)
            // The jobs of the crash test run for minutes.
            .without_job_timeout()
            .queue(
                QUEUE_DEFAULT,
                QueueConfig::new(concurrency)
                    .with_fetch_cooldown(Duration::from_millis(2))
                    .with_fetch_poll_interval(Duration::from_millis(20)),
            )
            .build()?;
        client.start()?.wait().await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    bench_peer::main(Peer).await
}
