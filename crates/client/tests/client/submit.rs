use std::time::Duration;

use scheduler_client::testing::{Rpc, SERVED_BY};
use scheduler_client::{Error, JobRequest};
use tonic::Status;

use crate::{start, start_with};

#[tokio::test]
async fn a_submit_tells_who_accepted_it_and_whether_it_was_there() {
    let (fake, client) = start().await;
    let job = JobRequest::new("noop").key("k");
    let first = client.submit(job.clone()).await.unwrap();
    assert_eq!(first.served_by.as_deref(), Some(SERVED_BY));
    assert_eq!(first.request_id.as_deref(), Some("fake-request"));
    assert!(!first.replayed);
    let second = client.submit(job).await.unwrap();
    assert!(second.replayed);
    assert_eq!(second.job_id, first.job_id);
    assert_eq!(fake.jobs().len(), 1);
}

#[tokio::test]
async fn a_submit_whose_answer_is_lost_is_repeated_and_accepted_once() {
    let (fake, client) = start().await;
    fake.lose_answer(Rpc::Submit);
    let submitted = client.submit(JobRequest::new("noop")).await.unwrap();
    assert_eq!(fake.calls(Rpc::Submit), 2);
    let jobs = fake.jobs();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].job_id, submitted.job_id);
    assert_eq!(
        jobs[0].job_id.as_bytes()[14],
        b'7',
        "a UUIDv7: {}",
        jobs[0].job_id
    );
}

#[tokio::test]
async fn a_submit_without_id_or_key_is_made_once() {
    let (fake, client) = start_with(|options| options.generate_job_ids = false).await;
    fake.lose_answer(Rpc::Submit);
    let error = client.submit(JobRequest::new("noop")).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(fake.calls(Rpc::Submit), 1);
    assert!(
        fake.jobs()[0].job_id.starts_with("00000000"),
        "the server chose the id"
    );

    fake.lose_answer(Rpc::Submit);
    assert!(
        client
            .submit(JobRequest::new("noop").key("k"))
            .await
            .unwrap()
            .replayed
    );
    assert_eq!(fake.calls(Rpc::Submit), 3);
}

#[tokio::test]
async fn attempts_come_to_an_end() {
    let (fake, client) = start_with(|options| options.attempts = 3).await;
    for _ in 0..5 {
        fake.fail(Rpc::Submit, Status::unavailable("draining"));
    }
    let error = client.submit(JobRequest::new("noop")).await.unwrap_err();
    assert_eq!(error.to_string(), "draining");
    assert_eq!(fake.calls(Rpc::Submit), 3);
}

#[tokio::test]
async fn only_unavailability_is_worth_another_attempt() {
    let (fake, client) = start().await;
    let refusals = [
        Status::resource_exhausted("full"),
        Status::internal("bug"),
        Status::deadline_exceeded("late"),
    ];
    for (n, status) in refusals.into_iter().enumerate() {
        fake.fail(Rpc::Submit, status);
        client.submit(JobRequest::new("noop")).await.unwrap_err();
        assert_eq!(fake.calls(Rpc::Submit), n + 1);
    }
}

#[tokio::test]
async fn there_is_no_attempt_past_the_time_a_call_may_take() {
    let (fake, client) = start_with(|options| options.request_timeout = Duration::from_millis(300)).await;
    let wait = tonic_types_retry_info(Duration::from_secs(1));
    fake.fail(Rpc::Get, wait);
    let began = tokio::time::Instant::now();
    let error = client.get("x").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_millis(300));
    assert_eq!(fake.calls(Rpc::Get), 1);
}

fn tonic_types_retry_info(delay: Duration) -> Status {
    use tonic_types::StatusExt as _;
    let details = tonic_types::ErrorDetails::with_retry_info(Some(delay));
    Status::with_error_details(tonic::Code::Unavailable, "wait", details)
}

#[tokio::test]
async fn a_refused_job_says_which_field() {
    let (_fake, client) = start().await;
    let error = client.submit(JobRequest::new("")).await.unwrap_err();
    assert_eq!(error.reason().as_deref(), Some("INVALID_JOB"));
    assert!(matches!(error, Error::Invalid { violations, .. } if violations[0].field == "job.type"));
}

#[tokio::test]
async fn another_body_under_the_same_key_is_a_conflict() {
    let (_fake, client) = start().await;
    let first = client.submit(JobRequest::new("noop").key("k")).await.unwrap();
    let error = client
        .submit(JobRequest::new("sleep").key("k"))
        .await
        .unwrap_err();
    let Error::Conflict { existing, fields, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(existing.as_deref(), Some(first.job_id.as_str()));
    assert_eq!(fields, ["type", "payload_json"]);
}

#[tokio::test]
async fn each_job_of_a_batch_has_its_own_outcome() {
    let (fake, client) = start().await;
    fake.lose_answer(Rpc::SubmitBatch);
    let jobs = vec![
        JobRequest::new("noop"),
        JobRequest::new(""),
        JobRequest::new("noop"),
    ];
    let reply = client.submit_batch(jobs).await.unwrap();
    assert_eq!(reply.served_by.as_deref(), Some(SERVED_BY));
    let [Ok(first), Err(Error::Invalid { .. }), Ok(third)] = &reply[..] else {
        panic!("{reply:?}")
    };
    assert_ne!(first.job_id, third.job_id);
    assert!(first.replayed && third.replayed, "the batch was sent twice");
    assert_eq!(fake.jobs().len(), 2);
    let shard = |id: &str| id.parse::<scheduler_domain::JobId>().unwrap().shard();
    assert_eq!(shard(&first.job_id), shard(&third.job_id), "one batch, one shard");
}
