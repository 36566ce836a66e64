//! Following jobs to their end in bulk.
//!
//! While jobs are open only the sizes of the queues are asked for. When they are empty, or now and then, the jobs are
//! listed from the newest to the oldest of this run, 1,000 a call, and each is marked in the ledger. What the listing
//! does not settle is asked for by its id, so a job that counts as lost is one that the scheduler says it does not have.

use std::sync::Mutex;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use scheduler_client::{Client, Error, ListQuery, State, Timestamp, v1};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::backlog::Gauge;
use crate::ledger::{Balance, Ledger, Look};
use crate::sender::locked;
use crate::series::JobTimes;
use crate::stats::Latency;
use crate::wire::micros;

/// Jobs per listing call: the most that the scheduler gives.
const PAGE: u32 = 1_000;
/// Jobs asked for one by one: as many as cost about what a hundred pages do.
const FEW: usize = 10_000;
/// Calls at once when jobs are asked for one by one.
const AT_ONCE: usize = 32;
/// How far the clocks of this machine and of the scheduler may be apart.
const SKEW: i64 = 600_000_000;
/// The last sequence number of a job that was handed out once: QUEUED, RUNNING, and its end.
const HANDED_OUT_ONCE: i64 = 3;
/// Between two looks at the queues.
const PAUSE: Duration = Duration::from_millis(250);

/// What following needs.
#[derive(Debug)]
pub(crate) struct Chase<'a> {
    pub(crate) client: &'a Client,
    pub(crate) ledger: &'a Mutex<Ledger>,
    pub(crate) backlog: &'a Gauge,
    /// When the run began, by this machine's clock.
    pub(crate) began: Timestamp,
    pub(crate) queue: String,
    /// Whether each job's times are kept.
    pub(crate) times: bool,
    pub(crate) deadline: Instant,
    pub(crate) stop: &'a CancellationToken,
}

/// What was learned.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// From accepted to started, by the scheduler's clock.
    pub(crate) wait: Latency,
    /// From started to finished, by the scheduler's clock.
    pub(crate) run: Latency,
    /// From due to finished, across both clocks.
    pub(crate) whole: Latency,
    /// Attempts and lost leases beyond the first of each job.
    pub(crate) repeated_runs: u64,
    /// When the last job finished, in microseconds since 1970 by the scheduler's clock.
    pub(crate) last_finish: i64,
    /// Of each job, where that is asked for.
    pub(crate) times: Vec<JobTimes>,
    /// Why following ended before every job was settled.
    pub(crate) gave_up: Option<String>,
    /// Whether all jobs of the run were listed once.
    listed: bool,
}

impl Chase<'_> {
    /// Follows every job until all are settled, the time is up, or it is told to stop.
    pub(crate) async fn run(&self) -> Followed {
        let mut followed = Followed::default();
        loop {
            self.until_idle().await;
            let last = self.over();
            let begun = Instant::now();
            let passed = self.pass(&mut followed).await;
            let balance = locked(self.ledger).balance();
            if passed.is_ok() && balance.open == 0 {
                followed.gave_up = None;
                return followed;
            }
            followed.gave_up = Some(why(&balance, passed.err()));
            if last || self.stop.is_cancelled() {
                return followed;
            }
            // A pass costs the scheduler something: rest for longer than it took.
            let rest = Duration::from_millis(500).max(begun.elapsed() * 2);
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    fn over(&self) -> bool {
        self.stop.is_cancelled() || Instant::now() >= self.deadline
    }

    /// Waits until nothing is open, or nothing more is done, or the time is up.
    async fn until_idle(&self) {
        let (mut least, mut since) = (u64::MAX, Instant::now());
        while !self.over() {
            match self.backlog.ask(self.client).await {
                Some(backlog) if backlog.open() == 0 => return,
                Some(backlog) if backlog.open() < least => (least, since) = (backlog.open(), Instant::now()),
                // Others may keep the queues filled: look at our own jobs then.
                _ if since.elapsed() > Duration::from_secs(5) => return,
                _ => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn pass(&self, followed: &mut Followed) -> Result<(), Error> {
        let few = {
            let mut ledger = locked(self.ledger);
            ledger.begin_pass();
            ledger.open(FEW)
        };
        // The first time all are listed, also to find those whose acknowledgement was lost. Later few are left, mostly:
        // then a listing would look at a million to find ten.
        if !followed.listed || few.len() > FEW / 10 {
            self.list(followed).await?;
            followed.listed = !self.stop.is_cancelled();
        }
        let rest = locked(self.ledger).open(FEW);
        self.ask(followed, rest).await
    }

    async fn list(&self, followed: &mut Followed) -> Result<(), Error> {
        let query = ListQuery {
            queue: self.queue.clone(),
            page_size: PAGE,
            ..ListQuery::default()
        };
        let mut token = String::new();
        loop {
            let page = self.client.list(&query, &token).await?.into_inner();
            let before = self.began.timestamp_micros() - SKEW;
            let past = page
                .jobs
                .last()
                .is_some_and(|job| micros(job.created_at) < before);
            for job in &page.jobs {
                let look = locked(self.ledger).listed(&job.job_id, State::from_number(job.state));
                self.learn(followed, look, job);
            }
            token = page.next_page_token;
            if token.is_empty() || past || self.stop.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn ask(&self, followed: &mut Followed, jobs: Vec<(u64, Uuid)>) -> Result<(), Error> {
        let mut answers = stream::iter(jobs)
            .map(|(index, id)| async move { (index, self.client.get(&id.to_string()).await) })
            .buffer_unordered(AT_ONCE);
        while let Some((index, answer)) = answers.next().await {
            match answer {
                Ok(job) => {
                    let look = locked(self.ledger).found(index, State::from_number(job.state));
                    self.learn(followed, look, &job);
                }
                Err(Error::NotFound { .. }) => locked(self.ledger).not_found(index),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn learn(&self, followed: &mut Followed, look: Look, job: &v1::JobStatus) {
        let Look::Ended { due } = look else { return };
        let span = |from: i64, to: i64| Duration::from_micros(u64::try_from(to - from).unwrap_or_default());
        let (created, finished) = (micros(job.created_at), micros(job.finished_at));
        let mut wait = None;
        if job.started_at.is_some() {
            let started = micros(job.started_at);
            followed.wait.record(span(created, started));
            followed.run.record(span(started, finished));
            wait = Some(span(created, started));
        }
        let due_at = self.began.timestamp_micros() + i64::try_from(due.as_micros()).unwrap_or_default();
        let whole = span(due_at, finished);
        followed.whole.record(whole);
        followed.last_finish = followed.last_finish.max(finished);
        let repeated_runs = u32::try_from(job.attempts.saturating_add(job.crashes) - 1).unwrap_or_default();
        followed.repeated_runs += u64::from(repeated_runs);
        if self.times {
            followed.times.push(JobTimes {
                due,
                wait,
                whole,
                repeated_runs,
                handed_again: job.sequence > HANDED_OUT_ONCE,
            });
        }
    }
}

fn why(balance: &Balance, error: Option<Error>) -> String {
    let open = format!("{} acknowledged jobs have not ended", balance.open);
    match error {
        Some(error) => format!("{open}, and asking for them failed: {error}"),
        None => open,
    }
}
