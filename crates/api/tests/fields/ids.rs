//! Ids that name no job: whatever asks for one says so, and nothing else, however close to a job's own the id is.

use prost::Message as _;
use prost_reflect::{DynamicMessage, Value};
use tonic::Code;

use crate::world::World;

/// A request of `method`'s, for the job `id`.
fn ask(method: &prost_reflect::MethodDescriptor, id: &str) -> Vec<u8> {
    let mut request = DynamicMessage::new(method.input());
    request.set_field_by_name("job_id", Value::String(id.to_owned()));
    request.encode_to_vec()
}

#[tokio::test]
async fn an_id_that_is_nil_malformed_or_guessed_names_no_job_for_any_call() {
    let world = World::start().await;
    let real = world.ids[0].clone();
    let mut last = real.clone();
    let other = if last.pop() == Some('0') { '1' } else { '0' };
    let neighbour = format!("{last}{other}");
    let cases = [
        ("00000000-0000-0000-0000-000000000000", false),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", false),
        (&neighbour, false),
        // Not as ids are written.
        ("", true),
        ("1", true),
        (&real[1..], true),
        (&format!("{real} "), true),
        (&format!("{{{real}}}"), true),
        (&format!("urn:uuid:{real}"), true),
        (&"0".repeat(100_000), true),
        ("'; DROP TABLE jobs; --", true),
        ("\u{0}", true),
        ("٠٠٠٠٠٠٠٠-٠٠٠٠-٠٠٠٠-٠٠٠٠-٠٠٠٠٠٠٠٠٠٠٠٠", true),
    ];
    let mut asked = 0;
    for method in world.methods() {
        if method.input().get_field_by_name("job_id").is_none() {
            continue;
        }
        for (id, malformed) in cases {
            let answer = world.call(&method, ask(&method, id)).await;
            let wanted = if malformed {
                Code::InvalidArgument
            } else {
                Code::NotFound
            };
            // A nil id may as well be refused as no id at all.
            let nil = id.starts_with("00000000-") && answer.code() == Code::InvalidArgument;
            assert!(
                answer.code() == wanted || nil,
                "{} {id:?}: {answer:?}",
                method.name()
            );
        }
        asked += 1;
    }
    assert!(asked >= 6, "only {asked} calls take an id");
    assert_eq!(world.rows().await.len(), world.ids.len());
}
