//! Two APIs and three workers on real PostgreSQL and Redis; a worker and an API are killed and Redis is flushed on the way.
//!
//! Needs `SCHEDULER_BIN_DIR`, `TEST_DATABASE_URL` and `TEST_REDIS_URL`, as `ci/test.sh` sets them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scheduler_client::{Client, ClientOptions, JobRequest, ListQuery, State};
use sqlx::Executor as _;

const JOBS: usize = 4_000;

/// A process of ours; killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Settings {
    bin: PathBuf,
    database: String,
    redis: String,
}

impl Settings {
    #[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
    fn read() -> Option<Self> {
        let get = |name| std::env::var(name).ok();
        let found = (|| {
            Some(Self {
                bin: get("SCHEDULER_BIN_DIR")?.into(),
                database: get("TEST_DATABASE_URL")?,
                redis: get("TEST_REDIS_URL")?,
            })
        })();
        if found.is_none() {
            let _ = writeln!(std::io::stderr(), "SKIPPED e2e: run it through ci/test.sh");
        }
        found
    }

    fn start(&self, name: &str, port: u16) -> Process {
        let child = Command::new(self.bin.join(name))
            .env("DATABASE_URL", &self.database)
            .env("REDIS_URL", &self.redis)
            .env("SCHEDULER__REDIS__KEY_PREFIX", "e2e:")
            .env("SCHEDULER__ENGINE__LEASE", "3s")
            .env("SCHEDULER__ENGINE__HEARTBEAT", "500ms")
            .env("SCHEDULER__ENGINE__SWEEP_PERIOD", "1s")
            .env("GRPC_PORT", port.to_string())
            .env("METRICS_PORT", "0")
            .env("LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Process(child)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

async fn client(port: u16) -> Client {
    let client = Client::connect(ClientOptions::new(format!("http://127.0.0.1:{port}")))
        .await
        .unwrap();
    for _ in 0..300 {
        if client.queues().await.is_ok() {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the API on port {port} does not answer");
}

/// A database of this test's own.
async fn own_database(url: &str) -> String {
    let name = format!("e2e_{}", std::process::id());
    let server = sqlx::PgPool::connect(url).await.unwrap();
    server
        .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .unwrap();
    url.replace("/scheduler_test", &format!("/{name}"))
}

fn job(n: usize) -> JobRequest {
    let (job_type, payload) = match n % 10 {
        0 => ("sleep", r#"{"ms":20}"#),
        1 => ("flaky", r#"{"failures":1}"#),
        _ => ("noop", "{}"),
    };
    JobRequest::new(job_type).payload_json(payload)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_job_is_lost_when_a_worker_and_an_api_are_killed_and_redis_is_flushed() {
    let Some(mut settings) = Settings::read() else {
        return;
    };
    settings.database = own_database(&settings.database).await;
    let ports = [free_port(), free_port()];
    let mut apis: Vec<Process> = ports
        .iter()
        .map(|port| settings.start("scheduler-api", *port))
        .collect();
    let mut workers: Vec<Process> = (0..3).map(|_| settings.start("scheduler-worker", 0)).collect();
    let clients = [client(ports[0]).await, client(ports[1]).await];

    let mut acknowledged = Vec::new();
    for n in 0..JOBS {
        if n == JOBS / 4 {
            drop(workers.pop());
        }
        if n == JOBS / 2 {
            let flushed = Command::new("redis-cli")
                .args(["-u", &settings.redis, "flushall"])
                .output()
                .unwrap();
            assert!(flushed.status.success());
        }
        if n == JOBS * 3 / 4 {
            drop(apis.pop());
        }
        // The second API is gone for the last quarter.
        let client = if n < JOBS * 3 / 4 {
            &clients[n % 2]
        } else {
            &clients[0]
        };
        if let Ok(submitted) = client.submit(job(n)).await {
            acknowledged.push(submitted.into_inner().job_id);
        }
    }
    assert!(
        acknowledged.len() > JOBS * 9 / 10,
        "most submits are acknowledged"
    );

    let mut states: HashMap<String, i32> = HashMap::new();
    for _ in 0..120 {
        use futures::TryStreamExt as _;
        let query = ListQuery {
            page_size: 1_000,
            ..ListQuery::default()
        };
        let jobs: Vec<_> = clients[0].list_all(query).try_collect().await.unwrap();
        states = jobs.into_iter().map(|job| (job.job_id, job.state)).collect();
        let open = states
            .values()
            .filter(|state| State::from_number(**state).is_none_or(|s| !s.is_final()))
            .count();
        if open == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for id in &acknowledged {
        let state = states.get(id).and_then(|state| State::from_number(*state));
        assert_eq!(state, Some(State::Succeeded), "job {id}");
    }
}
