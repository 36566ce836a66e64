//! Values on the command line.

use std::io::Read;
use std::time::Duration;

use anyhow::Context as _;
use scheduler_client::{Priority, State, Timestamp};

use crate::exit::Usage;

#[cfg(test)]
mod fuzz;

/// A span such as `5m` or `1h 30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "must be a duration, such as 500ms, 30s, 5m or 1h30m".to_owned())
}

/// A span that is not zero.
pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("must be more than nothing".to_owned()),
        span => Ok(span),
    }
}

/// A moment, RFC 3339.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    chrono::DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| "must be an RFC 3339 time, such as 2027-01-02T15:04:05Z".to_owned())
}

/// A priority, by name.
pub(crate) fn priority(text: &str) -> Result<Priority, String> {
    Priority::ALL
        .into_iter()
        .find(|priority| priority.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| "must be critical, high, default or low".to_owned())
}

/// A state, by name.
pub(crate) fn state(text: &str) -> Result<State, String> {
    State::ALL
        .into_iter()
        .find(|state| state.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| {
            let names = State::ALL.map(|state| state.name().to_lowercase());
            format!("must be one of {}", names.join(", "))
        })
}

/// A final state that a redrive can leave.
pub(crate) fn dead_state(text: &str) -> Result<State, String> {
    match state(text) {
        Ok(state @ (State::Failed | State::DeadLetter)) => Ok(state),
        _ => Err("must be failed or deadletter".to_owned()),
    }
}

/// A mark, `NAME=VALUE`.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

/// A payload: JSON itself, `@FILE` for a file's content, `-` for what `input` has.
pub(crate) fn payload(given: &str, mut input: impl Read) -> anyhow::Result<String> {
    let (json, place) = match given.strip_prefix('@') {
        Some(file) => {
            let json = std::fs::read_to_string(file).with_context(|| format!("reading --payload @{file}"))?;
            (json, format!("in {file}"))
        }
        None if given == "-" => {
            let mut json = String::new();
            input
                .read_to_string(&mut json)
                .context("reading --payload from standard input")?;
            (json, "on standard input".to_owned())
        }
        None => (given.to_owned(), "given".to_owned()),
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(&json) {
        Ok(_) => Ok(json),
        Err(error) => Err(Usage(format!("the payload {place} is not JSON: {error}")).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::empty;

    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, millis) in [
            ("500ms", 500),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "five minutes", "-5m"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        assert!(positive("0s").is_err());
    }

    #[test]
    fn moments_need_a_zone() {
        assert_eq!(
            moment("2027-01-02T03:04:05+01:00"),
            moment("2027-01-02T02:04:05Z")
        );
        for text in ["2027-01-02", "2027-01-02T03:04:05", "tomorrow"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(priority("High"), Ok(Priority::High));
        assert_eq!(state("DEADLETTER"), Ok(State::DeadLetter));
        assert!(priority("urgent").is_err());
        assert!(state("done").unwrap_err().contains("queued, running, succeeded"));
        assert!(dead_state("failed").is_ok() && dead_state("queued").is_err());
    }

    #[test]
    fn a_label_is_split_at_its_first_equals_sign() {
        assert_eq!(label("team=a=b"), Ok(("team".to_owned(), "a=b".to_owned())));
        assert_eq!(label("team="), Ok(("team".to_owned(), String::new())));
        assert!(label("team").is_err());
        assert!(label("=a").is_err());
    }

    #[test]
    fn a_payload_comes_from_where_it_is_said_to_be() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"from":"file"}"#).unwrap();
        assert_eq!(payload("{}", empty()).unwrap(), "{}");
        assert_eq!(
            payload("-", r#"{"from":"stdin"}"#.as_bytes()).unwrap(),
            r#"{"from":"stdin"}"#
        );
        assert_eq!(
            payload(&format!("@{}", file.path().display()), empty()).unwrap(),
            r#"{"from":"file"}"#
        );
    }

    #[test]
    fn a_payload_that_is_not_there_or_not_json_says_where() {
        let missing = payload("@/no/such/file", empty()).unwrap_err();
        assert!(format!("{missing:#}").contains("/no/such/file"));
        let broken = payload("-", "{".as_bytes()).unwrap_err();
        assert!(broken.is::<Usage>());
        assert!(broken.to_string().contains("on standard input"), "{broken}");
    }
}
