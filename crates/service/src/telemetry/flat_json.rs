//! Log lines as flat JSON objects: what log stores index without being told how.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::version::VERSION;

/// Writes `timestamp, level, message, target, service, pod, version, trace_id, span_id`, the fields of the spans around
/// the event from the outermost in, and the event's own; a later field replaces an earlier one of the same name, except
/// that none replaces those listed.
pub(super) struct FlatJson {
    service: &'static str,
    pod: String,
}

impl FlatJson {
    pub(super) fn new(service: &'static str, pod: &str) -> Self {
        Self {
            service,
            pod: pod.to_owned(),
        }
    }
}

impl<S, N> FormatEvent<S, N> for FlatJson
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line(Map::new());
        for span in ctx.event_scope().into_iter().flat_map(Scope::from_root) {
            // The span's fields were formatted as one JSON object when it was made.
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
                && let Ok(Json::Object(fields)) = serde_json::from_str(&fields.fields)
            {
                line.0.extend(fields);
            }
        }
        event.record(&mut line);

        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        line.set("timestamp", timestamp);
        line.set("level", event.metadata().level().as_str());
        line.set("target", event.metadata().target());
        line.set("service", self.service);
        line.set("pod", self.pod.as_str());
        line.set("version", VERSION);
        Context::map_current(|context| {
            let span = context.span();
            let span = span.span_context();
            if span.is_valid() {
                line.set("trace_id", span.trace_id().to_string());
                line.set("span_id", span.span_id().to_string());
            }
        });
        writeln!(writer, "{}", Json::Object(line.0))
    }
}

struct Line(Map<String, Json>);

impl Line {
    fn set(&mut self, name: &str, value: impl Into<Json>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |error| error.source());
        self.set(
            field.name(),
            causes.map(ToString::to_string).collect::<Vec<_>>().join(": "),
        );
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::fmt::format::JsonFields;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(act: impl FnOnce()) -> Vec<Json> {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(FlatJson::new("scheduler-test", "pod-1"))
            .with_writer(move || writer.clone());
        let provider = SdkTracerProvider::builder().build();
        let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer).with(traces), act);
        let bytes = sink.0.lock().unwrap();
        String::from_utf8_lossy(&bytes)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_is_flat_and_has_the_fields_of_its_spans() {
        let lines = logged(|| {
            let _outer = tracing::info_span!("outer", job.id = "7", attempt = 1).entered();
            let _inner = tracing::info_span!("inner", attempt = 2).entered();
            tracing::info!(rows = 3, "done");
        });
        let line = lines[0].as_object().unwrap();
        assert_eq!(line["message"], "done");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["service"], "scheduler-test");
        assert_eq!(line["pod"], "pod-1");
        assert_eq!(line["job.id"], "7");
        assert_eq!(line["attempt"], 2, "the inner span's field wins");
        assert_eq!(line["rows"], 3);
        assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
        assert_eq!(line["span_id"].as_str().unwrap().len(), 16);
        assert!(line.values().all(|value| !value.is_object()));
    }

    #[test]
    fn hostile_text_stays_inside_its_field_and_cannot_pose_as_another() {
        let hostile = "x\n{\"level\":\"ERROR\"}\u{1b}[31m";
        let lines = logged(|| tracing::info!(service = "forged", reason = hostile, "refused"));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["reason"], hostile);
        assert_eq!(lines[0]["service"], "scheduler-test");
        assert!(lines[0].get("trace_id").is_none(), "no span, no trace");
    }
}
