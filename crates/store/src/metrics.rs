//! What the store measures.

use scheduler_domain::metric::{Descriptor, Unit};

pub(crate) const CALL_DURATION: &str = "store_call_duration_seconds";
pub(crate) const RETRIES: &str = "store_retries_total";
pub(crate) const DIVIDED: &str = "store_batches_divided_total";
pub(crate) const BATCH_ROWS: &str = "store_batch_rows";
pub(crate) const POOL_WAIT: &str = "store_pool_wait_seconds";
pub(crate) const AMBIGUOUS_COMMITS: &str = "store_ambiguous_commits_total";
pub(crate) const CORRUPT_ROWS: &str = "store_corrupt_rows_total";

/// Every metric of this crate.
pub const METRICS: &[Descriptor] = &[
    Descriptor::histogram(
        CALL_DURATION,
        "Time that a store call took, retries included.",
        &["operation"],
    ),
    Descriptor::counter(
        RETRIES,
        "Tries repeated after a conflict or a lost connection.",
        &["operation"],
    ),
    Descriptor::counter(
        DIVIDED,
        "Batches done in halves because others kept being faster.",
        &["operation"],
    ),
    Descriptor::histogram(BATCH_ROWS, "Rows per batched statement.", &["operation"]).in_unit(Unit::Count),
    Descriptor::histogram(POOL_WAIT, "Time spent waiting for a database connection.", &[]),
    Descriptor::counter(
        AMBIGUOUS_COMMITS,
        "Writes whose outcome the database did not tell; each is resolved by reading back.",
        &["operation"],
    ),
    Descriptor::counter(
        CORRUPT_ROWS,
        "Rows skipped because they could not be read.",
        &["operation"],
    ),
];
