//! `externalscaler.ExternalScaler`: what KEDA asks in order to scale workers, on a port of its own.
//!
//! KEDA needs no way into Redis or the database for it. While the load cannot be read, the answer is an error and never "none":
//! KEDA then does what its `fallback` says, and takes no worker away.

mod metadata;
mod serve;
mod stream;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::Invalid;
use scheduler_engine::{Engine, Load, Signal, desired_workers};
use scheduler_proto::externalscaler as wire;
use scheduler_proto::externalscaler::external_scaler_server::ExternalScaler;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

use crate::error::Error;
use crate::metrics;
#[cfg(test)]
pub(crate) use metadata::KEYS;
use metadata::Metric;
pub(crate) use metadata::Trigger;

pub use serve::serve_scaler;

/// How old the figures may be: KEDA's calls come in pairs, and one reading does for both.
const AGE: Duration = Duration::from_millis(200);
/// Streams at once: one for each trigger in the cluster.
const MOST_STREAMS: usize = 1_000;

/// Serves KEDA.
#[derive(Clone)]
pub(crate) struct Scaler {
    engine: Engine,
    streams: Arc<Semaphore>,
    closing: CancellationToken,
    calls: TaskTracker,
    timeout: Duration,
}

impl Scaler {
    fn new(engine: Engine, timeout: Duration, closing: CancellationToken) -> Self {
        Self {
            engine,
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            closing,
            calls: TaskTracker::new(),
            timeout,
        }
    }

    /// Bounds a call in time and counts it under `method`.
    async fn serve<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<Response<T>, Status> {
        let _call = self.calls.token();
        let begun = tokio::time::Instant::now();
        let answer = tokio::time::timeout(self.timeout, call)
            .await
            .unwrap_or(Err(Error::Deadline));
        metrics::served(method, answer.is_ok(), begun.elapsed());
        answer.map(Response::new).map_err(Status::from)
    }

    async fn is_active(&self, trigger: &Trigger) -> Result<bool, Error> {
        let signal = self.engine.signal(AGE).await?;
        Ok(trigger.is_active(&signal.select(&trigger.selection)))
    }

    async fn metrics(&self, request: &wire::GetMetricsRequest) -> Result<wire::GetMetricsResponse, Error> {
        let trigger = trigger(request.scaled_object_ref.as_ref())?;
        let name = trigger.metric.name();
        if request.metric_name != name {
            return Err(
                Invalid::new("metricName", format!("must be {name}, as in the metric's spec")).into(),
            );
        }
        let value = trigger.value(&*self.engine.signal(AGE).await?);
        Ok(wire::GetMetricsResponse {
            metric_values: vec![wire::MetricValue {
                metric_name: name.to_owned(),
                metric_value: up(value),
                metric_value_float: value,
            }],
        })
    }
}

/// What a ScaledObject's trigger asks for.
fn trigger(object: Option<&wire::ScaledObjectRef>) -> Result<Trigger, Error> {
    let none = HashMap::new();
    let metadata = object.map_or(&none, |object| &object.scaler_metadata);
    Trigger::parse(metadata).map_err(Error::Invalid)
}

impl Trigger {
    /// Whether there should be any workers: work that runs keeps its worker, however little waits.
    fn is_active(&self, lines: &[Load]) -> bool {
        let sum = |count: fn(&Load) -> u64| lines.iter().map(count).sum::<u64>();
        sum(|line| line.figures.running) > 0 || sum(|line| line.figures.ready) > self.activation
    }

    fn value(&self, signal: &Signal) -> f64 {
        let lines = signal.select(&self.selection);
        match self.metric {
            Metric::DesiredWorkers => float(desired_workers(&lines, &self.aim(signal))),
            Metric::Ready => lines
                .iter()
                .map(|line| float(line.figures.ready + line.figures.running))
                .sum(),
            Metric::OldestAge => {
                let oldest = lines.iter().filter_map(|line| line.figures.oldest).max();
                oldest.unwrap_or_default().as_secs_f64()
            }
        }
    }
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
fn float(count: u64) -> f64 {
    count as f64
}

/// To the next whole number, for a KEDA that knows no others.
#[expect(clippy::cast_possible_truncation, reason = "`as` holds at the ends of i64")]
fn up(value: f64) -> i64 {
    value.ceil() as i64
}

#[tonic::async_trait]
impl ExternalScaler for Scaler {
    async fn is_active(
        &self,
        request: Request<wire::ScaledObjectRef>,
    ) -> Result<Response<wire::IsActiveResponse>, Status> {
        let call = async {
            let trigger = trigger(Some(request.get_ref()))?;
            let result = self.is_active(&trigger).await?;
            Ok(wire::IsActiveResponse { result })
        };
        self.serve("IsActive", call).await
    }

    type StreamIsActiveStream = stream::Activity;

    async fn stream_is_active(
        &self,
        request: Request<wire::ScaledObjectRef>,
    ) -> Result<Response<stream::Activity>, Status> {
        let call = async { self.watch(trigger(Some(request.get_ref()))?) };
        self.serve("StreamIsActive", call).await
    }

    async fn get_metric_spec(
        &self,
        request: Request<wire::ScaledObjectRef>,
    ) -> Result<Response<wire::GetMetricSpecResponse>, Status> {
        let call = async {
            let trigger = trigger(Some(request.get_ref()))?;
            Ok(wire::GetMetricSpecResponse {
                metric_specs: vec![wire::MetricSpec {
                    metric_name: trigger.metric.name().to_owned(),
                    target_size: up(trigger.target),
                    target_size_float: trigger.target,
                }],
            })
        };
        self.serve("GetMetricSpec", call).await
    }

    async fn get_metrics(
        &self,
        request: Request<wire::GetMetricsRequest>,
    ) -> Result<Response<wire::GetMetricsResponse>, Status> {
        self.serve("GetMetrics", self.metrics(request.get_ref())).await
    }

    type StreamMetricSpecStream = futures::stream::Empty<Result<wire::GetMetricSpecResponse, Status>>;

    /// Targets come from the metadata and do not change: KEDA falls back to GetMetricSpec.
    async fn stream_metric_spec(
        &self,
        _: Request<wire::ScaledObjectRef>,
    ) -> Result<Response<Self::StreamMetricSpecStream>, Status> {
        Err(Status::unimplemented("targets do not change; ask GetMetricSpec"))
    }
}
