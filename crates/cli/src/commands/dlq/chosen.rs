//! Which dead jobs are meant.

use scheduler_client::{Client, Error, State, v1};

use crate::commands::jobs::list::{self, Filter};

/// Dead jobs that pass the filter, at most `most`.
pub(super) async fn find(
    client: &Client,
    filter: &Filter,
    state: Option<State>,
    most: usize,
) -> Result<Vec<v1::JobStatus>, Error> {
    let states = match state {
        Some(state) => vec![state],
        None => vec![State::DeadLetter, State::Failed],
    };
    let mut jobs = Vec::new();
    for state in states {
        let room = most - jobs.len();
        if room > 0 {
            jobs.extend(list::find(client, filter, Some(state), room).await?);
        }
    }
    Ok(jobs)
}

/// Those of these jobs that are dead. The scheduler would delete any job that has ended, also one that succeeded.
pub(super) async fn look_up(client: &Client, ids: &[String]) -> Result<Vec<v1::JobStatus>, Error> {
    let mut jobs = Vec::new();
    for id in ids {
        let job = client.get(id).await?.into_inner();
        if matches!(
            State::from_number(job.state),
            Some(State::Failed | State::DeadLetter)
        ) {
            jobs.push(job);
        }
    }
    Ok(jobs)
}
