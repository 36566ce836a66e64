//! S2: one job per id and per key, and one body per job.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use uuid::Uuid;

use crate::history::{History, Name, Op};

use super::Look;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    let mut keys: HashMap<Name, (Uuid, u64)> = HashMap::new();
    let mut stored: HashMap<Uuid, Uuid> = HashMap::new();
    for (id, past) in &history.jobs {
        // A deleted job leaves its key to the next.
        let deleted = past.may_be_deleted();
        let mut body = 0;
        for call in past
            .calls
            .iter()
            .filter(|call| call.op == Op::Submit && call.is_ok())
        {
            look.saw();
            if body != 0 && call.body != 0 && body != call.body && !deleted {
                look.finds(
                    *id,
                    "submissions with different bodies were all answered with this job",
                );
            }
            body = call.body;
            let Some(key) = call.key.filter(|_| !deleted) else {
                continue;
            };
            match keys.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert((*id, call.body));
                }
                Entry::Occupied(first) if first.get().0 != *id => look.finds(
                    *id,
                    format!(
                        "its key {:?} was answered with job {} as well",
                        history.names.text(key),
                        first.get().0
                    ),
                ),
                Entry::Occupied(_) => {}
            }
        }
        if let Some(key) = past.last.as_ref().and_then(|last| last.key) {
            look.saw();
            if let Some(first) = stored.insert(key, *id) {
                look.finds(*id, format!("its key is the key of job {first} as well"));
            }
        }
    }
    Ok(())
}
