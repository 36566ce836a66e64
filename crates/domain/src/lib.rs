//! The nouns of the scheduler: ids, jobs, their states and transitions, priorities, retry policy, leases, time.
//!
//! Pure: no I/O, no runtime, no database types. Every other crate speaks these types, so a rule that is written
//! here (what a valid queue name is, which state may follow which) is written nowhere else.

pub mod attempt;
pub mod clock;
pub mod id;
pub mod job;
pub mod lease;
pub mod limits;
pub mod metric;
pub mod name;
pub mod priority;
pub mod progress;
pub mod retry;
pub mod spec;
pub mod state;
mod text;

pub use attempt::{Attempt, Outcome};
pub use clock::{Clock, Entropy, ManualClock, SeededEntropy, SystemClock, SystemEntropy, Timestamp};
pub use id::{Epoch, JobId, KeyHash, Sequence, Shard, WorkerId};
pub use job::{Job, JobFailure};
pub use lease::{Entry, Lease};
pub use name::{Invalid, JobType, QueueName};
pub use priority::Priority;
pub use progress::{CheckpointTooLong, Progress};
pub use retry::{Jitter, RetryPolicy};
pub use spec::{JobOptions, JobSpec, NewJob};
pub use state::{Event, InvalidTransition, State};
