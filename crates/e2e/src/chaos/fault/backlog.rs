//! Much that is due at one time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use scheduler_client::{Client, ClientOptions, JobRequest};
use sqlx::Connection as _;
use sqlx::types::Uuid;
use tokio::time::{Instant, sleep};

use super::rest;
use crate::site::{Member, Role, Site};
use crate::{Dice, answering};

/// Rows that one statement adds.
const BATCH: usize = 10_000;
/// Rows that a shared machine adds in a second, at least.
const PER_SECOND: u64 = 1_500;
/// No process may have more in memory, KiB, whatever waits.
const MEMORY: u64 = 400 << 10;

/// Everything begins at once and from nothing, with many jobs due.
pub(super) async fn cold_start(site: &Site, dice: &Dice) -> Result<()> {
    site.of(Role::Worker).try_for_each(Member::kill)?;
    fill(site, site.due, Duration::ZERO).await?;
    site.members.iter().try_for_each(Member::kill)?;
    site.envoy.kill()?;
    site.redis.kill()?;
    site.redis.forget()?;
    site.postgres.kill()?;
    rest(dice, 100, 2_000).await;

    // Together, as after an outage of a whole cluster: whoever is up waits for the others.
    site.envoy.launch()?;
    site.members.iter().try_for_each(Member::launch_again)?;
    tokio::try_join!(site.postgres.launch(), site.redis.launch())?;
    let begun = Instant::now();
    answering(site.envoy.port).await?;
    note(site, "ms until a call was answered", begun.elapsed());
    watched(site, Duration::from_secs(20)).await
}

/// Many jobs become due in the same second.
pub(super) async fn due_at_once(site: &Site, _: &Dice) -> Result<()> {
    let needed = Duration::from_secs(5 + site.due as u64 / PER_SECOND);
    let begun = Instant::now();
    fill(site, site.due, needed).await?;
    note(site, "ms until all were stored", begun.elapsed());
    ensure!(begun.elapsed() < needed, "they were due before all were stored");
    watched(site, needed + Duration::from_secs(20)).await
}

fn note(site: &Site, what: &str, time: Duration) {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    site.notes.peak(what, ms);
}

/// Adds so many rows that are due then. Not by calls, which would take minutes: copies of one that was submitted.
async fn fill(site: &Site, count: usize, later: Duration) -> Result<()> {
    // Never due before its copies are there, and of the state that they have.
    let client = Client::connect(ClientOptions::new(site.gateway())).await?;
    let job = JobRequest::new("noop").delay(Duration::from_secs(2));
    let pattern: Uuid = client.submit(job).await?.job_id.parse()?;
    let mut connection = site.aside().await?;
    // As the contract numbers them: queued, or scheduled for later.
    let state: i16 = if later.is_zero() { 1 } else { 8 };
    let due_in = i64::try_from(later.as_millis())?;
    let (due,): (sqlx::types::chrono::DateTime<sqlx::types::chrono::Utc>,) =
        sqlx::query_as("SELECT clock_timestamp() + $1 * INTERVAL '1 millisecond'")
            .bind(due_in)
            .fetch_one(&mut connection)
            .await?;
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        let added = sqlx::query(
            "INSERT INTO jobs (created_at, updated_at, run_at, sequence, epoch, attempts, crashes, max_attempts, shard, priority,
                state, id, type, queue, payload, options)
            SELECT created_at, clock_timestamp(), $2, sequence, 1, 0, 0, max_attempts, get_byte(uuid_send(fresh), 15) & 7, priority,
                $4, fresh, type, queue, payload, options
            FROM jobs, (SELECT gen_random_uuid() AS fresh FROM generate_series(1, $3)) AS many
            WHERE id = $1",
        )
        .bind(pattern)
        .bind(due)
        .bind(i32::try_from(batch)?)
        .bind(state)
        .execute(&mut connection)
        .await
        .context("adding what is due")?;
        ensure!(added.rows_affected() == batch as u64, "the pattern is gone");
        left -= batch;
    }
    connection.close().await?;
    site.notes.add("jobs due at once", count as u64);
    Ok(())
}

/// Looks at the processes' memory for a while.
async fn watched(site: &Site, time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        let largest = site
            .members
            .iter()
            .filter_map(|member| Some(member.usage()?.1))
            .max();
        site.notes
            .peak("KiB in the largest process", largest.unwrap_or_default());
        let too_large = largest.filter(|size| *size > MEMORY);
        ensure!(too_large.is_none(), "a process has {too_large:?} KiB in memory");
        sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
