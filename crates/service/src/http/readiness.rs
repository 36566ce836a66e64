//! Whether this process should be sent work.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use tokio_util::sync::CancellationToken;

/// Longest that one check may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Something that work depends on.
#[async_trait]
pub trait Check: Send + Sync {
    /// What it is, in one word: `store`.
    fn name(&self) -> &'static str;

    /// Answers when it works. Cut off after two seconds.
    ///
    /// # Errors
    /// Why it does not. Shown at `/ready`, so without secrets.
    async fn check(&self) -> anyhow::Result<()>;
}

/// Checks, in the order in which their failures are shown.
pub type Checks = Vec<Arc<dyn Check>>;

/// A [`Check`] called `name` that does `ask`.
pub fn check<A, F>(name: &'static str, ask: A) -> Arc<dyn Check>
where
    A: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    Arc::new(Asked { name, ask })
}

struct Asked<A> {
    name: &'static str,
    ask: A,
}

#[async_trait]
impl<A, F> Check for Asked<A>
where
    A: Fn() -> F + Send + Sync,
    F: Future<Output = anyhow::Result<()>> + Send,
{
    fn name(&self) -> &'static str {
        self.name
    }

    async fn check(&self) -> anyhow::Result<()> {
        (self.ask)().await
    }
}

/// Whether to send work here: not before [`Readiness::open`], not while a check fails, not after the drain began.
/// Clones are the same.
#[derive(Clone)]
pub struct Readiness {
    draining: CancellationToken,
    /// `None` until it is opened.
    checks: Arc<RwLock<Option<Checks>>>,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// The process has not said yet that it is.
    Starting,
    /// It is about to stop.
    Draining,
    /// Checks that failed, with their reasons.
    Failing(Vec<(&'static str, String)>),
}

/// One reason per line.
impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => writeln!(f, "starting"),
            Self::Draining => writeln!(f, "draining"),
            Self::Failing(failed) => failed
                .iter()
                .try_for_each(|(name, why)| writeln!(f, "{name}: {why}")),
        }
    }
}

impl Readiness {
    /// Not ready, until [`Readiness::open`]; nor after `draining`.
    #[must_use]
    pub fn new(draining: CancellationToken) -> Self {
        Self {
            draining,
            checks: Arc::default(),
        }
    }

    /// Start-up is done: from now on, ready as long as all `checks` pass.
    pub fn open(&self, checks: Checks) {
        *self.checks.write().unwrap_or_else(PoisonError::into_inner) = Some(checks);
    }

    /// Runs all checks at once.
    ///
    /// # Errors
    /// Why work should not be sent here.
    pub async fn ask(&self) -> Result<(), NotReady> {
        if self.draining.is_cancelled() {
            return Err(NotReady::Draining);
        }
        let checks = self
            .checks
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(NotReady::Starting)?;
        let failed: Vec<_> = join_all(checks.iter().map(|check| failure(&**check)))
            .await
            .into_iter()
            .flatten()
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(NotReady::Failing(failed))
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness")
            .field("draining", &self.draining.is_cancelled())
            .finish_non_exhaustive()
    }
}

async fn failure(check: &dyn Check) -> Option<(&'static str, String)> {
    let why = match tokio::time::timeout(LIMIT, check.check()).await {
        Ok(Ok(())) => return None,
        // On one line, so that the answer has one line for each check.
        Ok(Err(error)) => format!("{error:#}").replace(['\r', '\n'], " "),
        Err(_) => format!("no answer within {} s", LIMIT.as_secs()),
    };
    Some((check.name(), why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn good() -> Arc<dyn Check> {
        check("store", async || Ok(()))
    }

    #[tokio::test]
    async fn a_process_is_ready_between_open_and_drain() {
        let draining = CancellationToken::new();
        let readiness = Readiness::new(draining.clone());
        assert_eq!(readiness.ask().await, Err(NotReady::Starting));
        readiness.open(vec![good()]);
        assert_eq!(readiness.ask().await, Ok(()));
        draining.cancel();
        assert_eq!(readiness.ask().await, Err(NotReady::Draining));
    }

    #[tokio::test(start_paused = true)]
    async fn every_failing_check_is_named_and_a_hanging_one_costs_two_seconds_in_all() {
        let readiness = Readiness::new(CancellationToken::new());
        let bad = check("queue", async || {
            Err(anyhow!("refused\nby peer").context("connecting"))
        });
        let hanging = |name| check(name, async || std::future::pending().await);
        readiness.open(vec![good(), bad, hanging("a"), hanging("b")]);
        let begun = tokio::time::Instant::now();
        let why = readiness.ask().await.unwrap_err().to_string();
        assert_eq!(
            why,
            "queue: connecting: refused by peer\na: no answer within 2 s\nb: no answer within 2 s\n"
        );
        assert_eq!(begun.elapsed(), LIMIT);
    }
}
