//! The queue in Redis (7.0 or later) or Valkey.
//!
//! All structures are split by shard (see `keys.rs`). In each shard:
//! - a **ready** sorted set per line, that is per queue and priority, in the order in which jobs became ready, and the set of
//!   those **lines** that have entries;
//! - a sorted set of **delayed** entries, in the order in which they become ready;
//! - a hash of **leases**, a sorted set of **workers** and when their leases end, and a hash of their last **claims**.
//!
//! Every change is one script (`lua/`), so it happens as a whole; the time in it is the server's. Waiting happens at the *bells*,
//! which are outside the shards, and so are the **reports**, a hash by process.
//!
//! Commands a restricted user needs, on keys and channels under the prefix: EVALSHA, EVAL, what the scripts call, BLPOP, HMGET,
//! ZADD, DEL, PING, INFO, PUBLISH, SUBSCRIBE, CLIENT ID, CLIENT UNBLOCK; with Sentinels also ROLE, and of them
//! SENTINEL GET-MASTER-ADDR-BY-NAME.

mod batch;
mod bells;
mod blocking;
mod call;
mod claim;
mod codec;
mod dispatch;
mod extend;
#[cfg(test)]
mod fuzz;
mod give_up;
mod hints;
mod inspect;
mod keys;
mod leader;
mod link;
mod options;
mod push;
mod reap;
mod reports;
mod scripts;
mod shared;
#[cfg(test)]
mod tests;
mod timed;
mod upkeep;
mod wait;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scheduler_domain::{Shard, SystemClock};
use tokio::sync::Semaphore;

use self::claim::Claims;
use self::hints::Subscription;
use self::keys::Keys;
use self::leader::Route;
use self::link::Link;
use self::reap::Walks;
use crate::Error;
use crate::recent::Recent;

pub use options::{RedisOptions, SentinelOptions};

/// The queue in Redis.
pub struct RedisQueue {
    options: RedisOptions,
    keys: Arc<Keys>,
    link: Arc<Link>,
    pool: blocking::Pool,
    /// As many as the pool has connections.
    places: Arc<Semaphore>,
    claims: Claims,
    walks: Walks,
    /// Shared with the queues that are made of this one: what one gives up, the heartbeat of another must not make again.
    recent: Arc<Mutex<Recent>>,
    subscription: Subscription,
    clock: SystemClock,
    /// Where the next claim begins when nobody says.
    turn: AtomicU64,
    /// Added to the server's time, µs. Zero but in tests.
    skew: AtomicI64,
}

impl RedisQueue {
    /// Sets everything up, and connects when the first call needs it: a process starts whether or not Redis is there, and its
    /// calls fail until it is. Must be called inside a runtime.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the URL is not one, no Sentinel is named where one is to be asked, or the file with the certificate authorities cannot be read.
    pub fn connect(options: RedisOptions) -> Result<Self, Error> {
        let route = Route::new(&options)
            .map_err(|error| Error::unavailable("reading the address of Redis", error))?;
        let route = Arc::new(route);
        let keys = Arc::new(Keys::new(&options.key_prefix));
        Ok(Self {
            link: Arc::new(Link::new(&route, &options, Arc::clone(&keys))),
            pool: blocking::pool(Arc::clone(&route), &options),
            subscription: Subscription::new(route, keys.hints(), options.connect_timeout),
            keys,
            places: Arc::new(Semaphore::new(options.max_connections.max(1) as usize)),
            options,
            claims: Claims::default(),
            walks: Walks::default(),
            recent: Arc::default(),
            clock: SystemClock,
            turn: AtomicU64::new(0),
            skew: AtomicI64::new(0),
        })
    }

    /// What the scripts add to the server's time.
    fn skew(&self) -> i64 {
        self.skew.load(Ordering::Relaxed)
    }

    /// Lets `by` pass at once, for this object: the scripts it sends take the server's time to be so much later.
    #[cfg(any(test, feature = "testing"))]
    pub fn advance(&self, by: std::time::Duration) {
        self.skew.fetch_add(micros(by), Ordering::Relaxed);
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard whose turn it is.
    fn next_shard(&self) -> Shard {
        Shard::wrapping(self.turn.fetch_add(1, Ordering::Relaxed))
    }
}

impl std::fmt::Debug for RedisQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisQueue")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// As the scripts take durations.
fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
