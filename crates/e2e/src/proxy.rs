//! The chaos proxy: a TCP proxy on the loopback interface whose behaviour is switched while connections pass through it.
//!
//! ```text
//! client ──▶ door ──▶ relay ──▶ server        a [`Shape`] per direction: delay, jitter, rate, held, lost
//!                       ╰ pgwire: statements are known by name, and a [`Trouble`] befalls the one that is meant
//! ```
//! To add a behaviour of the transport: a field of [`Shape`], and what it means in `pipe.rs`. To add one of PostgreSQL: a variant
//! of [`Trouble`], and what it means in `pgwire/converse.rs`.

mod pgwire;
mod pipe;
mod relay;
mod shape;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::pgwire::{On, Statements, Trouble};
pub use self::shape::{Direction, Flow, Shape};
use crate::Dice;

/// What happens to new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Door {
    /// They are connected to the server.
    #[default]
    Open,
    /// They are reset at once, as where nobody listens.
    Refuse,
    /// They are taken and never answered, as behind a partition.
    Mute,
}

/// How a proxy is told, shared by its connections.
#[derive(Debug)]
pub(crate) struct Switches {
    /// Whom new connections are carried to.
    server: watch::Sender<SocketAddr>,
    door: watch::Sender<Door>,
    toward_server: watch::Sender<Shape>,
    toward_client: watch::Sender<Shape>,
    /// Raised to reset every connection that is open.
    cuts: watch::Sender<u64>,
    /// Connections so far.
    taken: AtomicU64,
    statements: Statements,
    dice: Dice,
}

/// What is spoken through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// It does not matter.
    Bytes,
    /// PostgreSQL's, so that statements can be told apart.
    Postgres,
}

/// A proxy; ends, with its connections, when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    /// Whom it is in front of, wherever it leads for a while.
    server: SocketAddr,
    switches: Arc<Switches>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Starts one in front of `server`, on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(server: SocketAddr, protocol: Protocol, seed: u64) -> Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), server, protocol, seed).await
    }

    /// As [`Proxy::start`], at this address.
    ///
    /// # Errors
    /// Somebody listens there.
    pub async fn start_at(
        address: SocketAddr,
        server: SocketAddr,
        protocol: Protocol,
        seed: u64,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).await.context("chaos proxy")?;
        let port = listener.local_addr()?.port();
        let switches = Arc::new(Switches {
            server: watch::Sender::new(server),
            door: watch::Sender::default(),
            toward_server: watch::Sender::default(),
            toward_client: watch::Sender::default(),
            cuts: watch::Sender::default(),
            taken: AtomicU64::new(0),
            statements: Statements::default(),
            dice: Dice::new(seed),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, protocol, Arc::clone(&switches)));
        Ok(Self {
            port,
            server,
            switches,
            _accepting: accepting,
        })
    }

    /// Where it listens on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections have come, whatever became of them.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.switches.taken.load(Ordering::Relaxed)
    }

    /// How bytes travel in this direction from now on.
    pub fn shape(&self, direction: Direction, shape: Shape) {
        let switch = match direction {
            Direction::TowardServer => &self.switches.toward_server,
            Direction::TowardClient => &self.switches.toward_client,
        };
        switch.send_replace(shape);
    }

    /// How bytes travel in both directions from now on.
    pub fn shape_both(&self, shape: Shape) {
        self.shape(Direction::TowardServer, shape);
        self.shape(Direction::TowardClient, shape);
    }

    /// What happens to new connections from now on.
    pub fn door(&self, door: Door) {
        self.switches.door.send_replace(door);
    }

    /// Whom new connections are carried to from now on, until [`Proxy::heal`]. Those that are open stay where they are: see [`Proxy::cut`].
    pub fn lead_to(&self, server: SocketAddr) {
        self.switches.server.send_replace(server);
    }

    /// Resets every connection that is open, on both sides.
    pub fn cut(&self) {
        self.switches.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// As if the network between the two had fallen apart: nothing arrives until [`Proxy::heal`], and then what was sent does,
    /// as TCP sends it again.
    pub fn partition(&self) {
        self.door(Door::Mute);
        self.shape_both(Shape::held());
    }

    /// What befalls statements, when PostgreSQL is spoken.
    #[must_use]
    pub fn statements(&self) -> &Statements {
        &self.switches.statements
    }

    /// Behaves as a proxy should, from now on.
    pub fn heal(&self) {
        self.lead_to(self.server);
        self.door(Door::Open);
        self.shape_both(Shape::default());
        self.switches.statements.clear();
    }
}

/// Accepts until dropped; its connections end with it.
async fn accept(listener: TcpListener, protocol: Protocol, switches: Arc<Switches>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((client, _)) = listener.accept().await else {
            // Too many files open: the next one may find room.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        switches.taken.fetch_add(1, Ordering::Relaxed);
        connections.spawn(serve(client, protocol, Arc::clone(&switches)));
    }
}

/// One connection, from its beginning to its end or to a cut.
async fn serve(mut client: TcpStream, protocol: Protocol, switches: Arc<Switches>) {
    let mut cuts = switches.cuts.subscribe();
    let door = *switches.door.borrow();
    if door == Door::Mute {
        // Until the client gives up; after the heal too, for what it sent in vain is not sent again.
        let _ = tokio::select! {
            read = relay::discard(&mut client) => read,
            _ = cuts.changed() => client.set_zero_linger(),
        };
        return;
    }
    let address = *switches.server.borrow();
    let server = match door {
        Door::Open => TcpStream::connect(address).await.ok(),
        Door::Refuse | Door::Mute => None,
    };
    let Some(mut server) = server else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let reset = tokio::select! {
        end = relay::relay(&mut client, &mut server, protocol, &switches) => end.is_err(),
        _ = cuts.changed() => true,
    };
    if reset {
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
}
