//! An error.

use scheduler_client::Error;
use serde::Serialize;

use crate::exit::Usage;

#[derive(Debug, Serialize)]
struct Failure {
    error: Told,
}

#[derive(Debug, Serialize)]
struct Told {
    /// A gRPC code by name, also for what never reached the scheduler.
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

#[derive(Debug, Serialize)]
struct Field {
    field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<String>,
}

/// An error as JSON, on one line.
pub(crate) fn failure(error: &anyhow::Error) -> String {
    let refused = error.downcast_ref::<Error>();
    let code = match refused {
        Some(refused) => upper_snake(&format!("{:?}", refused.code())),
        None if error.is::<Usage>() => "INVALID_ARGUMENT".to_owned(),
        None => "UNKNOWN".to_owned(),
    };
    let told = Told {
        code,
        reason: refused.and_then(Error::reason),
        message: told(error),
        fields: refused.map(fields).unwrap_or_default(),
        request_id: refused.and_then(Error::request_id),
    };
    // It holds nothing but text, so it can be written.
    serde_json::to_string(&Failure { error: told }).unwrap_or_default()
}

/// An error with its causes, down to what the scheduler said: the status behind that says it again, and worse.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut said = Vec::new();
    for cause in error.chain() {
        said.push(cause.to_string());
        if cause.is::<Error>() {
            break;
        }
    }
    said.join(": ")
}

fn fields(error: &Error) -> Vec<Field> {
    match error {
        Error::Invalid { violations, .. } => violations
            .iter()
            .map(|v| Field {
                field: v.field.clone(),
                allowed: Some(v.allowed.clone()),
            })
            .collect(),
        Error::Conflict { fields, .. } => fields
            .iter()
            .map(|field| Field {
                field: format!("job.{field}"),
                allowed: None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// `NotFound` as `NOT_FOUND`.
fn upper_snake(camel: &str) -> String {
    let mut text = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_uppercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use tonic::Status;

    use super::*;

    #[test]
    fn what_the_scheduler_said_is_said_once() {
        let refused: Result<(), Error> = Err(Status::not_found("there is no job x").into());
        let error = refused.context("looking").unwrap_err();
        assert_eq!(told(&error), "looking: there is no job x");
        assert_eq!(
            failure(&error),
            r#"{"error":{"code":"NOT_FOUND","message":"looking: there is no job x"}}"#
        );
    }

    #[test]
    fn other_errors_have_a_code_as_well() {
        assert_eq!(
            failure(&anyhow::anyhow!("m")),
            r#"{"error":{"code":"UNKNOWN","message":"m"}}"#
        );
        let usage = Usage("m".to_owned()).into();
        assert_eq!(
            failure(&usage),
            r#"{"error":{"code":"INVALID_ARGUMENT","message":"m"}}"#
        );
    }
}
