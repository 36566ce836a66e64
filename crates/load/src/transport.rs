//! Calls: which jobs go into one, and what its answer means.

use scheduler_client::{Client, ClientOptions, Error, JobRequest};
use tonic::Code;

use crate::ids::Ids;
use crate::mix::Mix;
use crate::plan::{Naming, Plan};
use crate::stats::{Outcome, Refusal};

/// A connection to the scheduler, as the plan wants it: no call is ever repeated, so that what is measured is the
/// scheduler and not our patience.
///
/// # Errors
/// [`Error::Address`].
pub(crate) async fn connect(plan: &Plan) -> Result<Client, Error> {
    Client::connect(ClientOptions {
        connections: plan.connections,
        request_timeout: plan.deadline,
        attempts: 1,
        max_connection_age: plan.reconnect,
        generate_job_ids: false,
        user_agent: plan.user_agent.clone(),
        ..ClientOptions::new(plan.address.clone())
    })
    .await
}

/// Makes the calls of a run.
#[derive(Debug)]
pub(crate) struct Transport {
    client: Client,
    mix: Mix,
    ids: Ids,
    naming: Naming,
    keyed: bool,
}

/// A call's answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// Accepted jobs: number and id.
    pub(crate) accepted: Vec<(u64, String)>,
    /// What the first refusal said.
    pub(crate) message: String,
}

impl Transport {
    pub(crate) fn new(client: Client, plan: &Plan, ids: Ids) -> Self {
        Self {
            client,
            mix: Mix::new(plan.content.clone()),
            ids,
            naming: plan.naming,
            keyed: plan.content.duplicates > 0.0,
        }
    }

    /// Which job the `index`-th submit carries.
    pub(crate) fn carried(&self, index: u64) -> u64 {
        self.mix.carried(index)
    }

    /// Submits one job.
    pub(crate) async fn one(&self, index: u64) -> Answer {
        match self.client.submit(self.job(index)).await {
            Ok(reply) => {
                let outcome = Outcome {
                    accepted: 1,
                    replayed: u64::from(reply.replayed),
                    served_by: reply.served_by,
                    ..Outcome::default()
                };
                Answer {
                    outcome,
                    accepted: vec![(index, reply.inner.job_id)],
                    message: String::new(),
                }
            }
            Err(error) => failed(&error, 1),
        }
    }

    /// Submits several at once.
    pub(crate) async fn batch(&self, indices: &[u64]) -> Answer {
        let jobs = indices.iter().map(|index| self.job(*index)).collect();
        match self.client.submit_batch(jobs).await {
            Ok(reply) => {
                let mut answer = Answer::default();
                answer.outcome.served_by = reply.served_by;
                for (index, result) in indices.iter().zip(reply.inner) {
                    match result {
                        Ok(submitted) => {
                            answer.outcome.accepted += 1;
                            answer.outcome.replayed += u64::from(submitted.replayed);
                            answer.accepted.push((*index, submitted.job_id));
                        }
                        Err(error) => answer.refuse(&error, 1),
                    }
                }
                answer
            }
            Err(error) => failed(&error, u64::try_from(indices.len()).unwrap_or(u64::MAX)),
        }
    }

    fn job(&self, index: u64) -> JobRequest {
        let job = self.mix.job(index);
        match self.naming {
            Naming::Client => job.id(self.ids.id(index).to_string()),
            Naming::Server if self.keyed => job.key(format!("load-{}", self.ids.id(index))),
            Naming::Server => job,
        }
    }
}

pub(crate) fn failed(error: &Error, jobs: u64) -> Answer {
    let mut answer = Answer::default();
    answer.outcome.failed = true;
    answer.refuse(error, jobs);
    answer
}

impl Answer {
    fn refuse(&mut self, error: &Error, jobs: u64) {
        let refusal = Refusal {
            code: code(error),
            reason: error.reason().unwrap_or_default(),
        };
        if self.outcome.refused.is_empty() {
            self.message = error.to_string();
        }
        match self
            .outcome
            .refused
            .iter_mut()
            .find(|(known, _)| *known == refusal)
        {
            Some((_, count)) => *count += jobs,
            None => self.outcome.refused.push((refusal, jobs)),
        }
    }
}

/// What the code says to a caller; a connection that broke on our side has none of its own.
fn code(error: &Error) -> &'static str {
    if error.is_connection() {
        return "CONNECTION";
    }
    match error {
        Error::Timeout { .. } => return "DEADLINE_EXCEEDED",
        Error::Address { .. } => return "ADDRESS",
        _ => {}
    }
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
