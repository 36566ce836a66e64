//! Whatever stands on the command line.

use scheduler_fuzz::{check, text_near};

use super::*;

/// What the program says of an argument that it does not understand.
fn told<T>(read: Result<T, String>) -> Option<T> {
    read.map_err(|said| assert!(said.starts_with("must be "), "{said}"))
        .ok()
}

#[test]
fn arguments_are_read_or_it_is_said_what_they_must_be() {
    check!()
        .with_generator(text_near(&[
            "500ms",
            "1h 30m",
            "584554531y",
            "2027-01-02T03:04:05+01:00",
            "+262142-12-31T23:59:60.999999999Z",
            "high",
            "deadletter",
            "team=a=b",
        ]))
        .for_each(|text| {
            if let Some(span) = told(duration(text)) {
                let again = humantime::format_duration(span).to_string();
                assert_eq!(duration(&again), Ok(span), "{again}");
            }
            assert_ne!(told(positive(text)), Some(Duration::ZERO));
            if let Some(at) = told(moment(text)) {
                assert_eq!(moment(&at.to_rfc3339()), Ok(at));
            }
            if let Some(priority) = told(self::priority(text)) {
                assert!(priority.name().eq_ignore_ascii_case(text));
            }
            if let Some(state) = told(self::state(text)) {
                assert!(state.name().eq_ignore_ascii_case(text));
            }
            told(dead_state(text));
            if let Some((name, value)) = told(label(text)) {
                assert_eq!(format!("{name}={value}"), *text);
            }
        });
}

#[test]
fn a_payload_is_passed_on_as_it_stands_or_said_not_to_be_json() {
    check!()
        .with_generator(text_near(&[
            "{}",
            r#"{"a":[1,2.5e300,"\ud83d\udca3"],"a":null}"#,
            "[[[[[[[[[[[[",
            "1e999",
        ]))
        .for_each(|text| {
            // From standard input, so that a leading @ does not name a file.
            match payload("-", text.as_bytes()) {
                Ok(read) => assert_eq!(&read, text),
                Err(error) => assert!(error.to_string().contains("is not JSON"), "{error}"),
            }
        });
}
