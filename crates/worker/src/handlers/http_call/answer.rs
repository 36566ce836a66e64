//! From a response to a result.

use reqwest::{Response, StatusCode};

use crate::JobError;

/// Most of a body that is kept. Written as JSON it can become six times as long, and must still fit a result.
pub(super) const KEPT: usize = 8 << 10;

/// What came back.
#[derive(Debug, serde::Serialize)]
pub struct Answer {
    status: u16,
    /// As text, and cut.
    body: String,
    truncated: bool,
}

/// Why there is no complete answer.
#[derive(Debug)]
pub(super) enum Error {
    /// The connection failed.
    Broken(reqwest::Error),
    /// It is too long.
    TooLarge,
}

/// Reads a response of at most `most` bytes.
pub(super) async fn read(mut response: Response, most: u64) -> Result<Answer, Error> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    let mut size = 0_u64;
    while let Some(chunk) = response.chunk().await.map_err(Error::Broken)? {
        size += chunk.len() as u64;
        if size > most {
            return Err(Error::TooLarge);
        }
        body.extend_from_slice(&chunk[..chunk.len().min(KEPT.saturating_sub(body.len()))]);
    }
    let (body, cut) = text(&body);
    Ok(Answer {
        status,
        body,
        truncated: cut || size > KEPT as u64,
    })
}

/// As text of at most [`KEPT`] bytes; whether something was cut off. NUL is replaced, because PostgreSQL's JSON cannot hold it.
pub(super) fn text(body: &[u8]) -> (String, bool) {
    let mut text = String::from_utf8_lossy(body).replace('\0', "\u{fffd}");
    let end = text.floor_char_boundary(KEPT);
    let cut = end < text.len();
    text.truncate(end);
    (text, cut)
}

impl Answer {
    #[cfg(test)]
    pub(super) fn of(status: u16, body: String, truncated: bool) -> Self {
        Self {
            status,
            body,
            truncated,
        }
    }

    /// A status of 400 or more is a failure; one that can pass is worth another try.
    pub(super) fn judge(self, target: &str) -> Result<Self, JobError> {
        if self.status < 400 {
            return Ok(self);
        }
        let message = format!("{target} answered {}", self.status);
        let passing = self.status >= 500
            || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS]
                .iter()
                .any(|s| s.as_u16() == self.status);
        let error = if passing {
            JobError::retry(message)
        } else {
            JobError::fatal(message)
        };
        Err(error.kind("http_status"))
    }
}

#[cfg(test)]
mod tests {
    use scheduler_domain::limits;

    use super::*;
    use crate::error::Then;

    #[test]
    fn the_worst_body_still_fits_a_result() {
        for worst in ["\u{1}", "\0", "\"", "ü", "\u{7f}"] {
            let (body, _) = text(worst.repeat(KEPT).as_bytes());
            let answer = Answer {
                status: 200,
                body,
                truncated: true,
            };
            assert!(
                serde_json::to_string(&answer).unwrap().len() <= limits::MAX_RESULT_BYTES,
                "{worst:?}"
            );
        }
        let (body, cut) = text(&[0xff; KEPT]);
        assert!(cut && body.len() <= KEPT);
        assert_eq!(text(b"a\0b"), ("a\u{fffd}b".to_owned(), false));
    }

    #[test]
    fn failures_that_can_pass_are_retried_and_others_are_not() {
        let judged = |status| {
            Answer {
                status,
                body: String::new(),
                truncated: false,
            }
            .judge("http://a")
        };
        for status in [200, 204, 302, 399] {
            assert!(judged(status).is_ok(), "{status}");
        }
        for (status, then) in [
            (400, Then::Stop),
            (404, Then::Stop),
            (408, Then::Retry),
            (429, Then::Retry),
            (503, Then::Retry),
        ] {
            assert_eq!(judged(status).unwrap_err().then, then, "{status}");
        }
    }
}
