//! `sleep` {"ms", "resume"}: a job that takes its time. With `resume` it notes how long it has slept, and the attempt that goes on
//! after a hand-back sleeps only what is left.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Handler, JobContext, JobError};

/// How long.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    ms: u64,
    #[serde(default)]
    resume: bool,
}

/// Time between two notes.
const NOTED: Duration = Duration::from_millis(500);

/// Sleeps, unless cancelled.
#[derive(Debug, Clone, Copy)]
pub struct Sleep;

impl Handler for Sleep {
    const TYPE: &'static str = "sleep";
    type Payload = Args;
    type Output = ();

    async fn run(&self, job: JobContext, args: Args) -> Result<(), JobError> {
        let whole = Duration::from_millis(args.ms);
        let slept = match args.resume {
            true => Duration::from_millis(job.resume()?.unwrap_or(0)),
            false => Duration::ZERO,
        };
        tokio::select! {
            () = tokio::time::sleep(whole.saturating_sub(slept)) => Ok(()),
            () = job.cancelled() => Err(JobError::cancelled()),
            Err(refused) = note(&job, whole, slept), if args.resume => Err(refused),
        }
    }
}

/// Notes again and again how long it has been, `before` this attempt and in it.
async fn note(job: &JobContext, whole: Duration, before: Duration) -> Result<(), JobError> {
    let begun = Instant::now();
    loop {
        tokio::time::sleep(NOTED).await;
        let slept = before + begun.elapsed();
        let percent = slept.as_millis() * 100 / whole.as_millis().max(1);
        job.checkpoint(&slept.as_millis())?;
        job.progress(
            u8::try_from(percent).unwrap_or(100),
            &format!("slept {slept:.1?} of {whole:.1?}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Registry, testing};

    #[tokio::test(start_paused = true)]
    async fn it_sleeps_as_long_as_it_is_asked_unless_it_is_told_to_stop() {
        let registry = Registry::new().handler(Sleep);
        let begun = Instant::now();
        testing::first_attempt(&registry, "sleep", &json!({"ms": 1_500}))
            .await
            .unwrap();
        assert_eq!(begun.elapsed(), Duration::from_millis(1_500));

        let asked = CancellationToken::new();
        asked.cancel();
        let stopped = testing::attempt(
            &registry,
            &testing::job("sleep", 0),
            &json!({"ms": 60_000}),
            &asked,
        )
        .await;
        assert_eq!(stopped.unwrap_err().kind, "cancelled");
        assert_eq!(begun.elapsed(), Duration::from_millis(1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn it_sleeps_what_earlier_attempts_have_left() {
        let registry = Registry::new().handler(Sleep);
        let mut job = testing::job("sleep", 0);
        let mut progress = scheduler_domain::Progress::default();
        progress.keep("1200".to_owned()).unwrap();
        job.progress = Some(progress);
        for (resume, left) in [(true, 300), (false, 1_500)] {
            let begun = Instant::now();
            let args = json!({"ms": 1_500, "resume": resume});
            let never = CancellationToken::new();
            testing::attempt(&registry, &job, &args, &never).await.unwrap();
            assert_eq!(begun.elapsed(), Duration::from_millis(left));
        }
    }
}
