//! The client: how a call is made, bounded and repeated. The calls themselves are one file per room below.

mod list;
mod manage;
mod patience;
mod read;
mod submit;
mod watch;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{Clock, Entropy, SystemClock, SystemEntropy, limits};
use scheduler_proto::v1::scheduler_service_client::SchedulerServiceClient;
use tokio::time::Instant;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::pool::Connections;
use crate::{ClientOptions, Error, Reply};
use patience::Patience;

pub use list::ListQuery;
pub use submit::Submitted;
pub use watch::Watch;

/// The generated stub.
type Stub = SchedulerServiceClient<Channel>;

/// Largest answer taken: a full page of jobs, each with the largest result, error and labels there can be.
const MAX_ANSWER: usize = limits::MAX_PAGE
    * (limits::MAX_RESULT_BYTES
        + 2 * limits::MAX_ERROR_BYTES
        + limits::MAX_LABELS * (limits::MAX_LABEL_NAME_BYTES + limits::MAX_LABEL_VALUE_BYTES + 8)
        + 1024);

/// Whether a call may be made again when it is not known whether it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// Its second answer is as good as its first.
    Safe,
    /// Its second answer would differ from the first, or it would be carried out twice.
    Never,
}

/// A client of the scheduler. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connections: Connections,
    options: ClientOptions,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Client {
    /// A client of the scheduler at `options.address`. It connects when it is first used, so this succeeds whether the
    /// scheduler runs or not.
    ///
    /// # Errors
    /// [`Error::Address`] when the address cannot be understood.
    pub async fn connect(options: ClientOptions) -> Result<Self, Error> {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let connections = Connections::open(&options, entropy.clone()).await?;
        Ok(Self {
            shared: Arc::new(Shared {
                connections,
                options,
                clock,
                entropy,
            }),
        })
    }

    /// What it was told at its start.
    #[must_use]
    pub fn options(&self) -> &ClientOptions {
        &self.shared.options
    }

    /// The next connection, for other gRPC services of the same server, such as health and reflection.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none to be had.
    pub async fn channel(&self) -> Result<Channel, Error> {
        self.shared.connections.next().await
    }

    async fn stub(&self) -> Result<Stub, Error> {
        Ok(Stub::new(self.channel().await?).max_decoding_message_size(MAX_ANSWER))
    }

    /// Makes one call with one answer, within the time it may take, and again if it may be repeated.
    async fn unary<Q, A, F>(
        &self,
        repeat: Repeat,
        message: Q,
        rpc: impl Fn(Stub, Request<Q>) -> F,
    ) -> Result<Reply<A>, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        self.respond(repeat, message, rpc).await.map(Reply::from)
    }

    async fn respond<Q, A, F>(
        &self,
        repeat: Repeat,
        message: Q,
        rpc: impl Fn(Stub, Request<Q>) -> F,
    ) -> Result<Response<A>, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let deadline = Instant::now() + self.shared.options.request_timeout;
        let mut patience = Patience::for_call(self, repeat, deadline);
        while patience.has_more() {
            match self.attempt(deadline, message.clone(), &rpc).await {
                Ok(response) => return Ok(response),
                Err(error) => patience.after(error).await?,
            }
        }
        // The last attempt gives the message away, so a call that is never repeated copies nothing.
        self.attempt(deadline, message, &rpc).await
    }

    async fn attempt<Q, A, F>(
        &self,
        deadline: Instant,
        message: Q,
        rpc: &impl Fn(Stub, Request<Q>) -> F,
    ) -> Result<Response<A>, Error>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut request = Request::new(message);
        // The transport keeps this deadline too. A little later than ours, so that it is ours that tells the caller.
        request.set_timeout(deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(100));
        self.within(deadline, async { Ok(rpc(self.stub().await?, request).await?) })
            .await
    }

    /// What `work` gives, or [`Error::Timeout`] at the deadline.
    async fn within<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| {
            let limit = self.shared.options.request_timeout;
            let message = format!("no answer from {} within {limit:?}", self.shared.options.address);
            Err(Status::deadline_exceeded(message).into())
        })
    }
}
