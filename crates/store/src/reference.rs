//! The life of jobs as a pure machine, and random histories in which every backend must do what it does.
//!
//! The machine is written from the promises, not from the backends: it shares no code with them. After each step the answer and
//! the whole of every row and its history are compared, so a lost update, a second accepted report, an epoch that stands
//! still and an uncharged attempt all show. What fails is shrunk, and its seed kept in `proptest-regressions/`.

mod backend;
mod life;
mod step;

use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use backend::{Backend, Memory, Postgres, Tested};
use life::Life;
use step::Step;

/// Generates histories.
struct Histories;

impl ReferenceStateMachine for Histories {
    type State = Life;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Life> {
        Just(Life::default()).boxed()
    }

    fn transitions(_: &Life) -> BoxedStrategy<Step> {
        step::any().boxed()
    }

    fn apply(mut life: Life, step: &Step) -> Life {
        life.apply(step);
        life
    }
}

/// Runs a history on a backend.
struct On<B>(std::marker::PhantomData<B>);

impl<B: Backend> StateMachineTest for On<B> {
    type SystemUnderTest = Tested<B>;
    type Reference = Histories;

    fn init_test(_: &Life) -> Tested<B> {
        Tested::start()
    }

    fn apply(tested: Tested<B>, life: &Life, step: Step) -> Tested<B> {
        tested.apply(life, step);
        tested
    }

    fn teardown(tested: Tested<B>, _: Life) {
        tested.stop();
    }
}

type OnMemory = On<Memory>;
type OnPostgres = On<Postgres>;

prop_state_machine! {
    #![proptest_config(Config { cases: 1_000, ..Config::default() })]

    #[test]
    fn jobs_in_memory_live_as_the_reference_says(sequential 1..40 => OnMemory);
}

prop_state_machine! {
    #![proptest_config(Config { cases: 30, max_shrink_iters: 200, ..Config::default() })]

    #[test]
    fn jobs_in_postgresql_live_as_the_reference_says(sequential 1..40 => OnPostgres);
}
