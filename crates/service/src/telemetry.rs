//! Logs and traces of a process.
//!
//! Logs are text on a terminal and flat JSON elsewhere, on stderr. Nobody who logs waits for it to be written: see
//! [`Dropped`]. Spans are exported by OTLP when an endpoint is
//! configured, and cost next to nothing when not. A job's trace context travels with the job as W3C `traceparent` text:
//! [`current_traceparent`] when it is submitted, [`link_traceparent`] when it runs.

mod context;
mod flat_json;
mod lines;
mod otlp;
mod panics;

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::config::{LogFormat, Telemetry};

pub use context::{continue_traceparent, current_traceparent, link_traceparent};
use flat_json::FlatJson;
pub use lines::Dropped;
use lines::Lines;
pub(crate) use panics::log_panics;

/// Longest wait for the last spans to leave.
const FLUSH: Duration = Duration::from_millis(1250);

/// Who is telling.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Name of the program: `scheduler-api`.
    pub service: &'static str,
    /// Name of this process of it, such as its pod's.
    pub instance: String,
}

/// Keeps telemetry running.
#[derive(Debug)]
#[must_use = "spans and lines still waiting are lost unless they are flushed"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    lines: Lines,
}

impl Guard {
    /// How many lines were dropped so far.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.lines.dropped()
    }

    /// Sends what is still waiting: spans for one and a quarter seconds at most, then lines for a quarter. Blocks, and needs the runtime
    /// to be running.
    pub fn flush(self) {
        if let Some(traces) = self.traces
            && let Err(error) = traces.shutdown_with_timeout(FLUSH)
        {
            tracing::warn!(%error, "spans were not flushed");
        }
        self.lines.flush();
    }
}

/// One more that hears everything the process tells.
pub type Observer = Box<dyn Layer<Registry> + Send + Sync>;

/// Installs the process' subscriber. Call it within a Tokio runtime.
///
/// # Errors
/// A bad log level or endpoint, or a subscriber that is installed already.
pub fn init(config: &Telemetry, identity: &Identity, observer: Option<Observer>) -> anyhow::Result<Guard> {
    let traces = config
        .otlp_endpoint
        .as_deref()
        .map(|endpoint| otlp::provider(endpoint, config.trace_sample_ratio, identity))
        .transpose()
        .context("setting up the export of traces")?;
    let spans = traces.as_ref().map(otlp::layer);
    let lines = Lines::new(std::io::stderr()).context("starting the thread that writes the log")?;
    tracing_subscriber::registry()
        .with(observer)
        .with(log_layer(config, identity, &lines)?)
        .with(spans)
        .try_init()
        .context("installing the log subscriber")?;
    Ok(Guard { traces, lines })
}

fn log_layer<S>(
    config: &Telemetry,
    identity: &Identity,
    lines: &Lines,
) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup> + Send + Sync,
{
    // A filter of its own, so that LOG_LEVEL=warn does not switch traces off.
    let filter = EnvFilter::builder()
        .parse(&config.log_level)
        .context("parsing the log level")?;
    let terminal = std::io::stderr().is_terminal();
    let json = match config.log_format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !terminal,
    };
    let layer = fmt::layer().with_writer(lines.inlet());
    Ok(match (json, terminal) {
        (true, _) => {
            let format = FlatJson::new(identity.service, &identity.instance);
            layer
                .fmt_fields(fmt::format::JsonFields::new())
                .event_format(format)
                .with_filter(filter)
                .boxed()
        }
        // Left to itself on a terminal, it honours NO_COLOR.
        (false, true) => layer.with_filter(filter).boxed(),
        (false, false) => layer.with_ansi(false).with_filter(filter).boxed(),
    })
}
