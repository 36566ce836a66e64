//! A server of a test's own, on a socket in a temporary folder.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use scheduler_domain::{Clock as _, Entry, Epoch, Priority, QueueName, SystemClock, WorkerId};

use crate::conformance::fixtures::id;
use crate::{RedisOptions, RedisQueue};

/// What these tests tell a queue, but for what one of them is about.
pub(super) fn options(url: &str) -> RedisOptions {
    RedisOptions {
        url: url.to_owned(),
        sentinel: None,
        ssl_root_cert: None,
        max_connections: 4,
        connect_timeout: Duration::from_millis(300),
        command_timeout: Duration::from_millis(300),
        key_prefix: "t:".to_owned(),
        aging_step: Duration::from_secs(10),
        lease: Duration::from_secs(30),
    }
}

pub(super) struct Server {
    folder: tempfile::TempDir,
    process: Process,
}

impl Server {
    /// A running server; `None`, after saying so, where none is installed.
    pub(super) async fn start() -> Option<Self> {
        Self::start_in(tempfile::tempdir().unwrap(), &[]).await
    }

    /// As [`Server::start`], in this folder and with these arguments too.
    pub(super) async fn start_in(folder: tempfile::TempDir, args: &[&str]) -> Option<Self> {
        let Some(process) = spawn(&folder, args) else {
            // Past the test harness, which would keep it to itself.
            writeln!(std::io::stderr(), "SKIPPED: redis-server is not installed").unwrap();
            return None;
        };
        let server = Self { folder, process };
        server.admin().await;
        Some(server)
    }

    pub(super) fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("socket").display())
    }

    pub(super) fn queue(&self) -> RedisQueue {
        RedisQueue::connect(self.options()).unwrap()
    }

    pub(super) fn options(&self) -> RedisOptions {
        options(&self.url())
    }

    /// A connection for what an operator or an intruder does, once the server answers.
    pub(super) async fn admin(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        for _ in 0..500 {
            if let Ok(mut connection) = client.get_multiplexed_async_connection().await
                && redis::cmd("PING").exec_async(&mut connection).await.is_ok()
            {
                connection.set_response_timeout(Duration::from_secs(10));
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server does not answer");
    }

    /// Runs one command, given as words.
    pub(super) async fn run(&self, words: &[&str]) -> redis::Value {
        let (name, rest) = words.split_first().unwrap();
        redis::cmd(name)
            .arg(rest)
            .query_async(&mut self.admin().await)
            .await
            .unwrap()
    }

    /// Kills the server. It keeps nothing on disk.
    pub(super) fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    /// Starts it again after [`Server::kill`].
    pub(super) async fn revive(&mut self) {
        self.process = spawn(&self.folder, &[]).unwrap();
        self.admin().await;
    }

    /// Puts an empty server in its place, as a failover does; the old one lives on as a replica while what is returned does.
    pub(super) async fn fail_over(&mut self) -> Process {
        self.run(&["REPLICAOF", "127.0.0.1", "1"]).await;
        let old = std::mem::replace(&mut self.process, spawn(&self.folder, &[]).unwrap());
        // Until new connections no longer reach the old one, of which it says so.
        while format!("{:?}", self.run(&["ROLE"]).await).contains("slave") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        old
    }

    pub(super) fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .arg(name)
            .arg(self.process.0.id().to_string())
            .status()
            .unwrap();
        assert!(done.success());
    }
}

/// A process that does not outlive its test.
pub(super) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(folder: &tempfile::TempDir, args: &[&str]) -> Option<Process> {
    Command::new("redis-server")
        .args([
            "--port",
            "0",
            "--save",
            "",
            "--appendonly",
            "no",
            "--unixsocket",
            "socket",
            "--dir",
            ".",
        ])
        .args(args)
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .ok()
        .map(Process)
}

pub(super) fn worker(name: &str) -> WorkerId {
    WorkerId::from_stored(name.to_owned())
}

/// Entries for the ids of all numbers below `count`, ready now.
pub(super) fn entries(count: u64) -> Vec<Entry> {
    let entry = |n| Entry {
        id: id(n),
        epoch: Epoch::FIRST,
        queue: QueueName::default(),
        priority: Priority::Default,
        ready_at: SystemClock.now(),
    };
    (0..count).map(entry).collect()
}
