//! What can be done to a site. The numbers are those of the fault catalogue in `docs/RELIABILITY.md`.

mod backlog;
mod callers;
mod clock;
mod gateway;
mod links;
mod logs;
mod names;
mod pauses;
mod postgres;
mod processes;
mod redis;
mod statements;
mod versions;

use std::time::Duration;

use anyhow::Result;
use futures::future::BoxFuture;

use crate::Dice;
use crate::site::Site;

/// Faults of one lane come one after another; those of different lanes can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What happens to our processes.
    Processes,
    /// What happens to the database, to Redis and to the network.
    Backends,
}

/// One kind of fault.
#[derive(Clone, Copy)]
pub struct Fault {
    /// `F17_commit_reply_lost`.
    pub name: &'static str,
    /// With what it does not overlap.
    pub lane: Lane,
    /// Whether Redis may have lost content after it.
    pub redis_lost: bool,
    /// Whether it is part of the random mix: not, what takes a site of its own.
    pub mixed: bool,
    /// Whether it comes before the others: what a mixed run has to reach depends on it.
    pub first: bool,
    /// Makes it happen, from its beginning to its end.
    pub strike: for<'a> fn(&'a Site, &'a Dice) -> BoxFuture<'a, Result<()>>,
}

impl Fault {
    /// Whether somebody who writes `F17`, or more of its name, means this one.
    #[must_use]
    pub fn is(&self, wanted: &str) -> bool {
        self.name == wanted || self.name.starts_with(&format!("{wanted}_"))
    }
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! faults {
    ($($name:ident $lane:ident $($mark:ident)* => $strike:path;)*) => {
        /// Every fault.
        pub const FAULTS: &[Fault] = &[$(Fault {
            name: stringify!($name),
            lane: Lane::$lane,
            redis_lost: faults!(@has redis_lost $($mark)*),
            mixed: !faults!(@has alone $($mark)*),
            first: faults!(@has first $($mark)*),
            strike: |site, dice| Box::pin($strike(site, dice)),
        }),*];
    };
    (@has redis_lost redis_lost $($rest:ident)*) => { true };
    (@has alone alone $($rest:ident)*) => { true };
    (@has first first $($rest:ident)*) => { true };
    (@has $wanted:ident $other:ident $($rest:ident)*) => { faults!(@has $wanted $($rest)*) };
    (@has $wanted:ident) => { false };
}

faults! {
    F1_api_killed Processes => processes::api_killed;
    F2_worker_killed Processes first => processes::worker_killed;
    F3_all_workers_killed Processes => processes::all_workers_killed;
    F3_all_apis_killed Processes => processes::all_apis_killed;
    F4_redis_killed_empty Backends redis_lost => redis::killed_empty;
    F5_redis_flushed Backends first redis_lost => redis::flushed;
    F5_redis_flushed_repeatedly Backends redis_lost => redis::flushed_repeatedly;
    F6_redis_gone Backends redis_lost => redis::gone;
    F7_redis_hung Backends => redis::hung;
    F8_redis_full Backends => redis::full;
    F8_redis_evicts Backends redis_lost => redis::evicts;
    F9_redis_older_file Backends redis_lost => redis::older_file;
    F9_redis_restarted_with_file Backends redis_lost => redis::restarted_with_file;
    F10_redis_split_brain Backends redis_lost alone => redis::split;
    F11_redis_forged_entries Backends redis_lost => redis::forged;
    F12_redis_read_only Backends => redis::read_only;
    F12_redis_scripts_flushed Backends => redis::scripts_flushed;
    F13_redis_answers_late Backends => redis::answers_late;
    F14_redis_connections_killed Backends => redis::connections_killed;
    F15_database_killed Backends => postgres::killed;
    F16_database_restarted Backends => postgres::restarted;
    F16_backends_terminated Backends => postgres::backends_terminated;
    F17_commit_reply_lost Backends first => statements::reply_lost;
    F18_commit_not_committed Backends first => statements::request_lost;
    F19_serialization_once Backends first => statements::serialization_once;
    F19_serialization_endless Backends => statements::serialization_endless;
    F19_ambiguous Backends => statements::ambiguous;
    F19_other_codes Backends => statements::other_codes;
    F20_database_hung Backends => postgres::hung;
    F21_database_slow Backends => postgres::slow;
    F21_table_locked Backends => postgres::locked;
    F22_connections_exhausted Backends => postgres::exhausted;
    F23_disk_full Backends alone => postgres::disk_full;
    F24_callers_give_up Backends => callers::give_up;
    F25_snapshot_held Backends => postgres::snapshot_held;
    F27_versions_mixed Processes alone => versions::mixed;
    F28_apis_restarted Processes => processes::apis_restarted;
    F29_workers_restarted Processes => processes::workers_restarted;
    F31_terminated_twice Processes => processes::terminated_twice;
    F32_cold_start Processes alone => backlog::cold_start;
    F35_worker_paused Processes first => processes::worker_paused;
    F36_worker_stops_before_effect Processes => pauses::before_effect;
    F37_keeper_paused Processes => pauses::keeper;
    F38_api_paused Processes => processes::api_paused;
    F39_out_of_memory Processes alone => processes::out_of_memory;
    F40_worker_starved Processes => processes::worker_starved;
    F41_too_few_files Processes => processes::too_few_files;
    F43_log_not_read Processes => logs::unread;
    F43_log_disk_full Processes => logs::disk_full;
    F44_resets Backends => links::resets;
    F45_partition_worker_database Backends => links::worker_database;
    F45_partition_worker_redis Backends => links::worker_redis;
    F45_partition_api_database Backends => links::api_database;
    F45_partition_api_redis Backends => links::api_redis;
    F45_partition_gateway_api Backends => links::gateway_api;
    F45_partition_one_way Backends => links::one_way;
    F46_flapping Backends => links::flapping;
    F47_half_open Backends => links::half_open;
    F48_latency Backends => links::latency;
    F48_drip Backends => links::drip;
    F49_calls_repeated Processes => callers::repeat;
    F50_names_change Processes alone => names::change;
    F51_gateway_killed Processes => processes::gateway_killed;
    F52_hosts_fail Processes alone => gateway::hosts_fail;
    F53_connections_age Processes alone => gateway::connections_age;
    F54_streams_cut Processes alone => gateway::streams_cut;
    F55_clock_ahead Processes alone => clock::ahead;
    F55_clock_behind Processes alone => clock::behind;
    F56_database_clock Backends alone => clock::of_database;
    F57_clock_drifts Processes alone => clock::drifts;
    F59_retry_storm Backends alone => callers::storm;
    F60_due_at_once Backends alone => backlog::due_at_once;
}

/// Waits for a time within these bounds, given in milliseconds.
async fn rest(dice: &Dice, from: u64, to: u64) {
    let bounds = Duration::from_millis(from)..Duration::from_millis(to);
    tokio::time::sleep(dice.within(bounds)).await;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_fault_is_meant_by_its_number_or_its_name_and_not_by_a_part_of_its_number() {
        let meant = |wanted| FAULTS.iter().filter(|fault| fault.is(wanted)).count();
        assert_eq!(meant("F1"), 1);
        assert_eq!(meant("F19"), 4);
        assert_eq!(meant("F43"), 2);
        assert_eq!(meant("F17_commit_reply_lost"), 1);
        assert_eq!(meant("F"), 0);
    }

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = FAULTS.iter().map(|fault| fault.name).collect();
        assert_eq!(names.len(), FAULTS.len());
    }
}
