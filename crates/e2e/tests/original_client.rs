//! A client that knows the original's field numbers and nothing of our generated code.
//!
//! It runs against `tsctl dev` and against real processes that are configured by the original's variables only.
#![expect(clippy::unwrap_used, reason = "tests")]

mod raw;

use std::process::{Command, Stdio};

use raw::{Message, Raw};
use scheduler_e2e::{Fleet, Process, Settings, answering, free_port};
use tonic::Code;
use url::Url;

// As in the original's proto.
const DEFAULT: u64 = 3;
const LOW: u64 = 4;
const SUCCEEDED: u64 = 3;
const DEADLETTER: u64 = 5;

fn job(job_type: &str, payload: &str, priority: u64) -> Message {
    Message::new()
        .text(2, job_type)
        .number(3, priority)
        .text(4, payload)
}

fn submit(job: Message) -> Message {
    Message::new().message(1, job)
}

fn by_id(id: &str) -> Message {
    Message::new().text(1, id)
}

/// What the original's users did with it.
async fn use_it_as_the_original(api: &Raw) {
    // SubmitJob {job=1 {type=2, priority=3, payload_json=4}} → {job_id=1}
    let submitted = api
        .call("SubmitJob", submit(job("noop", "{}", DEFAULT)))
        .await
        .unwrap();
    let id = submitted.text_of(1);
    assert_eq!(id.len(), 36, "an id like a UUID: {id}");

    // WatchJob {job_id=1} → JobEvent {job_id=1, state=2, message=3, timestamp=4, attempts=5}, until the final state.
    let events = api.stream("WatchJob", by_id(&id)).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.text_of(1), id);
    assert_eq!(last.number_of(2), SUCCEEDED);
    assert_eq!(last.number_of(5), 1, "attempts");
    assert!(
        last.message_of(4).number_of(1) > 1_700_000_000,
        "seconds of a Timestamp"
    );

    // GetJob {job_id=1} → JobStatus {1 job_id, 2 state, 3 attempts, 4 last_error, 5–8 created, updated, started, finished}
    let status = api.call("GetJob", by_id(&id)).await.unwrap();
    assert_eq!(status.text_of(1), id);
    assert_eq!((status.number_of(2), status.number_of(3)), (SUCCEEDED, 1));
    assert_eq!(status.text_of(4), "", "no error");
    for field in 5..=8 {
        assert!(
            status.message_of(field).number_of(1) > 1_700_000_000,
            "time {field}"
        );
    }

    // The same job_id=1 again is the same job.
    let mine = "0192f0c1-2d3e-7a4b-8c5d-6e7f80910213";
    for _ in 0..2 {
        let named = job("noop", r#"{"n": 1}"#, LOW).text(1, mine).number(6, 5);
        let again = api.call("SubmitJob", submit(named)).await.unwrap();
        assert_eq!(again.text_of(1), mine);
    }

    // idempotency_key=5, max_attempts=6.
    let failing = job("always_fail", r#"{"message":"no luck"}"#, LOW)
        .text(5, "order-7")
        .number(6, 1);
    let dead = api.call("SubmitJob", submit(failing)).await.unwrap().text_of(1);
    let events = api.stream("WatchJob", by_id(&dead)).await.unwrap();
    assert_eq!(events.last().unwrap().number_of(2), DEADLETTER);
    let status = api.call("GetJob", by_id(&dead)).await.unwrap();
    assert!(
        status.text_of(4).contains("no luck"),
        "last_error: {}",
        status.text_of(4)
    );

    // CancelJob {job_id=1} → {cancelled=1}; of a final job false.
    let long = api
        .call("SubmitJob", submit(job("sleep", r#"{"ms":60000}"#, DEFAULT)))
        .await
        .unwrap()
        .text_of(1);
    assert_eq!(api.call("CancelJob", by_id(&long)).await.unwrap().number_of(1), 1);
    assert_eq!(api.call("CancelJob", by_id(&id)).await.unwrap().number_of(1), 0);

    // ListJobs {state_filter=1, priority_filter=2, type_filter=3, page_size=4, page_token=5} → {jobs=1, next_page_token=2}
    let page = Message::new().number(1, SUCCEEDED).text(3, "noop").number(4, 1);
    let first = api.call("ListJobs", page.clone()).await.unwrap();
    assert_eq!(first.messages_of(1).len(), 1);
    let token = first.text_of(2);
    assert!(!token.is_empty(), "a second page");
    let second = api.call("ListJobs", page.text(5, &token)).await.unwrap();
    let ids: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page.messages_of(1))
        .map(|job| job.text_of(1))
        .collect();
    assert_eq!(ids, [mine, id.as_str()], "newest first");
    let low = Message::new().number(2, LOW);
    assert_eq!(api.call("ListJobs", low).await.unwrap().messages_of(1).len(), 2);

    // Refusals.
    let refused = async |method, request| api.call(method, request).await.unwrap_err().code();
    assert_eq!(refused("SubmitJob", Message::new()).await, Code::InvalidArgument);
    assert_eq!(
        refused("SubmitJob", submit(job("noop", "{", DEFAULT))).await,
        Code::InvalidArgument
    );
    assert_eq!(
        refused("SubmitJob", submit(job("noop", "{}", 99))).await,
        Code::InvalidArgument
    );
    assert_eq!(refused("GetJob", by_id("no-uuid")).await, Code::InvalidArgument);
    let unknown = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091ffff";
    for method in ["GetJob", "CancelJob"] {
        assert_eq!(refused(method, by_id(unknown)).await, Code::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_originals_client_works_with_the_dev_mode() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let port = free_port().unwrap();
    let _dev = Process::start(
        Command::new(settings.bin.join("tsctl"))
            .args(["dev", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )
    .unwrap();
    answering(port).await.unwrap();
    use_it_as_the_original(&Raw::connect(port).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_originals_client_works_with_processes_configured_by_the_originals_variables_only() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let (fleet, _rows) = Fleet::found(&settings, "original").await.unwrap();
    let database = Url::parse(fleet.database()).unwrap();
    let redis = Url::parse(&settings.redis).unwrap();
    let host = |url: &Url| url.host_str().unwrap().to_owned();
    let port_of = |url: &Url| url.port().unwrap().to_string();
    let port = free_port().unwrap();
    let start = |program: &str| {
        Process::start(
            Command::new(settings.bin.join(program))
                .env_clear()
                .env("COCKROACHDB_HOST", host(&database))
                .env("COCKROACHDB_PORT", port_of(&database))
                .env("COCKROACHDB_USER", database.username())
                .env("COCKROACHDB_PASSWORD", "")
                .env("COCKROACHDB_DATABASE", database.path().trim_start_matches('/'))
                .env("COCKROACHDB_SSLMODE", "disable")
                .env("REDIS_HOST", host(&redis))
                .env("REDIS_PORT", port_of(&redis))
                .env("REDIS_PASSWORD", "")
                .env("GRPC_PORT", port.to_string())
                .env("METRICS_PORT", free_port().unwrap().to_string())
                .env("WORKER_POOL_SIZE", "4")
                .stdin(Stdio::null())
                .stdout(Stdio::null()),
        )
        .unwrap()
    };
    let _processes = [start("scheduler-api"), start("scheduler-worker")];
    answering(port).await.unwrap();
    use_it_as_the_original(&Raw::connect(port).await.unwrap()).await;
}
