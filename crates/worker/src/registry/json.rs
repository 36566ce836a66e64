//! Payloads from JSON, results to JSON.

use scheduler_domain::limits;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::JobError;

/// Reads a payload. One that does not fit will not fit next time either.
pub(super) fn decode<P: DeserializeOwned>(payload: &str) -> Result<P, JobError> {
    serde_json::from_str(payload).map_err(|error| {
        // Read once more to learn the path: tracking it costs, and most payloads fit.
        let mut again = serde_json::Deserializer::from_str(payload);
        let error = match serde_path_to_error::deserialize::<_, P>(&mut again) {
            Err(at) if at.path().iter().len() > 0 => format!("{}: {}", at.path(), at.inner()),
            _ => error.to_string(),
        };
        JobError::fatal(format!("the payload does not fit: {error}")).kind("invalid_payload")
    })
}

/// Writes a result; `null`, which is what `()` becomes, is none.
pub(super) fn encode<R: Serialize>(result: &R) -> Result<Option<String>, JobError> {
    let text = serde_json::to_string(result).map_err(|error| {
        JobError::fatal(format!("the result is not JSON: {error}")).kind("invalid_result")
    })?;
    let (size, most) = (text.len(), limits::MAX_RESULT_BYTES);
    if size > most {
        let message = format!("the result has {size} bytes, at most {most} are kept");
        return Err(JobError::fatal(message).kind("result_too_large"));
    }
    Ok((text != "null").then_some(text))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::error::Then;

    #[derive(Debug, serde::Deserialize)]
    struct Mail {
        #[expect(dead_code, reason = "only its type matters")]
        to: Vec<Person>,
    }

    #[derive(Debug, serde::Deserialize)]
    struct Person {
        #[expect(dead_code, reason = "only its type matters")]
        age: u8,
    }

    #[test]
    fn a_payload_that_does_not_fit_is_fatal_and_the_path_is_named() {
        let error = decode::<Mail>(r#"{"to":[{"age":1},{"age":"old"}]}"#).unwrap_err();
        assert_eq!((error.kind.as_str(), error.then), ("invalid_payload", Then::Stop));
        assert!(
            error.message.contains("to[1].age: invalid type: string"),
            "{error}"
        );
        let error = decode::<Mail>("[").unwrap_err();
        assert!(error.message.contains("EOF"), "{error}");
        assert!(
            decode::<Mail>(r#"{"to":[]} x"#)
                .unwrap_err()
                .message
                .contains("trailing")
        );
    }

    #[test]
    fn a_result_is_kept_up_to_its_limit_and_nothing_is_no_result() {
        let fits = "x".repeat(limits::MAX_RESULT_BYTES - 2);
        assert_eq!(encode(&fits).unwrap().unwrap().len(), limits::MAX_RESULT_BYTES);
        let error = encode(&format!("{fits}x")).unwrap_err();
        assert_eq!(
            (error.kind.as_str(), error.then),
            ("result_too_large", Then::Stop)
        );
        assert_eq!(encode(&()).unwrap(), None);
        assert_eq!(
            encode(&HashMap::from([((1, 2), 3)])).unwrap_err().kind,
            "invalid_result"
        );
    }
}
