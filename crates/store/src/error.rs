//! What can go wrong in the store, by what the caller does next.

/// A failed store call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be reached, was too busy, or took too long: try again later. Writes are idempotent by id and epoch.
    #[error("the store is unavailable: {context}")]
    Unavailable {
        /// What was being done.
        context: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row holds what this build cannot read: report it; trying again will not help.
    #[error("the store holds a row that cannot be read: {table}.{column} of {id}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// Key of the row.
        id: String,
    },
    /// The schema is missing, or older than this build needs: run the migrations. A newer one is fine: migrations only add,
    /// so that old and new processes can run side by side while a release rolls out.
    #[error("the schema is at version {found}, this build needs {needed}: run `tsctl migrate`")]
    Schema {
        /// The newest migration applied; 0 for none.
        found: i64,
        /// The newest one this build knows.
        needed: i64,
    },
    /// The database refused a statement: a defect of this build, or missing rights.
    #[error("the store refused a statement: {context}")]
    Refused {
        /// What was being done.
        context: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
