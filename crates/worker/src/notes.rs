//! What an attempt notes of its progress, between its handler, which writes, and its worker, which has it stored.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scheduler_domain::{CheckpointTooLong, Progress};

/// Shared by the handler of one attempt and its worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    progress: Progress,
    /// Not stored yet.
    fresh: bool,
}

impl Notes {
    /// Goes on from what an earlier attempt noted.
    pub(crate) fn after(earlier: Option<&Progress>) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            progress: earlier.cloned().unwrap_or_default(),
            fresh: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn checkpoint(&self) -> Option<String> {
        self.lock().progress.checkpoint().map(str::to_owned)
    }

    pub(crate) fn set(&self, percent: u8, message: &str) {
        let mut inner = self.lock();
        inner.progress.set(percent, message);
        inner.fresh = true;
    }

    pub(crate) fn keep(&self, json: String) -> Result<(), CheckpointTooLong> {
        let mut inner = self.lock();
        inner.progress.keep(json)?;
        inner.fresh = true;
        Ok(())
    }

    /// What is to be stored, once for each change.
    pub(crate) fn take(&self) -> Option<Progress> {
        let mut inner = self.lock();
        std::mem::take(&mut inner.fresh).then(|| inner.progress.clone())
    }

    /// What was taken could not be stored.
    pub(crate) fn keep_fresh(&self) {
        self.lock().fresh = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_taken_once_and_again_when_it_could_not_be_stored() {
        let notes = Notes::default();
        assert_eq!(notes.take(), None);
        notes.set(10, "a");
        notes.set(20, "b");
        let taken = notes.take().unwrap();
        assert_eq!((taken.percent(), taken.message()), (Some(20), "b"));
        assert_eq!(notes.take(), None);
        notes.keep_fresh();
        assert_eq!(notes.take(), Some(taken));
    }

    #[test]
    fn what_an_earlier_attempt_noted_is_there_and_is_not_stored_again() {
        let mut earlier = Progress::default();
        earlier.keep("[7]".to_owned()).unwrap();
        let notes = Notes::after(Some(&earlier));
        assert_eq!(notes.checkpoint().as_deref(), Some("[7]"));
        assert_eq!(notes.take(), None);
        notes.set(50, "");
        assert_eq!(notes.take().unwrap().checkpoint(), Some("[7]"));
    }
}
