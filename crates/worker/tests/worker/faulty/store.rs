//! A memory store that can be told to take no reports or no notes, and that counts the notes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use scheduler_store::testing::Faults;
use scheduler_store::{Error, Note};

pub(crate) type FaultyStore = scheduler_store::testing::FaultyStore<Stuck>;

#[derive(Default)]
pub(crate) struct Stuck {
    /// Reports are not taken.
    pub(crate) stuck: AtomicBool,
    /// Notes are not taken.
    forgetful: AtomicBool,
    noted: AtomicUsize,
}

impl Stuck {
    pub(crate) fn refuse_notes(&self, refuse: bool) {
        self.forgetful.store(refuse, Ordering::SeqCst);
    }

    /// How many notes were written.
    pub(crate) fn noted(&self) -> usize {
        self.noted.load(Ordering::SeqCst)
    }
}

fn refused(context: &'static str) -> Error {
    Error::Unavailable {
        context,
        source: "told to fail".into(),
    }
}

#[async_trait]
impl Faults for Stuck {
    fn finish(&self) -> Result<(), Error> {
        match self.stuck.load(Ordering::SeqCst) {
            true => Err(refused("finishing")),
            false => Ok(()),
        }
    }

    fn note(&self, notes: &[Note]) -> Result<(), Error> {
        if self.forgetful.load(Ordering::SeqCst) {
            return Err(refused("noting"));
        }
        self.noted.fetch_add(notes.len(), Ordering::SeqCst);
        Ok(())
    }
}
