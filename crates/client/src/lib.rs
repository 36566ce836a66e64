//! A typed client of the scheduler, for programs that submit jobs and follow them.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use scheduler_client::{Client, ClientOptions, Error, JobRequest, Priority};
//!
//! # #[derive(serde::Serialize)]
//! # struct Email<'a> { to: &'a str }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect(ClientOptions::new("http://localhost:8080")).await?;
//!
//! let job = JobRequest::new("email.send")
//!     .payload(&Email { to: "ada@example.org" })?
//!     .priority(Priority::High)
//!     .timeout(Duration::from_secs(30))
//!     .key("welcome-42");
//! let submitted = client.submit(job).await?;
//! println!("accepted by {:?}", submitted.served_by);
//!
//! match client.wait(&submitted.job_id).await {
//!     Ok(job) => println!("{} after {} attempts", job.state().as_str_name(), job.attempts),
//!     Err(Error::Unavailable { .. }) => println!("still running, as far as we know: ask again later"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What it does that a generated stub does not:
//! - **Several connections.** One HTTP/2 connection ends at one backend and is driven by one core, so a [`Client`] keeps
//!   [`ClientOptions::connections`] of them and takes them in turn. It is cheap to clone; clones share the connections.
//! - **Submits that can be repeated.** Every job gets an id before it is sent, so when a replica goes away in the middle
//!   of a submit, the same job is submitted again and runs once. See [`Client::submit`].
//! - **Watching that survives.** [`Client::watch`] goes on after the last change it has seen when its stream breaks.
//! - **Errors by what to do next.** See [`Error`].
//!
//! To add a call: write it in the file of `client/` that it belongs to, over `Client::unary`, and say whether repeating
//! it is safe.

mod client;
mod error;
mod job;
mod options;
mod pool;
mod reply;
#[cfg(feature = "testing")]
pub mod testing;
mod wire;

pub use client::{Client, ListQuery, Submitted, Watch};
pub use error::{Error, Violation};
pub use job::JobRequest;
pub use options::ClientOptions;
pub use reply::Reply;
pub use scheduler_domain::{Jitter, Priority, RetryPolicy, State, Timestamp};
pub use scheduler_proto::v1;
