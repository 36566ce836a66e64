//! What a client is told at its start.

use std::time::Duration;

/// How to reach the scheduler, and how patient to be.
///
/// ```
/// # use scheduler_client::ClientOptions;
/// let options = ClientOptions { connections: 4, ..ClientOptions::new("scheduler.example.org:8080") };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ClientOptions {
    /// `http://host:port` or `https://host:port`; without a scheme, `http` is meant.
    ///
    /// `https` trusts the certificates that the operating system trusts (or those in the file that `SSL_CERT_FILE` names).
    pub address: String,
    /// HTTP/2 connections, taken in turn; 0 means 1. More help when one backend, or one core of this machine, is the limit.
    pub connections: usize,
    /// Longest that opening a connection may take.
    pub connect_timeout: Duration,
    /// Longest that one call may take, its repetitions included. The server is told what is left of it. Watching is exempt.
    pub request_timeout: Duration,
    /// How often a call that may be repeated is tried while the server is unavailable; 0 means 1. Eight bridge some three seconds.
    /// Where nobody answers at all it is four times at most, so that a wrong address is told soon.
    pub attempts: u32,
    /// Longest that [`Client::watch`](crate::Client::watch) does without the server before it gives up.
    pub watch_patience: Duration,
    /// Connections are replaced at this age, so that replicas added since get their share; `None` keeps them.
    pub max_connection_age: Option<Duration>,
    /// Whether jobs submitted without an id get one here, which makes every submit repeatable.
    ///
    /// Without, a submit that carries neither an id nor a key is never repeated, and saves the server looking whether the
    /// job is there already.
    pub generate_job_ids: bool,
    /// How this program calls itself in the server's logs: `name/version`.
    pub user_agent: String,
}

impl ClientOptions {
    /// The defaults: one connection, 5 s to open it, 10 s per call, at most 8 tries (4 where nobody answers at all).
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            connections: 1,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            attempts: 8,
            watch_patience: Duration::from_secs(60),
            max_connection_age: None,
            generate_job_ids: true,
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}
