//! The connections of a process.
//!
//! sqlx's pool makes them, and bounds them in number and in age. It asks each that comes back whether it lives, which wakes the
//! database once more for each call, and it takes the one that has rested longest. So those that were used a moment ago stay out of it,
//! and the last one used is taken first: its process in the database still has everything at hand.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::metrics::POOL_WAIT;

/// What was not used for so long goes back to the pool.
const WARM: Duration = Duration::from_secs(10);
/// A connection stays out of the pool for no longer, so that its greatest age is kept to within this.
const OUT: Duration = Duration::from_secs(60);

/// Connections, of the pool and out of it.
pub(super) struct Connections {
    pub(super) pool: PgPool,
    warm: Mutex<Warm>,
}

/// Those that are out of the pool and not in use.
#[derive(Default)]
struct Warm {
    /// The last one used comes last.
    resting: VecDeque<(Instant, Held)>,
    /// How many callers wait at the pool: what is given back is theirs.
    waiting: usize,
}

/// A connection of the caller's own.
pub(super) struct Held {
    pub(super) connection: PoolConnection<Postgres>,
    /// When the pool gave it out.
    since: Instant,
}

impl Connections {
    pub(super) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            warm: Mutex::default(),
        }
    }

    /// One for the caller alone, as soon as there is one. Dropped, it goes back to the pool, which asks it whether it lives, and ends what
    /// it left open.
    pub(super) async fn take(&self) -> Result<Held, sqlx::Error> {
        let begun = Instant::now();
        let held = match self.last_used(begun) {
            Ok(held) => held,
            Err(_waits) => Held {
                connection: self.pool.acquire().await?,
                since: Instant::now(),
            },
        };
        metrics::histogram!(POOL_WAIT).record(begun.elapsed());
        Ok(held)
    }

    /// The last one used; where there is none, the caller is to wait at the pool, and counts as waiting for as long as it has what is
    /// returned.
    fn last_used(&self, now: Instant) -> Result<Held, Waits<'_>> {
        let mut warm = self.warm();
        let cold = |(used, _): &(Instant, Held)| now.saturating_duration_since(*used) > WARM;
        while warm.resting.front().is_some_and(cold) {
            warm.resting.pop_front();
        }
        if let Some((_, held)) = warm.resting.pop_back() {
            return Ok(held);
        }
        warm.waiting += 1;
        Err(Waits(self))
    }

    /// Keeps what was used well, unless somebody waits at the pool for it.
    pub(super) fn give_back(&self, held: Held) {
        let now = Instant::now();
        let mut warm = self.warm();
        if warm.waiting == 0 && now.saturating_duration_since(held.since) <= OUT {
            warm.resting.push_back((now, held));
        }
    }

    /// One was found broken, so all may be: a server that restarted has left none. The pool asks them.
    pub(super) fn doubt(&self) {
        self.warm().resting.clear();
    }

    fn warm(&self) -> MutexGuard<'_, Warm> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all connections. Whoever asks for one after that is refused.
    #[cfg(test)]
    pub(super) async fn close(&self) {
        let closing = self.pool.close();
        self.warm().resting.clear();
        closing.await;
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // They go back to the pool by tasks. Where there are none any more, the process ends, and they with it.
        if Handle::try_current().is_err() {
            self.warm().resting.drain(..).for_each(std::mem::forget);
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

/// A caller that waits at the pool.
struct Waits<'a>(&'a Connections);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.warm().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sqlx::Row as _;
    use tokio::time;

    use super::*;
    use crate::postgres::testing::TestDatabase;
    use crate::postgres::{PostgresOptions, PostgresStore};

    /// The connections of a store that may have so many of them.
    async fn at_most(max_connections: u32) -> Option<(Arc<Connections>, TestDatabase)> {
        let database = TestDatabase::create("TEST_DATABASE_URL").await.unwrap()?;
        let options = PostgresOptions {
            max_connections,
            ..PostgresOptions::new(database.url())
        };
        let store = PostgresStore::connect(options).await.unwrap();
        Some((store.db.connections, database))
    }

    async fn stop(connections: &Connections, database: TestDatabase) {
        connections.close().await;
        database.drop().await.unwrap();
    }

    /// Which process of the server it leads to.
    async fn process(held: &mut Held) -> i32 {
        let asked = sqlx::query("SELECT pg_backend_pid()");
        asked.fetch_one(&mut *held.connection).await.unwrap().get(0)
    }

    #[tokio::test]
    async fn the_connection_that_was_used_last_is_taken_first() {
        let Some((connections, database)) = at_most(3).await else {
            return;
        };
        let mut held = [
            connections.take().await.unwrap(),
            connections.take().await.unwrap(),
        ];
        let processes = [process(&mut held[0]).await, process(&mut held[1]).await];
        held.into_iter().for_each(|held| connections.give_back(held));
        for _ in 0..3 {
            let mut held = connections.take().await.unwrap();
            assert_eq!(process(&mut held).await, processes[1]);
            connections.give_back(held);
        }
        stop(&connections, database).await;
    }

    #[tokio::test]
    async fn what_comes_back_is_theirs_who_wait_at_the_pool() {
        let Some((connections, database)) = at_most(1).await else {
            return;
        };
        let held = connections.take().await.unwrap();
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let connections = Arc::clone(&connections);
                tokio::spawn(async move {
                    let mut held = connections.take().await.unwrap();
                    process(&mut held).await;
                    connections.give_back(held);
                })
            })
            .collect();
        while connections.warm().waiting < 5 {
            tokio::task::yield_now().await;
        }
        connections.give_back(held);
        for each in waiting {
            time::timeout(Duration::from_secs(5), each)
                .await
                .unwrap()
                .unwrap();
        }
        assert_eq!(connections.warm().waiting, 0);
        stop(&connections, database).await;
    }

    #[tokio::test]
    async fn whoever_gives_up_waiting_does_not_count_as_waiting() {
        let Some((connections, database)) = at_most(1).await else {
            return;
        };
        let held = connections.take().await.unwrap();
        let given_up = time::timeout(Duration::from_millis(50), connections.take()).await;
        assert!(given_up.is_err());
        connections.give_back(held);
        assert_eq!(connections.warm().resting.len(), 1);
        stop(&connections, database).await;
    }

    #[tokio::test]
    async fn what_rests_for_long_or_was_out_for_long_goes_back_to_the_pool() {
        let Some((connections, database)) = at_most(2).await else {
            return;
        };
        for (rests, used) in [(WARM, Duration::ZERO), (Duration::ZERO, OUT)] {
            let held = connections.take().await.unwrap();
            let first = held.since;
            later(used).await;
            connections.give_back(held);
            later(rests).await;
            let held = connections.take().await.unwrap();
            assert!(held.since > first, "out of the pool since {first:?}");
            connections.give_back(held);
        }
        stop(&connections, database).await;
    }

    /// A little more than so long has passed.
    async fn later(passed: Duration) {
        time::pause();
        time::advance(passed + Duration::from_millis(1)).await;
        time::resume();
    }

    #[tokio::test]
    async fn after_one_was_found_broken_the_others_are_asked_before_they_are_used() {
        let Some((connections, database)) = at_most(3).await else {
            return;
        };
        let mut held = [
            connections.take().await.unwrap(),
            connections.take().await.unwrap(),
        ];
        let first = process(&mut held[0]).await;
        let end = sqlx::query("SELECT pg_terminate_backend($1)").bind(first);
        end.execute(&mut *held[1].connection).await.unwrap();
        let [broken, sound] = held;
        connections.give_back(sound);
        connections.give_back(broken);
        connections.doubt();
        for _ in 0..3 {
            let mut held = connections.take().await.unwrap();
            assert_ne!(process(&mut held).await, first);
        }
        stop(&connections, database).await;
    }
}
