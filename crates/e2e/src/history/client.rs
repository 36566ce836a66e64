//! A client that tells what it asks and what it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use prost::Message as _;
use scheduler_client::{Client, ClientOptions, Error, JobRequest, ListQuery, Submitted, Watch, v1};
use scheduler_domain::{Clock as _, Entropy as _, JobId, Shard, SystemClock, SystemEntropy};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Folder, Kind, Op, Recorder, Told, fingerprint};

/// A logical client: one call at a time, each tried once, so that what is told of a call is true of it.
///
/// After an answer that leaves open whether the call was carried out it goes on under another name: the old one may still be at
/// it. [`RecordingClient::another`] makes one that shares connections and file, for calls at the same time.
#[derive(Debug)]
pub struct RecordingClient {
    client: Client,
    shared: Arc<Shared>,
    name: String,
}

#[derive(Debug)]
struct Shared {
    recorder: Recorder,
    name: String,
    names: AtomicU64,
}

impl Shared {
    fn next_name(&self) -> String {
        format!("{}.{}", self.name, self.names.fetch_add(1, Ordering::Relaxed))
    }
}

impl RecordingClient {
    /// Tells in a file of its own, called `name`. Calls are not repeated, whatever `options` say.
    ///
    /// # Errors
    /// The address cannot be understood, or the file is there already.
    pub async fn connect(folder: &Folder, name: &str, options: ClientOptions) -> Result<Self> {
        let options = ClientOptions {
            attempts: 1,
            generate_job_ids: false,
            ..options
        };
        let shared = Shared {
            recorder: Recorder::create(folder, name)?,
            name: name.to_owned(),
            names: AtomicU64::new(1),
        };
        Ok(Self {
            client: Client::connect(options).await?,
            name: shared.next_name(),
            shared: Arc::new(shared),
        })
    }

    /// One more, on the same connections.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            client: self.client.clone(),
            name: self.shared.next_name(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The client underneath, for what is not to be told.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Submits a job. One that has neither an id nor a key is given an id.
    ///
    /// # Errors
    /// The client's.
    pub async fn submit(&mut self, job: JobRequest) -> Result<Submitted, Error> {
        let job = Asked::new(job);
        let call = self.tell(job.told());
        let answer = self.client.submit(job.request).await;
        let answer = answer.map(scheduler_client::Reply::into_inner);
        self.answered(call, Op::Submit, job.id, &answer, submitted);
        self.retire_if(answer.as_ref().is_err_and(is_open));
        answer
    }

    /// Submits jobs at once. Told as a call for each.
    ///
    /// # Errors
    /// The client's.
    pub async fn submit_batch(
        &mut self,
        jobs: Vec<JobRequest>,
    ) -> Result<Vec<Result<Submitted, Error>>, Error> {
        let jobs: Vec<Asked> = jobs.into_iter().map(Asked::new).collect();
        let calls: Vec<u64> = jobs.iter().map(|job| self.tell(job.told())).collect();
        let requests = jobs.iter().map(|job| job.request.clone()).collect();
        let answer = self.client.submit_batch(requests).await;
        let mut open = answer.as_ref().is_err_and(is_open);
        match &answer {
            Ok(items) => {
                for ((job, call), item) in jobs.iter().zip(calls).zip(&**items) {
                    self.answered(call, Op::Submit, job.id, item, submitted);
                    open |= item.as_ref().is_err_and(is_open);
                }
            }
            Err(error) => {
                for (job, call) in jobs.iter().zip(calls) {
                    self.failed(call, Op::Submit, job.id, error);
                }
            }
        }
        self.retire_if(open);
        answer.map(scheduler_client::Reply::into_inner)
    }

    /// A job as it stands.
    ///
    /// # Errors
    /// The client's.
    pub async fn get(&mut self, job_id: &str) -> Result<v1::JobStatus, Error> {
        let call = self.invoke(Op::Get, job_id);
        let answer = self.client.get(job_id).await;
        self.finish(call, Op::Get, job_id, answer, status)
    }

    /// One page of jobs: the answer, then what it says of each.
    ///
    /// # Errors
    /// The client's.
    pub async fn list(&mut self, query: &ListQuery, page_token: &str) -> Result<v1::ListJobsResponse, Error> {
        let call = self.tell(Told::new(Kind::Invoke, Op::List));
        let answer = self.client.list(query, page_token).await;
        let page = answer.map(scheduler_client::Reply::into_inner);
        self.answered(
            call,
            Op::List,
            None,
            &page,
            |page| json!({"jobs": page.jobs.len()}),
        );
        for job in page.iter().flat_map(|page| &page.jobs) {
            let told = Told::note(Op::List).answers(call).reply(status(job));
            self.tell(about(told, &job.job_id));
        }
        self.retire_if(page.as_ref().is_err_and(is_open));
        page
    }

    /// Follows a job, as a logical client of its own. Each change that [`RecordingWatch::next`] gives is told.
    #[must_use]
    pub fn watch(&self, job_id: &str) -> RecordingWatch {
        let name = self.shared.next_name();
        let told = about(Told::new(Kind::Invoke, Op::Watch), job_id);
        RecordingWatch {
            watch: self.client.watch(job_id),
            call: self.shared.recorder.tell_as(&name, told),
            job_id: job_id.to_owned(),
            shared: Arc::clone(&self.shared),
            name,
        }
    }

    /// Cancels a job; whether it was open.
    ///
    /// # Errors
    /// The client's.
    pub async fn cancel(&mut self, job_id: &str) -> Result<bool, Error> {
        let call = self.invoke(Op::Cancel, job_id);
        let answer = self.client.cancel(job_id).await;
        self.finish(
            call,
            Op::Cancel,
            job_id,
            answer,
            |cancelled| json!({"cancelled": cancelled}),
        )
    }

    /// Reopens a job that failed.
    ///
    /// # Errors
    /// The client's.
    pub async fn redrive(&mut self, job_id: &str) -> Result<v1::JobStatus, Error> {
        let call = self.invoke(Op::Redrive, job_id);
        let answer = self.client.retry(job_id).await;
        self.finish(call, Op::Redrive, job_id, answer, status)
    }

    /// Deletes a job in a final state.
    ///
    /// # Errors
    /// The client's.
    pub async fn delete(&mut self, job_id: &str) -> Result<(), Error> {
        let call = self.invoke(Op::Delete, job_id);
        let answer = self.client.delete(job_id).await;
        self.finish(call, Op::Delete, job_id, answer, |()| json!({}))
    }

    fn tell(&self, told: Told) -> u64 {
        self.shared.recorder.tell_as(&self.name, told)
    }

    fn invoke(&self, op: Op, job_id: &str) -> u64 {
        self.tell(about(Told::new(Kind::Invoke, op), job_id))
    }

    fn finish<T>(
        &mut self,
        call: u64,
        op: Op,
        job_id: &str,
        answer: Result<scheduler_client::Reply<T>, Error>,
        reply: impl FnOnce(&T) -> Value,
    ) -> Result<T, Error> {
        let answer = answer.map(scheduler_client::Reply::into_inner);
        self.answered(call, op, job_id.parse().ok(), &answer, reply);
        self.retire_if(answer.as_ref().is_err_and(is_open));
        answer
    }

    fn answered<T>(
        &self,
        call: u64,
        op: Op,
        job: Option<Uuid>,
        answer: &Result<T, Error>,
        reply: impl FnOnce(&T) -> Value,
    ) {
        match answer {
            Ok(answer) => {
                let reply = reply(answer);
                let told = Told::new(Kind::Ok, op).answers(call);
                // With a key alone it is the answer that says which job it is.
                let job = job.or_else(|| reply["job"].as_str()?.parse().ok());
                self.tell(Told {
                    job,
                    ..told.reply(reply)
                });
            }
            Err(error) => self.failed(call, op, job, error),
        }
    }

    fn failed(&self, call: u64, op: Op, job: Option<Uuid>, error: &Error) {
        let kind = if is_open(error) { Kind::Info } else { Kind::Fail };
        let told = Told::new(kind, op).answers(call).code(code(error));
        self.tell(Told { job, ..told });
    }

    fn retire_if(&mut self, open: bool) {
        if open {
            self.name = self.shared.next_name();
        }
    }
}

/// The changes of one job, told as they come.
#[derive(Debug)]
pub struct RecordingWatch {
    watch: Watch,
    call: u64,
    job_id: String,
    shared: Arc<Shared>,
    name: String,
}

impl RecordingWatch {
    /// The next change; `None` after the final one, and after an error.
    pub async fn next(&mut self) -> Option<Result<v1::JobEvent, Error>> {
        let answer = self.watch.next().await;
        let told = match &answer {
            Some(Ok(event)) => Told::note(Op::Watch).reply(json!({
                "state": event.state,
                "sequence": event.sequence,
                "attempts": event.attempts,
            })),
            None => Told::new(Kind::Ok, Op::Watch),
            Some(Err(error)) if is_open(error) => Told::new(Kind::Info, Op::Watch).code(code(error)),
            Some(Err(error)) => Told::new(Kind::Fail, Op::Watch).code(code(error)),
        };
        let told = about(told.answers(self.call), &self.job_id);
        self.shared.recorder.tell_as(&self.name, told);
        answer
    }
}

/// A job on its way.
struct Asked {
    request: JobRequest,
    id: Option<Uuid>,
    args: Value,
}

impl Asked {
    fn new(request: JobRequest) -> Self {
        let mut job = request.into_message();
        if job.job_id.is_empty() && job.idempotency_key.is_empty() {
            job.job_id = new_id().to_string();
        }
        let run_at_ns = job.run_at.and_then(|at| {
            let seconds = u64::try_from(at.seconds).ok()?;
            Some(seconds * 1_000_000_000 + u64::try_from(at.nanos).ok()?)
        });
        let body = v1::Job {
            job_id: String::new(),
            idempotency_key: String::new(),
            ..job.clone()
        };
        let mut args = json!({"body": body_of(&body), "max_attempts": job.max_attempts});
        if !job.idempotency_key.is_empty() {
            args["key"] = json!(job.idempotency_key);
        }
        if let Some(run_at_ns) = run_at_ns {
            args["run_at_ns"] = json!(run_at_ns);
        }
        Self {
            id: job.job_id.parse().ok(),
            args,
            request: job.into(),
        }
    }

    fn told(&self) -> Told {
        let told = Told::new(Kind::Invoke, Op::Submit).args(self.args.clone());
        Told { job: self.id, ..told }
    }
}

/// Stands for a job's body. Labels are put in order: a map has none on the wire.
fn body_of(job: &v1::Job) -> u64 {
    let labels: std::collections::BTreeMap<_, _> = job.labels.iter().collect();
    let mut bytes = format!("{labels:?}").into_bytes();
    let rest = v1::Job {
        labels: std::collections::HashMap::new(),
        ..job.clone()
    };
    bytes.extend(rest.encode_to_vec());
    fingerprint(&bytes)
}

fn new_id() -> JobId {
    let mut random = [0; 10];
    SystemEntropy.fill(&mut random);
    JobId::generate(SystemClock.now(), random, Shard::wrapping(u64::from(random[0])))
}

fn about(told: Told, job_id: &str) -> Told {
    Told {
        job: job_id.parse().ok(),
        ..told
    }
}

fn submitted(answer: &Submitted) -> Value {
    json!({"job": answer.job_id, "replayed": answer.replayed})
}

fn status(job: &v1::JobStatus) -> Value {
    json!({"state": job.state, "sequence": job.sequence, "attempts": job.attempts})
}

/// Whether the call may have been carried out all the same.
fn is_open(error: &Error) -> bool {
    !matches!(
        error,
        Error::Address { .. }
            | Error::Invalid { .. }
            | Error::NotFound { .. }
            | Error::Conflict { .. }
            | Error::Precondition { .. }
            | Error::Busy { .. }
            | Error::Auth { .. }
    )
}

/// The code by its name on the wire.
fn code(error: &Error) -> &'static str {
    use tonic::Code;
    match error.code() {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
