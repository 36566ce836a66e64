//! The roles of a process, none of which may end unnoticed.

use std::any::Any;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::anyhow;
use tokio::task::JoinError;
use tokio_util::task::TaskTracker;

use super::Shutdown;

/// Background roles. One that fails, panics, or ends before a drain begins, drains the process and makes it fail.
/// Clones are the same.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    shutdown: Shutdown,
    failure: Arc<Mutex<Option<anyhow::Error>>>,
}

/// What a role may return: nothing, or a result.
pub trait Ended: Send + 'static {
    /// As a result.
    fn into_result(self) -> anyhow::Result<()>;
}

impl Ended for () {
    fn into_result(self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl<E: Into<anyhow::Error> + Send + 'static> Ended for Result<(), E> {
    fn into_result(self) -> anyhow::Result<()> {
        self.map_err(Into::into)
    }
}

impl Tasks {
    /// No roles yet.
    #[must_use]
    pub fn new(shutdown: Shutdown) -> Self {
        Self {
            tracker: TaskTracker::new(),
            shutdown,
            failure: Arc::default(),
        }
    }

    /// Runs `role`, which should end when the drain or abort token says so and not before.
    pub fn spawn<F>(&self, name: &'static str, role: F)
    where
        F: Future<Output: Ended> + Send + 'static,
    {
        // A task inside a task: the inner one may panic, the outer one lives to tell.
        let role = tokio::spawn(role);
        let this = self.clone();
        self.tracker.spawn(async move {
            let ended = match role.await {
                Ok(ended) => ended.into_result(),
                Err(error) => Err(panicked(error)),
            };
            let early = !this.shutdown.is_draining();
            match ended {
                Ok(()) if early => this.fail(name, anyhow!("ended before it was told to")),
                Ok(()) => tracing::debug!(role = name, "role ended"),
                Err(error) => this.fail(name, error),
            }
        });
    }

    /// Waits until every role has ended.
    ///
    /// # Errors
    /// The first failure.
    pub async fn join(&self) -> anyhow::Result<()> {
        self.tracker.close();
        self.tracker.wait().await;
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .map_or(Ok(()), Err)
    }

    fn fail(&self, name: &'static str, error: anyhow::Error) {
        tracing::error!(role = name, error = format!("{error:#}"), "role failed");
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            *failure = Some(error.context(format!("role {name}")));
        }
        drop(failure);
        self.shutdown.drain("a role failed");
    }
}

fn panicked(error: JoinError) -> anyhow::Error {
    let Ok(payload) = error.try_into_panic() else {
        return anyhow!("was cancelled");
    };
    anyhow!("panicked: {}", message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tasks() -> (Tasks, Shutdown) {
        let shutdown = Shutdown::new(Duration::from_secs(1));
        (Tasks::new(shutdown.clone()), shutdown)
    }

    #[tokio::test]
    async fn roles_that_end_after_the_drain_are_fine() {
        let (tasks, shutdown) = tasks();
        tasks.spawn("waiter", shutdown.drain_token().cancelled_owned());
        let drain = shutdown.drain_token();
        tasks.spawn("checker", async move {
            drain.cancelled().await;
            std::io::Result::Ok(())
        });
        shutdown.drain("test");
        tasks.join().await.unwrap();
    }

    #[tokio::test]
    async fn a_role_that_ends_early_drains_the_others_and_fails_the_process() {
        let (tasks, shutdown) = tasks();
        tasks.spawn("waiter", shutdown.drain_token().cancelled_owned());
        tasks.spawn("quitter", async {});
        let error = tasks.join().await.unwrap_err();
        assert_eq!(format!("{error:#}"), "role quitter: ended before it was told to");
        assert!(shutdown.is_draining() && !shutdown.is_aborting());
    }

    #[tokio::test]
    async fn a_panic_and_an_error_are_failures_even_during_a_drain() {
        let (tasks, shutdown) = tasks();
        shutdown.drain("test");
        tasks.spawn("thrower", async { assert_eq!(1, 2, "no {}", "more") });
        let error = format!("{:#}", tasks.join().await.unwrap_err());
        assert!(
            error.starts_with("role thrower: panicked: ") && error.contains("no more"),
            "{error}"
        );
        tasks.spawn("failer", async { Err(std::io::Error::other("broken")) });
        assert_eq!(
            format!("{:#}", tasks.join().await.unwrap_err()),
            "role failer: broken"
        );
    }
}
