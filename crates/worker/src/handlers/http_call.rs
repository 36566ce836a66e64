//! `http_call` {"url", "method", "headers", "body"}: one HTTP request.
//!
//! Whoever may submit jobs chooses where this process connects to, so every address is checked (see [`guard`] and [`resolver`]), and
//! nothing of the environment has a say: no proxy, no redirects, no cookies, no content decoding.

mod answer;
#[cfg(test)]
mod fuzz;
mod guard;
mod request;
mod reserved;
mod resolver;

use std::time::Duration;

use reqwest::{Client, redirect, retry};
use scheduler_service::config;

use crate::{Handler, JobContext, JobError};
use answer::Answer;
use guard::{Guard, Refused};
use request::Args;
use resolver::{Guarded, Lookup, system_lookup};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Largest header list of a response over HTTP/2; over HTTP/1, most headers.
const MOST_HEADER_BYTES: u32 = 16 << 10;
const MOST_HEADERS: usize = 100;

/// Makes HTTP requests.
#[derive(Debug)]
pub struct HttpCall {
    client: Client,
    guard: Guard,
    ports: Vec<u16>,
    timeout: Duration,
    max_response_bytes: u64,
}

impl HttpCall {
    /// As configured.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: &config::HttpCall) -> anyhow::Result<Self> {
        Self::with_lookup(config, system_lookup())
    }

    fn with_lookup(config: &config::HttpCall, lookup: Lookup) -> anyhow::Result<Self> {
        let guard = if config.allow_private_networks {
            Guard::Off
        } else {
            Guard::On
        };
        let client = Client::builder()
            .user_agent(crate::USER_AGENT)
            .connect_timeout(CONNECT)
            .dns_resolver(Guarded::new(guard, lookup))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .http1_max_headers(MOST_HEADERS)
            .http2_max_header_list_size(MOST_HEADER_BYTES)
            .build()?;
        let max_response_bytes = config.max_response_bytes.bytes();
        Ok(Self {
            client,
            guard,
            ports: config.ports.clone(),
            timeout: config.timeout,
            max_response_bytes,
        })
    }

    async fn call(&self, args: Args) -> Result<Answer, JobError> {
        let url = self
            .guard
            .check(&args.url, &self.ports)
            .map_err(|why| refused(&why))?;
        let target = url.origin().ascii_serialization();
        let request = args.into_request(url)?;
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| failed(&target, error))?;
        let answer = answer::read(response, self.max_response_bytes).await;
        let answer = answer.map_err(|error| match error {
            answer::Error::Broken(error) => failed(&target, error),
            answer::Error::TooLarge => {
                let message = format!(
                    "{target} answered with more than {} bytes",
                    self.max_response_bytes
                );
                JobError::fatal(message).kind("response_too_large")
            }
        })?;
        answer.judge(&target)
    }
}

impl Handler for HttpCall {
    const TYPE: &'static str = "http_call";
    type Payload = Args;
    type Output = Answer;

    async fn run(&self, job: JobContext, args: Args) -> Result<Answer, JobError> {
        tokio::select! {
            called = tokio::time::timeout(self.timeout, self.call(args)) => called.unwrap_or_else(|_| {
                Err(JobError::retry(format!("no complete answer within {:?}", self.timeout)).kind("http_timeout"))
            }),
            () = job.cancelled() => Err(JobError::cancelled()),
        }
    }
}

/// Trying again would lead to the same place.
fn refused(refused: &Refused) -> JobError {
    JobError::fatal(refused.to_string()).kind("refused_url")
}

/// No complete answer arrived. The URL stays out of the message: its query may hold secrets.
fn failed(target: &str, error: reqwest::Error) -> JobError {
    if let Some(found) = Refused::among_sources(&error) {
        return refused(found);
    }
    let kind = if error.is_timeout() {
        "http_timeout"
    } else if error.is_connect() {
        "http_connect"
    } else {
        "http"
    };
    let error = JobError::from(error.without_url());
    JobError::retry(format!("calling {target}: {}", error.message)).kind(kind)
}

#[cfg(test)]
mod tests;
