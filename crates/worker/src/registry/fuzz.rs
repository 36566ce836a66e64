//! Payloads of the handlers that are built in: a job carries any JSON, and the API has checked no more than that.

use scheduler_fuzz::{check, text_near};

use super::json::decode;
use crate::Handler;
use crate::error::Then;
use crate::handlers::{AlwaysFail, DbTx, Flaky, HttpCall, Noop, Sleep};

fn read<H: Handler>(payload: &str) {
    if let Err(refused) = decode::<H::Payload>(payload) {
        // It will not fit next time either.
        assert_eq!(
            (refused.kind.as_str(), refused.then),
            ("invalid_payload", Then::Stop)
        );
        assert!(
            refused.message.starts_with("the payload does not fit: "),
            "{refused}"
        );
    }
}

#[test]
fn every_payload_fits_its_handler_or_is_refused_for_good() {
    check!()
        .with_generator(text_near(&[
            "{}",
            "null",
            r#"{"ms":18446744073709551615,"resume":true}"#,
            r#"{"failures":4294967295}"#,
            r#"{"message":"\u0000\ud83d"}"#,
            r#"{"statement":"insert","params":[null,true,-7,9223372036854775808,1e400,"x",[],{}]}"#,
            r#"{"url":"http://a","headers":{"a":"b"},"body":[1,{"a":[[[[]]]]}]}"#,
            "[[[[[[[[[[[[[[[[",
        ]))
        .for_each(|payload| {
            read::<Noop>(payload);
            read::<Sleep>(payload);
            read::<Flaky>(payload);
            read::<AlwaysFail>(payload);
            read::<DbTx>(payload);
            read::<HttpCall>(payload);
        });
}
