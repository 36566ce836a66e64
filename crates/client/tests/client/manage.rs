use scheduler_client::testing::Rpc;
use scheduler_client::{Error, JobRequest, State};

use crate::start;

#[tokio::test]
async fn cancelling_twice_tells_that_the_second_came_too_late() {
    let (fake, client) = start().await;
    let id = fake.put(JobRequest::new("noop"), &[State::Running]);
    assert!(client.cancel(&id).await.unwrap().inner);
    assert!(!client.cancel(&id).await.unwrap().inner);
}

#[tokio::test]
async fn only_a_failed_job_is_reopened() {
    let (fake, client) = start().await;
    let dead = fake.put(JobRequest::new("noop"), &[State::DeadLetter]);
    let done = fake.put(JobRequest::new("noop"), &[State::Succeeded]);
    assert_eq!(client.retry(&dead).await.unwrap().state, State::Queued.number());
    let error = client.retry(&done).await.unwrap_err();
    assert!(matches!(error, Error::Precondition { .. }), "{error:?}");
    assert_eq!(error.reason().as_deref(), Some("JOB_IN_WRONG_STATE"));
}

#[tokio::test]
async fn a_deleted_job_is_gone() {
    let (fake, client) = start().await;
    let id = fake.put(JobRequest::new("noop"), &[State::Succeeded]);
    client.delete(&id).await.unwrap();
    assert!(matches!(
        client.get(&id).await.unwrap_err(),
        Error::NotFound { .. }
    ));
}

#[tokio::test]
async fn what_changes_a_job_is_sent_once_whatever_becomes_of_the_answer() {
    let (fake, client) = start().await;
    let id = fake.put(JobRequest::new("noop"), &[State::Succeeded]);
    fake.lose_answer(Rpc::Delete);
    let error = client.delete(&id).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(fake.calls(Rpc::Delete), 1);
}

#[tokio::test]
async fn attempts_and_queues_are_read() {
    let (fake, client) = start().await;
    let id = fake.put(
        JobRequest::new("noop").queue("mail"),
        &[State::Queued, State::Running, State::Retry],
    );
    fake.put(JobRequest::new("noop").queue("mail"), &[State::Queued]);
    let attempts = client.attempts(&id).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].error.as_ref().unwrap().message, "it broke");
    let queues = client.queues().await.unwrap();
    assert_eq!(
        (
            queues.workers,
            queues.queues[0].name.as_str(),
            queues.queues[0].ready
        ),
        (1, "mail", 1)
    );
}
