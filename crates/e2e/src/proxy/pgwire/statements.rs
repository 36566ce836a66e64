//! Which statements are befallen by what.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What happens to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It is carried out, its answer is swallowed, and the connection is reset.
    LoseReply,
    /// The connection is reset before it reaches the server.
    LoseRequest,
    /// It does not reach the server: this SQLSTATE is the answer.
    Refuse(&'static str),
    /// It is carried out, and this SQLSTATE is the answer.
    DenyAfter(&'static str),
}

/// Which statements are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// What makes changes durable: COMMIT, and a statement that writes outside of a transaction.
    Commit,
    /// Whatever is named so in its first line, `-- store.finish`.
    Named(&'static str),
    /// Every statement.
    Any,
    /// New connections, which can only be refused.
    Connect,
}

/// What a proxy knows of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Statement {
    /// From its comment; or else its first word.
    pub(super) name: String,
    /// Whether it changes anything.
    pub(super) writes: bool,
}

impl Statement {
    pub(super) fn read(sql: &str) -> Self {
        let named = sql
            .trim_start()
            .strip_prefix("-- ")
            .and_then(|rest| rest.lines().next());
        let name = named.map_or_else(
            || sql.split_whitespace().next().unwrap_or_default().to_uppercase(),
            |name| name.trim().to_owned(),
        );
        let words: Vec<&str> = sql.split_whitespace().collect();
        let writes = words.windows(2).any(|pair| {
            matches!(pair, ["INSERT", "INTO"] | ["DELETE", "FROM"])
                || (pair[1] == "UPDATE" && pair[0] != "FOR")
        });
        Self { name, writes }
    }

    pub(super) fn is_commit(&self) -> bool {
        self.name == "COMMIT"
    }
}

struct Rule {
    on: On,
    trouble: Trouble,
    /// Hits that are left.
    left: u64,
    /// Of those that are meant, one in so many is hit.
    one_in: u64,
    seen: u64,
}

/// The statements of all connections of one proxy, and what is to befall them.
#[derive(Default)]
pub struct Statements(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    rules: Vec<Rule>,
    done: BTreeMap<(Trouble, String), u64>,
}

impl Statements {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `times` statements that are meant get this trouble.
    pub fn next(&self, on: On, trouble: Trouble, times: u64) {
        self.one_in(1, on, trouble, times);
    }

    /// Every statement that is meant gets this trouble, until [`Statements::clear`].
    pub fn always(&self, on: On, trouble: Trouble) {
        self.one_in(1, on, trouble, u64::MAX);
    }

    /// One in `one_in` of the statements that are meant gets this trouble, at most `times`.
    pub fn one_in(&self, one_in: u64, on: On, trouble: Trouble, times: u64) {
        self.lock().rules.push(Rule {
            on,
            trouble,
            left: times,
            one_in: one_in.max(1),
            seen: 0,
        });
    }

    /// Nothing happens to statements from now on. What happened stays counted.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// What has happened so far, and to what: trouble, name, count.
    #[must_use]
    pub fn done(&self) -> Vec<(Trouble, String, u64)> {
        let inner = self.lock();
        let done = inner.done.iter();
        done.map(|((trouble, name), count)| (*trouble, name.clone(), *count))
            .collect()
    }

    /// What befalls this statement.
    pub(super) fn befalls(&self, statement: &Statement, in_transaction: bool) -> Option<Trouble> {
        self.hit(&statement.name, |on| match on {
            On::Commit => statement.is_commit() || (statement.writes && !in_transaction),
            On::Named(name) => statement.name == name,
            On::Any => true,
            On::Connect => false,
        })
    }

    /// With what SQLSTATE a new connection is refused.
    pub(super) fn refuses(&self) -> Option<&'static str> {
        match self.hit("connect", |on| on == On::Connect)? {
            Trouble::Refuse(code) | Trouble::DenyAfter(code) => Some(code),
            Trouble::LoseReply | Trouble::LoseRequest => Some("08006"),
        }
    }

    fn hit(&self, name: &str, meant: impl Fn(On) -> bool) -> Option<Trouble> {
        let mut inner = self.lock();
        let mut meant = inner
            .rules
            .iter_mut()
            .filter(|rule| rule.left > 0 && meant(rule.on));
        let trouble = meant.find_map(|rule| {
            rule.seen += 1;
            let hit = rule.seen.is_multiple_of(rule.one_in);
            rule.left -= u64::from(hit);
            hit.then_some(rule.trouble)
        })?;
        *inner.done.entry((trouble, name.to_owned())).or_default() += 1;
        Some(trouble)
    }
}

impl std::fmt::Debug for Statements {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Statements").field("done", &self.done()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_comment_and_by_what_it_does() {
        let read = |sql| {
            let statement = Statement::read(sql);
            (statement.name, statement.writes)
        };
        assert_eq!(read("-- store.get\n  SELECT 1"), ("store.get".to_owned(), false));
        assert_eq!(
            read("-- store.finish\n WITH d AS (SELECT 1) UPDATE jobs SET x = 1"),
            ("store.finish".to_owned(), true)
        );
        assert_eq!(
            read("-- store.lock\n SELECT 1 FROM jobs FOR UPDATE"),
            ("store.lock".to_owned(), false)
        );
        assert_eq!(read("commit"), ("COMMIT".to_owned(), false));
        assert_eq!(read(""), (String::new(), false));
    }

    #[test]
    fn the_next_so_many_are_hit_and_no_more() {
        let statements = Statements::default();
        statements.next(On::Named("store.get"), Trouble::Refuse("40001"), 2);
        let get = Statement::read("-- store.get\nSELECT 1");
        let other = Statement::read("-- store.list\nSELECT 1");
        assert_eq!(statements.befalls(&other, false), None);
        assert_eq!(statements.befalls(&get, false), Some(Trouble::Refuse("40001")));
        assert_eq!(statements.befalls(&get, true), Some(Trouble::Refuse("40001")));
        assert_eq!(statements.befalls(&get, false), None);
        assert_eq!(
            statements.done(),
            [(Trouble::Refuse("40001"), "store.get".to_owned(), 2)]
        );
    }

    #[test]
    fn a_write_commits_itself_only_outside_of_a_transaction() {
        let statements = Statements::default();
        statements.always(On::Commit, Trouble::LoseReply);
        let write = Statement::read("-- store.finish\nUPDATE jobs SET x = 1");
        let commit = Statement::read("COMMIT");
        assert_eq!(statements.befalls(&write, true), None);
        assert_eq!(statements.befalls(&write, false), Some(Trouble::LoseReply));
        assert_eq!(statements.befalls(&commit, true), Some(Trouble::LoseReply));
        statements.clear();
        assert_eq!(statements.befalls(&commit, true), None);
    }

    #[test]
    fn one_in_three_is_every_third() {
        let statements = Statements::default();
        statements.one_in(3, On::Any, Trouble::LoseRequest, u64::MAX);
        let get = Statement::read("-- store.get\nSELECT 1");
        let hits = (0..9)
            .filter(|_| statements.befalls(&get, false).is_some())
            .count();
        assert_eq!(hits, 3);
    }
}
