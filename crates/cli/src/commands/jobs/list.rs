//! `tsctl jobs list`

use futures::{StreamExt as _, TryStreamExt as _};
use scheduler_client::{Client, ListQuery, Priority, State, v1};
use scheduler_domain::{Clock as _, SystemClock};

use super::submit::priority;
use crate::output::{Format, print};
use crate::show;

/// List jobs, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// queued, running, succeeded, failed, deadletter, retry, cancelled or scheduled.
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// Which jobs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Filter {
    /// Of this type alone.
    #[arg(long = "type", value_name = "TYPE")]
    job_type: Option<String>,
    /// Of this priority alone.
    #[arg(long, value_parser = priority)]
    priority: Option<Priority>,
    /// Of this queue alone.
    #[arg(long)]
    queue: Option<String>,
}

impl Filter {
    pub(crate) fn is_empty(&self) -> bool {
        self.job_type.is_none() && self.priority.is_none() && self.queue.is_none()
    }

    pub(crate) fn query(&self, state: Option<State>) -> ListQuery {
        ListQuery {
            state,
            priority: self.priority,
            job_type: self.job_type.clone().unwrap_or_default(),
            queue: self.queue.clone().unwrap_or_default(),
            page_size: 500,
        }
    }
}

pub(super) async fn run(client: &Client, args: Args, format: Format) -> anyhow::Result<()> {
    let jobs: Vec<v1::JobStatus> = client
        .list_all(args.filter.query(args.state))
        .take(args.limit)
        .try_collect()
        .await?;
    print_jobs(&jobs, format);
    Ok(())
}

/// Prints jobs in columns.
pub(crate) fn print_jobs(jobs: &[v1::JobStatus], format: Format) {
    let now = SystemClock.now().timestamp();
    let rows = jobs
        .iter()
        .map(|job| {
            vec![
                job.job_id.clone(),
                job.r#type.clone(),
                show::state(job.state).to_owned(),
                show::priority(job.priority).to_owned(),
                job.queue.clone(),
                format!("{}/{}", job.attempts, job.max_attempts),
                show::age(job, now),
            ]
        })
        .collect();
    let columns = ["id", "type", "state", "priority", "queue", "attempts", "age"];
    print(
        format,
        &columns,
        rows,
        jobs.iter().map(show::job).collect(),
        "job_id",
    );
}

fn state(text: &str) -> Result<State, String> {
    State::ALL
        .into_iter()
        .find(|state| state.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            "must be queued, running, succeeded, failed, deadletter, retry, cancelled or scheduled".to_owned()
        })
}
