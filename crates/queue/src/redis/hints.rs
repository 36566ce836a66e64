//! Hints between processes, over one channel.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use redis::aio::{PubSub, PubSubSink};
use redis::{Client, RedisError, RedisResult, Value};
use scheduler_domain::{Entropy as _, SystemEntropy};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tracing::{debug, info};

use super::RedisQueue;
use super::call::Call;
use super::codec;
use super::leader::Route;
use super::link::within;
use super::timed::timed;
use crate::{Error, Hint, Hints};

/// Hints that a slow receiver may be behind before it misses some.
const CAPACITY: usize = 4_096;
/// How often the server is asked whether it is still there: a connection on which nobody publishes is silent, and so is one whose
/// other end is gone.
const PERIOD: Duration = Duration::from_secs(5);
/// First and longest pause before connecting again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

#[async_trait]
impl Hints for RedisQueue {
    async fn publish(&self, hint: Hint) -> Result<(), Error> {
        let call = Call::command("PUBLISH")
            .arg(self.keys.hints())
            .arg(codec::hint(&hint));
        timed("publish", async {
            self.link.ask("publishing a hint", call).await.map(drop)
        })
        .await
    }

    async fn subscribe(&self) -> Result<broadcast::Receiver<Hint>, Error> {
        timed("subscribe", self.subscription.join()).await
    }
}

/// This process's subscription: one connection for all receivers, made when the first one asks.
pub(super) struct Subscription {
    listener: Arc<Listener>,
    task: OnceLock<JoinHandle<()>>,
    connect_timeout: Duration,
}

struct Listener {
    route: Arc<Route>,
    channel: String,
    connect_timeout: Duration,
    hints: broadcast::Sender<Hint>,
    live: watch::Sender<bool>,
}

impl Subscription {
    pub(super) fn new(route: Arc<Route>, channel: String, connect_timeout: Duration) -> Self {
        let listener = Listener {
            route,
            channel,
            connect_timeout,
            hints: broadcast::Sender::new(CAPACITY),
            live: watch::Sender::new(false),
        };
        Self {
            listener: Arc::new(listener),
            task: OnceLock::new(),
            connect_timeout,
        }
    }

    /// A receiver, once hints do arrive: nothing that is published after that is missed.
    async fn join(&self) -> Result<broadcast::Receiver<Hint>, Error> {
        self.task
            .get_or_init(|| tokio::spawn(Arc::clone(&self.listener).run()));
        let hints = self.listener.hints.subscribe();
        let mut live = self.listener.live.subscribe();
        let subscribed = tokio::time::timeout(self.connect_timeout, live.wait_for(|live| *live)).await;
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::unavailable("subscribing to hints", error)
        };
        subscribed
            .map_err(|error| failed(error.into()))?
            .map_err(|error| failed(error.into()))?;
        Ok(hints)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl Listener {
    /// Runs until it is aborted.
    async fn run(self: Arc<Self>) {
        let mut pause = PAUSE.0;
        loop {
            let ended = self.listen().await;
            if self.live.send_replace(false) {
                info!("the subscription to hints was lost, subscribing again");
                pause = PAUSE.0;
            }
            if let Err(error) = ended {
                debug!(%error, "cannot subscribe to hints, trying again");
            }
            // Anything up to the pause, so that processes do not come back all at once.
            tokio::time::sleep(pause.mul_f64(SystemEntropy.unit())).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    /// Hands hints on until the connection ends.
    async fn listen(&self) -> RedisResult<()> {
        let connection = within(self.connect_timeout, async {
            let client = Client::open(self.route.address().await?)?;
            let mut connection = client.get_async_pubsub().await?;
            connection.subscribe(&self.channel).await?;
            Ok(connection)
        })
        .await?;
        self.live.send_replace(true);
        let (questions, mut messages) = PubSub::split(connection);
        let heard = async {
            while let Some(message) = messages.next().await {
                match codec::read_hint(message.get_payload_bytes()) {
                    // Nobody listening is not a failure.
                    Some(hint) => drop(self.hints.send(hint)),
                    None => debug!("a message that is not a hint was ignored"),
                }
            }
            Ok(())
        };
        tokio::select! {
            ended = heard => ended,
            silent = self.silent(questions) => Err(silent),
        }
    }

    /// Ends when the server has not answered for as long as a connection may take.
    async fn silent(&self, mut questions: PubSubSink) -> RedisError {
        loop {
            tokio::time::sleep(PERIOD).await;
            if let Err(error) = within(self.connect_timeout, questions.ping::<Value>()).await {
                return error;
            }
        }
    }
}
