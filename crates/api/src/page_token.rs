//! Page tokens: a place in the list, signed together with the filters it belongs to.
//!
//! A token is `base64url(version ‖ created_at µs ‖ job id ‖ MAC)`. The MAC (HMAC-SHA-256, cut to 128 bits) covers the place and the
//! filters, so a token that was altered, or is used with other filters, is refused. All replicas share the key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use scheduler_domain::{JobId, Timestamp};
use scheduler_store::{Cursor, Filter};
use sha2::Sha256;
use uuid::Uuid;

use crate::error::Error;

const VERSION: u8 = 1;
const PLACE: usize = 1 + 8 + 16;
const MAC: usize = 16;

/// Signs tokens.
#[derive(Clone)]
pub struct TokenKey([u8; 32]);

impl TokenKey {
    /// From a secret that all replicas share; it is hashed, so any length will do.
    #[must_use]
    pub fn from_secret(secret: &str) -> Self {
        use sha2::Digest as _;
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    fn mac(&self, place: &[u8], filter: &Filter) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(place);
        mac.update(
            &filter
                .state
                .map_or(0, scheduler_domain::State::number)
                .to_le_bytes(),
        );
        mac.update(
            &filter
                .priority
                .map_or(0, scheduler_domain::Priority::number)
                .to_le_bytes(),
        );
        for text in [
            filter.job_type.as_ref().map(scheduler_domain::JobType::as_str),
            filter.queue.as_ref().map(scheduler_domain::QueueName::as_str),
        ] {
            // A terminator that no name can contain keeps two neighbours apart.
            mac.update(text.unwrap_or_default().as_bytes());
            mac.update(&[0]);
        }
        Some(mac)
    }

    /// The token for `cursor` in the list filtered by `filter`.
    #[must_use]
    pub fn seal(&self, cursor: Cursor, filter: &Filter) -> String {
        let mut token = Vec::with_capacity(PLACE + MAC);
        token.push(VERSION);
        token.extend_from_slice(&cursor.created_at.timestamp_micros().to_be_bytes());
        token.extend_from_slice(cursor.id.0.as_bytes());
        if let Some(mac) = self.mac(&token, filter) {
            token.extend_from_slice(&mac.finalize().into_bytes()[..MAC]);
        }
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The place that `token` names; `None` for the empty one.
    ///
    /// # Errors
    /// [`Error::PageToken`] for any token but one that was sealed with this key and filter.
    pub fn open(&self, token: &str, filter: &Filter) -> Result<Option<Cursor>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        self.verified(token, filter).map(Some).ok_or(Error::PageToken)
    }

    fn verified(&self, token: &str, filter: &Filter) -> Option<Cursor> {
        let token = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (place, tag) = token.split_at_checked(PLACE)?;
        if tag.len() != MAC || place[0] != VERSION {
            return None;
        }
        self.mac(place, filter)?.verify_truncated_left(tag).ok()?;
        let micros = i64::from_be_bytes(place[1..9].try_into().ok()?);
        Some(Cursor {
            created_at: Timestamp::from_timestamp_micros(micros)?,
            id: JobId(Uuid::from_slice(&place[9..]).ok()?),
        })
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use scheduler_domain::{Clock as _, ManualClock, Priority};

    use super::*;

    fn cursor() -> Cursor {
        Cursor {
            created_at: ManualClock::default().now(),
            id: JobId(Uuid::from_bytes([9; 16])),
        }
    }

    #[test]
    fn a_token_opens_with_its_own_filter() {
        let key = TokenKey::from_secret("s");
        let token = key.seal(cursor(), &Filter::default());
        assert_eq!(key.open(&token, &Filter::default()).unwrap(), Some(cursor()));
    }

    #[test]
    fn a_token_is_refused_with_another_filter_or_key() {
        let key = TokenKey::from_secret("s");
        let token = key.seal(cursor(), &Filter::default());
        let other = Filter {
            priority: Some(Priority::Low),
            ..Filter::default()
        };
        assert!(key.open(&token, &other).is_err());
        assert!(
            TokenKey::from_secret("t")
                .open(&token, &Filter::default())
                .is_err()
        );
    }

    #[test]
    fn a_token_with_any_byte_changed_is_refused() {
        let key = TokenKey::from_secret("s");
        let sealed = URL_SAFE_NO_PAD
            .decode(key.seal(cursor(), &Filter::default()))
            .unwrap();
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert!(
                key.open(&URL_SAFE_NO_PAD.encode(forged), &Filter::default())
                    .is_err(),
                "byte {at}"
            );
        }
        for forged in ["50", "AAAA", "!", &"A".repeat(10_000)] {
            assert!(key.open(forged, &Filter::default()).is_err());
        }
    }
}
