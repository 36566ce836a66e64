use futures::TryStreamExt as _;
use scheduler_client::testing::Rpc;
use scheduler_client::{Error, JobRequest, ListQuery, Priority, State};

use crate::start;

#[tokio::test]
async fn all_pages_are_one_stream_newest_first() {
    let (fake, client) = start().await;
    let mut ids: Vec<String> = (0..7)
        .map(|_| fake.put(JobRequest::new("noop"), &[State::Queued]))
        .collect();
    let query = ListQuery {
        page_size: 3,
        ..ListQuery::default()
    };
    let jobs: Vec<_> = client.list_all(query).try_collect().await.unwrap();
    ids.reverse();
    assert_eq!(jobs.iter().map(|job| job.job_id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(fake.calls(Rpc::List), 3);
}

#[tokio::test]
async fn pages_are_asked_for_as_they_are_taken() {
    let (fake, client) = start().await;
    for _ in 0..7 {
        fake.put(JobRequest::new("noop"), &[State::Queued]);
    }
    let query = ListQuery {
        page_size: 3,
        ..ListQuery::default()
    };
    let mut jobs = std::pin::pin!(client.list_all(query));
    jobs.try_next().await.unwrap().unwrap();
    assert_eq!(fake.calls(Rpc::List), 1);
}

#[tokio::test]
async fn every_filter_is_passed_on() {
    let (fake, client) = start().await;
    let wanted = JobRequest::new("email").queue("mail").priority(Priority::High);
    fake.put(wanted.clone(), &[State::Failed]);
    fake.put(wanted.clone().priority(Priority::Low), &[State::Failed]);
    fake.put(wanted.clone().queue("other"), &[State::Failed]);
    fake.put(
        JobRequest::new("noop").queue("mail").priority(Priority::High),
        &[State::Failed],
    );
    fake.put(wanted, &[State::Queued]);
    let query = ListQuery {
        state: Some(State::Failed),
        priority: Some(Priority::High),
        job_type: "email".to_owned(),
        queue: "mail".to_owned(),
        page_size: 0,
    };
    let page = client.list(&query, "").await.unwrap();
    assert_eq!(page.jobs.len(), 1);
    assert_eq!(page.next_page_token, "");
}

#[tokio::test]
async fn a_token_of_another_list_is_refused() {
    let (_fake, client) = start().await;
    let error = client.list(&ListQuery::default(), "nonsense").await.unwrap_err();
    assert!(matches!(error, Error::Invalid { violations, .. } if violations[0].field == "page_token"));
}
