//! Reads that fail at once, as in a replica whose database is gone and that has not noticed its own state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use scheduler_store::Error;

/// Fails every so manyth read.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    every: Option<u64>,
    reads: Arc<AtomicU64>,
}

impl Failures {
    /// With 1 each, with 2 one of two; with `None`, none.
    pub(super) fn new(every: Option<u64>) -> Self {
        Self {
            every,
            ..Self::default()
        }
    }

    /// # Errors
    /// It is the turn of one that fails.
    pub(super) fn meet(&self) -> Result<(), Error> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        match self.every {
            Some(every) if read.is_multiple_of(every.max(1)) => Err(Error::Unavailable {
                context: "reading, where reads fail",
                source: "as asked".into(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_fail_as_are_asked_to() {
        let failed = |every| {
            let failures = Failures::new(every);
            (0..6).filter(|_| failures.meet().is_err()).count()
        };
        assert_eq!((failed(None), failed(Some(1)), failed(Some(2))), (0, 6, 3));
    }
}
