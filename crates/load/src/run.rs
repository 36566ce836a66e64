//! A run from its beginning to its summary.

mod tell;
mod tick;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use scheduler_client::{Client, ClientOptions, Error, Timestamp};
use scheduler_domain::{Clock, Entropy};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backlog::Gauge;
use crate::follow::{Chase, Followed};
use crate::idle::{self, Idle};
use crate::ids::Ids;
use crate::ledger::Ledger;
use crate::plan::{Mode, Naming, Plan};
use crate::random::Random;
use crate::report::Report;
use crate::sender::{self, Desk};
use crate::series::Phase;
use crate::stats::{Gauges, Outcome, Recorder};
use crate::summary::Summary;
use crate::transport::{self, Transport};
use crate::view::View;
use tick::Ticker;

/// What a run takes from outside.
#[derive(Debug, Clone)]
pub struct Seams {
    /// Tells the time of day.
    pub clock: Arc<dyn Clock>,
    /// Marks the run's ids.
    pub entropy: Arc<dyn Entropy>,
}

/// How a run is told to end early. Its summary is written nevertheless.
#[derive(Debug, Clone, Default)]
pub struct Stops {
    /// Send no more; follow what was sent.
    pub sending: CancellationToken,
    /// Follow no more.
    pub following: CancellationToken,
}

/// Carries out `plan`.
///
/// # Errors
/// [`Error::Address`], and [`Error::Unavailable`] when nobody answers there at the beginning. Whatever fails later is
/// part of the summary.
pub async fn run(
    plan: &Plan,
    seams: &Seams,
    stops: &Stops,
    view: &mut dyn View,
    report: &mut Report,
) -> Result<Summary, Error> {
    let client = transport::connect(plan).await?;
    let reader = reader(plan).await?;
    let backlog = Gauge::default();
    if let Err(error) = reader.queues().await
        && error.is_connection()
    {
        return Err(error);
    }
    let before = backlog.ask(&reader).await.unwrap_or_default();

    let started_at = seams.clock.now();
    let ids = Ids::new(started_at, mark(&*seams.entropy), plan.batch);
    let ledger = (plan.mode == Mode::EndToEnd).then(|| match plan.naming {
        Naming::Client => Ledger::of(ids),
        Naming::Server => Ledger::of_unknown(),
    });
    let desk = Arc::new(Desk {
        transport: Transport::new(client.clone(), plan, ids),
        recorder: Mutex::new(Recorder::default()),
        gauges: Gauges::default(),
        ledger: ledger.map(Mutex::new),
        began: Instant::now(),
        stop: stops.sending.clone(),
    });
    report.begin(started_at);
    let mut ticker = Ticker::new(plan, Arc::clone(&desk), &backlog, before.open(), view, report);
    let mut ran = Ran {
        started_at,
        idle: None,
        followed: None,
    };

    let watched = async {
        let work = async {
            match plan.mode {
                Mode::Latency => ran.idle = Some(singly(plan, seams, &desk, &client, &reader).await),
                Mode::Submit | Mode::EndToEnd => sender::send(&desk, plan).await,
            }
        };
        ticker.along(Phase::Send, Box::pin(work)).await;
        ticker.sent();
        if let Some(ledger) = &desk.ledger {
            let chase = Chase {
                client: &reader,
                ledger,
                backlog: &backlog,
                began: started_at,
                queue: plan.content.queue.clone(),
                times: plan.times,
                deadline: Instant::now() + plan.drain_timeout,
                stop: &stops.following,
            };
            ran.followed = Some(ticker.along(Phase::Follow, Box::pin(chase.run())).await);
        }
        ticker.end()
    };
    let measured = tokio::select! {
        measured = Box::pin(watched) => measured,
        never = backlog.watch(&reader) => match never {},
    };
    let summary = tell::summary(plan, &desk, &ran, &measured, seams.clock.now());
    report.jobs(ran.followed.map(|followed| followed.times).unwrap_or_default());
    Ok(summary)
}

/// What the phases brought.
#[derive(Debug)]
struct Ran {
    started_at: Timestamp,
    idle: Option<Idle>,
    followed: Option<Followed>,
}

/// A client for asking, which is patient where the one for sending is not.
async fn reader(plan: &Plan) -> Result<Client, Error> {
    Client::connect(ClientOptions {
        request_timeout: plan.deadline.max(Duration::from_secs(30)),
        user_agent: plan.user_agent.clone(),
        ..ClientOptions::new(plan.address.clone())
    })
    .await
}

fn mark(entropy: &dyn Entropy) -> u32 {
    let mut bytes = [0; 4];
    entropy.fill(&mut bytes);
    u32::from_le_bytes(bytes)
}

/// Submits one job after the other.
async fn singly(plan: &Plan, seams: &Seams, desk: &Desk, client: &Client, reader: &Client) -> Idle {
    let mut idle = Idle::default();
    let mut random = Random::at(plan.content.seed, 0);
    for _ in 0..plan.jobs.unwrap_or_default() {
        if desk.stop.is_cancelled() {
            break;
        }
        desk.gauges
            .offered
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let sent = Instant::now();
        let submitted = client.submit(idle::job(&plan.content.queue)).await;
        let (took, acknowledged) = (sent.elapsed(), idle::now(&*seams.clock));
        let mut outcome = Outcome {
            latency: took,
            service: took,
            ..Outcome::default()
        };
        let failure = match submitted {
            Ok(reply) => {
                outcome.accepted = 1;
                outcome.served_by.clone_from(&reply.served_by);
                let followed = idle.follow(reader, &reply.job_id, acknowledged, &mut random, &desk.stop);
                followed.await.err()
            }
            Err(error) => {
                outcome.failed = true;
                Some(error)
            }
        };
        if let Some(error) = &failure {
            let answer = transport::failed(error, u64::from(outcome.failed));
            outcome.refused = answer.outcome.refused;
        }
        let message = || failure.map(|error| error.to_string()).unwrap_or_default();
        sender::locked(&desk.recorder).record(outcome, message);
    }
    idle
}
