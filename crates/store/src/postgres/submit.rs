//! Accepts jobs.
//!
//! Jobs with ids that we made go in by one plain insert. Jobs whose id or key the client chose may be there already:
//! see [`keyed`].

pub(super) mod keyed;
mod known;

use scheduler_domain::{Job, NewJob, Timestamp};

use self::keyed::Origin;
pub(super) use self::keyed::drop_keys;
use super::call::Db;
use super::insert::{Fresh, InsertFresh, NewRow};
use super::tx;
use crate::metrics::BATCH_ROWS;
use crate::{Error, Submitted};

/// Rows per statement.
const MOST_ROWS: usize = 1_000;
/// Bytes of payloads and labels per statement, unless one job alone is larger. CockroachDB takes statements up to 16 MiB.
const MOST_BYTES: usize = 1 << 20;

pub(super) async fn submit(db: Db, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Submitted>, Error> {
    let mut answers: Vec<Option<Submitted>> = jobs.iter().map(|_| None).collect();
    let (keyed, fresh): (Vec<_>, Vec<_>) = jobs.into_iter().enumerate().partition(|(_, job)| job.is_keyed());
    for chunk in chunks(fresh) {
        metrics::histogram!(BATCH_ROWS, "operation" => "submit").record(chunk.len() as f64);
        for (place, answer) in insert_fresh(&db, now, chunk).await? {
            answers[place] = Some(answer);
        }
    }
    for chunk in chunks(keyed) {
        metrics::histogram!(BATCH_ROWS, "operation" => "submit_keyed").record(chunk.len() as f64);
        for (place, answer) in keyed::insert(&db, now, chunk, Origin::Client).await? {
            answers[place] = Some(answer);
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

type Placed<T> = (usize, T);

async fn insert_fresh(
    db: &Db,
    now: Timestamp,
    mut jobs: Vec<Placed<NewJob>>,
) -> Result<Vec<Placed<Submitted>>, Error> {
    jobs.sort_unstable_by_key(|(_, job)| (job.id.shard(), job.id));
    let rows: Vec<NewRow> = jobs.iter().map(|(_, job)| new_row(job, now)).collect();
    match tx::run(db, &InsertFresh { now, rows: &rows }).await? {
        Fresh::Inserted => {
            let places = jobs.iter().map(|(place, _)| *place);
            Ok(places
                .zip(rows)
                .map(|(place, row)| (place, Submitted::Created(row.job)))
                .collect())
        }
        // Only now the slower way: read back, and insert what is missing.
        Fresh::Unknown => keyed::insert(db, now, jobs, Origin::ThisCall).await,
        Fresh::Taken => keyed::insert(db, now, jobs, Origin::Client).await,
    }
}

fn new_row(job: &NewJob, now: Timestamp) -> NewRow {
    NewRow {
        key: job.key,
        job: Job::accepted(job.clone(), now),
    }
}

/// Cuts `jobs` into statements of bounded size.
fn chunks(jobs: Vec<Placed<NewJob>>) -> Vec<Vec<Placed<NewJob>>> {
    let mut chunks: Vec<Vec<_>> = Vec::new();
    let mut bytes = 0;
    for (place, job) in jobs {
        let size = bytes_of(&job);
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < MOST_ROWS && bytes + size <= MOST_BYTES => {
                bytes += size;
                chunk.push((place, job));
            }
            _ => {
                bytes = size;
                chunks.push(vec![(place, job)]);
            }
        }
    }
    chunks
}

fn bytes_of(job: &NewJob) -> usize {
    let labels = job.spec.options.labels.iter();
    job.spec.payload.len()
        + labels
            .map(|(name, value)| name.len() + value.len())
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::jobs::a_job;

    fn with_payload(n: u64, bytes: usize) -> Placed<NewJob> {
        let mut job = a_job(n);
        job.spec.payload = "7".repeat(bytes);
        (0, job)
    }

    #[test]
    fn statements_are_bounded_in_rows_and_in_bytes() {
        let many = chunks((0..2_500).map(|n| with_payload(n, 2)).collect());
        assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [1_000, 1_000, 500]);
        let big = chunks((0..5).map(|n| with_payload(n, 400 << 10)).collect());
        assert_eq!(big.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    }

    #[test]
    fn a_payload_above_the_bound_travels_alone() {
        let chunks = chunks([3, 2 << 20, 3].map(|bytes| with_payload(1, bytes)).to_vec());
        assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
        assert!(super::chunks(Vec::new()).is_empty());
    }
}
