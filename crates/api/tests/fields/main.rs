//! Every field of every RPC, as the descriptor set lists them: at its limits, past them, and nonsense. An RPC or field that is
//! added to the contract is tried without a word here.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod fuzz;
mod ids;
mod messages;
#[path = "../support/raw.rs"]
mod raw;
#[path = "../support/server.rs"]
mod server;
mod values;
mod world;

use std::collections::BTreeSet;

use prost_reflect::MethodDescriptor;
use tonic::Code;

use messages::{Case, cases};
use world::{Answer, World};

/// How a request may be answered: nothing that says the fault is ours.
const ANSWERS: [Code; 5] = [
    Code::Ok,
    Code::InvalidArgument,
    Code::NotFound,
    Code::AlreadyExists,
    Code::FailedPrecondition,
];

/// Whether `field` is the one at `path`, one that it is in, or one in it. Batches name a job's fields as the single call does.
fn names(field: &str, path: &str) -> bool {
    let single = path.replacen("jobs", "job", 1);
    let related = |path: &str| path.starts_with(field) || field.starts_with(path);
    !field.is_empty() && (related(path) || related(&single))
}

fn check(method: &MethodDescriptor, case: &Case, answer: &Answer) {
    let (name, path) = (method.name(), &case.path);
    for refusal in &answer.refusals {
        assert!(
            ANSWERS.contains(&refusal.code),
            "{name} {path}: {refusal:?}\n{case:?}"
        );
        if refusal.code == Code::InvalidArgument {
            assert!(
                refusal.fields.iter().any(|field| names(field, path)),
                "{name} {path}: {refusal:?}\n{case:?}"
            );
        }
    }
}

#[tokio::test]
async fn each_field_of_a_submit_is_taken_or_refused_by_its_name_and_only_what_was_taken_is_there() {
    let world = World::start().await;
    let mut accepted = BTreeSet::new();
    for name in ["SubmitJob", "BatchSubmitJobs"] {
        let method = world.method(name);
        for case in cases(&method.input(), &world.ids) {
            let answer = world.call(&method, case.bytes()).await;
            check(&method, &case, &answer);
            accepted.extend(answer.accepted);
        }
    }
    accepted.extend(world.ids.clone());
    assert!(
        accepted.len() > 100,
        "only {} were taken: is the example a good one?",
        accepted.len()
    );
    assert_eq!(world.rows().await, accepted);
}

#[tokio::test]
async fn each_field_of_every_other_request_is_taken_or_refused_by_its_name() {
    let world = World::start().await;
    for method in world.methods().filter(|method| !method.name().contains("Submit")) {
        for case in cases(&method.input(), &world.ids) {
            let answer = world.call(&method, case.bytes()).await;
            check(&method, &case, &answer);
        }
    }
    world.serves().await;
}

#[tokio::test]
async fn what_no_schema_has_is_ignored_or_refused_in_every_request() {
    let group = |depth: usize| [0xc3, 0x3e].repeat(depth);
    let large = [&[0xc2, 0x3e, 0x80, 0x80, 0x40][..], &vec![7; 1 << 20]].concat();
    let world = World::start().await;
    for method in world.methods() {
        for (bytes, taken) in [
            (vec![0xc0, 0x3e, 0x01], true),
            (large.clone(), true),
            (vec![0xc5, 0x3e, 1, 2, 3, 4], true),
            // Field number 0, a length past the end, a number that does not end, a group that nobody ends, and 100,000 of them.
            (vec![0x00], false),
            (vec![0xc2, 0x3e, 0xff, 0x01], false),
            (vec![0xff; 11], false),
            (group(1), false),
            (group(100_000), false),
        ] {
            let example = messages::example(&method.input(), &world.ids);
            let answer = world
                .call(&method, [prost::Message::encode_to_vec(&example), bytes].concat())
                .await;
            let code = answer.code();
            assert!(ANSWERS.contains(&code), "{}: {answer:?}", method.name());
            assert_eq!(
                code != Code::InvalidArgument,
                taken,
                "{}: {answer:?}",
                method.name()
            );
        }
    }
    world.serves().await;
}
