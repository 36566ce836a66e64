//! How to reach Redis, and the times that the scripts work with.

use std::path::PathBuf;
use std::time::Duration;

/// What a [`super::RedisQueue`] needs to know.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    pub url: String,
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

/// Without the URL, which can hold a password.
impl std::fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
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
