//! A server, a client of it that behaves well, and what the process holds meanwhile.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scheduler_api::Limits;
use scheduler_proto::v1;
use scheduler_proto::v1::scheduler_service_client::SchedulerServiceClient;
use scheduler_service::shutdown::Stop;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::server;

/// Much longer than anything takes, on any machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Between two calls of the neighbour.
const PAUSE: Duration = Duration::from_millis(10);
/// Longest that one of them may take: generous, for machines that do much else.
const PATIENCE: Duration = Duration::from_secs(5);
/// More memory than what any of these clients may cost.
const MOST_KIB: u64 = 64 << 10;

/// Memory is that of the whole process: one test at a time.
static ONE: Mutex<()> = Mutex::const_new(());

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    /// A job that waits.
    pub(crate) job: String,
    stop: Stop,
    served: JoinHandle<anyhow::Result<()>>,
    neighbour: JoinHandle<u64>,
    enough: CancellationToken,
    took: Arc<std::sync::Mutex<Vec<Duration>>>,
    before: u64,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    pub(crate) async fn start(limits: Limits) -> Self {
        let alone = ONE.lock().await;
        let stop = Stop::default();
        let (address, served) = server::start(limits, stop.clone()).await;
        let mut client = dial(address).await;
        let job = v1::Job {
            r#type: "noop".to_owned(),
            priority: 3,
            payload_json: "{}".to_owned(),
            ..v1::Job::default()
        };
        let answer = client
            .submit_job(v1::SubmitJobRequest { job: Some(job) })
            .await
            .unwrap();
        let job = answer.into_inner().job_id;
        let enough = CancellationToken::new();
        let took = Arc::default();
        let neighbour = tokio::spawn(behave(client, job.clone(), enough.clone(), Arc::clone(&took)));
        Self {
            address,
            job,
            stop,
            served,
            neighbour,
            enough,
            took,
            before: resident(),
            _alone: alone,
        }
    }

    pub(crate) async fn client(&self) -> SchedulerServiceClient<Channel> {
        dial(self.address).await
    }

    /// A connection of somebody else.
    pub(crate) async fn channel(&self) -> Channel {
        connect(self.address).await
    }

    /// The neighbour was served all the while, others are too, and memory is as it was.
    pub(crate) async fn is_well(&self) {
        self.is_well_within(MOST_KIB).await;
    }

    /// As [`is_well`](Self::is_well), but for so much memory, by which somebody made use of what was granted.
    pub(crate) async fn is_well_within(&self, most_kib: u64) {
        assert!(!self.neighbour.is_finished(), "the neighbour was not served");
        let mut other = timeout(LONG, self.client()).await.unwrap();
        other.list_queues(v1::ListQueuesRequest {}).await.unwrap();
        let grown = resident().saturating_sub(self.before);
        assert!(grown < most_kib, "{grown} KiB more than before");
    }

    /// How long the neighbour waited at most for 99 of 100 answers since this was asked last.
    pub(crate) fn slowest_of_a_hundred(&self) -> Duration {
        let mut took = std::mem::take(&mut *self.took.lock().unwrap());
        took.sort_unstable();
        assert!(took.len() >= 20, "only {} answers", took.len());
        took[took.len() * 99 / 100]
    }

    /// The server ends when it is told to.
    pub(crate) async fn stops(mut self) {
        self.enough.cancel();
        assert!(timeout(LONG, &mut self.neighbour).await.unwrap().unwrap() > 0);
        self.stop.drain.cancel();
        timeout(LONG, &mut self.served)
            .await
            .expect("an end")
            .unwrap()
            .unwrap();
    }
}

async fn dial(address: SocketAddr) -> SchedulerServiceClient<Channel> {
    SchedulerServiceClient::new(connect(address).await)
}

async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// Asks again and again; how often. Panics, and is finished, when it is not answered in time.
async fn behave(
    mut client: SchedulerServiceClient<Channel>,
    job_id: String,
    enough: CancellationToken,
    took: Arc<std::sync::Mutex<Vec<Duration>>>,
) -> u64 {
    let mut answered = 0;
    while !enough.is_cancelled() {
        let request = v1::GetJobRequest {
            job_id: job_id.clone(),
        };
        let asked = Instant::now();
        timeout(PATIENCE, client.get_job(request))
            .await
            .expect("an answer")
            .unwrap();
        took.lock().unwrap().push(asked.elapsed());
        answered += 1;
        sleep(PAUSE).await;
    }
    answered
}

/// KiB of memory that this process holds.
fn resident() -> u64 {
    memory("VmRSS:")
}

/// Most KiB of memory that this process has held since it was asked to forget.
pub(crate) fn peak() -> u64 {
    memory("VmHWM:")
}

/// Forgets how much memory this process has held.
pub(crate) fn forget_peak() {
    // Where it cannot be forgotten, that is what it is.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn memory(which: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    // Where there is no such file, nothing is measured.
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}
