//! apalis on PostgreSQL, as in its own `examples/basic.rs`: notified of new tasks, batches of 100, tasks run in parallel.

use std::time::Duration;

use anyhow::Result;
use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage, queries};
use bench_peer::{Adapter, Handler, Payload, Producer, number, setting};
use sqlx::postgres::PgPoolOptions;

const QUEUE: &str = "bench";

async fn pool() -> Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(number("POOL", 50) as u32)
        .connect(&setting("DATABASE_URL", ""))
        .await?)
}

fn config() -> Config {
    Config::default()
        .queue(QUEUE)
        .batch_size(number("BATCH", 100) as usize)
        .lock_tasks(false)
        .heartbeat_interval(Duration::from_secs(1))
        .missed_heartbeats(10)
}

struct Peer;

#[derive(Clone)]
struct Queue(PgPool);

impl Producer for Queue {
    async fn add(&self, job: &Payload, n: usize) -> Result<()> {
        let text = serde_json::to_vec(job)?;
        let tasks = vec![0; n].into_iter().map(|_| {
            let task = TaskBuilder::new(text.clone());
            if job.at > 0 {
                task.run_at_timestamp(job.at.unsigned_abs() / 1000).build()
            } else {
                task.build()
            }
        });
        let mut connection = self.0.acquire().await?;
        queries::push_tasks(&mut *connection, QUEUE, tasks.collect()).await?;
        Ok(())
    }
}

impl Adapter for Peer {
    type Producer = Queue;

    async fn setup(&self) -> Result<()> {
        Ok(PostgresStorage::setup(&pool().await?).await?)
    }

    async fn producer(&self) -> Result<Queue> {
        Ok(Queue(pool().await?))
    }

    async fn work(&self, handler: Handler, concurrency: usize) -> Result<()> {
        let pool = pool().await?;
        let runtime = tokio::runtime::Handle::current();
        // Its future is not Send for the compiler; the tasks themselves run on all threads.
        let working = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let backend = PostgresStorage::new(&pool)
                    .with_config(config())
                    .with_pubsub();
                WorkerBuilder::new(format!("bench-{}", std::process::id()))
                    .backend(backend)
                    .concurrency(concurrency)
                    .parallelize(tokio::spawn)
                    .data(handler)
                    .build(run)
                    .run()
                    .await
                    .map_err(|error| anyhow::anyhow!("{error}"))
            })
        });
        working.await??;
        Ok(())
    }
}

async fn run(job: Payload, handler: Data<Handler>) -> Result<(), BoxDynError> {
    handler.run(&job).await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    bench_peer::main(Peer).await
}
