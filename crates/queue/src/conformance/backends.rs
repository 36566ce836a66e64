//! The suite, stamped on the backends of this crate.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use scheduler_domain::{Clock, Entropy as _, ManualClock, SystemClock, SystemEntropy, Timestamp, clock};

use super::{AGING_STEP, Harness, LEASE};
use crate::{MemoryQueue, RedisOptions, RedisQueue, SharedQueue};

struct Memory {
    clock: Arc<ManualClock>,
    queue: Arc<MemoryQueue>,
}

impl Harness for Memory {
    async fn start() -> Option<Self> {
        let clock = Arc::new(ManualClock::default());
        let queue = MemoryQueue::new(Arc::clone(&clock) as Arc<dyn Clock>, AGING_STEP, LEASE);
        Some(Self {
            clock,
            queue: Arc::new(queue),
        })
    }

    fn queue(&self) -> SharedQueue {
        Arc::clone(&self.queue) as SharedQueue
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    async fn lose_everything(&self) {
        self.queue.lose_everything();
    }
}

/// A server of the tester's, of which a prefix is ours.
struct Server {
    queue: Arc<RedisQueue>,
    advanced: Mutex<Duration>,
    connection: redis::aio::MultiplexedConnection,
    prefix: String,
}

#[expect(
    clippy::disallowed_methods,
    reason = "where tests run is said by their environment"
)]
fn server_url(variable: &'static str) -> Option<String> {
    static MISSING: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let url = std::env::var(variable).ok();
    if url.is_none() && MISSING.lock().unwrap().insert(variable) {
        // Past the test harness, which would keep it to itself.
        writeln!(std::io::stderr(), "SKIPPED: {variable} is not set").unwrap();
    }
    url
}

impl Server {
    async fn at(variable: &'static str) -> Option<Self> {
        let url = server_url(variable)?;
        let prefix = format!("test-{}:", SystemEntropy.uuid().simple());
        let options = RedisOptions {
            url: url.clone(),
            sentinel: None,
            ssl_root_cert: None,
            max_connections: 16,
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(5),
            key_prefix: prefix.clone(),
            aging_step: AGING_STEP,
            lease: LEASE,
        };
        let connection = redis::Client::open(url)
            .unwrap()
            .get_multiplexed_async_connection()
            .await
            .unwrap();
        let queue = Arc::new(RedisQueue::connect(options).unwrap());
        Some(Self {
            queue,
            advanced: Mutex::default(),
            connection,
            prefix,
        })
    }

    /// Deletes every key of ours.
    async fn delete_all(&self) {
        let mut connection = self.connection.clone();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(format!("{}*", self.prefix))
                .arg("COUNT")
                .arg(10_000);
            let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut connection).await.unwrap();
            if !keys.is_empty() {
                redis::cmd("DEL")
                    .arg(keys)
                    .exec_async(&mut connection)
                    .await
                    .unwrap();
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
    }

    async fn forget_scripts(&self) {
        redis::cmd("SCRIPT")
            .arg("FLUSH")
            .exec_async(&mut self.connection.clone())
            .await
            .unwrap();
    }

    fn now(&self) -> Timestamp {
        clock::add(SystemClock.now(), *self.advanced.lock().unwrap())
    }

    fn advance(&self, by: Duration) {
        *self.advanced.lock().unwrap() += by;
        self.queue.advance(by);
    }
}

/// Stamps the suite on the server that a variable names.
macro_rules! server {
    ($module:ident, $variable:literal) => {
        mod $module {
            use super::*;

            struct Here(Server);

            impl Harness for Here {
                async fn start() -> Option<Self> {
                    Server::at($variable).await.map(Self)
                }

                fn queue(&self) -> SharedQueue {
                    Arc::clone(&self.0.queue) as SharedQueue
                }

                fn now(&self) -> Timestamp {
                    self.0.now()
                }

                fn advance(&self, by: Duration) {
                    self.0.advance(by);
                }

                async fn lose_everything(&self) {
                    self.0.delete_all().await;
                }

                async fn forget_scripts(&self) {
                    self.0.forget_scripts().await;
                }

                async fn stop(self) {
                    self.0.delete_all().await;
                }
            }

            crate::conformance!(Here);
        }
    };
}

mod memory {
    crate::conformance!(super::Memory);
}

server!(redis_server, "TEST_REDIS_URL");
server!(valkey_server, "TEST_VALKEY_URL");
