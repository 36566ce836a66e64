//! What every backend must do, as tests that know only the traits.
//!
//! Each test is a plain function on a [`Harness`]; [`conformance!`](crate::conformance!) lists them once and stamps them on a backend:
//!
//! ```ignore
//! mod memory { scheduler_queue::conformance!(MemoryHarness); }
//! ```

#![expect(
    clippy::unwrap_used,
    reason = "these are tests, compiled into the library for other backends to use"
)]

pub mod delayed;
pub mod exclusive;
pub mod expiry;
pub mod fixtures;
pub mod heartbeat;
pub mod inspect;
pub mod leases;
pub mod order;
pub mod reports;
pub mod upkeep;
pub mod waiting;

#[cfg(test)]
mod backends;

use std::time::Duration;

use scheduler_domain::Timestamp;

use crate::SharedQueue;

/// The aging step of every queue under test.
pub const AGING_STEP: Duration = Duration::from_secs(10);
/// The lease of every queue under test.
pub const LEASE: Duration = Duration::from_secs(30);

/// A fresh queue whose clock the test moves.
pub trait Harness: Sized + Send + Sync {
    /// A queue of its own, empty, with [`AGING_STEP`] and [`LEASE`]. `None`, after saying so aloud, where the backend is not to be had.
    fn start() -> impl Future<Output = Option<Self>> + Send;

    /// The queue under test.
    fn queue(&self) -> SharedQueue;

    /// The time by the queue's clock.
    fn now(&self) -> Timestamp;

    /// Lets `by` pass at once.
    fn advance(&self, by: Duration);

    /// Loses everything, as a flush does.
    fn lose_everything(&self) -> impl Future<Output = ()> + Send;

    /// Forgets what the backend has prepared, where it prepares anything.
    fn forget_scripts(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Leaves nothing behind.
    fn stop(self) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// Stamps every test of the suite on a backend: `conformance!(MyHarness);`.
#[macro_export]
macro_rules! conformance {
    ($harness:ty) => {
        $crate::conformance! { @stamp $harness,
            exclusive::each_entry_is_claimed_once_by_concurrent_claimers,
            exclusive::an_entry_pushed_twice_is_claimed_once,
            exclusive::a_push_of_what_is_leased_is_left_alone,
            exclusive::a_higher_epoch_replaces_the_lease_of_a_lower_one,
            exclusive::a_lower_epoch_is_dropped_while_a_higher_one_is_leased,
            exclusive::a_claim_takes_no_more_than_its_limit,
            exclusive::a_batch_of_thousands_goes_in_and_out,
            order::entries_come_in_the_order_they_became_ready,
            order::an_urgent_entry_overtakes_a_newer_and_an_older_one,
            order::an_entry_of_low_priority_is_not_starved,
            order::queues_are_served_in_one_order,
            order::pushing_again_does_not_lose_the_place,
            order::a_claim_begins_at_the_shard_asked_for,
            order::a_claim_finds_the_only_shard_that_has_something,
            order::little_in_many_shards_is_taken_up_to_the_limit,
            order::only_the_queues_served_are_claimed_from,
            order::a_claimed_entry_comes_back_as_it_was_pushed,
            delayed::a_delayed_entry_is_not_claimed_early,
            delayed::promotion_moves_what_is_due_and_says_what_is_next,
            delayed::promotion_stops_at_its_limit,
            delayed::a_delayed_entry_pushed_when_due_is_claimed_once,
            delayed::a_promoted_entry_pushed_again_is_claimed_once,
            delayed::concurrent_promotions_move_each_entry_once,
            leases::an_acknowledged_lease_is_gone,
            leases::an_acknowledgement_by_another_worker_or_epoch_is_ignored,
            leases::a_released_entry_stands_in_its_old_place,
            leases::a_release_by_another_worker_or_epoch_is_ignored,
            leases::a_release_repeated_does_nothing,
            leases::a_removed_entry_is_gone_wherever_it_was,
            leases::a_removal_leaves_a_lease_under_a_higher_epoch,
            leases::leases_are_answered_in_the_order_asked_for,
            heartbeat::a_lease_lives_as_long_as_its_worker_beats,
            heartbeat::a_claim_is_the_first_heartbeat,
            heartbeat::lost_leases_are_made_again,
            heartbeat::a_lease_taken_over_is_reported_lost,
            heartbeat::a_lease_made_again_yields_to_a_higher_epoch,
            heartbeat::an_ended_attempt_is_not_leased_again_by_a_late_heartbeat,
            heartbeat::a_released_entry_is_not_leased_again_by_a_late_heartbeat,
            heartbeat::a_lease_claimed_again_is_made_again_when_lost,
            heartbeat::a_retired_workers_leases_are_expired_at_once,
            heartbeat::a_worker_whose_time_was_up_comes_back_with_its_next_claim,
            expiry::leases_of_a_silent_worker_are_expired,
            expiry::leases_of_an_unknown_worker_are_expired,
            expiry::no_more_leases_than_asked_for_are_expired,
            expiry::every_expired_lease_is_found,
            expiry::an_evicted_lease_is_gone,
            expiry::an_eviction_spares_a_lease_that_changed_hands,
            expiry::a_silent_worker_that_holds_nothing_is_forgotten,
            upkeep::known_entries_are_known_wherever_they_are,
            upkeep::entries_under_another_epoch_are_unknown,
            upkeep::everything_is_unknown_after_a_loss,
            upkeep::the_incarnation_changes_when_everything_is_lost,
            upkeep::one_owner_is_elected_until_its_time_is_up,
            upkeep::every_shard_elects_by_itself,
            upkeep::scripts_are_taught_again,
            inspect::depths_are_counted_by_queue_and_priority,
            inspect::an_emptied_line_is_not_listed,
            inspect::sizes_follow_an_entry_through_the_queue,
            inspect::it_answers_a_ping,
            inspect::hints_reach_every_subscriber,
            reports::a_report_takes_the_place_of_the_one_before,
            reports::a_report_grows_old_and_is_forgotten,
            reports::reports_are_lost_with_everything,
            waiting::a_push_wakes_who_waits,
            waiting::a_push_before_the_wait_is_not_missed,
            waiting::a_release_wakes_who_waits,
            waiting::a_promotion_wakes_who_waits,
            waiting::a_new_queue_wakes_who_serves_all,
            waiting::a_push_to_another_queue_wakes_nobody,
            waiting::as_many_are_woken_as_there_are_entries,
            waiting::a_wait_ends_when_its_time_is_up,
            waiting::a_wait_that_is_dropped_loses_no_wakeup,
            waiting::many_dropped_waits_leave_room_for_more,
            waiting::nothing_is_left_behind_by_workers_that_wait_and_claim,
        }
    };
    (@stamp $harness:ty, $($module:ident :: $test:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let Some(harness) = <$harness as $crate::conformance::Harness>::start().await else { return };
                $crate::conformance::$module::$test(&harness).await;
                $crate::conformance::Harness::stop(harness).await;
            }
        )*
    };
}
