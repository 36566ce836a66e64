//! Reports in memory.

use async_trait::async_trait;
use scheduler_domain::clock;

use super::MemoryQueue;
use crate::report::REPORT_KEPT;
use crate::{Error, Report, Reported, Tally};

#[async_trait]
impl Tally for MemoryQueue {
    async fn report(&self, process: &str, report: &Report) -> Result<(), Error> {
        let now = self.clock.now();
        self.state()
            .reports
            .insert(process.to_owned(), (now, report.clone()));
        Ok(())
    }

    async fn reports(&self) -> Result<Vec<Reported>, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        state
            .reports
            .retain(|_, (at, _)| clock::since(now, *at) <= REPORT_KEPT);
        let reported = |(at, report): &(_, Report)| Reported {
            age: clock::since(now, *at),
            report: report.clone(),
        };
        Ok(state.reports.values().map(reported).collect())
    }
}
