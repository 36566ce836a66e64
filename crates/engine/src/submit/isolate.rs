//! A job that the store refuses fails alone: those of other callers that shared its batch are stored.

use std::sync::Arc;

use scheduler_domain::{NewJob, Timestamp};
use scheduler_store::{Error, Store, Submitted};

use super::Answer;

/// Refusals after which the rest is not tried: then it is not about single jobs, but about rights or the schema.
const MOST_REFUSALS: usize = 64;

/// Stores `jobs` in one step, or where that is refused, in halves of halves.
///
/// # Errors
/// The store's failure, when it is not about the jobs.
pub(super) async fn submit(
    store: &dyn Store,
    now: Timestamp,
    jobs: Vec<NewJob>,
) -> Result<Vec<Answer>, Error> {
    match store.submit(now, jobs.clone()).await {
        Ok(submitted) => Ok(submitted.into_iter().map(Ok).collect()),
        Err(error) if is_refusal(&error) => Ok(halves(store, now, &jobs, error).await),
        Err(error) => Err(error),
    }
}

async fn halves(store: &dyn Store, now: Timestamp, jobs: &[NewJob], error: Error) -> Vec<Answer> {
    let mut outcomes = Vec::with_capacity(jobs.len());
    let mut refusals = 1;
    // Those after the ones at hand, the next last.
    let mut left = Vec::new();
    let mut failed = Some((jobs, error));
    loop {
        if let Some((some, error)) = failed.take() {
            if some.len() > 1 && is_refusal(&error) && refusals < MOST_REFUSALS {
                let (one, other) = some.split_at(some.len() / 2);
                left.extend([other, one]);
            } else {
                tracing::error!(
                    jobs = some.len(),
                    error = &error as &dyn std::error::Error,
                    "submit refused"
                );
                let error = Arc::new(error);
                outcomes.extend(some.iter().map(|_| Err(Arc::clone(&error))));
            }
        }
        let Some(some) = left.pop() else {
            return outcomes;
        };
        match store.submit(now, some.to_vec()).await {
            Ok(submitted) => outcomes.extend(submitted.into_iter().map(|submitted| Ok(ours(submitted, now)))),
            Err(error) => {
                refusals += 1;
                failed = Some((some, error));
            }
        }
    }
}

/// A store that writes a batch in several statements may have stored some of it before one was refused. What it then calls existing
/// was created at this moment, and nobody has pushed it.
fn ours(submitted: Submitted, now: Timestamp) -> Submitted {
    match submitted {
        Submitted::Existing(job) if job.created_at == now => Submitted::Created(job),
        submitted => submitted,
    }
}

/// Whether it could be about one job.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Refused { .. } | Error::Corrupt { .. })
}
