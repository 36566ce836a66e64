//! awa, on its queue storage, as its own `docs/configuration.md` sets up a very hot queue ("Choosing a throughput lever",
//! "Hot-Queue Claim Control") and `docs/benchmarking.md` its offered-rate run: several physical queues behind one, bulk
//! jobs straight into queue storage by COPY, 1,024 workers in all, no deadline of each attempt.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use anyhow::Result;
use awa::{
    Client, InsertOpts, JobArgs, JobResult, PartitionedQueue, QueueConfig, QueueStorage,
    QueueStorageConfig, insert_with, migrations,
};
use bench_peer::{Adapter, Handler, Payload, Producer, number, setting};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgPool, PgPoolOptions};

#[derive(Debug, Clone, Serialize, Deserialize, JobArgs)]
struct Bench {
    job: Payload,
}

fn partitions() -> Result<PartitionedQueue> {
    let count = number("PARTITIONS", 4) as usize;
    Ok(PartitionedQueue::new("bench", count)?)
}

async fn pool() -> Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(number("POOL", 50) as u32)
        .connect(&setting("DATABASE_URL", ""))
        .await?)
}

struct Peer;

#[derive(Clone)]
struct Queue {
    pool: PgPool,
    storage: Arc<QueueStorage>,
    partitions: PartitionedQueue,
    next: Arc<AtomicUsize>,
}

impl Producer for Queue {
    async fn add(&self, job: &Payload, n: usize) -> Result<()> {
        let opts = InsertOpts {
            run_at: (job.at > 0).then(|| chrono::DateTime::from_timestamp_millis(job.at).unwrap()),
            ..InsertOpts::default()
        };
        // A call goes to one queue, the next call to the next.
        let opts = self
            .partitions
            .route_opts_by_index(opts, self.next.fetch_add(1, Relaxed));
        let args = Bench { job: job.clone() };
        if n == 1 {
            insert_with(&self.pool, &args, opts).await?;
        } else {
            let one = awa::model::insert::params_with(&args, opts)?;
            self.storage
                .enqueue_params_copy(&self.pool, &vec![one; n])
                .await?;
        }
        Ok(())
    }
}

impl Adapter for Peer {
    type Producer = Queue;

    async fn setup(&self) -> Result<()> {
        let pool = pool().await?;
        let runtime = tokio::runtime::Handle::current();
        // Its future is not Send for the compiler.
        tokio::task::spawn_blocking(move || runtime.block_on(migrations::run(&pool))).await??;
        Ok(())
    }

    async fn producer(&self) -> Result<Queue> {
        Ok(Queue {
            pool: pool().await?,
            storage: Arc::new(QueueStorage::new(QueueStorageConfig::default())?),
            partitions: partitions()?,
            next: Arc::default(),
        })
    }

    async fn work(&self, handler: Handler, concurrency: usize) -> Result<()> {
        let partitions = partitions()?;
        let config = QueueConfig {
            max_workers: concurrency.div_ceil(partitions.partitions()) as u32,
            poll_interval: Duration::from_millis(50),
            deadline_duration: Duration::ZERO,
            ..QueueConfig::default()
        };
        let client = Client::builder(pool().await?)
            .partitioned_queue(&partitions, config)
            .register::<Bench, _, _>(move |args: Bench, _| {
                let handler = handler.clone();
                async move {
                    handler.run(&args.job).await;
                    Ok(JobResult::Completed)
                }
            })
            .build()?;
        client.start().await?;
        pending().await
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    bench_peer::main(Peer).await
}
