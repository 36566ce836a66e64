//! How bytes travel.

use std::time::Duration;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Requests.
    TowardServer,
    /// Answers.
    TowardClient,
}

/// Whether bytes arrive at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flow {
    /// They do.
    #[default]
    Through,
    /// They wait until this changes: a partition, after which TCP sends again what was lost.
    Held,
    /// They are swallowed, and a connection that lost any carries nothing more in this direction: its peer is gone, and nobody
    /// has said so (half-open).
    Lost,
}

/// How bytes travel in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    /// Each piece arrives so much later.
    pub delay: Duration,
    /// And by up to so much more, at random.
    pub jitter: Duration,
    /// At most so many bytes a second, evenly; 1 is a drip.
    pub bytes_per_second: Option<u32>,
    /// Whether they arrive at all.
    pub flow: Flow,
}

impl Shape {
    /// Everything later by about so much.
    #[must_use]
    pub fn slow(delay: Duration, jitter: Duration) -> Self {
        Self {
            delay,
            jitter,
            ..Self::default()
        }
    }

    /// At most so many bytes a second.
    #[must_use]
    pub fn narrow(bytes_per_second: u32) -> Self {
        Self {
            bytes_per_second: Some(bytes_per_second.max(1)),
            ..Self::default()
        }
    }

    /// Nothing arrives until later.
    #[must_use]
    pub fn held() -> Self {
        Self {
            flow: Flow::Held,
            ..Self::default()
        }
    }

    /// Nothing arrives any more.
    #[must_use]
    pub fn lost() -> Self {
        Self {
            flow: Flow::Lost,
            ..Self::default()
        }
    }
}
