//! What KEDA sees: a client made from its own contract, over a real socket, with the queue in memory and in Redis.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use scheduler_api::{Limits, serve_scaler};
use scheduler_domain::{JobOptions, JobSpec, JobType, Priority, QueueName, WorkerId};
use scheduler_engine::{Engine, Keep, Session, Submission, Taken, connect, upkeep};
use scheduler_proto::externalscaler::external_scaler_client::ExternalScalerClient;
use scheduler_proto::externalscaler::{GetMetricsRequest, IsActiveResponse, MetricSpec, ScaledObjectRef};
use scheduler_queue::Served;
use scheduler_service::config::Config;
use scheduler_service::shutdown::Stop;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

/// Much longer than anything takes, on any machine.
const LONG: Duration = Duration::from_secs(20);

type Client = ExternalScalerClient<Channel>;

struct World {
    engine: Engine,
    client: Client,
    stop: Stop,
    served: JoinHandle<anyhow::Result<()>>,
    redis: Option<Redis>,
}

/// A server that does not outlive its test.
struct Redis(Child, tempfile::TempDir);

impl Redis {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let args = [
            "--port",
            "0",
            "--save",
            "",
            "--unixsocket",
            "socket",
            "--dir",
            ".",
        ];
        let child = Command::new("redis-server")
            .args(args)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            // Past the test harness, which would keep it to itself.
            let _ = writeln!(std::io::stderr(), "SKIPPED: redis-server is not installed");
            return None;
        };
        Some(Self(child, folder))
    }

    fn end(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl World {
    async fn in_memory() -> Self {
        let engine = connect(&Config::default(), Keep::InMemory, Keep::InMemory, "api-0").await;
        Self::with(engine.unwrap(), None).await
    }

    async fn in_redis() -> Option<Self> {
        let redis = Redis::start()?;
        let mut config = Config::default();
        let socket = redis.1.path().join("socket");
        config.redis.url = Some(format!("redis+unix://{}", socket.display()).into());
        config.redis.command_timeout = Duration::from_secs(1);
        let engine = connect(&config, Keep::InMemory, Keep::Configured, "api-0")
            .await
            .unwrap();
        let answers = async {
            while engine.ping_queue().await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, answers).await.unwrap();
        Some(Self::with(engine, Some(redis)).await)
    }

    async fn with(engine: Engine, redis: Option<Redis>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::default();
        let limits = Limits {
            drain_grace: Duration::ZERO,
            ..Limits::default()
        };
        let server = serve_scaler(listener, engine.clone(), "api-0".to_owned(), limits, stop.clone());
        let served = tokio::spawn(server);
        let client = Client::connect(format!("http://{address}")).await.unwrap();
        Self {
            engine,
            client,
            stop,
            served,
            redis,
        }
    }

    async fn submit(&self, jobs: usize, change: impl Fn(&mut JobSpec)) {
        let submission = |_| {
            let mut spec = JobSpec {
                job_type: JobType::parse("send").unwrap(),
                queue: QueueName::parse("mail").unwrap(),
                priority: Priority::Default,
                payload: "{}".to_owned(),
                max_attempts: 3,
                options: JobOptions::default(),
            };
            change(&mut spec);
            Submission {
                id: None,
                key: None,
                spec,
                trace: None,
            }
        };
        for answer in self
            .engine
            .submit((0..jobs).map(submission).collect())
            .await
            .unwrap()
        {
            answer.unwrap();
        }
    }

    fn worker(&self) -> Session {
        let name = WorkerId::new("w", self.engine.entropy().uuid());
        self.engine.session(name, Served::All)
    }

    async fn is_active(&mut self, metadata: &[(&str, &str)]) -> Result<bool, Status> {
        let answer = self.client.is_active(object(metadata)).await?;
        Ok(answer.into_inner().result)
    }

    async fn stream(&mut self, metadata: &[(&str, &str)]) -> Streaming<IsActiveResponse> {
        let stream = self.client.stream_is_active(object(metadata)).await.unwrap();
        stream.into_inner()
    }

    async fn spec(&mut self, metadata: &[(&str, &str)]) -> Result<MetricSpec, Status> {
        let answer = self.client.get_metric_spec(object(metadata)).await?;
        let mut specs = answer.into_inner().metric_specs;
        assert_eq!(specs.len(), 1);
        Ok(specs.remove(0))
    }

    /// As KEDA does: by the name that the spec has.
    async fn value(&mut self, metadata: &[(&str, &str)]) -> Result<f64, Status> {
        let metric_name = self.spec(metadata).await?.metric_name;
        let request = GetMetricsRequest {
            scaled_object_ref: Some(object(metadata)),
            metric_name: metric_name.clone(),
        };
        let values = self.client.get_metrics(request).await?.into_inner().metric_values;
        assert_eq!(values.len(), 1);
        assert_eq!(values[0].metric_name, metric_name);
        let (whole, float) = (values[0].metric_value, values[0].metric_value_float);
        assert!((0.0..1.0).contains(&(f64::from(i32::try_from(whole).unwrap()) - float)));
        Ok(float)
    }

    /// Until the figures, which are up to a second old, are so.
    async fn until(&mut self, metadata: &[(&str, &str)], holds: impl Fn(f64) -> bool) -> f64 {
        let found = async {
            loop {
                let value = self.value(metadata).await.unwrap();
                if holds(value) {
                    return value;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(LONG, found).await.unwrap()
    }
}

fn object(metadata: &[(&str, &str)]) -> ScaledObjectRef {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let mut scaler_metadata: HashMap<String, String> = metadata.iter().map(own).collect();
    // KEDA hands its own on.
    scaler_metadata.insert("scalerAddress".to_owned(), "api:8082".to_owned());
    ScaledObjectRef {
        name: "workers".to_owned(),
        namespace: "default".to_owned(),
        scaler_metadata,
    }
}

async fn said(stream: &mut Streaming<IsActiveResponse>) -> Result<Option<bool>, Status> {
    let message = timeout(LONG, stream.message()).await.unwrap();
    Ok(message?.map(|message| message.result))
}

async fn take(session: &Session) -> Taken {
    let never = CancellationToken::new();
    let taken = timeout(LONG, session.next(1, &never)).await.unwrap();
    taken.into_iter().next().unwrap()
}

/// Runs a test on both queues.
macro_rules! on_both {
    ($($name:ident),*) => {
        mod memory {$(
            #[tokio::test]
            async fn $name() {
                super::$name(super::World::in_memory().await).await;
            }
        )*}
        mod redis {$(
            #[tokio::test]
            async fn $name() {
                if let Some(world) = super::World::in_redis().await {
                    super::$name(world).await;
                }
            }
        )*}
    };
}

on_both!(
    the_first_job_wakes_within_a_second_and_is_no_reason_to_wake_other_queues,
    work_that_runs_is_demand,
    the_metrics_follow_the_backlog,
    delayed_jobs_are_no_demand_until_they_are_due
);

async fn the_first_job_wakes_within_a_second_and_is_no_reason_to_wake_other_queues(mut world: World) {
    let mut all = world.stream(&[]).await;
    let mut mail = world.stream(&[("queue", "mail"), ("priority", "default")]).await;
    let mut other = world.stream(&[("queue", "bulk")]).await;
    let mut patient = world.stream(&[("activation", "5")]).await;
    for stream in [&mut all, &mut mail, &mut other, &mut patient] {
        assert_eq!(said(stream).await.unwrap(), Some(false));
    }
    world.submit(1, |_| {}).await;
    let begun = Instant::now();
    assert_eq!(said(&mut all).await.unwrap(), Some(true));
    assert_eq!(said(&mut mail).await.unwrap(), Some(true));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(!world.is_active(&[("queue", "bulk")]).await.unwrap());
    assert!(!world.is_active(&[("activation", "1")]).await.unwrap());
    world.submit(5, |_| {}).await;
    assert_eq!(said(&mut patient).await.unwrap(), Some(true));
    // That there is work is said again.
    assert_eq!(said(&mut all).await.unwrap(), Some(true));
    assert!(timeout(Duration::from_millis(1), other.message()).await.is_err());
}

async fn work_that_runs_is_demand(mut world: World) {
    let session = world.worker();
    session.opens(4);
    world.submit(1, |_| {}).await;
    let taken = take(&session).await;
    let running = session.counts(&taken.job.spec);
    let mail = &[("queue", "mail"), ("metric", "ready"), ("type", "send")][..];
    world.until(mail, |value| value == 1.0).await;
    assert!(
        world.is_active(&[]).await.unwrap(),
        "nothing is ready, but something runs"
    );
    assert!(world.is_active(&[("activation", "100")]).await.unwrap());
    assert!(!world.is_active(&[("queue", "bulk")]).await.unwrap());
    assert_eq!(world.value(&[("metric", "desired_workers")]).await.unwrap(), 1.0);
    running.ended(Duration::from_millis(200));
    drop(running);
    session.forget(&taken.entry);
    world.until(&[("metric", "ready")], |value| value == 0.0).await;
    assert!(!world.is_active(&[]).await.unwrap());
    session.retire().await;
}

async fn the_metrics_follow_the_backlog(mut world: World) {
    world.submit(300, |_| {}).await;
    world.submit(100, |spec| spec.priority = Priority::Low).await;
    world.until(&[("metric", "ready")], |value| value == 400.0).await;
    let low = &[("metric", "ready"), ("priority", "low")][..];
    world.until(low, |value| value == 100.0).await;
    let age = &[("metric", "oldest_age")][..];
    assert!(world.until(age, |value| value > 0.1).await < 20.0);
    // 400 jobs of 6 s in 60 s on pools of 20: two workers, and what their arrival as a rate adds.
    let aim = &[("runSeconds", "6"), ("drainSeconds", "60"), ("poolSize", "20")][..];
    world.until(aim, |value| value > 2.0).await;
    let spec = world
        .spec(&[("metric", "ready"), ("targetValue", "7.5")])
        .await
        .unwrap();
    assert_eq!(
        (
            spec.metric_name.as_str(),
            spec.target_size,
            spec.target_size_float
        ),
        ("ready", 8, 7.5)
    );
}

async fn delayed_jobs_are_no_demand_until_they_are_due(mut world: World) {
    let stop = CancellationToken::new();
    let upkeep = tokio::spawn(upkeep::run(world.engine.clone(), "test".to_owned(), stop.clone()));
    let at = |wait| {
        Some(scheduler_domain::clock::add(
            world.engine.clock().now(),
            Duration::from_millis(wait),
        ))
    };
    let (soon, later) = (at(1_500), at(3_600_000));
    world.submit(3, |spec| spec.options.run_at = soon).await;
    world.submit(5, |spec| spec.options.run_at = later).await;
    assert!(!world.is_active(&[]).await.unwrap());
    world.until(&[("metric", "ready")], |value| value == 3.0).await;
    assert!(world.is_active(&[]).await.unwrap());
    let rates = world.engine.signal(Duration::ZERO).await.unwrap();
    assert_eq!(rates.lines[0].figures.ready, 3);
    stop.cancel();
    upkeep.await.unwrap();
}

#[tokio::test]
async fn bad_metadata_is_refused_by_every_call_with_the_name_of_its_key() {
    let mut world = World::in_memory().await;
    let bad = &[("poolSize", "0"), ("drainSecs", "5")][..];
    let mut refusals = vec![
        world.is_active(bad).await.unwrap_err(),
        world.spec(bad).await.unwrap_err(),
        world.client.stream_is_active(object(bad)).await.unwrap_err(),
    ];
    let request = GetMetricsRequest {
        scaled_object_ref: Some(object(bad)),
        metric_name: "desired_workers".to_owned(),
    };
    refusals.push(world.client.get_metrics(request).await.unwrap_err());
    for refusal in refusals {
        assert_eq!(refusal.code(), Code::InvalidArgument);
        for words in [
            "metadata.poolSize: must be a whole number from 1 to 10000",
            "metadata.drainSecs: is not a key",
        ] {
            assert!(refusal.message().contains(words), "{refusal:?}");
        }
    }
    let request = GetMetricsRequest {
        scaled_object_ref: Some(object(&[])),
        metric_name: "cpu".to_owned(),
    };
    let refusal = world.client.get_metrics(request).await.unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument);
    assert!(
        refusal.message().contains("metricName: must be desired_workers"),
        "{refusal:?}"
    );
    let refusal = world.client.stream_metric_spec(object(&[])).await.unwrap_err();
    assert_eq!(refusal.code(), Code::Unimplemented);
}

#[tokio::test]
async fn without_redis_the_answer_is_an_error_and_not_none() {
    let Some(mut world) = World::in_redis().await else {
        return;
    };
    let mut stream = world.stream(&[]).await;
    assert_eq!(said(&mut stream).await.unwrap(), Some(false));
    world.redis.as_mut().unwrap().end();
    assert_eq!(said(&mut stream).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(world.is_active(&[]).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(world.value(&[]).await.unwrap_err().code(), Code::Unavailable);
    let mut again = world.stream(&[]).await;
    assert_eq!(said(&mut again).await.unwrap_err().code(), Code::Unavailable);
    // What does not depend on it is still answered: KEDA builds the HPA from it.
    assert_eq!(world.spec(&[]).await.unwrap().target_size, 1);
}

#[tokio::test]
async fn a_drain_ends_streams_and_the_server() {
    let mut world = World::in_memory().await;
    let mut stream = world.stream(&[]).await;
    assert_eq!(said(&mut stream).await.unwrap(), Some(false));
    world.stop.drain.cancel();
    assert_eq!(said(&mut stream).await.unwrap_err().code(), Code::Unavailable);
    drop(stream);
    timeout(LONG, world.served).await.unwrap().unwrap().unwrap();
}
