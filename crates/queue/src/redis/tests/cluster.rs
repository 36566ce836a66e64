//! Three servers and the three Sentinels that watch over them, of a test's own.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, Role};
use tokio::time::Instant;

use super::server::options;
use crate::{RedisOptions, RedisQueue, SentinelOptions};

/// Longest that anything may take on a busy machine. A Sentinel that was not run for two seconds does nothing for thirty more.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
const MASTER: &str = "queue";
/// Of the servers, and of the Sentinels.
const PASSWORDS: (&str, &str) = ("of the servers", "of the sentinels");

pub(super) struct Cluster {
    servers: Vec<Node>,
    sentinels: Vec<Node>,
    /// Gone after the processes that live in it.
    _folder: tempfile::TempDir,
}

/// A process that does not outlive its test.
struct Node {
    process: Child,
    port: u16,
    password: &'static str,
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Cluster {
    /// Where every Sentinel knows all others; `None`, after saying so, where no server is installed.
    pub(super) async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        // All are held until all are found, so that they differ.
        let held: Vec<_> = (0..6)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let ports: Vec<u16> = held
            .iter()
            .map(|held| held.local_addr().unwrap().port())
            .collect();
        drop(held);
        let (data, watch) = ports.split_at(3);
        let mut servers = Vec::new();
        for port in data {
            servers.push(start(folder.path(), *port, data[0])?);
        }
        for server in &servers {
            server.answers().await;
        }
        // A Sentinel that finds the replicas connected needs not wait for its next look, ten seconds later.
        until("all replicas are connected", async || {
            let role = servers[0].ask::<Role>(&["ROLE"]).await;
            matches!(role, Some(Role::Primary { replicas, .. }) if replicas.len() == 2)
        })
        .await;
        let sentinels = watch.iter().map(|port| watcher(folder.path(), *port, data[0]));
        let cluster = Self {
            sentinels: sentinels.collect(),
            servers,
            _folder: folder,
        };
        for sentinel in &cluster.sentinels {
            until("a Sentinel knows all others", async || {
                let known = sentinel.ask::<Vec<String>>(&["SENTINEL", "MASTER", MASTER]).await;
                let known = known.unwrap_or_default();
                ["num-slaves", "num-other-sentinels"].iter().all(|name| {
                    known
                        .chunks(2)
                        .any(|pair| matches!(pair, [key, value] if key == name && value == "2"))
                })
            })
            .await;
        }
        Some(cluster)
    }

    pub(super) fn queue(&self) -> RedisQueue {
        RedisQueue::connect(self.options()).unwrap()
    }

    pub(super) fn options(&self) -> RedisOptions {
        let address = |node: &Node| ("127.0.0.1".to_owned(), node.port);
        RedisOptions {
            sentinel: Some(SentinelOptions {
                addresses: self.sentinels.iter().map(address).collect(),
                master: MASTER.to_owned(),
                password: Some(PASSWORDS.1.to_owned()),
            }),
            connect_timeout: Duration::from_secs(6),
            command_timeout: Duration::from_secs(10),
            lease: Duration::from_secs(300),
            // Nobody is at this address, nor should anybody look.
            ..options("redis://:of%20the%20servers@nowhere.invalid:1/0")
        }
    }

    /// Which of the servers leads, by the word of one Sentinel.
    pub(super) async fn leader(&self) -> Option<usize> {
        let said = self.sentinels[0]
            .ask::<(String, u16)>(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER])
            .await;
        let (_, port) = said?;
        self.servers.iter().position(|server| server.port == port)
    }

    /// Whether the server says that it is a replica.
    pub(super) async fn follows(&self, server: usize) -> bool {
        matches!(
            self.servers[server].ask(&["ROLE"]).await,
            Some(Role::Replica { .. })
        )
    }

    /// How many keys a server has.
    pub(super) async fn keys(&self, server: usize) -> Option<usize> {
        self.servers[server].ask(&["DBSIZE"]).await
    }

    /// Has the leader hand over to a replica.
    pub(super) async fn hand_over(&self) {
        // Refused while none of the replicas is known to be good.
        until("a Sentinel begins the failover", async || {
            let said = self.sentinels[0]
                .ask::<String>(&["SENTINEL", "FAILOVER", MASTER])
                .await;
            said.is_some()
        })
        .await;
    }

    /// Kills a server. It keeps nothing on disk.
    pub(super) fn kill(&mut self, server: usize) {
        let process = &mut self.servers[server].process;
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Lets a server hang, with all its connections.
    pub(super) fn freeze(&self, server: usize) {
        let id = self.servers[server].process.id().to_string();
        let done = Command::new("kill").args(["-STOP", &id]).status().unwrap();
        assert!(done.success());
    }
}

impl Node {
    async fn connection(&self) -> Option<MultiplexedConnection> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.ok()?;
        connection.set_response_timeout(Duration::from_secs(10));
        let auth = redis::cmd("AUTH").arg(self.password).take();
        auth.exec_async(&mut connection).await.ok()?;
        Some(connection)
    }

    /// The answer to a command, given as words; `None` when it failed.
    async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Option<T> {
        let (name, rest) = words.split_first().unwrap();
        let mut connection = self.connection().await?;
        redis::cmd(name).arg(rest).query_async(&mut connection).await.ok()
    }

    async fn answers(&self) {
        until("a server answers", async || {
            self.ask::<String>(&["PING"]).await.is_some()
        })
        .await;
    }
}

/// A server, which follows the one at `leader` unless that is itself; `None`, after saying so, where none is installed.
fn start(folder: &Path, port: u16, leader: u16) -> Option<Node> {
    let password = PASSWORDS.0;
    let mut config = format!(
        "port {port}\nbind 127.0.0.1\nsave \"\"\nappendonly no\nrequirepass \"{password}\"\nmasterauth \"{password}\"\n\
         repl-diskless-sync-delay 0\nmin-replicas-to-write 1\n"
    );
    if port != leader {
        config.push_str(&format!("replicaof 127.0.0.1 {leader}\n"));
    }
    let process = spawn(folder, port, &config, &[]);
    if process.is_none() {
        // Past the test harness, which would keep it to itself.
        writeln!(std::io::stderr(), "SKIPPED: redis-server is not installed").unwrap();
    }
    process.map(|process| Node {
        process,
        port,
        password,
    })
}

fn watcher(folder: &Path, port: u16, leader: u16) -> Node {
    let (servers, password) = PASSWORDS;
    let config = format!(
        "port {port}\nbind 127.0.0.1\nrequirepass \"{password}\"\n\
         sentinel monitor {MASTER} 127.0.0.1 {leader} 2\n\
         sentinel auth-pass {MASTER} \"{servers}\"\n\
         sentinel sentinel-pass \"{password}\"\n\
         sentinel down-after-milliseconds {MASTER} 1000\n\
         sentinel failover-timeout {MASTER} 5000\n\
         sentinel parallel-syncs {MASTER} 2\n"
    );
    Node {
        process: spawn(folder, port, &config, &["--sentinel"]).unwrap(),
        port,
        password,
    }
}

/// Each has a folder of its own, with a configuration that it rewrites itself.
fn spawn(folder: &Path, port: u16, config: &str, args: &[&str]) -> Option<Child> {
    let folder = folder.join(port.to_string());
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("redis.conf"), config).unwrap();
    Command::new("redis-server")
        .arg("redis.conf")
        .args(args)
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .ok()
}

/// Waits for `what`.
pub(super) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
