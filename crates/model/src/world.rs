//! The model: how large it is, what can happen when, and what then is.

use stateright::{Checker as _, HasDiscoveries, Model, Property};

use crate::state::{Hand, Queue, RowState, Seen, State, Sweep};
use crate::{Action, Bug, Verdict};

/// How much of everything there is.
#[derive(Debug, Clone)]
pub struct World {
    /// Jobs.
    pub jobs: usize,
    /// Workers.
    pub workers: usize,
    /// Processes that reap and reconcile.
    pub sweepers: usize,
    /// Attempts that a job has.
    pub attempts: u8,
    /// The lost lease that is a job's last.
    pub crash_budget: u8,
    /// Faults and interventions in one history.
    pub faults: u8,
    /// No job is handed out under a higher epoch than this, but to see whether it can still end.
    pub highest_epoch: u8,
    /// Whether each state is asked if every job can still end there: it costs more than all else together.
    pub liveness: bool,
    /// A mistake.
    pub bug: Option<Bug>,
}

impl World {
    /// Visits every state, of those that are alike one, in `threads`; with a bug only until a rule is broken.
    #[must_use]
    pub fn visit(self, threads: usize) -> impl stateright::Checker<Self> {
        let is_planted = self.bug.is_some();
        let mut checker = self.checker().symmetry_fn(crate::symmetry::representative);
        if is_planted {
            checker = checker.finish_when(HasDiscoveries::AnyFailures);
        }
        checker.threads(threads).spawn_dfs().join()
    }

    /// What can happen next, however often it has.
    pub(crate) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        for job in 0..self.jobs {
            self.of_job(state, job, actions);
        }
        for worker in 0..self.workers {
            self.of_worker(state, worker, actions);
        }
        for sweeper in 0..self.sweepers {
            self.of_sweeper(state, sweeper, actions);
        }
        if state.queue.iter().any(|queue| *queue != Queue::default()) {
            actions.push(Action::Flush);
        }
    }

    fn of_job(&self, state: &State, job: usize, actions: &mut Vec<Action>) {
        let queue = &state.queue[job];
        for epoch in queue.pushes.iter() {
            actions.extend([Action::Push(job, epoch), Action::LosePush(job, epoch)]);
        }
        let Some(row) = state.rows[job] else {
            if state.seen[job].acknowledged {
                actions.push(Action::Commit(job));
            } else {
                actions.extend([true, false].map(|due| Action::Submit { job, due }));
            }
            return;
        };
        if row.state == (RowState::Open { due: false }) {
            actions.push(Action::Due(job));
        }
        if matches!(row.state, RowState::Failed | RowState::Dead) {
            actions.push(Action::Redrive(job));
        }
        actions.extend([true, false].map(|told| Action::Cancel { job, told }));
        for worker in 0..self.workers {
            match state.hands[worker][job] {
                Hand::Empty => {
                    let is_ready =
                        |epoch: &u8| *epoch < row.epoch || row.state != (RowState::Open { due: false });
                    let ready = queue.waiting.iter().filter(is_ready);
                    actions.extend(ready.map(|epoch| Action::Claim(worker, job, epoch)));
                }
                Hand::Claimed(_) => actions.extend([Action::Load(worker, job), Action::Release(worker, job)]),
                Hand::Running(_) => actions.extend([
                    Action::Finish(worker, job, Verdict::Succeeded),
                    Action::Finish(worker, job, Verdict::FailedRetryable),
                    Action::Finish(worker, job, Verdict::FailedFatal),
                    Action::HandBack(worker, job),
                ]),
                Hand::Reported { .. } => actions.push(Action::Ack(worker, job)),
            }
        }
    }

    fn of_worker(&self, state: &State, worker: usize, actions: &mut Vec<Action>) {
        if state.hands[worker].iter().all(|hand| *hand == Hand::Empty) {
            return;
        }
        actions.extend([Action::Beat(worker), Action::Die(worker)]);
        if !state.silent[worker] {
            actions.push(Action::FallSilent(worker));
        }
    }

    fn of_sweeper(&self, state: &State, sweeper: usize, actions: &mut Vec<Action>) {
        match state.sweeps[sweeper] {
            Sweep::Idle => {
                for job in 0..self.jobs {
                    if state.queue[job]
                        .lease
                        .is_some_and(|lease| state.is_expired(lease))
                    {
                        actions.push(Action::SeeExpired(sweeper, job));
                    }
                    if Self::unknown(state, job).is_some() {
                        actions.push(Action::SeeUnknown(sweeper, job));
                    }
                }
            }
            Sweep::Expired(..) | Sweep::Unknown { .. } => {
                actions.extend([Action::HandOut(sweeper), Action::Abandon(sweeper)]);
            }
            Sweep::HandedOut { .. } => actions.extend([Action::Evict(sweeper), Action::Abandon(sweeper)]),
        }
    }

    /// The state after `action`.
    pub(crate) fn after(&self, last: &State, action: Action) -> State {
        let mut next = last.clone();
        let state = &mut next;
        if action.is_fault() {
            state.faults = state.faults.saturating_sub(1);
        }
        match action {
            Action::Submit { job, due } => {
                state.seen[job].acknowledged = true;
                if self.bug != Some(Bug::AckBeforeCommit) {
                    Self::insert(state, job, due);
                }
            }
            Action::Commit(job) => Self::insert(state, job, true),
            Action::Due(job) => {
                if let Some(row) = &mut state.rows[job] {
                    row.state = RowState::Open { due: true };
                }
            }
            Action::Push(job, epoch) => {
                state.queue[job].pushes.remove(epoch);
                state.queue[job].push(epoch);
            }
            Action::LosePush(job, epoch) => state.queue[job].pushes.remove(epoch),
            Action::Claim(worker, job, epoch) => self.claim(state, worker, job, epoch),
            Action::Load(worker, job) => Self::load(state, worker, job),
            Action::Release(worker, job) => Self::release(state, worker, job),
            Action::Finish(worker, job, verdict) => self.report(state, worker, job, verdict),
            Action::Ack(worker, job) => Self::drop_lease(state, worker, job),
            Action::HandBack(worker, job) => self.hand_back(state, worker, job),
            Action::Beat(worker) => Self::beat(state, worker),
            Action::FallSilent(worker) => state.silent[worker] = true,
            Action::Die(worker) => Self::die(state, worker),
            Action::Flush => Self::flush(state),
            Action::SeeExpired(sweeper, job) => {
                if let Some(lease) = state.queue[job].lease {
                    state.sweeps[sweeper] = Sweep::Expired(job, lease);
                }
            }
            Action::SeeUnknown(sweeper, job) => {
                state.sweeps[sweeper] = Self::unknown(state, job).unwrap_or_default();
            }
            Action::HandOut(sweeper) => self.sweep(state, sweeper),
            Action::Evict(sweeper) => Self::evict(state, sweeper),
            Action::Abandon(sweeper) => state.sweeps[sweeper] = Sweep::Idle,
            Action::Cancel { job, told } => {
                if self.cancel(state, job) && told {
                    let epoch = state.rows[job].map_or(0, |row| row.epoch);
                    let queue = &mut state.queue[job];
                    queue.waiting.remove(epoch);
                    queue.lease = queue.lease.filter(|lease| lease.epoch > epoch);
                }
            }
            Action::Redrive(job) => {
                if let Some(epoch) = Self::redrive(state, job) {
                    state.queue[job].pushes.insert(epoch);
                }
            }
        }
        next
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            rows: vec![None; self.jobs],
            queue: vec![Queue::default(); self.jobs],
            silent: vec![true; self.workers],
            hands: vec![vec![Hand::Empty; self.jobs]; self.workers],
            sweeps: vec![Sweep::Idle; self.sweepers],
            seen: vec![Seen::default(); self.jobs],
            faults: self.faults,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.possible(state, actions);
        actions.retain(|action| state.faults > 0 || !action.is_fault());
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let next = self.after(last, action);
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        crate::properties::all(self)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state
            .rows
            .iter()
            .flatten()
            .all(|row| row.epoch <= self.highest_epoch)
    }
}
