//! How to reach Redis, and the times that the scripts work with.

use std::path::PathBuf;
use std::time::Duration;

/// What a [`super::RedisQueue`] needs to know.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    pub url: String,
    /// Whom to ask which server leads, where Sentinels watch over several. The URL then says all but host and port.
    pub sentinel: Option<SentinelOptions>,
    /// With TLS, the file with the certificate authorities to trust instead of the public ones.
    pub ssl_root_cert: Option<PathBuf>,
    /// Most connections for callers that block; further ones wait for one of them.
    pub max_connections: u32,
    /// Longest time that making a connection may take.
    pub connect_timeout: Duration,
    /// Longest time that a command may take.
    pub command_timeout: Duration,
    /// Stands before every key, such as `sched:`.
    pub key_prefix: String,
    /// How long a job waits until it counts as one priority more urgent.
    pub aging_step: Duration,
    /// How long a worker that just claimed lives without a heartbeat.
    pub lease: Duration,
}

/// How to reach the Sentinels: with TLS if the URL says so, and then by the same certificate authorities.
#[derive(Clone)]
pub struct SentinelOptions {
    /// Host and port of each, at least one. They are asked in turn, each for its share of the connect timeout.
    pub addresses: Vec<(String, u16)>,
    /// What they call the servers they watch.
    pub master: String,
    /// Their own password, which is not that of the servers.
    pub password: Option<String>,
}

/// Without the password.
impl std::fmt::Debug for SentinelOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SentinelOptions")
            .field("addresses", &self.addresses)
            .field("master", &self.master)
            .finish_non_exhaustive()
    }
}

/// Without the URL, which can hold a password.
impl std::fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("sentinel", &self.sentinel)
            .field("ssl_root_cert", &self.ssl_root_cert)
            .field("max_connections", &self.max_connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .field("key_prefix", &self.key_prefix)
            .field("aging_step", &self.aging_step)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}
