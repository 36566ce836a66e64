//! Reports that come too late, too early, twice, or all at once.

use scheduler_domain::{Epoch, State};

use super::jobs::{
    a_failure, a_job, at, chosen, finish, forgotten, get, id, report, retry, submit, submit_all, success,
    worker,
};
use super::{Harness, concurrently};
use crate::{Cancelled, Jobs as _, Maintenance as _, Redriven, Report, ReportKind, Verdict};

/// Too old, too new, or of no job at all.
pub async fn a_report_under_another_epoch_is_fenced(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    store.hand_out(at(2), vec![forgotten(&job)]).await.unwrap();
    let now = get(store, job.id).await;
    assert_eq!(now.epoch, Epoch(2));
    for verdict in [success(), retry(at(9)), ReportKind::Failed { error: a_failure() }] {
        let old = report(&job, verdict.clone());
        let new = Report {
            epoch: Epoch(3),
            ..old.clone()
        };
        let nobody = Report {
            id: id(2),
            ..old.clone()
        };
        let verdicts = store.finish(at(5), vec![old, new, nobody]).await.unwrap();
        assert_eq!(verdicts, [Verdict::Fenced; 3]);
    }
    assert_eq!(get(store, job.id).await, now);
    assert_eq!(store.attempts(job.id).await.unwrap(), []);
}

/// Whoever it comes from, in the same batch or later.
pub async fn a_second_report_on_one_attempt_is_fenced(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    let first = report(&job, success());
    let verdicts = store
        .finish(at(5), vec![first.clone(), first.clone()])
        .await
        .unwrap();
    assert_eq!(verdicts, [Verdict::Accepted, Verdict::Fenced]);
    let done = get(store, job.id).await;
    let others = [
        Report {
            worker: worker(2),
            ..first.clone()
        },
        Report {
            started_at: at(2),
            ..first.clone()
        },
        Report {
            verdict: retry(at(9)),
            ..first
        },
    ];
    for other in others {
        assert_eq!(store.finish(at(6), vec![other]).await.unwrap(), [Verdict::Fenced]);
    }
    assert_eq!(get(store, job.id).await, done);
}

/// That is how a worker finds out whose first answer was lost.
pub async fn a_report_sent_again_is_accepted_and_changes_nothing(h: &impl Harness) {
    let store = h.store();
    let verdicts = [
        success(),
        retry(at(9)),
        ReportKind::Failed { error: a_failure() },
        ReportKind::DeadLetter { error: a_failure() },
    ];
    for (n, verdict) in (1..).zip(verdicts) {
        let job = submit(store, at(0), a_job(n)).await;
        let sent = report(&job, verdict);
        let ended = finish(store, at(5), sent.clone()).await;
        assert_eq!(finish(store, at(6), sent.clone()).await, ended);
        if let Redriven::Done(again) = store.redrive(at(7), job.id).await.unwrap() {
            assert_eq!(finish(store, at(8), sent).await, again);
        }
    }
}

/// The others are fenced.
pub async fn of_many_reports_at_once_one_is_accepted(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..20).map(a_job).collect()).await;
    let verdicts = concurrently(16, |n| {
        let worker = worker(n as u128);
        let verdict = if n % 2 == 0 { success() } else { retry(at(99)) };
        let reports = jobs.iter().map(|job| Report {
            worker: worker.clone(),
            ..report(job, verdict.clone())
        });
        store.finish(at(5), reports.collect())
    })
    .await;
    let verdicts: Vec<Vec<Verdict>> = verdicts.into_iter().map(Result::unwrap).collect();
    for n in 0..jobs.len() {
        let accepted = verdicts
            .iter()
            .filter(|verdicts| verdicts[n] == Verdict::Accepted)
            .count();
        assert_eq!(accepted, 1, "of job {n}");
        assert_eq!(get(store, jobs[n].id).await.attempts, 1);
    }
}

/// Whichever is first.
pub async fn a_report_and_a_cancel_at_once_do_not_both_win(h: &impl Harness) {
    let store = h.store();
    for n in 0..20 {
        let job = submit(store, at(0), chosen(n)).await;
        let (verdicts, cancelled) = tokio::join!(
            store.finish(at(5), vec![report(&job, success())]),
            store.cancel(at(5), job.id)
        );
        let accepted = verdicts.unwrap() == [Verdict::Accepted];
        let cancelled = matches!(cancelled.unwrap(), Cancelled::Done(_));
        assert_ne!(accepted, cancelled);
        let state = get(store, job.id).await.state;
        assert_eq!(
            state,
            if accepted {
                State::Succeeded
            } else {
                State::Cancelled
            }
        );
    }
}
