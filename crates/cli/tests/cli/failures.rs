use std::net::TcpListener;

use scheduler_client::testing::Rpc;
use tonic::{Code, Status};

use crate::{Ran, fake, run, tsctl};

#[test]
fn nobody_there_says_how_to_start_a_scheduler() {
    let address = fake().address();
    let ran = Ran::of(tsctl(&address, &["jobs", "get", "x"]).spawn().unwrap()).code(6);
    assert_eq!(ran.out, "");
    let fix = format!("  is a scheduler running at {address}? start one: tsctl dev");
    assert_eq!(ran.err.lines().nth(1), Some(fix.as_str()), "{}", ran.err);
    assert!(
        ran.err.lines().next().unwrap().contains("onnection refused"),
        "{}",
        ran.err
    );
}

#[test]
fn every_refusal_has_its_exit_code() {
    let fake = fake();
    let table = [
        (Code::InvalidArgument, 2),
        (Code::NotFound, 3),
        (Code::FailedPrecondition, 4),
        (Code::AlreadyExists, 4),
        (Code::Unauthenticated, 5),
        (Code::PermissionDenied, 5),
        (Code::ResourceExhausted, 6),
        (Code::DeadlineExceeded, 6),
        (Code::Internal, 1),
    ];
    for (code, exit) in table {
        fake.fail(Rpc::Get, Status::new(code, "refused"));
        let ran = run(&fake, &["jobs", "get", "x"]).code(exit);
        assert!(ran.err.starts_with("error: refused\n"), "{}", ran.err);
    }
}

#[test]
fn to_programs_an_error_is_json_on_standard_error() {
    let fake = fake();
    let ran = run(&fake, &["jobs", "get", "x", "-o", "json"]).code(3);
    assert_eq!(ran.out, "");
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["code"], "NOT_FOUND");
    assert_eq!(error["error"]["reason"], "JOB_NOT_FOUND");
    assert_eq!(error["error"]["message"], "there is no job x");
    let ran = run(&fake, &["jobs", "submit", "", "-o", "json"]).code(2);
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["fields"][0]["field"], "job.type");
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let ran = Ran::of(
        tsctl(&address, &["queues", "list", "--timeout", "200ms"])
            .spawn()
            .unwrap(),
    )
    .code(6);
    assert!(ran.err.contains("within 200ms"), "{}", ran.err);
}

#[test]
fn an_address_that_is_none_is_a_usage_error() {
    let ran = Ran::of(tsctl("ftp://x", &["queues", "list"]).spawn().unwrap()).code(2);
    assert!(ran.err.contains("http://host:port"), "{}", ran.err);
}
