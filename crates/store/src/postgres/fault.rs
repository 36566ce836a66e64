//! Reads the database's errors by what is to be done about them.

use crate::Error;

/// Why a try did not work.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database, or the way to it, failed.
    Database(sqlx::Error),
    /// A row that was there a statement ago is gone, or the reverse: look again.
    Raced,
    /// Trying again would not help.
    Final(Error),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// What an error asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Nothing happened because others were faster: try again.
    Retry,
    /// The connection, or the answer, is lost: what was sent may have happened. Try again, with that in mind.
    Reconnect,
    /// The database cannot serve this now: the caller should come back later.
    Later,
    /// The statement is wrong, or we may not run it.
    Never,
}

impl Fault {
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::Raced => Remedy::Retry,
            Self::Database(error) => remedy(error),
            Self::Final(_) => Remedy::Never,
        }
    }

    /// As the caller of the store sees it.
    pub(super) fn into_error(self, context: &'static str) -> Error {
        match self {
            Self::Final(error) => error,
            Self::Raced => Error::Unavailable {
                context,
                source: "others kept changing the same rows".into(),
            },
            Self::Database(error) => match remedy(&error) {
                Remedy::Never => Error::Refused {
                    context,
                    source: error.into(),
                },
                Remedy::Retry | Remedy::Reconnect | Remedy::Later => Error::Unavailable {
                    context,
                    source: error.into(),
                },
            },
        }
    }
}

pub(super) fn remedy(error: &sqlx::Error) -> Remedy {
    match error {
        sqlx::Error::Database(error) => error.code().map_or(Remedy::Never, |code| remedy_of_code(&code)),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::BeginFailed
        | sqlx::Error::WorkerCrashed => Remedy::Reconnect,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Remedy::Later,
        _ => Remedy::Never,
    }
}

fn remedy_of_code(code: &str) -> Remedy {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" => Remedy::Retry,
        // statement_completion_unknown: CockroachDB's ambiguous commit
        "40003" => Remedy::Reconnect,
        // query_canceled (statement_timeout), lock_not_available
        "57014" | "55P03" => Remedy::Later,
        // read_only_sql_transaction: a standby that has not been promoted yet
        "25006" => Remedy::Later,
        // invalid_transaction_state and its kin mean that this connection is in a state we did not put it in
        _ if code.starts_with("25") => Remedy::Reconnect,
        // connection_exception; admin_shutdown, crash_shutdown, cannot_connect_now …
        _ if code.starts_with("08") || code.starts_with("57P") => Remedy::Reconnect,
        // insufficient_resources
        _ if code.starts_with("53") => Remedy::Later,
        _ => Remedy::Never,
    }
}

/// Whether a key is taken (`unique_violation`).
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    has_code(error, "23505")
}

/// Whether a table does not exist (`undefined_table`).
pub(super) fn is_missing_table(error: &sqlx::Error) -> bool {
    has_code(error, "42P01")
}

/// Whether the database does not take this user, or not with this password (`invalid_authorization_specification`,
/// `invalid_password`).
pub(super) fn is_who_we_are(error: &sqlx::Error) -> bool {
    has_code(error, "28000") || has_code(error, "28P01")
}

fn has_code(error: &sqlx::Error, code: &str) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|c| c == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_by_their_class() {
        for (code, remedy) in [
            ("40001", Remedy::Retry),
            ("40P01", Remedy::Retry),
            ("40003", Remedy::Reconnect),
            ("08006", Remedy::Reconnect),
            ("57P01", Remedy::Reconnect),
            ("25P02", Remedy::Reconnect),
            ("57014", Remedy::Later),
            ("53300", Remedy::Later),
            ("42703", Remedy::Never),
            ("22021", Remedy::Never),
        ] {
            assert_eq!(remedy_of_code(code), remedy, "{code}");
        }
    }

    #[test]
    fn a_refused_statement_is_not_called_an_outage() {
        let refused = Fault::from(sqlx::Error::ColumnNotFound("x".to_owned())).into_error("get");
        assert!(matches!(refused, Error::Refused { context: "get", .. }));
        let down = Fault::from(sqlx::Error::PoolTimedOut).into_error("get");
        assert!(matches!(down, Error::Unavailable { context: "get", .. }));
    }
}
