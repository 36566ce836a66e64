//! Every state of the protocol, within bounds; and the mistakes that must be found.

use scheduler_model::{Bug, World};
use stateright::Checker;

/// Two jobs, two workers, two sweepers, each free to take its steps in any order, be delayed, or begin anew; and one fault or
/// intervention: a death, a silence, a flush, a lost push, a hand-back, a cancel, a redrive.
fn world() -> World {
    World {
        jobs: 2,
        workers: 2,
        sweepers: 2,
        attempts: 1,
        crash_budget: 2,
        faults: 1,
        highest_epoch: 2,
        liveness: false,
        bug: None,
    }
}

/// One job, with room for a retry, two lost leases and a redrive, and for two faults.
fn one_job() -> World {
    World {
        jobs: 1,
        attempts: 2,
        faults: 2,
        highest_epoch: 3,
        ..world()
    }
}

/// Visits all of it, and says how much that was.
fn visited(world: World) -> impl Checker<World> {
    let checker = world.visit(2);
    println!(
        "{} states, {} of them different, {} steps deep",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker
}

/// The rules that were broken.
fn broken(checker: &impl Checker<World>) -> Vec<&'static str> {
    let found = checker.discoveries();
    found.into_keys().filter(|rule| is_rule(rule)).collect()
}

/// Properties that must hold bear the number of their invariant; the others must be seen.
fn is_rule(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// Whether a lost lease is a job's last, or is handed out again.
#[test]
fn two_jobs_two_workers_and_two_sweepers_keep_every_rule() {
    for crash_budget in [1, 2] {
        let checker = visited(World {
            crash_budget,
            ..world()
        });
        assert!(broken(&checker).is_empty(), "{:?}", broken(&checker));
    }
}

/// And the states worth seeing are seen.
#[test]
fn one_job_keeps_every_rule_through_two_faults_and_can_always_end() {
    let checker = visited(World {
        liveness: true,
        ..one_job()
    });
    checker.assert_properties();
}

/// Each bug is switched on alone; a rule that names what it does must be among those broken.
macro_rules! found {
    ($($test:ident: $bug:ident breaks $rule:literal,)*) => {
        $(
            #[test]
            fn $test() {
                let broken = broken(&visited(World { bug: Some(Bug::$bug), ..one_job() }));
                assert!(broken.iter().any(|rule| rule.starts_with($rule)), "{broken:?}");
            }
        )*
    };
}

found! {
    completion_by_id_alone_is_found: CompletionByIdAlone breaks "S4",
    a_reaper_that_goes_by_id_alone_is_found: ReaperByIdAlone breaks "S5",
    an_epoch_that_is_not_raised_is_found: EpochNotRaised breaks "S3",
    a_forgotten_job_that_keeps_its_epoch_is_found: ForgottenKeepsItsEpoch breaks "S3",
    a_cancel_that_overwrites_is_found: CancelOverwrites breaks "S5",
    a_retry_without_attempt_is_found: RetryWithoutAttempt breaks "S10",
    a_double_claim_is_found: DoubleClaim breaks "S3",
    an_answer_before_the_commit_is_found: AckBeforeCommit breaks "S1",
}
