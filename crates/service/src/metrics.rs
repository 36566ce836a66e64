//! The Prometheus recorder of a process, and what crates say about their metrics.
//!
//! A crate exports `pub const METRICS: &[Descriptor]`, records with the macros of the `metrics` crate, and is described
//! once at start. From the same lists `docs/METRICS.md` is generated. To add a metric, add it to the crate's list.

mod buckets;
mod document;
mod process;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use scheduler_domain::metric::{Descriptor, Kind, Unit};
use tokio_util::sync::CancellationToken;

use crate::version::{REVISION, VERSION};

pub use buckets::{Buckets, COUNTS, SECONDS, SIZES};
pub use document::{markdown, misnamed};

/// Between two rounds of upkeep. Histograms hold raw observations until then.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// What every process exports of itself.
pub const METRICS: &[Descriptor] = &[
    Descriptor::gauge(
        "scheduler_build_info",
        "Always 1; its labels say what runs.",
        &["service", "version", "revision"],
    ),
    Descriptor::counter(
        "process_cpu_seconds_total",
        "Processor time used, by user code and by the kernel for it.",
        &[],
    )
    .in_unit(Unit::Seconds),
    Descriptor::gauge(
        "process_resident_memory_bytes",
        "Memory that is resident in RAM.",
        &[],
    )
    .in_unit(Unit::Bytes),
    Descriptor::gauge("process_open_fds", "Files and sockets that are open.", &[]),
    Descriptor::gauge("process_threads", "Threads of the operating system.", &[]),
    Descriptor::counter(
        LOG_LINES_DROPPED,
        "Log lines dropped: too many waited to be written, or they could not be.",
        &[],
    ),
];

/// Lines that nobody will read.
pub(crate) const LOG_LINES_DROPPED: &str = "scheduler_log_lines_dropped_total";

/// The recorder. The `metrics` crate has one per process, hence the only global state of this crate.
static RECORDER: Mutex<State> = Mutex::new(State {
    installed: None,
    buckets: Vec::new(),
});

struct State {
    installed: Option<Metrics>,
    buckets: Vec<Buckets>,
}

/// Renders the metrics of the process. Clones are the same recorder.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// The recorder could not be installed, because of another one or of bad buckets.
#[derive(Debug, thiserror::Error)]
#[error("installing the metrics recorder")]
pub struct InstallError(#[from] BuildError);

/// The recorder is installed, and its buckets are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("buckets must be registered before the metrics recorder is installed")]
pub struct TooLate;

/// Gives a histogram buckets of its own. Most need none: see [`Buckets`].
///
/// # Errors
/// [`TooLate`] once the recorder is installed.
pub fn register_buckets(buckets: Buckets) -> Result<(), TooLate> {
    let mut state = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if state.installed.is_some() {
        return Err(TooLate);
    }
    state.buckets.push(buckets);
    Ok(())
}

/// Installs the recorder, or returns the one that is installed: several roles may live in one process.
///
/// # Errors
/// When somebody else has installed another recorder.
pub fn install() -> Result<Metrics, InstallError> {
    let mut state = RECORDER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(metrics) = &state.installed {
        return Ok(metrics.clone());
    }
    let builder = PrometheusBuilder::new().set_buckets(SECONDS)?;
    let handle = buckets::apply(builder, &state.buckets)?.install_recorder()?;
    let metrics = Metrics(handle);
    state.installed = Some(metrics.clone());
    describe(METRICS);
    Ok(metrics)
}

/// Gives the recorder the help of `descriptors`. Describing again changes nothing.
pub fn describe(descriptors: &[Descriptor]) {
    for Descriptor { name, kind, help, .. } in descriptors.iter().copied() {
        // The recorder is not told the unit: it would append it to a name that has it already.
        match kind {
            Kind::Counter => describe_counter!(name, help),
            Kind::Gauge => describe_gauge!(name, help),
            Kind::Histogram => describe_histogram!(name, help),
        }
    }
}

impl Metrics {
    /// Says what runs here, as `scheduler_build_info`.
    pub fn build_info(&self, service: &'static str) {
        gauge!("scheduler_build_info", "service" => service, "version" => VERSION, "revision" => REVISION)
            .set(1.0);
    }

    /// Everything, in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = self.0.render();
        process::render(&mut page);
        page
    }

    /// Folds raw observations into their histograms until `stop`; without it they pile up between scrapes.
    pub async fn upkeep(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(UPKEEP))
            .await
            .is_some()
        {
            self.0.run_upkeep();
        }
    }
}
