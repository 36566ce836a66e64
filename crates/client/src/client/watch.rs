//! Following a job to its end, however often the stream breaks.

use std::time::Duration;

use futures::Stream;
use scheduler_domain::State;
use scheduler_proto::v1;
use tokio::time::Instant;
use tonic::{Request, Status, Streaming};
use tracing::debug;

use super::{Client, Repeat, Stub};
use crate::Error;
use crate::client::patience::Patience;

/// A stream that lasted this long was a good one: when it breaks, patience begins anew.
const GOOD: Duration = Duration::from_secs(10);

/// The changes of one job. See [`Client::watch`].
#[derive(Debug)]
pub struct Watch {
    client: Client,
    job_id: String,
    after: i64,
    open: Option<(Streaming<v1::JobEvent>, Instant)>,
    outage: Option<Patience>,
    began: bool,
    ended: bool,
}

impl Client {
    /// Follows a job: its current state first, then every change, until the final one. Nothing happens before the first
    /// [`Watch::next`].
    ///
    /// When the stream breaks it is opened again after the last change seen, for as long as
    /// [`ClientOptions::watch_patience`](crate::ClientOptions::watch_patience) lasts.
    #[must_use]
    pub fn watch(&self, job_id: &str) -> Watch {
        self.watch_after(job_id, 0)
    }

    /// Follows a job from the change after this sequence number on. The final one is given in any case.
    #[must_use]
    pub fn watch_after(&self, job_id: &str, sequence: i64) -> Watch {
        Watch {
            client: self.clone(),
            job_id: job_id.to_owned(),
            after: sequence,
            open: None,
            outage: None,
            began: false,
            ended: false,
        }
    }

    /// Waits until a job is in a final state, and gives it as it stands then. Giving up the wait does not touch the job.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job, or it was deleted; [`Error::Unavailable`] when the server stayed
    /// away for longer than [`ClientOptions::watch_patience`](crate::ClientOptions::watch_patience).
    pub async fn wait(&self, job_id: &str) -> Result<v1::JobStatus, Error> {
        let mut watch = self.watch(job_id);
        let mut last = None;
        while let Some(event) = watch.next().await {
            last = event?.status;
        }
        match last.filter(|status| is_final(status.state)) {
            Some(status) => Ok(status),
            None => Ok(self.get(job_id).await?.into_inner()),
        }
    }
}

impl Watch {
    /// The next change; `None` after the final one, and after an error. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<v1::JobEvent, Error>> {
        while !self.ended {
            match self.step().await {
                Ok(event) if event.sequence <= self.after && !is_final(event.state) => {}
                Ok(event) => {
                    self.after = event.sequence;
                    self.ended = is_final(event.state);
                    self.outage = None;
                    return Some(Ok(event));
                }
                Err(error) => {
                    if let Err(error) = self.survive(error).await {
                        self.ended = true;
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }

    /// As a stream, for the combinators.
    pub fn into_stream(self) -> impl Stream<Item = Result<v1::JobEvent, Error>> + Send {
        futures::stream::unfold(self, |mut watch| async move {
            let event = watch.next().await?;
            Some((event, watch))
        })
    }

    /// The next message of the stream, which is opened first if need be.
    async fn step(&mut self) -> Result<v1::JobEvent, Error> {
        if self.open.is_none() {
            self.open = Some((self.open_stream().await?, Instant::now()));
            self.began = true;
        }
        let Some((stream, _)) = &mut self.open else {
            return Err(ended_early());
        };
        match stream.message().await? {
            Some(event) => Ok(event),
            None => self.settle().await,
        }
    }

    async fn open_stream(&self) -> Result<Streaming<v1::JobEvent>, Error> {
        let message = v1::WatchJobRequest {
            job_id: self.job_id.clone(),
            after_sequence: self.after,
        };
        let watch = |mut stub: Stub, request| async move { stub.watch_job(request).await };
        // The server is not told of the deadline: it is one for the first answer, not for the stream.
        let deadline = Instant::now() + self.client.shared.options.request_timeout;
        let opened = async {
            Ok(watch(self.client.stub().await?, Request::new(message))
                .await?
                .into_inner())
        };
        self.client.within(deadline, opened).await
    }

    /// The stream ended, and no final change was among what came: looks whether the job has ended nevertheless.
    async fn settle(&mut self) -> Result<v1::JobEvent, Error> {
        let status = self.client.get(&self.job_id).await?.into_inner();
        if !is_final(status.state) {
            return Err(ended_early());
        }
        Ok(v1::JobEvent {
            job_id: status.job_id.clone(),
            state: status.state,
            message: status.last_error.clone(),
            timestamp: status.updated_at,
            attempts: status.attempts,
            sequence: status.sequence,
            status: Some(status),
        })
    }

    /// Waits before the stream is opened again.
    ///
    /// # Errors
    /// `error` itself when opening again is useless, or patience is at its end.
    async fn survive(&mut self, error: Error) -> Result<(), Error> {
        let lasted = self.open.take().is_some_and(|(_, since)| since.elapsed() >= GOOD);
        if lasted {
            self.outage = None;
        }
        if !error.is_transient() {
            return Err(error);
        }
        let (now, options) = (Instant::now(), &self.client.shared.options);
        if self.began {
            debug!(%error, job.id = self.job_id, "watch broke");
            let until = || Patience::until(&self.client, now + options.watch_patience);
            self.outage.get_or_insert_with(until).wait(error).await
        } else {
            // Nothing has been seen yet, so it may be that there is no scheduler: told soon, like with any call.
            let as_call = || Patience::for_call(&self.client, Repeat::Safe, now + options.request_timeout);
            self.outage.get_or_insert_with(as_call).after(error).await
        }
    }
}

fn ended_early() -> Error {
    Status::unavailable("the watch ended before the job did").into()
}

fn is_final(state: i32) -> bool {
    State::from_number(state).is_some_and(State::is_final)
}
