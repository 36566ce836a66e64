//! Which server to connect to: the one that the URL names, or the one that Sentinels say leads.
//!
//! As Sentinel's guidelines for clients demand, each Sentinel is asked in turn, what it says is checked with ROLE, for it may be
//! the last to hear of a failover, and whoever needs a new connection asks again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisConnectionInfo,
    RedisError, RedisResult, Role,
};
use tracing::debug;

use super::RedisOptions;
use super::link::{address, within};

/// The way to the server.
pub(super) struct Route {
    /// What the URL says. With Sentinels all of it but host and port.
    base: ConnectionInfo,
    sentinels: Option<Sentinels>,
}

struct Sentinels {
    addresses: Vec<ConnectionInfo>,
    master: String,
    /// Which of them answered last, and is asked first.
    first: AtomicUsize,
    /// How long one of them, and the server it names, may take: all of them together no longer than connecting may.
    share: Duration,
}

impl Route {
    /// Connects to nobody yet.
    ///
    /// # Errors
    /// When the URL is not one, the list of Sentinels is empty, or the file with the certificate authorities cannot be read.
    pub(super) fn new(options: &RedisOptions) -> RedisResult<Self> {
        let base = address(options)?;
        Client::open(base.clone())?;
        let Some(sentinel) = &options.sentinel else {
            return Ok(Self {
                base,
                sentinels: None,
            });
        };
        let mut user = RedisConnectionInfo::default();
        if let Some(password) = &sentinel.password {
            user = user.set_password(password);
        }
        let addresses: Vec<ConnectionInfo> = sentinel
            .addresses
            .iter()
            .map(|(host, port)| at(&base, host.clone(), *port).set_redis_settings(user.clone()))
            .collect();
        let share = u32::try_from(addresses.len())
            .ok()
            .and_then(|count| options.connect_timeout.checked_div(count));
        let share = share.ok_or((ErrorKind::InvalidClientConfig, "there is no Sentinel to ask"))?;
        Ok(Self {
            base,
            sentinels: Some(Sentinels {
                addresses,
                master: sentinel.master.clone(),
                first: AtomicUsize::new(0),
                share,
            }),
        })
    }

    /// Whether the next connection may have to lead to another server than the last.
    pub(super) fn moves(&self) -> bool {
        self.sentinels.is_some()
    }

    /// Where to connect now.
    ///
    /// # Errors
    /// What each Sentinel said, when none names a server that says itself that it leads.
    pub(super) async fn address(&self) -> RedisResult<ConnectionInfo> {
        let Some(sentinels) = &self.sentinels else {
            return Ok(self.base.clone());
        };
        let first = sentinels.first.load(Ordering::Relaxed);
        let mut said = Vec::new();
        for turn in 0..sentinels.addresses.len() {
            let turn = (first + turn) % sentinels.addresses.len();
            let sentinel = &sentinels.addresses[turn];
            match within(sentinels.share, sentinels.ask(sentinel, &self.base)).await {
                Ok(leader) => {
                    sentinels.first.store(turn, Ordering::Relaxed);
                    debug!(leader = %leader.addr(), sentinel = %sentinel.addr(), "Redis has this leader");
                    return Ok(leader);
                }
                Err(error) => said.push(format!("{}: {error}", sentinel.addr())),
            }
        }
        Err(RedisError::from((
            ErrorKind::Io,
            "no Sentinel names a server that leads",
            said.join("; "),
        )))
    }
}

impl Sentinels {
    /// The leader by the word of one Sentinel, and by its own.
    async fn ask(&self, sentinel: &ConnectionInfo, base: &ConnectionInfo) -> RedisResult<ConnectionInfo> {
        let named: Option<(String, u16)> = redis::cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(&self.master)
            .query_async(&mut self.connect(sentinel.clone()).await?)
            .await?;
        let (host, port) = named.ok_or_else(|| {
            let detail = format!("{:?}", self.master);
            RedisError::from((
                ErrorKind::InvalidClientConfig,
                "it watches no master of this name",
                detail,
            ))
        })?;
        let leader = at(base, host, port);
        let role = redis::cmd("ROLE")
            .query_async(&mut self.connect(leader.clone()).await?)
            .await?;
        match role {
            Role::Primary { .. } => Ok(leader),
            _ => Err(RedisError::from((
                ErrorKind::Io,
                "the server it names is a replica",
                leader.addr().to_string(),
            ))),
        }
    }

    async fn connect(&self, to: ConnectionInfo) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.share))
            .set_response_timeout(Some(self.share));
        Client::open(to)?
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }
}

/// The same way to another server: encrypted and set up alike, and with the same user.
fn at(base: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let address = match base.addr() {
        ConnectionAddr::TcpTls {
            insecure, tls_params, ..
        } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    };
    base.clone().set_addr(address)
}
