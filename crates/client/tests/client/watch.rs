use std::time::Duration;

use futures::StreamExt as _;
use scheduler_client::testing::{FakeScheduler, Rpc};
use scheduler_client::{Client, ClientOptions, Error, JobRequest, State, Watch};
use tonic::Status;

use crate::{start, start_with};

async fn states(watch: Watch) -> Vec<State> {
    watch
        .into_stream()
        .map(|event| State::from_number(event.unwrap().state).unwrap())
        .collect()
        .await
}

const LIFE: [State; 5] = [
    State::Queued,
    State::Running,
    State::Retry,
    State::Running,
    State::Succeeded,
];

#[tokio::test]
async fn a_watch_begins_with_the_current_state_and_ends_after_the_final_one() {
    let (fake, client) = start().await;
    let id = fake.put(JobRequest::new("noop"), &LIFE[..2]);
    let mut watch = client.watch(&id);
    for expected in &LIFE[..2] {
        assert_eq!(watch.next().await.unwrap().unwrap().state, expected.number());
    }
    for state in &LIFE[2..] {
        fake.advance(&id, *state);
        assert_eq!(watch.next().await.unwrap().unwrap().state, state.number());
    }
    assert!(watch.next().await.is_none());
    assert!(watch.next().await.is_none());
    assert_eq!(fake.calls(Rpc::Watch), 1);
}

#[tokio::test]
async fn a_broken_stream_goes_on_after_the_last_change_seen() {
    let (fake, client) = start().await;
    let id = fake.put(JobRequest::new("noop"), &LIFE);
    fake.break_watch_after(2);
    fake.break_watch_after(0);
    fake.break_watch_after(1);
    assert_eq!(states(client.watch(&id)).await, LIFE);
    assert_eq!(fake.watched_from(), [0, 2, 2, 3]);
}

#[tokio::test]
async fn a_watch_can_begin_later() {
    let (fake, client) = start().await;
    let id = fake.put(JobRequest::new("noop"), &LIFE);
    assert_eq!(states(client.watch_after(&id, 3)).await, LIFE[3..]);
    assert_eq!(
        states(client.watch_after(&id, 5)).await,
        LIFE[4..],
        "the final change is given in any case"
    );
}

#[tokio::test]
async fn a_server_that_stays_away_ends_the_watch() {
    let (fake, client) = start_with(|options| options.watch_patience = Duration::from_millis(500)).await;
    let id = fake.put(JobRequest::new("noop"), &[State::Running]);
    let mut watch = client.watch(&id);
    watch.next().await.unwrap().unwrap();
    drop(fake);
    let error = watch.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_server_that_comes_back_is_found() {
    let (fake, client) = start().await;
    let id = fake.put(JobRequest::new("noop"), &LIFE);
    for _ in 0..6 {
        fake.break_watch_after(0);
    }
    let mut watch = client.watch(&id);
    watch.next().await.unwrap().unwrap();
    assert_eq!(
        fake.calls(Rpc::Watch),
        7,
        "more often than a plain call is tried, once the watch had begun"
    );
}

#[tokio::test]
async fn no_server_at_all_is_told_soon() {
    let address = FakeScheduler::start().unwrap().address();
    let client = Client::connect(ClientOptions::new(address)).await.unwrap();
    let began = tokio::time::Instant::now();
    let error = client.watch("x").next().await.unwrap().unwrap_err();
    assert!(error.is_connection(), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn what_cannot_get_better_is_not_tried_again() {
    let (fake, client) = start().await;
    let error = client.wait("no such job").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    fake.fail(Rpc::Watch, Status::internal("a bug"));
    assert!(matches!(
        client.wait("x").await.unwrap_err(),
        Error::Internal { .. }
    ));
    assert_eq!(fake.calls(Rpc::Watch), 2);
}

#[tokio::test]
async fn waiting_gives_the_final_status() {
    let (fake, client) = start().await;
    let id = fake.put(JobRequest::new("noop"), &[State::Queued]);
    let waiting = tokio::spawn({
        let (client, id) = (client.clone(), id.clone());
        async move { client.wait(&id).await }
    });
    fake.advance(&id, State::Running);
    fake.advance(&id, State::DeadLetter);
    let status = waiting.await.unwrap().unwrap();
    assert_eq!(
        (status.state, status.last_error.as_str()),
        (State::DeadLetter.number(), "it broke")
    );
}
