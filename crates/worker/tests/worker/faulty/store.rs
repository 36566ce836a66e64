//! A memory store that can be told to take no reports.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use scheduler_store::Error;
use scheduler_store::testing::Faults;

pub(crate) type FaultyStore = scheduler_store::testing::FaultyStore<Stuck>;

#[derive(Default)]
pub(crate) struct Stuck {
    /// Reports are not taken.
    pub(crate) stuck: AtomicBool,
}

#[async_trait]
impl Faults for Stuck {
    fn finish(&self) -> Result<(), Error> {
        if self.stuck.load(Ordering::SeqCst) {
            return Err(Error::Unavailable {
                context: "finishing",
                source: "told to fail".into(),
            });
        }
        Ok(())
    }
}
