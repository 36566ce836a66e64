//! Lists, watches, and calls about what is not there.

use scheduler_proto::v1::{self, JobState};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::world::{fields, job, start, submit};

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
