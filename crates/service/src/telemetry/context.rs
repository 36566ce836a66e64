//! Trace context as text, for jobs that outlive the request that submitted them.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: &str = "traceparent";

/// The current span as W3C `traceparent`; `None` when no trace is being recorded.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Links `span` to the span that `traceparent` names. The run of a job is linked to its submission and not its child:
/// it may come hours later, and many times. Text that is no `traceparent` is ignored.
pub fn link_traceparent(span: &Span, traceparent: &str) {
    if let Some(context) = parse(traceparent) {
        span.add_link(context.span().span_context().clone());
    }
}

/// Makes `span` a child of the caller's span that `traceparent` names. Call it before `span` is entered; afterwards it
/// has no effect. Text that is no `traceparent` is ignored.
pub fn continue_traceparent(span: &Span, traceparent: &str) {
    if let Some(context) = parse(traceparent) {
        // Refused when the span is filtered out or has begun; neither is worth failing a call for.
        let _ = span.set_parent(context);
    }
}

fn parse(traceparent: &str) -> Option<Context> {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    context.span().span_context().is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracing_subscriber::layer::SubscriberExt;

    const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn recorded(act: impl FnOnce()) -> Vec<opentelemetry_sdk::trace::SpanData> {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), act);
        exporter.get_finished_spans().unwrap()
    }

    #[test]
    fn a_span_is_linked_to_the_one_that_the_text_names() {
        let spans = recorded(|| link_traceparent(&tracing::info_span!("attempt"), REMOTE));
        let link = &spans[0].links.links[0].span_context;
        assert_eq!(link.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(link.span_id().to_string(), "b7ad6b7169203331");
        assert_ne!(
            spans[0].span_context.trace_id(),
            link.trace_id(),
            "a link is no parent"
        );
    }

    #[test]
    fn a_callers_trace_is_continued_and_handed_on() {
        let mut inner = None;
        let spans = recorded(|| {
            let span = tracing::info_span!("rpc");
            continue_traceparent(&span, REMOTE);
            inner = span.in_scope(current_traceparent);
        });
        assert_eq!(
            spans[0].span_context.trace_id().to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert!(inner.unwrap().starts_with("00-0af7651916cd43dd8448eb211c80319c-"));
    }

    #[test]
    fn other_text_and_absent_traces_are_ignored() {
        let spans = recorded(|| {
            let span = tracing::info_span!("attempt");
            for text in [
                "",
                "nonsense",
                "00-00000000000000000000000000000000-0000000000000000-01",
            ] {
                link_traceparent(&span, text);
            }
        });
        assert!(spans[0].links.links.is_empty());
        assert_eq!(current_traceparent(), None);
    }
}
