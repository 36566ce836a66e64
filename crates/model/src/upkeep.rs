//! What reaper and reconciler do: `crates/engine/src/upkeep`, `crates/engine/src/hand_out.rs`.

use crate::World;
use crate::state::{Hand, Job, RowState, State, Sweep};
use crate::store::Cause;

impl World {
    /// Whether a reconciler that reads this row now finds that the queue does not know it.
    ///
    /// It leaves alone what changed a moment ago (`Reconciler::is_settled`), and whoever has not pushed within that grace does not push
    /// (`Pusher`): so what is still to come counts as known.
    pub(crate) fn unknown(state: &State, job: Job) -> Option<Sweep> {
        let row = state.rows[job]?;
        let RowState::Open { due } = row.state else {
            return None;
        };
        let queue = &state.queue[job];
        let is_retry =
            |hand: &Hand| matches!(hand, Hand::Reported { retry: Some(epoch), .. } if *epoch == row.epoch);
        let is_known = queue.pushes.contains(row.epoch)
            || state.hands.iter().any(|hands| is_retry(&hands[job]))
            || queue.waiting.contains(row.epoch)
            || queue.lease.is_some_and(|lease| lease.epoch == row.epoch);
        (!is_known).then_some(Sweep::Unknown {
            job,
            epoch: row.epoch,
            due,
        })
    }

    /// The store first. What was stale is left alone; an expired lease is evicted even then.
    pub(crate) fn sweep(&self, state: &mut State, sweeper: usize) {
        let next = match state.sweeps[sweeper] {
            Sweep::Expired(job, lease) => Sweep::HandedOut {
                job,
                lease,
                push: self.hand_out(state, job, lease.epoch, Cause::LeaseExpired),
            },
            Sweep::Unknown {
                job,
                epoch,
                due: true,
            } => {
                if let Some(epoch) = self.hand_out(state, job, epoch, Cause::Forgotten) {
                    state.queue[job].pushes.insert(epoch);
                }
                Sweep::Idle
            }
            Sweep::Unknown {
                job,
                epoch,
                due: false,
            } => {
                state.queue[job].push(epoch);
                Sweep::Idle
            }
            other @ (Sweep::Idle | Sweep::HandedOut { .. }) => other,
        };
        state.sweeps[sweeper] = next;
    }

    pub(crate) fn evict(state: &mut State, sweeper: usize) {
        let Sweep::HandedOut { job, lease, push } = state.sweeps[sweeper] else {
            return;
        };
        state.queue[job].ack(lease.holder, lease.epoch);
        if let Some(epoch) = push {
            state.queue[job].pushes.insert(epoch);
        }
        state.sweeps[sweeper] = Sweep::Idle;
    }

    /// Everything is forgotten. A reconciler that is about to load a row that is due later has looked a moment ago whether the queue
    /// is still the same (`Reconciler::sweep`), and begins again. What that leaves open is in `docs/RELIABILITY.md`.
    pub(crate) fn flush(state: &mut State) {
        for sweep in &mut state.sweeps {
            if matches!(sweep, Sweep::Unknown { due: false, .. }) {
                *sweep = Sweep::Idle;
            }
        }
        for queue in &mut state.queue {
            queue.waiting = crate::state::Epochs::default();
            queue.lease = None;
        }
        state.silent.fill(true);
    }
}
