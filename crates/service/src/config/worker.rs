//! `[worker]`: the process that runs jobs, and its built-in handlers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use secrecy::SecretString;

use super::ByteSize;
use super::field::section;

section! {
    /// The process that runs jobs, `scheduler-worker`.
    pub struct Worker at "worker" {
        /// Address that the metrics port listens on; `::` for IPv6 and IPv4.
        host: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        /// Port for `/metrics`, `/health` and `/ready`; 0 takes any free one.
        metrics_port: u16 = 2113;
        /// Jobs run at once.
        pool_size: usize = 10, in 1..=10_000;
        /// Queues served, or `*` for all.
        queues: Vec<String> = vec!["*".to_owned()];
        /// Jobs claimed in one step, at most. Never more than can start soon.
        claim_batch: usize = 256, in 1..=1_000;
        /// After SIGTERM, running jobs may finish for so long; then they are handed back, charged with nothing.
        drain_grace: Duration = Duration::from_secs(25), in Duration::ZERO..=Duration::from_hours(24);
        /// So long after SIGTERM, what still runs is aborted, and the process is gone at most five seconds later.
        /// Keep it that much below the pod's grace period.
        shutdown_timeout: Duration = Duration::from_secs(30), in Duration::from_secs(1)..=Duration::from_hours(25);
    }
    nesting {
        /// The `http_call` handler.
        http_call: HttpCall;
        /// The `db_tx` handler.
        db_tx: DbTx;
        /// Which pods Kubernetes ends first.
        deletion_cost: DeletionCost;
    }
}

section! {
    /// A hint to Kubernetes that a worker with fewer running jobs is to go first when pods are taken away: the pod's annotation
    /// `controller.kubernetes.io/pod-deletion-cost` is kept at the number of jobs that it runs.
    pub struct DeletionCost at "worker.deletion_cost" {
        /// Name of this process's pod. Without it, no hint is given.
        pod: Option<String> = None;
        /// Time between two looks. Each changes the pod, if the number has changed: keep it long where there are many workers.
        interval: Duration = Duration::from_secs(10), in Duration::from_secs(1)..=Duration::from_hours(1);
        /// The Kubernetes API: `https://host:port`.
        url: String = "https://kubernetes.default.svc".to_owned();
        /// Folder with the files `token`, `ca.crt` and `namespace` of a service account that may patch pods.
        credentials: String = "/var/run/secrets/kubernetes.io/serviceaccount".to_owned();
    }
}

section! {
    /// The built-in handler `http_call`.
    pub struct HttpCall at "worker.http_call" {
        /// Whether jobs may call loopback, private and link-local addresses. Whoever may submit jobs can then
        /// reach what this process can, the cloud's metadata service included.
        allow_private_networks: bool = false;
        /// Ports that jobs may call. Where private networks are allowed, any may be called.
        ports: Vec<u16> = vec![80, 443, 8080, 8443];
        /// Longest that one call may take.
        timeout: Duration = Duration::from_secs(30), in Duration::from_millis(1)..=Duration::from_hours(1);
        /// A longer response fails the attempt.
        max_response_bytes: ByteSize = ByteSize::mib(1), in ByteSize::kib(1)..=ByteSize::mib(64);
    }
}

section! {
    /// The built-in handler `db_tx`. It runs no SQL but the statements named here.
    pub struct DbTx at "worker.db_tx" {
        /// The database that statements run in: `postgres://user:password@host:port/database`. Without it,
        /// `db_tx` jobs fail.
        url: Option<SecretString> = None;
        /// SQL by name. A job names a statement, and gives values for its `$1`, `$2` and so on.
        statements: BTreeMap<String, String> = BTreeMap::new();
    }
}
