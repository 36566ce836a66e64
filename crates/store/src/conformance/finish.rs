//! Reports.

use scheduler_domain::{Epoch, Job, JobFailure, Outcome, State, limits};

use super::Harness;
use super::jobs::{
    a_failure, a_job, at, chosen, finish, forgotten, get, report, retry, running, submit, submit_all,
    success, worker,
};
use crate::{Jobs as _, Maintenance as _, Report, ReportKind, Verdict};

/// The row tells of the attempt.
pub async fn a_success_ends_the_job(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    let done = finish(store, at(5), report(&job, success())).await;
    let expected = Job {
        state: State::Succeeded,
        attempts: 1,
        sequence: done.sequence,
        updated_at: at(5),
        started_at: Some(at(1)),
        finished_at: Some(at(5)),
        worker: Some(worker(1)),
        result: Some(r#"{"ok":true}"#.to_owned()),
        ..job
    };
    assert_eq!(done, expected);
    let attempts = store.attempts(done.id).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        (attempts[0].epoch, attempts[0].number, attempts[0].outcome),
        (done.epoch, 1, Outcome::Succeeded)
    );
    assert_eq!(
        (attempts[0].started_at, attempts[0].finished_at),
        (Some(at(1)), Some(at(5)))
    );
}

/// FAILED and DEADLETTER, with the error.
pub async fn a_fatal_failure_and_a_last_one_end_the_job(h: &impl Harness) {
    let store = h.store();
    let ends = [
        (State::Failed, ReportKind::Failed { error: a_failure() }),
        (State::DeadLetter, ReportKind::DeadLetter { error: a_failure() }),
    ];
    for (n, (state, verdict)) in (1..).zip(ends) {
        let job = submit(store, at(0), a_job(n)).await;
        let ended = finish(store, at(5), report(&job, verdict)).await;
        assert_eq!((ended.state, ended.attempts, ended.epoch), (state, 1, job.epoch));
        assert_eq!(
            (&ended.error, &ended.result, ended.finished_at),
            (&Some(a_failure()), &None, Some(at(5)))
        );
        let attempts = store.attempts(job.id).await.unwrap();
        assert_eq!(attempts.len(), 1);
        assert_eq!(
            (attempts[0].outcome, &attempts[0].error),
            (Outcome::Failed, &Some(a_failure()))
        );
    }
}

/// And the attempt is in the history.
pub async fn a_retry_waits_under_the_next_epoch(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    store.mark_running(at(2), vec![running(&job)]).await.unwrap();
    let waiting = finish(store, at(5), report(&job, retry(at(30)))).await;
    assert_eq!(
        (waiting.state, waiting.epoch, waiting.attempts),
        (State::Retry, job.epoch.next(), 1)
    );
    assert_eq!((waiting.run_at, waiting.updated_at), (at(30), at(5)));
    assert_eq!((&waiting.error, &waiting.worker), (&Some(a_failure()), &None));
    assert_eq!((waiting.started_at, waiting.finished_at), (None, None));

    finish(
        store,
        at(40),
        report(&waiting, ReportKind::DeadLetter { error: a_failure() }),
    )
    .await;
    let attempts = store.attempts(job.id).await.unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.epoch.0, a.number, a.outcome, a.started_at, a.finished_at))
        .collect();
    assert_eq!(
        told,
        [
            (1, 1, Outcome::Failed, Some(at(1)), Some(at(5))),
            (2, 2, Outcome::Failed, Some(at(31)), Some(at(40))),
        ]
    );
    assert!(
        attempts
            .iter()
            .all(|a| a.error == Some(a_failure()) && a.worker == Some(worker(1)))
    );
}

/// The history keeps them.
pub async fn a_success_clears_the_error_of_earlier_attempts(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    let waiting = finish(store, at(5), report(&job, retry(at(6)))).await;
    let done = finish(store, at(9), report(&waiting, success())).await;
    assert_eq!(
        (done.state, done.error, done.attempts),
        (State::Succeeded, None, 2)
    );
    let outcomes: Vec<_> = store
        .attempts(done.id)
        .await
        .unwrap()
        .iter()
        .map(|a| a.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Succeeded]);
}

/// Though rows are written in another.
pub async fn verdicts_come_in_the_order_of_the_reports(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..1_200).map(a_job).collect()).await;
    let mut reports: Vec<Report> = jobs
        .iter()
        .enumerate()
        .map(|(n, job)| Report {
            epoch: if n % 3 == 0 { Epoch(9) } else { job.epoch },
            ..report(job, if n % 2 == 0 { success() } else { retry(at(9)) })
        })
        .collect();
    reports.reverse();
    let verdicts = store.finish(at(5), reports.clone()).await.unwrap();
    assert_eq!(verdicts.len(), reports.len());
    for (report, verdict) in reports.iter().zip(verdicts) {
        let fenced = report.epoch == Epoch(9);
        assert_eq!(
            verdict,
            if fenced {
                Verdict::Fenced
            } else {
                Verdict::Accepted
            }
        );
        let state = get(store, report.id).await.state;
        assert_eq!(
            state,
            if fenced {
                State::Queued
            } else {
                report.verdict.state()
            }
        );
    }
}

/// To the longest, and with NUL in them.
pub async fn errors_and_results_come_back_as_they_were(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    let nul = JobFailure {
        kind: "a\0b".to_owned(),
        message: "größe \0 \u{1f980}".to_owned(),
        retryable: true,
    };
    let verdict = ReportKind::Retry {
        at: at(9),
        error: nul.clone(),
    };
    let waiting = finish(store, at(5), report(&job, verdict)).await;
    assert_eq!(waiting.error.as_ref(), Some(&nul));
    assert_eq!(store.attempts(job.id).await.unwrap()[0].error, Some(nul));

    let result = format!("\"{}\"", "ü\u{7f}\\u0000".repeat(limits::MAX_RESULT_BYTES / 9));
    let verdict = ReportKind::Succeeded {
        result: Some(result.clone()),
    };
    assert_eq!(
        finish(store, at(20), report(&waiting, verdict)).await.result,
        Some(result)
    );

    let long = submit_all(store, at(0), (10..60).map(a_job).collect()).await;
    let result = format!("\"{}\"", "x".repeat(limits::MAX_RESULT_BYTES - 2));
    let verdict = ReportKind::Succeeded {
        result: Some(result.clone()),
    };
    let reports = long.iter().map(|job| report(job, verdict.clone())).collect();
    assert_eq!(
        store.finish(at(20), reports).await.unwrap(),
        [Verdict::Accepted; 50]
    );
    assert_eq!(get(store, long[49].id).await.result, Some(result));
}

/// By two from one hand-out to its end, whether or not RUNNING was written between.
pub async fn every_change_raises_the_sequence(h: &impl Harness) {
    let store = h.store();
    for n in [1, 2] {
        let job = submit(store, at(0), chosen(n)).await;
        let mut sequences = vec![job.sequence.0];
        if n == 2 {
            store.mark_running(at(2), vec![running(&job)]).await.unwrap();
            assert_eq!(get(store, job.id).await.sequence.0, 2);
        }
        let waiting = finish(store, at(5), report(&job, retry(at(6)))).await;
        sequences.push(waiting.sequence.0);
        store.hand_out(at(7), vec![forgotten(&waiting)]).await.unwrap();
        let again = get(store, job.id).await;
        sequences.push(again.sequence.0);
        let failed = finish(
            store,
            at(9),
            report(&again, ReportKind::Failed { error: a_failure() }),
        )
        .await;
        sequences.push(failed.sequence.0);
        store.redrive(at(10), job.id).await.unwrap();
        sequences.push(get(store, job.id).await.sequence.0);
        store.cancel(at(11), job.id).await.unwrap();
        sequences.push(get(store, job.id).await.sequence.0);
        assert_eq!(sequences, [1, 3, 5, 7, 8, 10]);
    }
}
