//! Workers are alike, and so are sweepers and jobs: of all states that differ in their numbers only, one is visited.

use crate::state::{Holder, Lease, State, Sweep};

/// The one that stands for all that are like `state`: the least of them.
pub(crate) fn representative(state: &State) -> State {
    let mut least: Option<State> = None;
    for jobs in orders(state.rows.len()) {
        for workers in orders(state.silent.len()) {
            let like = renumbered(state, &jobs, &workers);
            if least.as_ref().is_none_or(|least| like < *least) {
                least = Some(like);
            }
        }
    }
    least.unwrap_or_else(|| state.clone())
}

/// Every order of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in orders(count - 1) {
        for at in 0..count {
            let mut order = shorter.clone();
            order.insert(at, count - 1);
            all.push(order);
        }
    }
    all
}

/// Job and worker `n` are those that had the number `jobs[n]` and `workers[n]`.
fn renumbered(state: &State, jobs: &[usize], workers: &[usize]) -> State {
    let new = |order: &[usize], old: usize| order.iter().position(|n| *n == old).unwrap_or(old);
    let lease = |lease: Lease| Lease {
        holder: match lease.holder {
            Holder::Worker(worker) => Holder::Worker(new(workers, worker)),
            Holder::Dead => Holder::Dead,
        },
        ..lease
    };
    let mut like = state.clone();
    for (n, old) in jobs.iter().enumerate() {
        like.rows[n] = state.rows[*old];
        like.seen[n] = state.seen[*old];
        like.queue[n] = state.queue[*old];
        like.queue[n].lease = like.queue[n].lease.map(lease);
    }
    for (n, old) in workers.iter().enumerate() {
        like.silent[n] = state.silent[*old];
        for (job, was) in jobs.iter().enumerate() {
            like.hands[n][job] = state.hands[*old][*was];
        }
    }
    for sweep in &mut like.sweeps {
        *sweep = match *sweep {
            Sweep::Idle => Sweep::Idle,
            Sweep::Expired(job, held) => Sweep::Expired(new(jobs, job), lease(held)),
            Sweep::Unknown { job, epoch, due } => Sweep::Unknown {
                job: new(jobs, job),
                epoch,
                due,
            },
            Sweep::HandedOut {
                job,
                lease: held,
                push,
            } => Sweep::HandedOut {
                job: new(jobs, job),
                lease: lease(held),
                push,
            },
        };
    }
    like.sweeps.sort_unstable();
    like
}
