//! The cluster, looked at once a second.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::cluster::{Cluster, Component};

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
/// Looks between two at the CPU, which clusters measure every ten seconds or more.
const CPU_EVERY: u32 = 5;

/// The cluster at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// When it was asked.
    pub(crate) taken: Instant,
    /// The pods.
    pub(crate) components: Vec<Component>,
    /// Cores by component, where they were asked for and the cluster measures them.
    pub(crate) cores: Option<BTreeMap<String, f64>>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    samples: Mutex<Vec<Sample>>,
    /// Looks that failed.
    missed: Mutex<u64>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seen {
    /// The pods as last seen.
    pub(crate) fn latest(&self) -> Vec<Component> {
        locked(&self.samples)
            .last()
            .map(|sample| sample.components.clone())
            .unwrap_or_default()
    }

    /// All samples, and how many looks failed.
    pub(crate) fn take(&self) -> (Vec<Sample>, u64) {
        (std::mem::take(&mut *locked(&self.samples)), *locked(&self.missed))
    }

    /// Looks for ever. A look that fails leaves a gap: the cluster's API may be busy.
    pub(crate) async fn watch(&self, cluster: &dyn Cluster) -> Infallible {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for look in (0..CPU_EVERY).cycle() {
            looks.tick().await;
            let taken = Instant::now();
            let cores = async {
                match look {
                    0 => cluster.usage().await.ok().flatten(),
                    _ => None,
                }
            };
            match tokio::join!(cluster.observe(), cores) {
                (Ok(components), cores) => locked(&self.samples).push(Sample {
                    taken,
                    components,
                    cores,
                }),
                (Err(_), _) => *locked(&self.missed) += 1,
            }
        }
        std::future::pending().await
    }
}
