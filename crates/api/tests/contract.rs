//! The contract over a real socket, on memory backends: what a client sees.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/server.rs"]
mod server;

use std::time::Duration;

use scheduler_api::Limits;
use scheduler_proto::v1::scheduler_service_client::SchedulerServiceClient;
use scheduler_proto::v1::{self, Job, JobState};
use scheduler_service::shutdown::Stop;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

type Client = SchedulerServiceClient<Channel>;

async fn start() -> (Client, CancellationToken) {
    let limits = Limits {
        drain_grace: Duration::ZERO,
        ..Limits::default()
    };
    let stop = Stop::default();
    let (address, _served) = server::start(limits, stop.clone()).await;
    (
        Client::connect(format!("http://{address}")).await.unwrap(),
        stop.drain,
    )
}

fn job() -> Job {
    Job {
        r#type: "noop".to_owned(),
        priority: 3,
        payload_json: "{}".to_owned(),
        ..Job::default()
    }
}

async fn submit(client: &mut Client, job: Job) -> Result<String, Status> {
    let answer = client.submit_job(v1::SubmitJobRequest { job: Some(job) }).await?;
    Ok(answer.into_inner().job_id)
}

/// The fields that a refusal names.
fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    assert!(
        details.error_info().is_some(),
        "every error has a reason: {status:?}"
    );
    details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|v| v.field.clone())
        .collect()
}

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

#[tokio::test]
async fn submitting_again_is_submitting_once_and_another_body_is_refused_by_field() {
    let (mut client, _drain) = start().await;
    for keyed in [
        Job {
            job_id: "6ba7b810-9dad-41d1-80b4-00c04fd430c8".to_owned(),
            ..job()
        },
        Job {
            idempotency_key: "order-7".to_owned(),
            ..job()
        },
    ] {
        let keyed = Job {
            payload_json: r#"{"a":1,"b":2}"#.to_owned(),
            ..keyed
        };
        let first = submit(&mut client, keyed.clone()).await.unwrap();
        let respelt = Job {
            payload_json: "{ \"b\": 2, \"a\": 1 }".to_owned(),
            ..keyed.clone()
        };
        let again = client
            .submit_job(v1::SubmitJobRequest { job: Some(respelt) })
            .await
            .unwrap();
        assert_eq!(again.metadata().get("x-idempotent-replay").unwrap(), "true");
        assert_eq!(again.into_inner().job_id, first);

        let other = submit(
            &mut client,
            Job {
                priority: 1,
                payload_json: "{}".to_owned(),
                ..keyed
            },
        )
        .await
        .unwrap_err();
        assert_eq!(other.code(), Code::AlreadyExists);
        let details = other.get_error_details();
        assert_eq!(
            details.error_info().unwrap().metadata["diff"],
            "priority, payload_json"
        );
        assert_eq!(details.resource_info().unwrap().resource_name, first);
    }
}

#[tokio::test]
async fn a_batch_answers_each_job_in_order() {
    let (mut client, _drain) = start().await;
    let bad = Job {
        priority: 99,
        ..job()
    };
    let keyed = Job {
        idempotency_key: "same".to_owned(),
        ..job()
    };
    let differing = Job {
        priority: 1,
        ..keyed.clone()
    };
    let jobs = vec![job(), bad, keyed.clone(), keyed, differing];
    let results = client
        .batch_submit_jobs(v1::BatchSubmitJobsRequest { jobs })
        .await
        .unwrap()
        .into_inner()
        .results;
    assert_eq!(
        results.iter().map(|r| r.code).collect::<Vec<_>>(),
        [0, Code::InvalidArgument as i32, 0, 0, Code::AlreadyExists as i32]
    );
    assert_eq!(results[1].fields, ["job.priority"]);
    assert_eq!(results[2].job_id, results[3].job_id);
    assert!(!results[2].replayed && results[3].replayed);
    assert_eq!(results[4].fields, ["job.priority"]);
    assert_eq!(
        results[4].job_id, results[2].job_id,
        "it says which job is in the way"
    );
    assert!(results[1].job_id.is_empty());

    for jobs in [Vec::new(), vec![job(); 1_001]] {
        let refused = client
            .batch_submit_jobs(v1::BatchSubmitJobsRequest { jobs })
            .await
            .unwrap_err();
        assert_eq!(fields(&refused), ["jobs"]);
    }
    let most = v1::BatchSubmitJobsRequest {
        jobs: vec![job(); 1_000],
    };
    assert_eq!(
        client
            .batch_submit_jobs(most)
            .await
            .unwrap()
            .into_inner()
            .results
            .len(),
        1_000
    );
}

#[tokio::test]
async fn pages_follow_each_other_and_their_tokens_cannot_be_forged_or_moved() {
    let (mut client, _drain) = start().await;
    let mut submitted = Vec::new();
    for _ in 0..7 {
        submitted.push(submit(&mut client, job()).await.unwrap());
    }
    let mut listed = Vec::new();
    let mut token = String::new();
    loop {
        let request = v1::ListJobsRequest {
            page_size: 3,
            page_token: token,
            ..Default::default()
        };
        let page = client.list_jobs(request).await.unwrap().into_inner();
        listed.extend(page.jobs.into_iter().map(|job| job.job_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        let moved = v1::ListJobsRequest {
            state_filter: 1,
            page_token: token.clone(),
            ..Default::default()
        };
        assert_eq!(
            fields(&client.list_jobs(moved).await.unwrap_err()),
            ["page_token"]
        );
    }
    listed.sort();
    submitted.sort();
    assert_eq!(listed, submitted);
    for forged in ["50", "AAAA", &"A".repeat(5_000)] {
        let request = v1::ListJobsRequest {
            page_token: forged.to_owned(),
            ..Default::default()
        };
        assert_eq!(
            fields(&client.list_jobs(request).await.unwrap_err()),
            ["page_token"]
        );
    }
    let wrong = v1::ListJobsRequest {
        page_size: -1,
        state_filter: 77,
        priority_filter: 9,
        ..Default::default()
    };
    let refused = client.list_jobs(wrong).await.unwrap_err();
    assert_eq!(fields(&refused), ["page_size", "state_filter", "priority_filter"]);
    let huge = v1::ListJobsRequest {
        page_size: i32::MAX,
        ..Default::default()
    };
    assert_eq!(client.list_jobs(huge).await.unwrap().into_inner().jobs.len(), 7);
}

#[tokio::test]
async fn a_watch_begins_with_the_present_and_ends_with_a_cancel() {
    let (mut client, _drain) = start().await;
    let id = submit(&mut client, job()).await.unwrap();
    let request = v1::WatchJobRequest {
        job_id: id.clone(),
        after_sequence: 0,
    };
    let mut events = client.watch_job(request).await.unwrap().into_inner();
    let first = events.message().await.unwrap().unwrap();
    assert_eq!(first.state(), JobState::Queued);
    let cancel = || v1::CancelJobRequest { job_id: id.clone() };
    assert!(client.cancel_job(cancel()).await.unwrap().into_inner().cancelled);
    assert!(!client.cancel_job(cancel()).await.unwrap().into_inner().cancelled);
    let last = events.message().await.unwrap().unwrap();
    assert_eq!(last.state(), JobState::Cancelled);
    assert!(last.sequence > first.sequence);
    assert!(events.message().await.unwrap().is_none());

    let resumed = v1::WatchJobRequest {
        job_id: id,
        after_sequence: last.sequence,
    };
    assert!(
        client
            .watch_job(resumed)
            .await
            .unwrap()
            .into_inner()
            .message()
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn what_is_not_there_or_in_the_wrong_state_says_so() {
    let (mut client, _drain) = start().await;
    let absent = || "6ba7b810-9dad-41d1-80b4-00c04fd430c8".to_owned();
    assert_eq!(
        client
            .get_job(v1::GetJobRequest { job_id: absent() })
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    assert_eq!(
        client
            .cancel_job(v1::CancelJobRequest { job_id: absent() })
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    assert_eq!(
        client
            .watch_job(v1::WatchJobRequest {
                job_id: absent(),
                after_sequence: 0
            })
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    assert_eq!(
        client
            .list_job_attempts(v1::ListJobAttemptsRequest { job_id: absent() })
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
    let bad = client
        .get_job(v1::GetJobRequest {
            job_id: "7".to_owned(),
        })
        .await
        .unwrap_err();
    assert_eq!(fields(&bad), ["job_id"]);
    let id = submit(&mut client, job()).await.unwrap();
    let retry = client
        .retry_job(v1::RetryJobRequest { job_id: id.clone() })
        .await
        .unwrap_err();
    assert_eq!(retry.code(), Code::FailedPrecondition);
    let delete = client
        .delete_job(v1::DeleteJobRequest { job_id: id })
        .await
        .unwrap_err();
    assert_eq!(
        delete.get_error_details().error_info().unwrap().metadata["state"],
        "QUEUED"
    );
}

#[tokio::test]
async fn stats_say_what_waits_by_queue_priority_and_type_and_how_many_workers_it_takes() {
    let (mut client, _drain) = start().await;
    for (queue, priority, job_type, jobs) in [
        ("mail", 2, "send", 30),
        ("mail", 2, "bounce", 10),
        ("bulk", 4, "send", 5),
    ] {
        for _ in 0..jobs {
            let job = Job {
                queue: queue.to_owned(),
                priority,
                r#type: job_type.to_owned(),
                ..job()
            };
            submit(&mut client, job).await.unwrap();
        }
    }
    let ask = |queue: &str, job_type: &str| v1::GetQueueStatsRequest {
        queue_filter: queue.to_owned(),
        type_filter: job_type.to_owned(),
        drain_target: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
        pool_size: 3,
        ..v1::GetQueueStatsRequest::default()
    };
    // Types are told within a second.
    let mut stats = v1::GetQueueStatsResponse::default();
    for _ in 0..200 {
        stats = client.get_queue_stats(ask("", "")).await.unwrap().into_inner();
        let typed = stats.lines.iter().flat_map(|line| &line.types);
        if typed.filter(|of_type| !of_type.r#type.is_empty()).count() == 3
            && stats.total.as_ref().unwrap().ready == 45
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lines: Vec<(&str, i32, i64)> = stats
        .lines
        .iter()
        .map(|line| {
            (
                line.queue.as_str(),
                line.priority,
                line.figures.as_ref().unwrap().ready,
            )
        })
        .collect();
    assert_eq!(lines, [("bulk", 4, 5), ("mail", 2, 40)]);
    let types: Vec<(&str, i64)> = stats.lines[1]
        .types
        .iter()
        .map(|of_type| (of_type.r#type.as_str(), of_type.figures.as_ref().unwrap().ready))
        .collect();
    assert_eq!(types, [("bounce", 10), ("send", 30)]);
    let total = stats.total.unwrap();
    assert!(total.arrival_rate > 0.0 && total.mean_run_time.is_none());
    // 45 jobs of a second, as is assumed, in 5 s on pools of 3: three workers, and what arrivals as a rate add.
    assert!(
        total.desired_workers >= 3.0 && stats.desired_workers >= 3,
        "{total:?}"
    );
    assert_eq!(stats.pool_size, 3.0);

    let sent = client
        .get_queue_stats(ask("mail", "send"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((sent.lines.len(), sent.total.unwrap().ready), (1, 30));
    let nothing = client
        .get_queue_stats(ask("none", ""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((nothing.lines.len(), nothing.desired_workers), (0, 0));
}

#[tokio::test]
async fn stats_refuse_what_is_out_of_bounds_by_the_name_of_its_field() {
    let (mut client, _drain) = start().await;
    let target = |seconds, nanos| v1::GetQueueStatsRequest {
        drain_target: Some(prost_types::Duration { seconds, nanos }),
        ..v1::GetQueueStatsRequest::default()
    };
    let pool = |pool_size| v1::GetQueueStatsRequest {
        pool_size,
        ..v1::GetQueueStatsRequest::default()
    };
    for good in [target(1, 0), target(86_400, 0), pool(0), pool(1), pool(10_000)] {
        client.get_queue_stats(good).await.unwrap();
    }
    let named = |queue: &str, job_type: &str, priority_filter| v1::GetQueueStatsRequest {
        queue_filter: queue.to_owned(),
        type_filter: job_type.to_owned(),
        priority_filter,
        ..v1::GetQueueStatsRequest::default()
    };
    for (bad, field) in [
        (target(0, 999_999_999), "drain_target"),
        (target(86_400, 1), "drain_target"),
        (target(-1, 0), "drain_target"),
        (pool(-1), "pool_size"),
        (pool(10_001), "pool_size"),
        (named("no queue", "", 0), "queue_filter"),
        (named("", "no type", 0), "type_filter"),
        (named("", "", 9), "priority_filter"),
    ] {
        let refused = client.get_queue_stats(bad).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
}

#[tokio::test]
async fn every_response_says_who_served_it_and_repeats_the_request_id() {
    let (mut client, _drain) = start().await;
    let mut request = Request::new(v1::ListQueuesRequest {});
    request
        .metadata_mut()
        .insert("x-request-id", "mine".parse().unwrap());
    let answer = client.list_queues(request).await.unwrap();
    assert_eq!(answer.metadata().get("x-request-id").unwrap(), "mine");
    assert_eq!(answer.metadata().get("x-served-by").unwrap(), "api-0");
    let refused = client
        .get_job(v1::GetJobRequest {
            job_id: "7".to_owned(),
        })
        .await
        .unwrap_err();
    assert!(!refused.metadata().get("x-request-id").unwrap().is_empty());
}

#[tokio::test]
async fn a_drain_ends_watches_with_a_retryable_error_and_stops_the_server() {
    let (mut client, drain) = start().await;
    let id = submit(&mut client, job()).await.unwrap();
    let mut events = client
        .watch_job(v1::WatchJobRequest {
            job_id: id,
            after_sequence: 0,
        })
        .await
        .unwrap()
        .into_inner();
    events.message().await.unwrap();
    drain.cancel();
    assert_eq!(events.message().await.unwrap_err().code(), Code::Unavailable);
}
