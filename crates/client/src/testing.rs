//! A scheduler inside the test process: it speaks the real protocol on a real port, keeps its jobs in memory, runs none of
//! them, and fails when it is told to.
//!
//! A job lives through the states that [`FakeScheduler::lives`] names, all at once when it is submitted; further ones
//! come with [`FakeScheduler::advance`].

mod answer;
mod refusal;
mod service;
mod world;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use scheduler_domain::State;
use scheduler_proto::v1;
use scheduler_proto::v1::scheduler_service_server::SchedulerServiceServer;
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tonic::Status;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::JobRequest;
use service::Service;
use world::World;

pub use world::Rpc;

/// How the fake calls itself in `x-served-by`.
pub const SERVED_BY: &str = "fake-0";

/// A running fake. When it is dropped it goes as a killed process does: every connection breaks.
#[derive(Debug)]
pub struct FakeScheduler {
    address: SocketAddr,
    world: Arc<World>,
    /// Its own, because a connection ends with the runtime that serves it and not before.
    runtime: Option<Runtime>,
}

impl FakeScheduler {
    /// Starts one on a free port, with one worker and jobs that succeed.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::default());
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        // A test whose server fails notices by its calls failing.
        drop(runtime.spawn(serve(listener, Arc::clone(&world))));
        let runtime = Some(runtime);
        Ok(Self {
            address,
            world,
            runtime,
        })
    }

    /// Where it listens: `http://127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The states that jobs submitted from now on live through.
    pub fn lives(&self, states: &[State]) {
        self.world.with(|state| state.life = states.to_vec());
    }

    /// Puts a job there that has lived through `states`; its id.
    pub fn put(&self, job: JobRequest, states: &[State]) -> String {
        self.world.with(|world| world.insert(job.into_message(), states))
    }

    /// Moves a job on to its next state. Those who watch it are told.
    pub fn advance(&self, job_id: &str, state: State) {
        self.world.with(|world| {
            if let Some(record) = world.find(job_id) {
                record.push(state);
            }
        });
    }

    /// Lets the next call of `rpc` fail before it does anything. Called again, the one after it as well.
    pub fn fail(&self, rpc: Rpc, status: Status) {
        self.order(rpc, status, false);
    }

    /// Lets the next call of `rpc` fail after it was carried out, as when its answer is lost.
    pub fn lose_answer(&self, rpc: Rpc) {
        let status = Status::unavailable("the answer was lost");
        self.order(rpc, status, true);
    }

    fn order(&self, rpc: Rpc, status: Status, done: bool) {
        let fault = world::Fault { rpc, status, done };
        self.world.with(|world| world.faults.push(fault));
    }

    /// Lets the next watch stream break after so many events. Called again, the one after it as well.
    pub fn break_watch_after(&self, events: usize) {
        self.world.with(|world| world.breaks.push_back(events));
    }

    /// How many workers it claims to have.
    pub fn set_workers(&self, workers: i64) {
        self.world.with(|world| world.workers = workers);
    }

    /// How often `rpc` was called.
    #[must_use]
    pub fn calls(&self, rpc: Rpc) -> usize {
        self.world
            .with(|world| world.calls.iter().filter(|call| **call == rpc).count())
    }

    /// From where on it was watched, by call.
    #[must_use]
    pub fn watched_from(&self) -> Vec<i64> {
        self.world.with(|world| world.watched_from.clone())
    }

    /// Every job it has, as submitted, oldest first.
    #[must_use]
    pub fn jobs(&self) -> Vec<v1::Job> {
        self.world
            .with(|world| world.records.iter().map(|record| record.job.clone()).collect())
    }

    /// A job as it stands.
    #[must_use]
    pub fn status(&self, job_id: &str) -> Option<v1::JobStatus> {
        self.world
            .with(|world| world.find(job_id).map(|record| record.status.clone()))
    }

    /// How many connections have carried calls.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.world.with(|world| world.peers.len())
    }
}

impl Drop for FakeScheduler {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    world: Arc<World>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<SchedulerServiceServer<Service>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(scheduler_proto::DESCRIPTORS)
        .build_v1()?;
    Server::builder()
        .add_service(health_service)
        .add_service(reflection)
        .add_service(SchedulerServiceServer::new(Service(world)))
        .serve_with_incoming(TcpIncoming::from(TcpListener::from_std(listener)?))
        .await?;
    Ok(())
}
