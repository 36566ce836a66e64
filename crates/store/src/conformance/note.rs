//! Progress that attempts note.

use scheduler_domain::{Epoch, Job, Progress, limits};

use super::Harness;
use super::jobs::{a_job, at, finish, get, released, report, retry, running, submit, submit_all, success};
use crate::{Jobs as _, Maintenance as _, Note};

fn progress(percent: u8) -> Progress {
    let mut progress = Progress::default();
    progress.set(percent, "under way");
    progress.keep(format!(r#"{{"done":{percent}}}"#)).unwrap();
    progress
}

fn note(job: &Job, percent: u8) -> Note {
    Note {
        id: job.id,
        epoch: job.epoch,
        progress: progress(percent),
    }
}

/// Through a hand-back, a retry and a redrive. It is no change that watchers are told of.
pub async fn what_an_attempt_notes_is_there_for_the_next_one(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    assert_eq!(job.progress, None);
    store.mark_running(at(3), vec![running(&job)]).await.unwrap();
    let before = get(store, job.id).await;
    store.note(vec![note(&job, 40)]).await.unwrap();
    let noted = get(store, job.id).await;
    assert_eq!(noted.progress, Some(progress(40)));
    assert_eq!(
        (noted.state, noted.sequence, noted.updated_at),
        (before.state, before.sequence, before.updated_at)
    );

    store.hand_out(at(4), vec![released(&job)]).await.unwrap();
    let again = get(store, job.id).await;
    let loaded = store.load(&[(job.id, again.epoch)], usize::MAX).await.unwrap();
    assert_eq!(loaded.jobs[0].progress, Some(progress(40)));

    store.note(vec![note(&again, 70)]).await.unwrap();
    let retried = finish(store, at(6), report(&again, retry(at(9)))).await;
    assert_eq!(retried.progress, Some(progress(70)));
    let failed = crate::ReportKind::Failed {
        error: super::jobs::a_failure(),
    };
    finish(store, at(10), report(&retried, failed)).await;
    store.redrive(at(11), job.id).await.unwrap();
    assert_eq!(get(store, job.id).await.progress, Some(progress(70)));
}

/// Not one whose lease went elsewhere, nor one whose job is final or gone.
pub async fn only_the_attempt_that_is_out_may_note(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..4).map(a_job).collect()).await;
    finish(store, at(2), report(&jobs[0], success())).await;
    store.cancel(at(2), jobs[1].id).await.unwrap();
    let mut notes: Vec<Note> = jobs[..3].iter().map(|job| note(job, 50)).collect();
    notes[2].epoch = Epoch(2);
    notes.push(Note {
        id: super::jobs::id(77),
        ..note(&jobs[3], 50)
    });
    store.note(notes).await.unwrap();
    for job in &jobs {
        assert_eq!(get(store, job.id).await.progress, None);
    }
    store.note(Vec::new()).await.unwrap();
}

/// As its notes would one after the other.
pub async fn the_last_note_of_a_batch_holds(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..300).map(a_job).collect()).await;
    let notes = (1..=3).flat_map(|round| jobs.iter().map(move |job| note(job, round)));
    store.note(notes.collect()).await.unwrap();
    for job in &jobs {
        assert_eq!(get(store, job.id).await.progress, Some(progress(3)));
    }
}

/// Quotes, which JSON in JSON doubles, included.
pub async fn the_longest_note_comes_back_as_it_was(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    let mut longest = Progress::default();
    longest.set(100, &"\u{1f980}".repeat(limits::MAX_PROGRESS_BYTES / 4));
    longest
        .keep(format!(
            "\"{}\"",
            "\\\"".repeat((limits::MAX_CHECKPOINT_BYTES - 2) / 2)
        ))
        .unwrap();
    let note = Note {
        progress: longest.clone(),
        ..note(&job, 0)
    };
    store.note(vec![note]).await.unwrap();
    assert_eq!(get(store, job.id).await.progress, Some(longest));
}
