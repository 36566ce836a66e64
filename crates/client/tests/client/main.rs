//! The client against a scheduler inside the test process, over real connections.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod connections;
mod late;
mod list;
mod manage;
mod submit;
mod watch;

use std::time::Duration;

use scheduler_client::testing::FakeScheduler;
use scheduler_client::{Client, ClientOptions};

/// A fake, and a client that is quick to give up.
async fn start() -> (FakeScheduler, Client) {
    start_with(|_| {}).await
}

async fn start_with(change: impl FnOnce(&mut ClientOptions)) -> (FakeScheduler, Client) {
    let fake = FakeScheduler::start().unwrap();
    let mut options = ClientOptions {
        request_timeout: Duration::from_secs(5),
        watch_patience: Duration::from_secs(5),
        ..ClientOptions::new(fake.address())
    };
    change(&mut options);
    let client = Client::connect(options).await.unwrap();
    (fake, client)
}
