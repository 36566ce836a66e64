//! `[api]`: the gRPC front door.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use secrecy::SecretString;

use super::ByteSize;
use super::field::section;

section! {
    /// The process that answers gRPC, `scheduler-api`.
    pub struct Api at "api" {
        /// Address that both ports listen on; `::` for IPv6 and IPv4.
        host: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        /// Port for gRPC; 0 takes any free one.
        port: u16 = 8081;
        /// Port for `/metrics`, `/health` and `/ready`; 0 takes any free one.
        metrics_port: u16 = 2112;
        /// Port for KEDA's external scaler, which scales workers by their load; 0 takes any free one, and empty serves
        /// none. Charts use 8082. It asks for no credentials: only KEDA should reach it.
        scaler_port: Option<u16> = None;
        /// After SIGTERM, calls are still taken for so long: load balancers need the time to notice. `/ready` says at once
        /// that none should be sent here, gRPC health in the last third of it.
        drain_grace: Duration = Duration::from_secs(10), in Duration::ZERO..=Duration::from_mins(10);
        /// So long after SIGTERM, what still runs is aborted, and the process is gone at most five seconds later.
        /// Keep it that much below the pod's grace period.
        shutdown_timeout: Duration = Duration::from_secs(25), in Duration::from_secs(1)..=Duration::from_mins(15);
        /// Jobs that may wait for the database. One more is refused with RESOURCE_EXHAUSTED.
        max_in_flight: usize = 10_000, in 1..=10_000_000;
        /// Bytes of payload that may wait for the database. One more is refused with RESOURCE_EXHAUSTED.
        max_in_flight_bytes: ByteSize = ByteSize::mib(64), in ByteSize::mib(1)..=ByteSize::mib(16 << 10);
        /// Calls that one connection may have open at once.
        max_concurrent_streams: u32 = 1_000, in 1..=1_000_000;
        /// Connections that may be open at once; further ones wait to be accepted.
        max_connections: usize = 10_000, in 1..=1_000_000;
        /// Streams that may watch jobs at once.
        max_watchers: usize = 10_000, in 0..=1_000_000;
        /// Largest request taken and largest response sent.
        max_message_bytes: ByteSize = ByteSize::mib(16), in ByteSize::mib(2)..=ByteSize::mib(256);
        /// Bytes of requests that may be on their way at once, over all connections: what has arrived of requests that are
        /// not whole yet. One that finds no room is refused with RESOURCE_EXHAUSTED; the first 16 KiB of each are not
        /// counted. At least twice `max_message_bytes`, and well below the memory that the process may have.
        max_arriving_bytes: ByteSize = ByteSize::mib(128), in ByteSize::mib(4)..=ByteSize::mib(16 << 10);
        /// Largest header list of a request.
        max_header_bytes: ByteSize = ByteSize::kib(16), in ByteSize::kib(1)..=ByteSize::mib(1);
        /// Longest that a call may take, unless the caller allows less. Streams are exempt.
        request_timeout: Duration = Duration::from_secs(10), in Duration::from_millis(100)..=Duration::from_mins(10);
        /// A silent connection is asked so often whether it is alive, and closed when it does not answer.
        keepalive: Duration = Duration::from_secs(30), in Duration::from_secs(1)..=Duration::from_hours(1);
        /// Signs page tokens; all replicas need the same one. Without it they use what they share anyway, the
        /// database's URL with its credentials.
        page_token_secret: Option<SecretString> = None;
        /// Whether clients may ask for the schema (`grpcurl list`).
        reflection: bool = true;
    }
}
