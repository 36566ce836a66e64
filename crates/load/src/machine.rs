//! What this process and this machine use, where `/proc` tells (Linux); elsewhere nothing is told.

use std::fs;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

/// Linux counts CPU time for its users in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time spent so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Spent {
    /// By this process.
    own: f64,
    /// By everything on the machine.
    all: f64,
}

/// How busy things were over some time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, JsonSchema)]
pub struct Busy {
    /// Cores that this process used.
    pub own_cores: f64,
    /// Cores that everything on this machine used, this process included.
    pub machine_cores: f64,
}

impl Spent {
    pub(crate) fn now() -> Option<Self> {
        let own = fs::read_to_string("/proc/self/stat").ok()?;
        let all = fs::read_to_string("/proc/stat").ok()?;
        Some(Self {
            own: own_seconds(&own)?,
            all: all_seconds(&all)?,
        })
    }

    pub(crate) fn since(&self, before: &Self, elapsed: Duration) -> Busy {
        let seconds = elapsed.as_secs_f64().max(0.001);
        let cores = |now: f64, then: f64| ((now - then).max(0.0) / seconds * 100.0).round() / 100.0;
        Busy {
            own_cores: cores(self.own, before.own),
            machine_cores: cores(self.all, before.all),
        }
    }
}

/// User and system time: the 14th and 15th field, counted behind the name, which may contain anything.
fn own_seconds(stat: &str) -> Option<f64> {
    let (_, behind) = stat.rsplit_once(") ")?;
    let ticks: Vec<f64> = behind
        .split(' ')
        .skip(11)
        .take(2)
        .map_while(|n| n.parse().ok())
        .collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// Everything but idling and waiting for a disk.
fn all_seconds(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = line.split_whitespace().map_while(|n| n.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 6, 7]
        .iter()
        .filter_map(|at| ticks.get(*at))
        .sum::<f64>();
    (ticks.len() >= 8).then_some(busy / TICKS_PER_SECOND)
}

/// The most memory that this process has had at once, in bytes.
pub(crate) fn peak_memory() -> Option<u64> {
    peak(&fs::read_to_string("/proc/self/status").ok()?)
}

fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_understood() {
        let stat = "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 1 0";
        assert_eq!(own_seconds(stat), Some(4.0));
        let all = "cpu  100 0 200 5000 700 10 20 0 0 0\ncpu0 1 2";
        assert_eq!(all_seconds(all), Some(3.3));
        assert_eq!(peak("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!(
            (own_seconds(""), all_seconds("cpu 1"), peak("")),
            (None, None, None)
        );
    }

    #[test]
    fn use_is_told_in_cores() {
        let (before, now) = (Spent { own: 1.0, all: 5.0 }, Spent { own: 2.0, all: 8.0 });
        let busy = now.since(&before, Duration::from_secs(2));
        assert_eq!((busy.own_cores, busy.machine_cores), (0.5, 1.5));
    }
}
