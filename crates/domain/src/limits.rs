//! Every limit on what a user may ask, in one place; the proto comments and docs state the same numbers.

use std::time::Duration;

/// Longest job type, bytes.
pub const MAX_TYPE_BYTES: usize = 128;
/// Longest queue name, bytes.
pub const MAX_QUEUE_BYTES: usize = 64;
/// Largest payload, bytes: 1 MiB.
pub const MAX_PAYLOAD_BYTES: usize = 1 << 20;
/// Largest stored result, bytes: 64 KiB. A longer one is refused as a fatal failure of the attempt.
pub const MAX_RESULT_BYTES: usize = 64 << 10;
/// Longest idempotency key, bytes.
pub const MAX_KEY_BYTES: usize = 256;
/// Attempts when the submitter names none.
pub const DEFAULT_ATTEMPTS: u32 = 3;
/// Most attempts that may be asked for.
pub const MAX_ATTEMPTS: u32 = 100;
/// Most labels on a job.
pub const MAX_LABELS: usize = 64;
/// Longest label name, bytes.
pub const MAX_LABEL_NAME_BYTES: usize = 63;
/// Longest label value, bytes.
pub const MAX_LABEL_VALUE_BYTES: usize = 256;
/// Furthest ahead that a job may be scheduled: 366 days.
pub const MAX_DELAY: Duration = Duration::from_secs(366 * 24 * 3600);
/// Longest attempt that may be asked for: 24 hours.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// Shortest attempt timeout that may be asked for.
pub const MIN_TIMEOUT: Duration = Duration::from_millis(1);
/// Most jobs in one batch.
pub const MAX_BATCH: usize = 1_000;
/// Page size when the caller names none.
pub const DEFAULT_PAGE: usize = 50;
/// Largest page; a larger request is brought down to it.
pub const MAX_PAGE: usize = 1_000;
/// Longest error message kept, bytes; longer ones are cut.
pub const MAX_ERROR_BYTES: usize = 4 << 10;
/// Longest message about an attempt's progress, bytes; longer ones are cut.
pub const MAX_PROGRESS_BYTES: usize = 1 << 10;
/// Largest checkpoint, bytes: 64 KiB. A longer one is refused, and the one before is kept.
pub const MAX_CHECKPOINT_BYTES: usize = 64 << 10;
/// Longest wait that a retry policy may name: 24 hours.
pub const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(24 * 3600);
