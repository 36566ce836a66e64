//! What is printed: the messages of the contract with its member names, RFC 3339 times and names of states. Members that
//! say nothing are left out.

mod attempt;
mod ended;
mod event;
mod failure;
mod job;
mod load;
mod queue;
mod span;

use chrono::SecondsFormat;
use clap::builder::styling::AnsiColor;
use scheduler_client::{Priority, State, Timestamp};

use crate::output::Cell;

pub(crate) use attempt::Attempt;
pub(crate) use ended::Ended;
pub(crate) use event::Event;
pub(crate) use failure::{failure, told};
pub(crate) use job::Job;
pub(crate) use queue::Queues;

/// A moment of the wire's.
fn moment(at: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    at.and_then(|at| Timestamp::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?))
}

/// RFC 3339, in milliseconds.
fn written(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn time(at: Option<&prost_types::Timestamp>) -> Option<String> {
    moment(at).map(written)
}

/// A state's name; one that this build does not know is named by its number.
fn state(number: i32) -> String {
    State::from_number(number).map_or_else(|| format!("UNKNOWN_{number}"), |state| state.name().to_owned())
}

/// A priority's name; one that this build does not know is named by its number.
fn priority(number: i32) -> String {
    Priority::from_number(number).map_or_else(
        || format!("unknown_{number}"),
        |priority| priority.name().to_owned(),
    )
}

/// A state's name in its colour.
fn state_cell(name: &str) -> Cell {
    let color = match State::ALL.into_iter().find(|state| state.name() == name) {
        Some(State::Succeeded) => AnsiColor::Green,
        Some(State::Failed | State::DeadLetter) => AnsiColor::Red,
        Some(State::Retry) => AnsiColor::Yellow,
        Some(State::Running) => AnsiColor::Cyan,
        Some(State::Queued | State::Scheduled | State::Cancelled) | None => return name.into(),
    };
    Cell::colored(name, color)
}
