//! The load: logical clients that submit, read and cancel, and write down what they are told: in the ledger, and in the run's history.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use scheduler_client::{ClientOptions, Error, JobRequest, Priority, State};

use super::ledger::{Ending, Ledger};
use crate::Dice;
use crate::history::{Folder, RecordingClient};

/// Logical clients.
const CLIENTS: usize = 16;

/// What the clients share.
#[derive(Debug)]
pub(super) struct Load {
    ledger: Mutex<Ledger>,
    /// No more submits.
    pub(super) stop: AtomicBool,
    dice: Dice,
    /// Pause between two calls of one client, at most.
    pause: Duration,
    run: u64,
    next: AtomicU64,
}

impl Load {
    pub(super) fn new(dice: &Dice, pause: Duration) -> Self {
        Self {
            ledger: Mutex::default(),
            stop: AtomicBool::new(false),
            run: dice.next(),
            dice: dice.split(),
            pause,
            next: AtomicU64::new(0),
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has seen, leaving nothing.
    pub(super) fn take_ledger(&self) -> Ledger {
        std::mem::take(&mut self.ledger())
    }

    /// Runs all clients until they are told to stop. Each call is made once: what is told of it is then true of it, and what the
    /// client's own repetitions would hide is seen.
    pub(super) async fn run(&self, folder: &Folder, port: u16) -> anyhow::Result<()> {
        let options = ClientOptions {
            connections: 2,
            ..ClientOptions::new(format!("http://127.0.0.1:{port}"))
        };
        let client = RecordingClient::connect(folder, "client", options).await?;
        join_all((0..CLIENTS).map(|_| self.one(client.another()))).await;
        Ok(())
    }

    async fn one(&self, mut client: RecordingClient) {
        let client = &mut client;
        let mut mine: Vec<String> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            match self.dice.below(20) {
                0..=11 => mine.extend(self.submit(client).await),
                12 | 13 => mine.extend(self.submit_batch(client).await),
                14 | 15 => self.submit_twice(client).await,
                16 => {
                    if let Some(id) = self.dice.pick(&mine) {
                        self.cancel(client, id).await;
                    }
                }
                17 if self.dice.once_in(3) => self.race_to_the_end(client).await,
                17 if self.dice.once_in(3) => Box::pin(self.race_to_begin_again(client)).await,
                _ => self.read(client, &mine).await,
            }
            if mine.len() > 200 {
                mine.drain(..100);
            }
            tokio::time::sleep(self.dice.within(Duration::ZERO..self.pause)).await;
        }
    }

    /// A job of some kind, and how it has to end.
    fn job(&self) -> (JobRequest, Ending) {
        let (job, ending) = match self.dice.below(20) {
            0..=3 => {
                let ms = self.dice.below(400);
                let sleep = JobRequest::new("sleep").payload_json(format!(r#"{{"ms":{ms}}}"#));
                (sleep, Ending::Succeeds)
            }
            4 => {
                let sleep = JobRequest::new("sleep").payload_json(r#"{"ms":2500}"#);
                (sleep, Ending::Succeeds)
            }
            9 => {
                // Deaf to cancellation: it reports, whatever became of its job meanwhile.
                let effect = JobRequest::new("effect").payload_json(r#"{"ms":1500}"#);
                (effect, Ending::Succeeds)
            }
            5 | 6 => {
                let flaky = JobRequest::new("flaky").payload_json(r#"{"failures":1}"#);
                (flaky.max_attempts(20), Ending::Succeeds)
            }
            7 => {
                let fails = JobRequest::new("always_fail").payload_json(r#"{"message":"as asked"}"#);
                (fails.max_attempts(2), Ending::Dies)
            }
            8 => {
                let delay = self.dice.within(Duration::ZERO..Duration::from_secs(5));
                (JobRequest::new("noop").delay(delay), Ending::Succeeds)
            }
            _ => (JobRequest::new("noop"), Ending::Succeeds),
        };
        let priority = match self.dice.below(10) {
            0 | 1 => Priority::Critical,
            2..=4 => Priority::High,
            5..=8 => Priority::Default,
            _ => Priority::Low,
        };
        (job.priority(priority), ending)
    }

    fn key(&self) -> String {
        format!("{:x}-{}", self.run, self.next.fetch_add(1, Ordering::Relaxed))
    }

    async fn submit(&self, client: &mut RecordingClient) -> Option<String> {
        let (job, ending) = self.job();
        let key = self.dice.once_in(3).then(|| self.key());
        let job = match &key {
            Some(key) => job.key(key),
            None => job,
        };
        match client.submit(job).await {
            Ok(submitted) => {
                let id = submitted.job_id.clone();
                self.ledger()
                    .submitted(&id, ending, key.as_deref(), submitted.replayed);
                Some(id)
            }
            Err(error) => {
                self.refused("submit", &error);
                None
            }
        }
    }

    async fn submit_batch(&self, client: &mut RecordingClient) -> Vec<String> {
        let (jobs, endings): (Vec<_>, Vec<_>) = (0..1 + self.dice.below(20)).map(|_| self.job()).unzip();
        match client.submit_batch(jobs).await {
            Ok(items) => {
                let mut ids = Vec::new();
                for (item, ending) in items.into_iter().zip(endings) {
                    match item {
                        Ok(item) => {
                            self.ledger().submitted(&item.job_id, ending, None, item.replayed);
                            ids.push(item.job_id);
                        }
                        Err(error) => self.refused("submit", &error),
                    }
                }
                ids
            }
            Err(error) => {
                self.refused("submit", &error);
                Vec::new()
            }
        }
    }

    /// The same job under one key, from several callers at once.
    async fn submit_twice(&self, client: &mut RecordingClient) {
        let (job, ending) = self.job();
        let key = self.key();
        let job = job.key(&key);
        let callers = (0..2 + self.dice.below(3)).map(|_| {
            let (mut caller, job) = (client.another(), job.clone());
            async move { caller.submit(job).await }
        });
        for answer in join_all(callers).await {
            match answer {
                Ok(submitted) => {
                    self.ledger()
                        .submitted(&submitted.job_id, ending, Some(&key), submitted.replayed);
                }
                Err(error) => self.refused("submit", &error),
            }
        }
    }

    async fn cancel(&self, client: &mut RecordingClient, id: &str) {
        self.ledger().cancel_sent.insert(id.to_owned());
        match client.cancel(id).await {
            Ok(cancelled) => self.ledger().cancel_answered(id, cancelled),
            Err(Error::NotFound { .. }) => self.ledger().missing(id),
            Err(error) => self.refused("cancel", &error),
        }
    }

    /// Several cancels meet each other and the end of the job.
    async fn race_to_the_end(&self, client: &mut RecordingClient) {
        let ms = self.dice.below(60);
        let job = JobRequest::new("sleep").payload_json(format!(r#"{{"ms":{ms}}}"#));
        let Ok(submitted) = client.submit(job.priority(Priority::Critical)).await else {
            return;
        };
        let id = &submitted.job_id;
        self.ledger()
            .submitted(id, Ending::Succeeds, None, submitted.replayed);
        join_all((0..3).map(|_| {
            let mut caller = client.another();
            async move {
                let later = Duration::from_millis(0)..Duration::from_millis(80);
                tokio::time::sleep(self.dice.within(later)).await;
                self.cancel(&mut caller, id).await;
            }
        }))
        .await;
    }

    /// A dead job is asked to run again several times at once, and cancelled meanwhile.
    async fn race_to_begin_again(&self, client: &mut RecordingClient) {
        let job = JobRequest::new("always_fail").payload_json(r#"{"message":"as asked"}"#);
        let Ok(submitted) = client.submit(job.max_attempts(1)).await else {
            return;
        };
        let id = &submitted.job_id;
        self.ledger()
            .submitted(id, Ending::Dies, None, submitted.replayed);
        let mut watch = client.watch(id);
        while let Some(event) = watch.next().await {
            if event.is_err() {
                return;
            }
        }
        self.ledger().redrives.insert(id.clone(), 3);
        let again = |mut caller: RecordingClient| async move {
            match caller.redrive(id).await {
                Ok(_) => self.ledger().count("redrive ok"),
                Err(Error::Precondition { .. }) => self.ledger().count("redrive too late"),
                Err(error) => self.refused("redrive", &error),
            }
        };
        let callers = [client.another(), client.another(), client.another()].map(again);
        tokio::join!(join_all(callers), self.cancel(client, id));
    }

    async fn read(&self, client: &mut RecordingClient, mine: &[String]) {
        let Some(id) = self.dice.pick(mine) else { return };
        match client.get(id).await {
            Ok(job) => {
                let is_final = State::from_number(job.state).is_some_and(State::is_final);
                self.ledger().shown(id, job.state, is_final);
            }
            Err(Error::NotFound { .. }) => self.ledger().missing(id),
            Err(error) => self.refused("get", &error),
        }
    }

    fn refused(&self, call: &str, error: &Error) {
        let code = error.status().map(|status| format!("{:?}", status.code()));
        let code = code.unwrap_or_else(|| "no answer".to_owned());
        let mut ledger = self.ledger();
        ledger.count(&format!("{call} {code}"));
        // None of these calls is wrong, and nothing that is done to the system makes it so.
        if matches!(
            error,
            Error::Invalid { .. } | Error::Conflict { .. } | Error::Auth { .. }
        ) {
            ledger
                .violations
                .push(format!("{call} was refused as wrong: {error}"));
        }
        if matches!(error, Error::Internal { .. }) {
            ledger
                .violations
                .push(format!("{call} met a fault of the server's: {error}"));
        }
    }
}
