//! What workers do, and what the queue makes of it: `crates/queue/src/memory/dispatch.rs`, `crates/engine/src/session`.

use crate::state::{Broken, Epoch, Hand, Holder, Job, Lease, Queue, State, Worker};
use crate::store::Cause;
use crate::{Bug, Verdict, World};

impl Queue {
    /// `Dispatch::push`: what is leased under this epoch or a higher one is left alone.
    pub(crate) fn push(&mut self, epoch: Epoch) {
        if self.lease.is_none_or(|lease| lease.epoch < epoch) {
            self.waiting.insert(epoch);
        }
    }

    /// `Dispatch::ack`: drops the lease, if it is this one.
    pub(crate) fn ack(&mut self, holder: Holder, epoch: Epoch) -> bool {
        let is_its = self.lease == Some(Lease { epoch, holder });
        if is_its {
            self.lease = None;
        }
        is_its
    }
}

impl World {
    /// `Dispatch::claim`: takes the entry, with its lease.
    pub(crate) fn claim(&self, state: &mut State, worker: Worker, job: Job, epoch: Epoch) {
        let queue = &mut state.queue[job];
        let is_bug = self.bug == Some(Bug::DoubleClaim);
        if !is_bug {
            queue.waiting.remove(epoch);
        }
        if !is_bug && queue.lease.is_some_and(|lease| lease.epoch >= epoch) {
            return;
        }
        queue.lease = Some(Lease {
            epoch,
            holder: Holder::Worker(worker),
        });
        state.silent[worker] = false;
        state.hands[worker][job] = Hand::Claimed(epoch);
    }

    /// The row decides whether what was claimed may run.
    pub(crate) fn load(state: &mut State, worker: Worker, job: Job) {
        let Hand::Claimed(epoch) = state.hands[worker][job] else {
            return;
        };
        if state.rows[job].is_some_and(|row| row.is_open_at(epoch)) {
            state.hands[worker][job] = Hand::Running(epoch);
            let seen = &mut state.seen[job];
            if seen.started.contains(epoch) {
                seen.broken = Some(Broken::Epoch);
            }
            seen.started.insert(epoch);
        } else {
            state.hands[worker][job] = Hand::Empty;
            state.queue[job].ack(Holder::Worker(worker), epoch);
        }
    }

    /// Back into the line, under the same epoch: nobody began.
    pub(crate) fn release(state: &mut State, worker: Worker, job: Job) {
        let Hand::Claimed(epoch) = state.hands[worker][job] else {
            return;
        };
        state.hands[worker][job] = Hand::Empty;
        if state.queue[job].ack(Holder::Worker(worker), epoch) {
            state.queue[job].waiting.insert(epoch);
        }
    }

    pub(crate) fn report(&self, state: &mut State, worker: Worker, job: Job, verdict: Verdict) {
        let Hand::Running(epoch) = state.hands[worker][job] else {
            return;
        };
        let retry = self.finish(state, job, epoch, verdict).flatten();
        state.hands[worker][job] = Hand::Reported { epoch, retry };
    }

    pub(crate) fn drop_lease(state: &mut State, worker: Worker, job: Job) {
        let Hand::Reported { epoch, retry } = state.hands[worker][job] else {
            return;
        };
        state.hands[worker][job] = Hand::Empty;
        state.queue[job].ack(Holder::Worker(worker), epoch);
        if let Some(epoch) = retry {
            state.queue[job].pushes.insert(epoch);
        }
    }

    pub(crate) fn hand_back(&self, state: &mut State, worker: Worker, job: Job) {
        let Hand::Running(epoch) = state.hands[worker][job] else {
            return;
        };
        state.hands[worker][job] = Hand::Empty;
        let push = self.hand_out(state, job, epoch, Cause::Released);
        state.queue[job].ack(Holder::Worker(worker), epoch);
        if let Some(epoch) = push {
            state.queue[job].pushes.insert(epoch);
        }
    }

    /// `Dispatch::extend`: a lease that is gone, or lower, is made again; what is somebody else's is stopped.
    pub(crate) fn beat(state: &mut State, worker: Worker) {
        state.silent[worker] = false;
        for job in 0..state.rows.len() {
            let Some(epoch) = state.hands[worker][job].held() else {
                continue;
            };
            let ours = Lease {
                epoch,
                holder: Holder::Worker(worker),
            };
            let queue = &mut state.queue[job];
            match queue.lease {
                Some(lease) if lease.epoch > epoch || (lease.epoch == epoch && lease != ours) => {
                    // The runner stops the handler; what was reported is reported.
                    if matches!(state.hands[worker][job], Hand::Running(_)) {
                        state.hands[worker][job] = Hand::Empty;
                    }
                }
                _ => queue.lease = Some(ours),
            }
        }
    }

    /// A dead worker's leases stay, in a name that beats no more.
    pub(crate) fn die(state: &mut State, worker: Worker) {
        for (job, hand) in state.hands[worker].iter_mut().enumerate() {
            *hand = Hand::Empty;
            if let Some(lease) = &mut state.queue[job].lease
                && lease.holder == Holder::Worker(worker)
            {
                lease.holder = Holder::Dead;
            }
        }
        for sweep in &mut state.sweeps {
            if let crate::Sweep::Expired(_, lease) | crate::Sweep::HandedOut { lease, .. } = sweep
                && lease.holder == Holder::Worker(worker)
            {
                lease.holder = Holder::Dead;
            }
        }
        state.silent[worker] = true;
    }
}
