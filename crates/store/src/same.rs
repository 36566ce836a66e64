//! Whether a submission is one that was made before.

use scheduler_domain::{Job, NewJob};

use crate::Submitted;

/// What to answer to `new`, whose id or key belongs to `existing`.
///
/// A client that chose an id and finds its key taken by a job with another id would look for a job that does not
/// exist: that is a conflict too.
pub(crate) fn compare(new: &NewJob, existing: Job) -> Submitted {
    let mut fields = existing.spec.differences(&new.spec);
    if new.chosen && new.id != existing.id {
        fields.insert(0, "job_id");
    }
    if fields.is_empty() {
        return Submitted::Existing(existing);
    }
    Submitted::Conflict {
        existing: Box::new(existing),
        fields,
    }
}
