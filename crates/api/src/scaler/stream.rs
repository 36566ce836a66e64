//! Waking from zero.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use scheduler_proto::externalscaler::IsActiveResponse;
use tokio::time::{Instant, sleep};
use tonic::Status;

use super::Scaler;
use super::metadata::Trigger;
use crate::error::Error;

/// What StreamIsActive answers with.
pub(crate) type Activity = Pin<Box<dyn Stream<Item = Result<IsActiveResponse, Status>> + Send>>;

/// Time between two looks while there is no work: all streams of a process share one reading, of a few small commands.
const IDLE: Duration = Duration::from_millis(250);
/// And while there is.
const BUSY: Duration = Duration::from_secs(1);
/// That there is work is said again after so long: KEDA forgets it when it comes before the trigger is set up.
const REPEAT: Duration = Duration::from_secs(5);

impl Scaler {
    /// Whether there should be workers, now and whenever that changes. Ends with an error when the load cannot be read, and when
    /// this replica stops: KEDA asks again, elsewhere.
    pub(super) fn watch(&self, trigger: Trigger) -> Result<Activity, Error> {
        let place = Arc::clone(&self.streams)
            .try_acquire_owned()
            .map_err(|_| Error::TooManyWatchers)?;
        let watch = Watch {
            scaler: self.clone(),
            trigger,
            said: None,
            _held: (place, self.calls.token()),
        };
        let told = futures::stream::unfold(Some(watch), |watch| async {
            let mut watch = watch?;
            match watch.next().await {
                Ok(result) => Some((Ok(IsActiveResponse { result }), Some(watch))),
                Err(error) => Some((Err(Status::from(error)), None)),
            }
        });
        Ok(Box::pin(told))
    }
}

struct Watch<H> {
    scaler: Scaler,
    trigger: Trigger,
    said: Option<(bool, Instant)>,
    _held: H,
}

impl<H> Watch<H> {
    async fn next(&mut self) -> Result<bool, Error> {
        loop {
            let closing = self.scaler.closing.clone();
            let look = closing.run_until_cancelled(self.scaler.is_active(&self.trigger));
            let Some(active) = look.await else {
                return Err(Error::Engine(scheduler_engine::Error::Stopped));
            };
            let active = active?;
            let news = match self.said {
                Some((before, at)) => before != active || active && at.elapsed() >= REPEAT,
                None => true,
            };
            if news {
                self.said = Some((active, Instant::now()));
                return Ok(active);
            }
            let pause = if active { BUSY } else { IDLE };
            let _ = closing.run_until_cancelled(sleep(pause)).await;
        }
    }
}
