//! The jobs at the end, as the API shows them.

use anyhow::Result;
use futures::TryStreamExt as _;
use scheduler_client::{Client, ListQuery};

use super::{Folder, Shown, fingerprint};

/// Lists every job, and writes what is shown of it into the folder of the run.
///
/// # Errors
/// The API does not answer, or the folder cannot be written.
pub async fn show(client: &Client, folder: &Folder) -> Result<()> {
    let query = ListQuery {
        page_size: 1_000,
        ..ListQuery::default()
    };
    let mut shown = Vec::new();
    let mut jobs = std::pin::pin!(client.list_all(query));
    while let Some(job) = jobs.try_next().await? {
        shown.push(Shown {
            job: job.job_id.parse()?,
            state: job.state,
            attempts: job.attempts,
            sequence: job.sequence,
            result: (!job.result_json.is_empty()).then(|| fingerprint(job.result_json.as_bytes())),
        });
    }
    folder.write_lines("shown.jsonl", shown)
}
