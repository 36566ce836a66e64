//! What every store must do, as plain functions over a [`Harness`].
//!
//! [`conformance!`](crate::conformance!) lists them once, and stamps a test per promise on a backend:
//!
//! ```ignore
//! scheduler_store::conformance!(MyHarness);
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a broken promise is a panic"
)]

pub mod cancel;
pub mod churn;
pub mod delete;
pub mod due;
pub mod fencing;
pub mod finish;
pub mod hand_out;
pub mod idempotency;
pub mod jobs;
pub mod list;
pub mod note;
pub mod purge;
pub mod read;
pub mod redrive;
pub mod running;
pub mod submit;

use std::future::Future;
use std::sync::Arc;

use crate::Store;

/// Gives each test an empty store of its own.
pub trait Harness: Send + Sync + Sized + 'static {
    /// The backend.
    type Store: Store;

    /// An empty store; `None`, with a loud word about it, when this machine has not what the backend needs.
    fn start() -> impl Future<Output = Option<Self>> + Send;

    /// The store.
    fn store(&self) -> &Self::Store;

    /// Removes what `start` made.
    fn stop(self) -> impl Future<Output = ()> + Send;
}

/// Runs one test, and cleans up whether it passes or not.
pub async fn check<H: Harness, F>(test: impl FnOnce(Arc<H>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let Some(harness) = H::start().await else { return };
    let harness = Arc::new(harness);
    let outcome = tokio::spawn(test(Arc::clone(&harness))).await;
    if let Some(harness) = Arc::into_inner(harness) {
        harness.stop().await;
    }
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// Begins `n` calls, then waits for all of them.
pub(crate) async fn concurrently<F: Future>(n: usize, call: impl FnMut(usize) -> F) -> Vec<F::Output> {
    futures::future::join_all((0..n).map(call)).await
}

/// Stamps a test for every promise on the backend of a [`Harness`].
#[macro_export]
macro_rules! conformance {
    ($harness:ty) => {
        $crate::conformance! { @stamp $harness:
            submit::a_new_job_comes_back_as_it_was_asked_for,
            submit::a_job_for_later_is_scheduled,
            submit::a_time_that_has_passed_means_now,
            submit::a_delay_counts_from_acceptance_and_makes_the_same_job_again,
            submit::answers_come_in_the_order_of_the_batch,
            submit::an_empty_batch_is_no_work,
            submit::a_large_batch_is_stored_whole,
            submit::payloads_come_back_byte_for_byte,
            submit::a_retry_policy_comes_back_bit_for_bit,
            submit::a_batch_of_our_own_ids_submitted_again_changes_nothing,
            idempotency::the_same_id_and_body_is_the_existing_job,
            idempotency::the_same_id_with_another_body_is_a_conflict,
            idempotency::the_same_key_and_body_is_the_existing_job,
            idempotency::the_same_key_with_another_body_is_a_conflict,
            idempotency::another_id_under_a_known_key_is_a_conflict,
            idempotency::a_conflict_by_id_leaves_the_key_free,
            idempotency::a_key_names_only_the_job_that_it_made,
            idempotency::of_the_same_names_in_one_batch_the_first_decides,
            idempotency::a_thousand_submits_of_one_key_make_one_job,
            idempotency::submits_of_one_id_at_once_make_one_job,
            idempotency::batches_with_the_same_keys_do_not_lock_each_other_out,
            read::answers_keep_the_order_and_the_gaps_of_the_question,
            read::only_open_jobs_under_their_epoch_are_loaded,
            read::what_is_loaded_is_bounded_in_bytes_and_the_rest_is_left,
            running::a_long_attempt_is_shown_as_running,
            running::a_lease_that_is_worth_nothing_is_returned,
            note::what_an_attempt_notes_is_there_for_the_next_one,
            note::only_the_attempt_that_is_out_may_note,
            note::the_last_note_of_a_batch_holds,
            note::the_longest_note_comes_back_as_it_was,
            finish::a_success_ends_the_job,
            finish::a_fatal_failure_and_a_last_one_end_the_job,
            finish::a_retry_waits_under_the_next_epoch,
            finish::a_success_clears_the_error_of_earlier_attempts,
            fencing::a_report_under_another_epoch_is_fenced,
            fencing::a_second_report_on_one_attempt_is_fenced,
            fencing::a_report_sent_again_is_accepted_and_changes_nothing,
            finish::verdicts_come_in_the_order_of_the_reports,
            fencing::of_many_reports_at_once_one_is_accepted,
            fencing::a_report_and_a_cancel_at_once_do_not_both_win,
            finish::errors_and_results_come_back_as_they_were,
            finish::every_change_raises_the_sequence,
            cancel::every_open_state_can_be_cancelled,
            cancel::a_final_job_stays_as_it_is,
            cancel::a_report_after_a_cancel_is_fenced,
            cancel::of_many_cancels_at_once_one_is_the_first,
            redrive::a_failed_job_starts_afresh_and_keeps_its_history,
            redrive::a_dead_job_gets_its_crashes_back,
            redrive::only_failed_jobs_are_redriven,
            redrive::of_many_redrives_at_once_one_wins,
            delete::a_final_job_goes_with_its_history_and_its_key,
            delete::an_open_job_is_kept,
            hand_out::a_forgotten_job_is_handed_out_under_the_next_epoch,
            hand_out::a_forgotten_job_keeps_waiting_for_its_time,
            hand_out::a_lost_lease_counts_as_a_crash_and_not_as_an_attempt,
            hand_out::a_used_up_crash_budget_ends_the_job,
            hand_out::a_released_job_is_charged_for_nothing,
            hand_out::a_stale_wish_changes_nothing,
            hand_out::every_cause_may_be_in_one_batch,
            hand_out::of_many_wishes_at_once_one_is_granted,
            due::open_jobs_come_in_the_order_in_which_they_are_due,
            due::pages_follow_one_another_without_gaps,
            due::final_jobs_and_other_shards_are_not_in_it,
            list::pages_are_newest_first_without_gaps_over_all_shards,
            list::jobs_of_one_moment_are_paged_by_id,
            list::rows_that_come_and_change_do_not_disturb_the_pages,
            list::every_filter_lets_through_what_it_names,
            list::every_state_can_be_asked_for,
            list::a_rare_job_is_found_by_following_the_pages,
            list::a_page_of_large_payloads_is_cut_short,
            churn::whatever_happens_to_others_each_page_goes_on_where_the_last_one_ended,
            churn::a_list_ends_although_rows_come_faster_than_they_are_read,
            purge::old_final_jobs_go_and_all_others_stay,
            purge::it_pages_past_what_it_must_keep,
            purge::a_purged_key_is_free_again,
        }
    };
    (@stamp $harness:ty: $($group:ident :: $promise:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                $crate::conformance::check::<$harness, _>(|harness| async move {
                    $crate::conformance::$group::$promise(&*harness).await;
                })
                .await;
            }
        )*
    };
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_promise_is_stamped() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let list = fs::read_to_string(source.join("conformance.rs")).unwrap();
        for file in fs::read_dir(source.join("conformance")).unwrap() {
            let path = file.unwrap().path();
            let group = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let promises = text
                .lines()
                .filter(|line| line.contains("impl Harness") && line.starts_with("pub async fn "));
            for promise in promises {
                let name = promise["pub async fn ".len()..].split('(').next().unwrap();
                assert!(
                    list.contains(&format!(" {group}::{name},")),
                    "{group}::{name} is not stamped"
                );
            }
        }
    }
}
