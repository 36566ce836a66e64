//! Bells: how those who wait for work are woken.
//!
//! A bell is a list of tokens, one for each queue and one for all. Whoever makes entries ready adds a token for each; a waiter
//! takes one and looks where it says. Tokens are hints: one too many costs a look, one too few costs a waiter its patience. They stay for a
//! while when nobody waits, so that work which comes between a claim and the wait after it is not missed.

use std::collections::BTreeMap;

use scheduler_domain::{Entry, QueueName, Shard};

use super::call::Call;
use super::codec::token;
use super::keys::Keys;
use super::scripts;
use crate::Woken;

/// Most tokens at a bell: wakes as many waiters at once. More would be looks for nothing after a busy time.
const MOST_TOKENS: usize = 256;
/// How long a token stays: longer than any time between a claim and the wait that follows it.
const TOKEN_TTL_MS: u64 = 10_000;

/// Tokens to be given out.
#[derive(Debug, Default)]
pub(super) struct Bells<'a> {
    by_queue: BTreeMap<&'a QueueName, Vec<Tokens>>,
    all: Vec<Tokens>,
}

/// What a token says, and how many of it there are.
pub(super) type Tokens = (Woken, usize);

impl<'a> Bells<'a> {
    /// Notes that these may be ready in `shard`. Where there are more than one, whoever is woken takes what comes first, so that none
    /// is named.
    pub(super) fn add(&mut self, queue: &'a QueueName, shard: Shard, entries: &[&Entry]) {
        let entry = match entries {
            [entry] => Some((entry.id, entry.epoch)),
            _ => None,
        };
        self.add_tokens(queue, (Woken { shard, entry }, entries.len()));
    }

    /// Notes that so many may be ready in `shard`.
    pub(super) fn add_some(&mut self, queue: &'a QueueName, shard: Shard, entries: usize) {
        self.add_tokens(queue, (Woken { shard, entry: None }, entries));
    }

    fn add_tokens(&mut self, queue: &'a QueueName, tokens: Tokens) {
        if tokens.1 > 0 {
            self.by_queue.entry(queue).or_default().push(tokens);
            self.all.push(tokens);
        }
    }

    /// The call that rings, if there is anything to ring for.
    pub(super) fn call(self, keys: &Keys) -> Option<Call> {
        if self.all.is_empty() {
            return None;
        }
        let queues = self
            .by_queue
            .into_iter()
            .map(|(queue, tokens)| (keys.bell(queue), tokens));
        let bells: Vec<_> = queues.chain([(keys.any_bell(), self.all)]).collect();
        Some(ring(&bells))
    }
}

/// Adds tokens to the bells at these keys.
pub(super) fn ring(bells: &[(String, Vec<Tokens>)]) -> Call {
    let keys: Vec<&str> = bells.iter().map(|(key, _)| key.as_str()).collect();
    let mut call = Call::script(&scripts::RING, &keys)
        .arg(MOST_TOKENS)
        .arg(TOKEN_TTL_MS);
    for (_, tokens) in bells {
        call = call.arg(tokens.len());
        for (woken, count) in tokens {
            call = call.arg(token(woken)).arg(*count);
        }
    }
    call
}
