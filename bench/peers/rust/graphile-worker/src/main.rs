//! graphile_worker, the Rust crate, with the settings of its own `benches/perf_test.rs`, and for the crash its opt-in
//! recovery at its default intervals.

use std::time::Duration;

use anyhow::Result;
use bench_peer::{Adapter, Handler, Payload, Producer, number, setting};
use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler, WorkerContext,
    WorkerOptions, WorkerRecoveryConfig, WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgPool, PgPoolOptions};

#[derive(Clone, Serialize, Deserialize)]
struct Bench(Payload);

impl TaskHandler for Bench {
    const IDENTIFIER: &'static str = "bench";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        if let Some(Shared(handler)) = context.get_ext::<Shared>() {
            handler.run(&self.0).await;
        }
        Ok::<(), String>(())
    }
}

#[derive(Clone, Debug)]
struct Shared(Handler);

async fn pool() -> Result<PgPool> {
    Ok(PgPoolOptions::new()
        .max_connections(number("POOL", 50) as u32)
        .connect(&setting("DATABASE_URL", ""))
        .await?)
}

async fn utils() -> Result<WorkerUtils> {
    Ok(WorkerUtils::new(pool().await?, "graphile_worker"))
}

struct Peer;

#[derive(Clone)]
struct Queue(std::sync::Arc<WorkerUtils>);

impl Producer for Queue {
    async fn add(&self, job: &Payload, n: usize) -> Result<()> {
        let spec = || JobSpec {
            run_at: (job.at > 0).then(|| chrono::DateTime::from_timestamp_millis(job.at).unwrap()),
            ..JobSpec::default()
        };
        if n == 1 {
            self.0.add_job(Bench(job.clone()), spec()).await?;
        } else {
            let one = RawJobSpec {
                identifier: "bench".into(),
                payload: serde_json::to_value(job)?,
                spec: spec(),
            };
            self.0.add_raw_jobs(&vec![one; n]).await?;
        }
        Ok(())
    }
}

impl Adapter for Peer {
    type Producer = Queue;

    async fn setup(&self) -> Result<()> {
        Ok(utils().await?.migrate().await?)
    }

    async fn producer(&self) -> Result<Queue> {
        Ok(Queue(std::sync::Arc::new(utils().await?)))
    }

    async fn work(&self, handler: Handler, concurrency: usize) -> Result<()> {
        let mut options = WorkerOptions::default()
            .database(pool().await?)
            .schema("graphile_worker")
            .concurrency(concurrency)
            .poll_interval(Duration::from_millis(5))
            .complete_job_batch_delay(Duration::from_millis(5))
            .local_queue(LocalQueueConfig::default().with_size(5000))
            .add_extension(Shared(handler))
            .define_job::<Bench>();
        if setting("RECOVERY", "no") == "yes" {
            options = options.worker_recovery(WorkerRecoveryConfig {
                enabled: true,
                ..WorkerRecoveryConfig::default()
            });
        }
        options.init().await?.run().await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    bench_peer::main(Peer).await
}
