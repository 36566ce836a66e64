//! Requests that are not what the schema says.
//!
//! tonic answers INTERNAL when a message cannot be decoded, as gRPC's own libraries do. It is the caller's fault all the same, and
//! the decoder knows which field it was, so the answer is rewritten: INVALID_ARGUMENT, with that field.

use http::HeaderMap;
use tonic::{Code, Status};

use crate::error::Error;
use crate::metrics;

/// What prost's decoding errors begin with. A test over the wire fails should it change.
const UNDECODABLE: &str = "failed to decode Protobuf message: ";

/// The header with the code.
const STATUS: &str = "grpc-status";

/// Whether a request for `path` submits jobs.
pub(crate) fn submits(path: &str) -> bool {
    jobs(path).is_some()
}

/// The field that has the jobs in a request for `path`, if it has any.
pub(crate) fn jobs(path: &str) -> Option<&'static str> {
    match path.rsplit_once('/')?.1 {
        "SubmitJob" => Some("job"),
        "BatchSubmitJobs" => Some("jobs"),
        _ => None,
    }
}

/// Rewrites the answer to a request, which may have been to submit jobs, if it says that the request could not be decoded.
pub(crate) fn rewrite(submits: bool, headers: &mut HeaderMap) {
    let Some(status) = undecodable(headers) else {
        return;
    };
    if submits {
        metrics::refused("validation");
    }
    let (field, why) = read(status.message());
    for name in [STATUS, "grpc-message", "grpc-status-details-bin"] {
        headers.remove(name);
    }
    let status = Status::from(Error::Malformed { field, why });
    // Text and details that we made fit into headers; and if not, INTERNAL is what it was.
    if let Err(status) = status.add_header(headers) {
        tracing::warn!(%status, "a malformed request was answered without its reason");
    }
}

fn undecodable(headers: &HeaderMap) -> Option<Status> {
    // Without a body: the status of a call that got further is in the trailers.
    let code = headers.get(STATUS)?;
    if Code::from_bytes(code.as_bytes()) != Code::Internal {
        return None;
    }
    Status::from_header_map(headers).filter(|status| status.message().starts_with(UNDECODABLE))
}

/// The path of the field as our other refusals name it, and what is wrong with it.
///
/// The decoder names each level as `Message.field: `, from the innermost outwards.
fn read(message: &str) -> (String, String) {
    let mut rest = message.strip_prefix(UNDECODABLE).unwrap_or(message);
    let mut path = Vec::new();
    while let Some((level, inner)) = rest.split_once(": ") {
        let Some((_, field)) = level
            .split_once('.')
            .filter(|(message, _)| message.chars().all(char::is_alphanumeric))
        else {
            break;
        };
        // As Rust escapes its own words.
        path.push(field.trim_start_matches("r#"));
        rest = inner;
    }
    path.reverse();
    (path.join("."), rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_field_is_read_from_what_the_decoder_says() {
        let said = "failed to decode Protobuf message: Job.r#type: SubmitJobRequest.job: invalid wire type: Varint (expected LengthDelimited)";
        let (field, why) = read(said);
        assert_eq!(field, "job.type");
        assert_eq!(why, "invalid wire type: Varint (expected LengthDelimited)");
        let (field, why) = read("failed to decode Protobuf message: buffer underflow");
        assert_eq!((field.as_str(), why.as_str()), ("", "buffer underflow"));
    }
}
