//! How far an attempt has come.

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::text::cut;

/// What a handler notes while it runs. It outlives the attempt: the next one can begin where this one stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// 0 … 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    /// For people; at most [`limits::MAX_PROGRESS_BYTES`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    message: String,
    /// JSON text for the next attempt; at most [`limits::MAX_CHECKPOINT_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
}

impl Progress {
    /// How much is done: 0 … 100.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        self.percent
    }

    /// What is done, in words; empty when nothing was said.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// JSON text from which the next attempt can go on.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&str> {
        self.checkpoint.as_deref()
    }

    /// Says how much is done. More than 100 % counts as 100; the message is cut to its limit, and loses NUL.
    pub fn set(&mut self, percent: u8, message: &str) {
        self.percent = Some(percent.min(100));
        self.message = cut(message, limits::MAX_PROGRESS_BYTES);
    }

    /// Says where the next attempt can go on.
    ///
    /// # Errors
    /// [`CheckpointTooLong`], and the checkpoint of before is kept.
    pub fn keep(&mut self, json: String) -> Result<(), CheckpointTooLong> {
        if json.len() > limits::MAX_CHECKPOINT_BYTES {
            return Err(CheckpointTooLong(json.len()));
        }
        self.checkpoint = Some(json);
        Ok(())
    }
}

/// A checkpoint of so many bytes is over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a checkpoint has {0} bytes, at most {most} are allowed", most = limits::MAX_CHECKPOINT_BYTES)]
pub struct CheckpointTooLong(pub usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_may_be_as_long_as_the_limit_and_no_longer() {
        let mut progress = Progress::default();
        let longest = "1".repeat(limits::MAX_CHECKPOINT_BYTES);
        progress.keep(longest.clone()).unwrap();
        let refused = progress.keep(format!("{longest}1")).unwrap_err();
        assert_eq!(refused, CheckpointTooLong(limits::MAX_CHECKPOINT_BYTES + 1));
        assert_eq!(
            refused.to_string(),
            "a checkpoint has 65537 bytes, at most 65536 are allowed"
        );
        assert_eq!(progress.checkpoint(), Some(longest.as_str()));
    }

    #[test]
    fn more_than_all_is_all_and_a_long_message_is_cut_at_a_character() {
        let mut progress = Progress::default();
        progress.set(200, &"ü".repeat(limits::MAX_PROGRESS_BYTES));
        assert_eq!(progress.percent(), Some(100));
        assert_eq!(progress.message().len(), limits::MAX_PROGRESS_BYTES);
        progress.set(7, "a\0b");
        assert_eq!((progress.percent(), progress.message()), (Some(7), "a\u{fffd}b"));
    }

    #[test]
    fn nothing_noted_is_written_as_nothing() {
        assert_eq!(serde_json::to_string(&Progress::default()).unwrap(), "{}");
        assert_eq!(
            serde_json::from_str::<Progress>("{}").unwrap(),
            Progress::default()
        );
    }
}
