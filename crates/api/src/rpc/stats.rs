//! GetQueueStats.

use std::time::Duration;

use scheduler_engine::{Aim, Selection};
use scheduler_proto::v1;

use crate::convert;
use crate::error::Error;
use crate::service::Service;

/// Figures change once a second; whoever asks more often is given the last ones.
const AGE: Duration = Duration::from_millis(200);

impl Service {
    /// The load of what the filters leave.
    pub(crate) async fn stats(
        &self,
        request: v1::GetQueueStatsRequest,
    ) -> Result<v1::GetQueueStatsResponse, Error> {
        let selection = Selection {
            queues: convert::queue_filter(request.queue_filter)?.into_iter().collect(),
            priorities: convert::priority_filter(request.priority_filter)?
                .into_iter()
                .collect(),
            types: convert::type_filter(request.type_filter)?.into_iter().collect(),
        };
        let drain = convert::drain_target(request.drain_target)?;
        let pool_size = convert::pool_size(request.pool_size)?;
        let signal = self.engine.signal(AGE).await?;
        let default = Aim::with(&signal);
        let aim = Aim {
            drain: drain.unwrap_or(default.drain),
            pool_size: pool_size.unwrap_or(default.pool_size),
            ..default
        };
        Ok(convert::stats(&signal.select(&selection), &aim))
    }
}
