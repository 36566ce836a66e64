//! From a payload to a request.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Method, Request, Url};
use serde_json::Value;

use crate::JobError;

/// Headers that say how a message travels, or where to: the client's to set.
pub(super) const TRANSPORT: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What to call.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    pub(super) url: String,
    /// GET when absent.
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Text is sent as it is, anything else as JSON.
    #[serde(default)]
    body: Option<Value>,
}

impl Args {
    pub(super) fn into_request(self, url: Url) -> Result<Request, JobError> {
        let mut request = Request::new(method(self.method.as_deref())?, url);
        *request.headers_mut() = headers(&self.headers)?;
        match self.body {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => *request.body_mut() = Some(Body::from(text)),
            Some(json) => {
                let json_type = HeaderValue::from_static("application/json");
                request.headers_mut().entry(CONTENT_TYPE).or_insert(json_type);
                *request.body_mut() = Some(Body::from(json.to_string()));
            }
        }
        Ok(request)
    }
}

fn method(name: Option<&str>) -> Result<Method, JobError> {
    let Some(name) = name else { return Ok(Method::GET) };
    match Method::from_bytes(name.to_ascii_uppercase().as_bytes()) {
        Ok(Method::CONNECT | Method::TRACE) | Err(_) => Err(bad("method", name)),
        Ok(method) => Ok(method),
    }
}

fn headers(given: &BTreeMap<String, String>) -> Result<HeaderMap, JobError> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let header = HeaderName::try_from(name).map_err(|_| bad("header", name))?;
        if TRANSPORT.contains(&header.as_str()) {
            return Err(bad("header", name));
        }
        // The value is not shown: it may be a secret.
        headers.append(
            header,
            HeaderValue::try_from(value).map_err(|_| bad("value of header", name))?,
        );
    }
    Ok(headers)
}

fn bad(what: &str, name: &str) -> JobError {
    JobError::fatal(format!("{what} {name:?} may not be sent")).kind("invalid_payload")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(payload: &str) -> Result<Request, JobError> {
        let args: Args = serde_json::from_str(payload).unwrap();
        let url = Url::parse(&args.url).unwrap();
        args.into_request(url)
    }

    fn body(request: &Request) -> Option<&str> {
        request
            .body()
            .map(|body| std::str::from_utf8(body.as_bytes().unwrap()).unwrap())
    }

    #[test]
    fn text_is_sent_as_it_is_and_anything_else_as_json() {
        let get = request(r#"{"url":"http://a"}"#).unwrap();
        assert_eq!((get.method(), body(&get)), (&Method::GET, None));
        let text = request(r#"{"url":"http://a","method":"post","body":"x=1"}"#).unwrap();
        assert_eq!(
            (text.method(), body(&text), text.headers().len()),
            (&Method::POST, Some("x=1"), 0)
        );
        let json =
            request(r#"{"url":"http://a","method":"PUT","body":{"n":12345678901234567890123}}"#).unwrap();
        assert_eq!(body(&json), Some(r#"{"n":12345678901234567890123}"#));
        assert_eq!(json.headers()[CONTENT_TYPE], "application/json");
        let own = r#"{"url":"http://a","headers":{"Content-Type":"application/x+json"},"body":[]}"#;
        assert_eq!(
            request(own).unwrap().headers()[CONTENT_TYPE],
            "application/x+json"
        );
    }

    #[test]
    fn what_would_change_how_or_where_a_request_travels_is_refused() {
        for (part, of) in [
            (r#""method":"CONNECT""#, "CONNECT"),
            (r#""method":"G T""#, "G T"),
            (r#""headers":{"Host":"169.254.169.254"}"#, "Host"),
            (
                r#""headers":{"transfer-encoding":"chunked"}"#,
                "transfer-encoding",
            ),
            (r#""headers":{"x y":""}"#, "x y"),
            (r#""headers":{"x":"a\r\nb: c"}"#, "\"x\""),
        ] {
            let error = request(&format!(r#"{{"url":"http://a",{part}}}"#)).unwrap_err();
            assert!(
                error.kind == "invalid_payload" && error.message.contains(of),
                "{part}: {error}"
            );
        }
    }
}
