//! Between the installation and the load: every run begins with pods that stand still, and with an empty scheduler.

use std::time::Duration;

use scheduler_client::{Client, ClientOptions};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::error::Error;
use crate::plan::Plan;
use crate::sample::LOOK;
use crate::view::{Now, View};

/// Longest wait for the first answer at the gateway.
const FIRST_ANSWER: Duration = Duration::from_secs(60);

/// Waits until the scheduler answers, is empty, and its pods have stood still for as long as the plan asks for, at their
/// least where there is an autoscaler. When the pods do not come to rest in time, that is a note.
///
/// # Errors
/// When nobody answers, or there are jobs of somebody else's.
pub(super) async fn settle(
    plan: &Plan,
    cluster: &dyn Cluster,
    address: &str,
    view: &mut dyn View,
) -> Result<Option<String>, Error> {
    let client = answering(address).await?;
    let least = cluster.least().await?;
    let deadline = Instant::now() + plan.settle_timeout;
    let mut still: Option<(Vec<crate::cluster::Component>, Instant)> = None;
    loop {
        let components = cluster.observe().await?;
        let open = open_jobs(&client).await?;
        view.tick(&Now {
            components: components.clone(),
            ready: Some(open),
            ..Now::default()
        });
        let unrested = components.iter().find(|component| {
            let fewest = least.get(&component.name);
            component.ready != component.wanted
                || component.pods != component.wanted
                || fewest.is_some_and(|fewest| component.wanted != *fewest)
        });
        let now = Instant::now();
        match &still {
            _ if open > 0 || unrested.is_some() => still = None,
            Some((before, since)) if *before == components => {
                if now.duration_since(*since) >= plan.settle {
                    return Ok(None);
                }
            }
            _ if plan.settle.is_zero() => return Ok(None),
            _ => still = Some((components.clone(), now)),
        }
        if now >= deadline {
            if open > 0 {
                return Err(Error::Failed {
                    what: "waiting for an empty scheduler".to_owned(),
                    said: format!(
                        "{open} jobs are open that are not this run's: its database is not a fresh one"
                    ),
                });
            }
            let which = unrested.map_or("the pods".to_owned(), |component| {
                format!(
                    "{} ({} of {} ready)",
                    component.name, component.ready, component.wanted
                )
            });
            return Ok(Some(format!(
                "{which} had not come to rest within {:?} when the load began",
                plan.settle_timeout
            )));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn answering(address: &str) -> Result<Client, Error> {
    let options = ClientOptions {
        attempts: 1,
        request_timeout: Duration::from_secs(5),
        ..ClientOptions::new(address)
    };
    let failed = |error: scheduler_client::Error| Error::Failed {
        what: format!("calling the scheduler at {address}"),
        said: error.to_string(),
    };
    let client = Client::connect(options).await.map_err(failed)?;
    let deadline = Instant::now() + FIRST_ANSWER;
    loop {
        match client.queues().await {
            Ok(_) => return Ok(client),
            Err(error) if Instant::now() >= deadline => return Err(failed(error)),
            Err(_) => tokio::time::sleep(LOOK / 2).await,
        }
    }
}

async fn open_jobs(client: &Client) -> Result<u64, Error> {
    let queues = client.queues().await.map_err(|error| Error::Failed {
        what: "asking for the queues".to_owned(),
        said: error.to_string(),
    })?;
    let ready: i64 = queues.queues.iter().map(|queue| queue.ready).sum();
    Ok(u64::try_from(ready + queues.running + queues.delayed).unwrap_or_default())
}
