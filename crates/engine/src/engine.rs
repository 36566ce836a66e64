//! The engine: the shared parts, and the operations that the API serves.

use std::sync::Arc;

use scheduler_domain::{Clock, Entropy, WorkerId};
use scheduler_queue::{Served, SharedQueue};
use scheduler_store::SharedStore;

use crate::push::Pusher;
use crate::session::Session;
use crate::signal::Latest;
use crate::submit::Submitter;
use crate::tally::Tally;
use crate::watch::Hub;
use crate::{Error, Options};

/// Store and queue under one roof. Cheap to clone; must be made inside a runtime.
#[derive(Clone)]
pub struct Engine {
    pub(crate) parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) store: SharedStore,
    pub(crate) queue: SharedQueue,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) options: Options,
    pub(crate) pusher: Pusher,
    pub(crate) submitter: Submitter,
    pub(crate) hub: Hub,
    pub(crate) tally: Arc<Tally>,
    /// Under which this process reports what it has counted.
    pub(crate) process: String,
    pub(crate) latest: Latest,
}

impl Engine {
    /// Puts the parts together, and starts the submit lanes and the reports of load.
    #[must_use]
    pub fn new(
        store: SharedStore,
        queue: SharedQueue,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
    ) -> Self {
        let pusher = Pusher::start(Arc::clone(&queue), Arc::clone(&clock), options.clone());
        let tally = Arc::new(Tally::new());
        let process = entropy.uuid().simple().to_string();
        tally.start(Arc::clone(&queue), process.clone());
        let submitter = Submitter::start(
            Arc::clone(&store),
            pusher.clone(),
            Arc::clone(&tally),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            &options,
        );
        let hub = Hub::new(Arc::clone(&queue), Arc::clone(&entropy));
        Self {
            parts: Arc::new(Parts {
                store,
                queue,
                clock,
                entropy,
                options,
                pusher,
                submitter,
                hub,
                tally,
                process,
                latest: Latest::default(),
            }),
        }
    }

    /// What a worker works with: claims, reports and heartbeats in the name of `worker`, from the queues `served`.
    #[must_use]
    pub fn session(&self, worker: WorkerId, served: Served) -> Session {
        Session::start(Arc::clone(&self.parts), worker, served)
    }

    /// The injected clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// The injected randomness.
    #[must_use]
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.parts.entropy
    }

    /// The tunables in force.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.parts.options
    }

    /// Answers when the store does.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn ping_store(&self) -> Result<(), Error> {
        Ok(self.parts.store.ping().await?)
    }

    /// Answers when the queue does.
    ///
    /// # Errors
    /// [`Error::Queue`].
    pub async fn ping_queue(&self) -> Result<(), Error> {
        Ok(self.parts.queue.ping().await?)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("options", &self.parts.options)
            .finish_non_exhaustive()
    }
}
