//! ListJobs.

use scheduler_domain::Invalid;
use scheduler_proto::v1;
use scheduler_store::{Filter, ListQuery};

use crate::convert;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// A page of jobs, newest first.
    pub(crate) async fn list(&self, request: v1::ListJobsRequest) -> Result<v1::ListJobsResponse, Error> {
        let (filter, limit) = check(&request)?;
        let before = self.tokens.open(&request.page_token, &filter)?;
        let page = self
            .engine
            .list(ListQuery {
                filter: filter.clone(),
                before,
                limit,
            })
            .await?;
        Ok(v1::ListJobsResponse {
            jobs: page.jobs.into_iter().map(convert::status).collect(),
            next_page_token: page
                .next
                .map(|next| self.tokens.seal(next, &filter))
                .unwrap_or_default(),
        })
    }
}

/// Finds every violation at once.
fn check(request: &v1::ListJobsRequest) -> Result<(Filter, usize), Error> {
    let mut faults: Vec<Invalid> = Vec::new();
    let mut note = |fault| faults.push(fault);
    let limit = convert::page_size(request.page_size).map_err(&mut note).ok();
    let state = convert::state_filter(request.state_filter)
        .map_err(&mut note)
        .ok();
    let priority = convert::priority_filter(request.priority_filter)
        .map_err(&mut note)
        .ok();
    let job_type = convert::type_filter(request.type_filter.clone())
        .map_err(&mut note)
        .ok();
    let queue = convert::queue_filter(request.queue_filter.clone())
        .map_err(&mut note)
        .ok();
    match (limit, state, priority, job_type, queue) {
        (Some(limit), Some(state), Some(priority), Some(job_type), Some(queue)) => Ok((
            Filter {
                state,
                priority,
                job_type,
                queue,
            },
            limit,
        )),
        _ => Err(Error::Invalid(faults)),
    }
}
