//! What is refused by the name of its field, and what is just within its limits.

use scheduler_proto::v1::{self, Job};

use crate::world::{fields, job, start, submit};

fn payload(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

#[tokio::test]
async fn bad_input_is_refused_by_the_name_of_its_field_and_leaves_no_row() {
    let (mut client, _drain) = start().await;
    let missing = client
        .submit_job(v1::SubmitJobRequest { job: None })
        .await
        .unwrap_err();
    assert_eq!(fields(&missing), ["job"]);

    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let year_9999 = 253_402_300_799;
    let many: std::collections::HashMap<String, String> = (0..10_000)
        .map(|n| (format!("label{n}"), String::new()))
        .collect();
    let span = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let policy = |multiplier| {
        Some(v1::RetryPolicy {
            multiplier,
            ..v1::RetryPolicy::default()
        })
    };
    let cases: Vec<(&str, Job)> = vec![
        ("job.priority", Job { priority: 0, ..job() }),
        (
            "job.priority",
            Job {
                priority: 99,
                ..job()
            },
        ),
        (
            "job.priority",
            Job {
                priority: -1,
                ..job()
            },
        ),
        (
            "job.type",
            Job {
                r#type: String::new(),
                ..job()
            },
        ),
        (
            "job.type",
            Job {
                r#type: "a".repeat(129),
                ..job()
            },
        ),
        (
            "job.type",
            Job {
                r#type: "no\0pe".to_owned(),
                ..job()
            },
        ),
        (
            "job.payload_json",
            Job {
                payload_json: String::new(),
                ..job()
            },
        ),
        (
            "job.payload_json",
            Job {
                payload_json: "{".to_owned(),
                ..job()
            },
        ),
        (
            "job.payload_json",
            Job {
                payload_json: "\"a\0b\"".to_owned(),
                ..job()
            },
        ),
        (
            "job.payload_json",
            Job {
                payload_json: "[".repeat(100_000),
                ..job()
            },
        ),
        (
            "job.payload_json",
            Job {
                payload_json: payload((1 << 20) + 1),
                ..job()
            },
        ),
        (
            "job.job_id",
            Job {
                job_id: "not-a-uuid".to_owned(),
                ..job()
            },
        ),
        (
            "job.idempotency_key",
            Job {
                idempotency_key: "k".repeat(257),
                ..job()
            },
        ),
        (
            "job.max_attempts",
            Job {
                max_attempts: 101,
                ..job()
            },
        ),
        (
            "job.max_attempts",
            Job {
                max_attempts: -1,
                ..job()
            },
        ),
        (
            "job.queue",
            Job {
                queue: "a b".to_owned(),
                ..job()
            },
        ),
        (
            "job.run_at",
            Job {
                run_at: at(year_9999),
                ..job()
            },
        ),
        (
            "job.run_at",
            Job {
                run_at: at(i64::MAX),
                ..job()
            },
        ),
        (
            "job.run_at",
            Job {
                run_at: at(-1),
                ..job()
            },
        ),
        (
            "job.delay",
            Job {
                delay: span(366 * 86_400, 1_000),
                ..job()
            },
        ),
        (
            "job.delay",
            Job {
                delay: span(-1, 0),
                ..job()
            },
        ),
        (
            "job.delay",
            Job {
                delay: span(1, 0),
                run_at: at(0),
                ..job()
            },
        ),
        (
            "job.timeout",
            Job {
                timeout: span(0, 0),
                ..job()
            },
        ),
        (
            "job.timeout",
            Job {
                timeout: span(86_401, 0),
                ..job()
            },
        ),
        (
            "job.timeout",
            Job {
                timeout: span(-1, 0),
                ..job()
            },
        ),
        (
            "job.labels",
            Job {
                labels: many,
                ..job()
            },
        ),
        (
            "job.retry_policy.multiplier",
            Job {
                retry_policy: policy(f64::NAN),
                ..job()
            },
        ),
        (
            "job.retry_policy.multiplier",
            Job {
                retry_policy: policy(0.5),
                ..job()
            },
        ),
        (
            "job.retry_policy.multiplier",
            Job {
                retry_policy: policy(f64::INFINITY),
                ..job()
            },
        ),
    ];
    for (field, bad) in cases {
        let refused = submit(&mut client, bad).await.unwrap_err();
        assert_eq!(fields(&refused), [field], "{refused:?}");
    }
    let listed = client
        .list_jobs(v1::ListJobsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert!(listed.jobs.is_empty(), "a refused job left a row");
}

#[tokio::test]
async fn every_violation_is_named_at_once() {
    let (mut client, _drain) = start().await;
    let refused = submit(
        &mut client,
        Job {
            max_attempts: 101,
            ..Job::default()
        },
    )
    .await
    .unwrap_err();
    assert_eq!(
        fields(&refused),
        ["job.type", "job.priority", "job.payload_json", "job.max_attempts"]
    );
}

#[tokio::test]
async fn values_at_their_limits_are_accepted() {
    let (mut client, _drain) = start().await;
    let labels = (0..64).map(|n| (format!("{n:063}"), "v".repeat(256))).collect();
    let at_the_limit = Job {
        r#type: "t".repeat(128),
        payload_json: payload(1 << 20),
        idempotency_key: "k".repeat(256),
        max_attempts: 100,
        queue: "q".repeat(64),
        timeout: Some(prost_types::Duration {
            seconds: 86_400,
            nanos: 0,
        }),
        labels,
        delay: Some(prost_types::Duration {
            seconds: 366 * 86_400,
            nanos: 0,
        }),
        ..job()
    };
    submit(&mut client, at_the_limit).await.unwrap();
}
