//! `[telemetry]`: logs and traces.

use super::field::section;
use super::setting::choice;

section! {
    /// What the process tells of itself.
    pub struct Telemetry at "telemetry" {
        /// Least severe level logged (`error`, `warn`, `info`, `debug`, `trace`, `off`), or directives by module as in
        /// `info,scheduler_engine=debug`. `RUST_LOG`, when set, goes before file and environment.
        log_level: String = "info".to_owned();
        /// How log lines look.
        log_format: LogFormat = LogFormat::Auto;
        /// Where spans are sent, by OTLP over gRPC: `http://collector:4317`. Without it, none are recorded.
        otlp_endpoint: Option<String> = None;
        /// Share of traces recorded, of those that begin here; a caller's decision is kept.
        trace_sample_ratio: f64 = 0.1, in 0.0..=1.0;
        /// What this process is called in logs, traces and leases. Without it, the host's name.
        instance: Option<String> = None;
    }
}

choice! {
    /// How log lines look.
    pub enum LogFormat {
        /// Text on a terminal, JSON elsewhere.
        Auto = "auto",
        /// For people.
        Text = "text",
        /// One flat JSON object per line.
        Json = "json",
    }
}

impl Telemetry {
    /// What this process is called: the pod's name where there is one, else the host's.
    #[must_use]
    pub fn instance_name(&self) -> String {
        self.instance
            .clone()
            .unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned())
    }
}
