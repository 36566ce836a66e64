//! Who answers, and how a server ends.

use scheduler_proto::v1;
use tonic::{Code, Request};

use crate::world::{job, start, submit};

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
