//! What is measured of a run besides its history: what may be there before the first fault, and must not have grown at the end (L6).

use std::time::Duration;

use anyhow::Result;
use scheduler_client::{Client, ClientOptions};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::history::Recorder;
use crate::site::Site;

/// Files and memory of each process, under load.
pub(super) fn while_calm(site: &Site, recorder: &Recorder) {
    recorder.sample(Value::Object(usage(site)));
}

/// The same when all has come to rest, and what stays behind in the database and in Redis. What is on its way out is given this long.
///
/// # Errors
/// The site does not answer.
pub(super) async fn at_rest(site: &Site, recorder: &Recorder, patience: Duration) -> Result<()> {
    let client = Client::connect(ClientOptions::new(site.gateway())).await?;
    let begun = Instant::now();
    let (mut stuck, mut orphans);
    loop {
        stuck = in_transaction(site).await?;
        orphans = in_queue(&client).await?;
        if (stuck, orphans) == (0, 0) || begun.elapsed() > patience {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    let mut sample = usage(site);
    sample.insert("idle_in_transaction".to_owned(), json!(stuck));
    sample.insert("orphan_keys".to_owned(), json!(orphans));
    recorder.sample(Value::Object(sample));
    Ok(())
}

fn usage(site: &Site) -> Map<String, Value> {
    let mut sample = Map::new();
    for member in &site.members {
        if let Some((files, memory)) = member.usage() {
            sample.insert(format!("{}.fds", member.name), json!(files));
            sample.insert(format!("{}.rss_kib", member.name), json!(memory));
        }
    }
    sample
}

/// Connections that are idle in a transaction.
async fn in_transaction(site: &Site) -> Result<i64> {
    site.count(
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()",
    )
    .await
}

/// What is still ready, delayed or leased although no job is open.
async fn in_queue(client: &Client) -> Result<i64> {
    let queues = client.queues().await?;
    let ready: i64 = queues.queues.iter().map(|queue| queue.ready).sum();
    Ok(ready + queues.delayed + queues.running + queues.buffered)
}
