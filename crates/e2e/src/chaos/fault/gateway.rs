//! What the gateway does to calls, and what it does when those behind it fail.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use scheduler_client::{Client, ClientOptions, JobRequest, State};
use tokio::time::{Instant, sleep, timeout};

use super::rest;
use crate::history::RecordingClient;
use crate::site::{Launch, Member, Role, Site};
use crate::{Dice, answering};

/// Callers that read at the same time: so many that a fifth of their calls is more than the retries that are always allowed.
const READERS: usize = 250;
/// The gateway's budget: a fifth of what is under way may be retries, so that of five calls under way four are somebody's.
const MOST_ATTEMPTS: f64 = 1.25;
/// What is under way when counters are read, and what rounds.
const SLACK: f64 = 0.1;

/// Connections to and from the gateway get old after two seconds, in the middle of calls and of streams.
pub(super) async fn connections_age(site: &Site, dice: &Dice) -> Result<()> {
    let ages = [
        // Toward clients; what is still under way a second later is cut.
        (
            "stat_prefix: grpc",
            "stat_prefix: grpc\n                drain_timeout: 1s",
        ),
        (
            "idle_timeout: 3600s",
            "idle_timeout: 3600s\n                  max_connection_duration: 2s",
        ),
        // Toward APIs.
        (
            "explicit_http_config:",
            "common_http_protocol_options: {max_connection_duration: 2s}\n          explicit_http_config:",
        ),
    ];
    through(site, dice, &ages, "http.grpc.downstream_cx_max_duration_reached").await
}

/// The gateway ends every stream after two seconds.
pub(super) async fn streams_cut(site: &Site, dice: &Dice) -> Result<()> {
    let short = [(
        "timeout: 0s\n                            idle_timeout: 0s",
        "timeout: 2s\n                            idle_timeout: 2s",
    )];
    through(site, dice, &short, "cluster.api.upstream_rq_timeout").await
}

/// Whoever watches a job sees its end, and no other call fails, through a gateway that is configured so, and that counts this.
async fn through(site: &Site, dice: &Dice, changes: &[(&str, &str)], counter: &str) -> Result<()> {
    site.envoy.kill()?;
    site.envoy.launch_with(changes)?;
    answering(site.envoy.port).await?;
    let client = site.caller("watches").await?;
    let patient = Client::connect(ClientOptions::new(site.gateway())).await?;
    let until = Instant::now() + dice.within(Duration::from_secs(8)..Duration::from_secs(12));
    let (watched, called) = tokio::join!(
        join_all((0..20).map(|_| watching(client.another(), dice))),
        join_all((0..4).map(|_| calling(&patient, dice, until)))
    );
    let counted = site.envoy.stat(counter).await?;
    site.envoy.kill()?;
    site.envoy.launch()?;
    let failed: Vec<String> = called.iter().flat_map(|(_, failed)| failed.clone()).collect();
    site.notes.add(counter, counted);
    site.notes
        .add("calls meanwhile", called.iter().map(|(calls, _)| calls).sum());
    site.notes.add(
        "watches that saw the end",
        watched.iter().flatten().count() as u64,
    );
    ensure!(counted > 0, "{counter} is 0");
    for watched in watched {
        watched?;
    }
    ensure!(
        failed.is_empty(),
        "{} calls failed: {:?}",
        failed.len(),
        failed.first()
    );
    Ok(())
}

/// Watches a job that takes longer than streams and connections live.
async fn watching(mut client: RecordingClient, dice: &Dice) -> Result<()> {
    let later = dice.within(Duration::from_secs(3)..Duration::from_secs(8));
    let id = client.submit(JobRequest::new("noop").delay(later)).await?.job_id;
    let mut watch = client.watch(&id);
    let seen = async {
        let mut last = None;
        while let Some(event) = watch.next().await {
            last = Some(event?.state);
        }
        Ok::<_, scheduler_client::Error>(last)
    };
    let last = timeout(Duration::from_secs(40), seen).await??;
    let last = last.and_then(State::from_number);
    ensure!(
        last == Some(State::Succeeded),
        "whoever watched job {id} saw {last:?} last"
    );
    Ok(())
}

/// How many calls it made, and what those that failed were told. A client as it is given to users: what a connection that ends leaves
/// open it asks again.
async fn calling(client: &Client, dice: &Dice, until: Instant) -> (u64, Vec<String>) {
    let (mut calls, mut failed) = (0, Vec::new());
    while Instant::now() < until {
        calls += 2;
        match client.submit(JobRequest::new("noop")).await {
            Ok(submitted) => {
                if let Err(error) = client.get(&submitted.job_id).await {
                    failed.push(format!("get: {error}"));
                }
            }
            Err(error) => failed.push(format!("submit: {error}")),
        }
        sleep(dice.within(Duration::from_millis(1)..Duration::from_millis(60))).await;
    }
    (calls, failed)
}

/// One API fails half of its reads; then all of them fail all. The gateway's retries must not multiply what is asked of them.
pub(super) async fn hosts_fail(site: &Site, dice: &Dice) -> Result<()> {
    let apis: Vec<&Member> = site.of(Role::Api).collect();
    let one = *dice.pick(&apis).context("a site has APIs")?;
    one.restart_as(failing(2)).await?;
    rest(dice, 3_000, 5_000).await;
    let client = site.caller("reads").await?;
    let id = client.another().submit(JobRequest::new("noop")).await?.job_id;
    for api in &apis {
        api.restart_as(failing(1)).await?;
    }
    let told = many_read(site, dice, &client, &id).await;
    for api in &apis {
        api.restart().await?;
    }
    told
}

/// So many of its reads fail: each, one of two.
fn failing(every: u64) -> Launch {
    Launch::with(&[("HARNESS_FAIL_EVERY", every.to_string())])
}

/// Reads, and compares what was asked of the gateway with what it asked of the APIs.
async fn many_read(site: &Site, dice: &Dice, client: &RecordingClient, id: &str) -> Result<()> {
    let before = Counters::read(site).await?;
    let until = Instant::now() + dice.within(Duration::from_secs(6)..Duration::from_secs(9));
    join_all((0..READERS).map(|_| async {
        while Instant::now() < until {
            let _ = client.another().get(id).await;
        }
    }))
    .await;
    let after = Counters::read(site).await?;

    let asked = after.asked - before.asked;
    let attempts = after.attempts - before.attempts;
    let refused = after.refused - before.refused;
    site.notes.add("calls while all hosts failed", asked);
    site.notes.add("attempts of the gateway at them", attempts);
    site.notes.add("retries that its budget refused", refused);
    ensure!(
        refused > 0,
        "the budget was never used up: {asked} calls, {attempts} attempts"
    );
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let times = attempts as f64 / asked.max(1) as f64;
    ensure!(
        times <= MOST_ATTEMPTS + SLACK,
        "the gateway made {attempts} attempts at {asked} calls: {times:.2} times as many"
    );
    Ok(())
}

/// What the gateway counted.
struct Counters {
    asked: u64,
    attempts: u64,
    refused: u64,
}

impl Counters {
    async fn read(site: &Site) -> Result<Self> {
        Ok(Self {
            asked: site.envoy.stat("http.grpc.downstream_rq_total").await?,
            attempts: site.envoy.stat("cluster.api.upstream_rq_total").await?,
            refused: site.envoy.stat("cluster.api.upstream_rq_retry_overflow").await?,
        })
    }
}
