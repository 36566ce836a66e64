//! Listing.

use futures::Stream;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use scheduler_domain::{Priority, State};
use scheduler_proto::v1;

use super::{Client, Repeat};
use crate::{Error, Reply};

/// Which jobs to list. Every part that is given must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListQuery {
    /// The state.
    pub state: Option<State>,
    /// The priority.
    pub priority: Option<Priority>,
    /// The type, exactly; empty means any.
    pub job_type: String,
    /// The queue, exactly; empty means any.
    pub queue: String,
    /// Jobs per page, at most 1,000; 0 leaves it to the server.
    pub page_size: u32,
}

impl Client {
    /// One page of jobs, newest first. `page_token` is the previous page's, with the same query; empty for the first.
    ///
    /// A page can be short, even empty, before the last one: only an empty `next_page_token` marks the end.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the token is not one of this query's.
    pub async fn list(
        &self,
        query: &ListQuery,
        page_token: &str,
    ) -> Result<Reply<v1::ListJobsResponse>, Error> {
        let request = v1::ListJobsRequest {
            state_filter: query.state.map_or(0, State::number),
            priority_filter: query.priority.map_or(0, Priority::number),
            type_filter: query.job_type.clone(),
            page_size: i32::try_from(query.page_size).unwrap_or(i32::MAX),
            page_token: page_token.to_owned(),
            queue_filter: query.queue.clone(),
        };
        self.unary(Repeat::Safe, request, |mut stub, request| async move {
            stub.list_jobs(request).await
        })
        .await
    }

    /// Every job that matches, newest first, page after page as they are taken. Ends after its first error.
    pub fn list_all(
        &self,
        query: ListQuery,
    ) -> impl Stream<Item = Result<v1::JobStatus, Error>> + Send + use<> {
        let client = self.clone();
        stream::try_unfold(Some(String::new()), move |token| {
            let (client, query) = (client.clone(), query.clone());
            async move {
                let Some(token) = token else {
                    return Ok::<_, Error>(None);
                };
                let page = client.list(&query, &token).await?.into_inner();
                let next = (!page.next_page_token.is_empty()).then_some(page.next_page_token);
                Ok(Some((stream::iter(page.jobs).map(Ok), next)))
            }
        })
        .try_flatten()
    }
}
