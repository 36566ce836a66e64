//! What must hold in every state, named as in `docs/RELIABILITY.md`, and what must be seen in some.

use stateright::{Model as _, Property};

use crate::state::{Broken, RowState, State};
use crate::{Action, Verdict, World};

/// Steps that a job needs at most until it ends, when nothing goes wrong any more; more is going round in circles.
const ENOUGH: usize = 200;

pub(crate) fn all(world: &World) -> Vec<Property<World>> {
    let mut all = vec![
        Property::always("S1 what was acknowledged is there", |_, state: &State| {
            each(state, |seen, row| !seen.acknowledged || row.is_some())
        }),
        Property::always(
            "S3 an epoch is granted once and never falls",
            |_, state: &State| none_broken(state, Broken::Epoch),
        ),
        Property::always(
            "S4 a report is accepted once, under the row's epoch",
            |_, state: &State| none_broken(state, Broken::Fence),
        ),
        Property::always("S5 only a redrive leaves a final state", |_, state: &State| {
            none_broken(state, Broken::Final)
        }),
        Property::always("S6 one success between two redrives", |_, state: &State| {
            none_broken(state, Broken::Success)
        }),
        Property::always(
            "S10 attempts and crashes are charged, within their budgets",
            |world: &World, state: &State| {
                each(state, |seen, row| {
                    row.is_none_or(|row| {
                        let is_open = matches!(row.state, RowState::Open { .. });
                        let most = world.attempts - u8::from(is_open);
                        (seen.retries..=most).contains(&row.attempts) && row.crashes <= world.crash_budget
                    })
                })
            },
        ),
        Property::always(
            "S11 a job that was cancelled has not succeeded",
            |_, state: &State| each(state, |seen, _| !(seen.cancelled && seen.succeeded)),
        ),
        Property::sometimes("a late report is fenced", |_, state: &State| {
            let fenced = |(job, hand): (usize, &crate::Hand)| {
                matches!(hand, crate::Hand::Reported { epoch, retry: None }
                    if !state.seen[job].accepted.contains(*epoch))
            };
            state
                .hands
                .iter()
                .any(|hands| hands.iter().enumerate().any(fenced))
        }),
        Property::sometimes("a crash budget is used up", |world: &World, state: &State| {
            state
                .rows
                .iter()
                .flatten()
                .any(|row| row.crashes == world.crash_budget)
        }),
        Property::sometimes("two workers run one job under two epochs", |_, state: &State| {
            let running = |job: usize| {
                let hands = state
                    .hands
                    .iter()
                    .filter(|hands| matches!(hands[job], crate::Hand::Running(_)));
                hands.count() > 1
            };
            (0..state.rows.len()).any(running)
        }),
        Property::sometimes("every job succeeds", |_, state: &State| {
            state.seen.iter().all(|seen| seen.succeeded)
        }),
    ];
    if world.liveness {
        all.push(Property::always("L1 every job can end", can_end));
    }
    all
}

fn each(state: &State, rule: impl Fn(&crate::state::Seen, Option<&crate::Row>) -> bool) -> bool {
    state
        .seen
        .iter()
        .zip(&state.rows)
        .all(|(seen, row)| rule(seen, row.as_ref()))
}

fn none_broken(state: &State, rule: Broken) -> bool {
    state.seen.iter().all(|seen| seen.broken != Some(rule))
}

/// From here on nothing goes wrong, and everybody does what is theirs: then every job that was accepted comes to its end.
///
/// The way taken is the plainest one. That it exists from every state is what "nothing is stuck" means; that a schedule
/// without it is unfair, and not a deadlock.
fn can_end(world: &World, state: &State) -> bool {
    let mut state = state.clone();
    let mut actions = Vec::new();
    for _ in 0..ENOUGH {
        if state
            .rows
            .iter()
            .flatten()
            .all(|row| !matches!(row.state, RowState::Open { .. }))
        {
            return true;
        }
        actions.clear();
        world.possible(&state, &mut actions);
        let next = actions
            .iter()
            .copied()
            .filter(|action| is_plain(*action))
            .find_map(|action| world.next_state(&state, action));
        let Some(next) = next else { return false };
        state = next;
    }
    false
}

/// What a system does in which nothing goes wrong.
fn is_plain(action: Action) -> bool {
    !action.is_fault()
        && !matches!(
            action,
            Action::Submit { .. }
                | Action::Abandon(_)
                | Action::Finish(_, _, Verdict::FailedRetryable | Verdict::FailedFatal)
        )
}
