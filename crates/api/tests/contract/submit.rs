//! Jobs submitted again, and in batches.

use scheduler_proto::v1::{self, Job};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::world::{fields, job, start, submit};

#[tokio::test]
async fn submitting_again_is_submitting_once_and_another_body_is_refused_by_field() {
    let (mut client, _drain) = start().await;
    for keyed in [
        Job {
            job_id: "6ba7b810-9dad-41d1-80b4-00c04fd430c8".to_owned(),
            ..job()
        },
        Job {
            idempotency_key: "order-7".to_owned(),
            ..job()
        },
    ] {
        let keyed = Job {
            payload_json: r#"{"a":1,"b":2}"#.to_owned(),
            ..keyed
        };
        let first = submit(&mut client, keyed.clone()).await.unwrap();
        let respelt = Job {
            payload_json: "{ \"b\": 2, \"a\": 1 }".to_owned(),
            ..keyed.clone()
        };
        let again = client
            .submit_job(v1::SubmitJobRequest { job: Some(respelt) })
            .await
            .unwrap();
        assert_eq!(again.metadata().get("x-idempotent-replay").unwrap(), "true");
        assert_eq!(again.into_inner().job_id, first);

        let other = submit(
            &mut client,
            Job {
                priority: 1,
                payload_json: "{}".to_owned(),
                ..keyed
            },
        )
        .await
        .unwrap_err();
        assert_eq!(other.code(), Code::AlreadyExists);
        let details = other.get_error_details();
        assert_eq!(
            details.error_info().unwrap().metadata["diff"],
            "priority, payload_json"
        );
        assert_eq!(details.resource_info().unwrap().resource_name, first);
    }
}

#[tokio::test]
async fn a_batch_answers_each_job_in_order() {
    let (mut client, _drain) = start().await;
    let bad = Job {
        priority: 99,
        ..job()
    };
    let keyed = Job {
        idempotency_key: "same".to_owned(),
        ..job()
    };
    let differing = Job {
        priority: 1,
        ..keyed.clone()
    };
    let jobs = vec![job(), bad, keyed.clone(), keyed, differing];
    let results = client
        .batch_submit_jobs(v1::BatchSubmitJobsRequest { jobs })
        .await
        .unwrap()
        .into_inner()
        .results;
    assert_eq!(
        results.iter().map(|r| r.code).collect::<Vec<_>>(),
        [0, Code::InvalidArgument as i32, 0, 0, Code::AlreadyExists as i32]
    );
    assert_eq!(results[1].fields, ["job.priority"]);
    assert_eq!(results[2].job_id, results[3].job_id);
    assert!(!results[2].replayed && results[3].replayed);
    assert_eq!(results[4].fields, ["job.priority"]);
    assert_eq!(
        results[4].job_id, results[2].job_id,
        "it says which job is in the way"
    );
    assert!(results[1].job_id.is_empty());

    for jobs in [Vec::new(), vec![job(); 1_001]] {
        let refused = client
            .batch_submit_jobs(v1::BatchSubmitJobsRequest { jobs })
            .await
            .unwrap_err();
        assert_eq!(fields(&refused), ["jobs"]);
    }
    let most = v1::BatchSubmitJobsRequest {
        jobs: vec![job(); 1_000],
    };
    assert_eq!(
        client
            .batch_submit_jobs(most)
            .await
            .unwrap()
            .into_inner()
            .results
            .len(),
        1_000
    );
}
