//! WatchJob.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use scheduler_domain::Sequence;
use scheduler_engine::Change;
use scheduler_proto::v1;
use tonic::Status;

use crate::convert;
use crate::error::Error;
use crate::service::Service;

/// What WatchJob answers with.
pub(crate) type Events = Pin<Box<dyn Stream<Item = Result<v1::JobEvent, Status>> + Send>>;

impl Service {
    /// A job's changes from `after_sequence` on. Ends after the final one, and when this replica stops taking calls: the client goes on
    /// elsewhere from the last sequence number it has seen.
    pub(crate) async fn watch(&self, request: &v1::WatchJobRequest) -> Result<Events, Error> {
        let id = convert::job_id("job_id", &request.job_id)?;
        if request.after_sequence < 0 {
            return Err(scheduler_domain::Invalid::new("after_sequence", "must not be negative").into());
        }
        let place = Arc::clone(&self.watchers)
            .try_acquire_owned()
            .map_err(|_| Error::TooManyWatchers)?;
        if self.engine.get(id).await?.is_none() {
            return Err(Error::NotFound(id));
        }
        let after = (request.after_sequence > 0).then_some(Sequence(request.after_sequence));
        let watch = self.engine.watch(id, after).await;
        let closing = self.closing.clone();
        let place = (place, self.calls.token());
        let events = futures::stream::unfold(Some((watch, closing, place)), |state| async move {
            let (mut watch, closing, place) = state?;
            let change = tokio::select! {
                change = watch.next() => change,
                () = closing.cancelled() => {
                    let error = Error::Engine(scheduler_engine::Error::Stopped);
                    return Some((Err(error.into()), None));
                }
            };
            match change {
                Ok(Some(Change(job))) => Some((Ok(convert::event(job)), Some((watch, closing, place)))),
                Ok(None) => None,
                Err(error) => Some((Err(Error::from(error).into()), None)),
            }
        });
        Ok(Box::pin(events))
    }
}
