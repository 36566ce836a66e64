//! What an experiment asks of a cluster.

mod forward;
#[cfg(test)]
mod fuzz;
mod helm;
mod objects;
mod program;
mod quantity;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use scheduler_client::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use forward::Forward;

pub use helm::{Helm, Installation};
pub use program::Program;

/// The pods of one component of the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its name: `api`, `worker`, `gateway`.
    pub name: String,
    /// Pods that there are to be.
    pub wanted: u64,
    /// Pods that are ready.
    pub ready: u64,
    /// Pods that have a place on a node, whether they start, run or end: what is paid for.
    pub pods: u64,
}

/// Something that the cluster did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, by the cluster's clock.
    pub at: Timestamp,
    /// To what.
    pub object: String,
    /// What, in a word.
    pub reason: String,
    /// In words.
    pub message: String,
}

/// Where the scheduler answers, for as long as this lives.
#[derive(Debug)]
pub struct Gateway {
    /// `http://host:port`.
    pub address: String,
    _forward: Option<Forward>,
}

impl Gateway {
    /// At an address that stands.
    #[must_use]
    pub fn at(address: String) -> Self {
        Self {
            address,
            _forward: None,
        }
    }
}

/// A cluster, and the place in it where the chart is installed.
#[async_trait]
pub trait Cluster: Send + Sync + fmt::Debug {
    /// Whether all that is needed is there, the place is free, and the chart takes each of `sides`. Installs nothing.
    /// Returns what the cluster is, in a line.
    async fn check(&self, sides: &[PathBuf]) -> Result<String, Error>;
    /// Installs the chart with these values, and waits until it is ready.
    async fn install(&self, side: &Path, stop: &CancellationToken) -> Result<(), Error>;
    /// Where the scheduler answers.
    async fn gateway(&self) -> Result<Gateway, Error>;
    /// The least number of pods of each component that has an autoscaler.
    async fn least(&self) -> Result<BTreeMap<String, u64>, Error>;
    /// The pods.
    async fn observe(&self) -> Result<Vec<Component>, Error>;
    /// Cores used by each component; nothing where the cluster does not measure.
    async fn usage(&self) -> Result<Option<BTreeMap<String, f64>>, Error>;
    /// What the autoscalers did, and what kept pods from running.
    async fn events(&self) -> Result<Vec<Event>, Error>;
    /// Removes what was installed, its volumes, and after the last run the place itself if it was made here.
    async fn uninstall(&self, last: bool, stop: &CancellationToken) -> Result<(), Error>;
    /// How a person would do that, if it fails.
    fn farewell(&self) -> String;
}
