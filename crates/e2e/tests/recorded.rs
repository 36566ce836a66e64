//! A short run with nothing wrong, recorded from all sides.

use std::collections::BTreeMap;

use futures::future::join_all;
use scheduler_client::{JobRequest, State};
use scheduler_e2e::history::{History, Op, Setup, Verdict, judge};
use scheduler_e2e::{Settings, Stage};

const CLIENTS: usize = 8;
/// Of each client, besides the one with a key.
const JOBS: usize = 24;
/// Of these, the ones that fail.
const FAIL: usize = 4;

/// Job `n` of a client.
fn job(n: usize) -> JobRequest {
    match n % 8 {
        0 => JobRequest::new("sleep").payload_json(r#"{"ms":20}"#),
        1 => JobRequest::new("flaky").payload_json(r#"{"failures":1}"#),
        2 => JobRequest::new("always_fail")
            .payload_json(r#"{"message":"as asked"}"#)
            .max_attempts(1),
        3 | 4 => JobRequest::new("effect").payload_json(r#"{"ms":5}"#),
        _ => JobRequest::new("noop"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_workers_handlers_sink_database_and_api_tell_of_every_job() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let stage = Stage::set(&settings, dir.path(), &Setup::new("recorded", 1))
        .await
        .unwrap();
    let _api = stage.api("api-1", "", None).await.unwrap();
    let _workers = ["worker-1", "worker-2"].map(|name| stage.worker(name, "", None).unwrap());
    let first = stage.client("client-1").await.unwrap();
    let clients = (0..CLIENTS).map(|_| {
        let mut client = first.another();
        async move {
            for n in 0..JOBS - 4 {
                let job = client.submit(job(n)).await.unwrap();
                client.get(&job.job_id).await.unwrap();
            }
            for item in client.submit_batch((0..4).map(job).collect()).await.unwrap() {
                item.unwrap();
            }
            let key = format!("key-{:p}", &client);
            let keyed = || JobRequest::new("noop").key(&key);
            let job = client.submit(keyed()).await.unwrap();
            let again = client.submit(keyed()).await.unwrap();
            assert_eq!((again.job_id, again.replayed), (job.job_id.clone(), true));
            let mut watch = client.watch(&job.job_id);
            while let Some(event) = watch.next().await {
                event.unwrap();
            }
            assert!(!client.cancel(&job.job_id).await.unwrap(), "it has ended");
        }
    });
    join_all(clients).await;
    stage.rest().await.unwrap();
    stage.close().await.unwrap();

    let report = judge(&stage.folder).unwrap();
    assert_eq!(report.verdict, Verdict::Clean, "{report}");
    let history = History::load(&stage.folder).unwrap();
    assert_eq!(history.jobs.len(), CLIENTS * (JOBS + 1));
    assert!(!history.beats.is_empty(), "workers tell their heartbeats");
    let mut states: BTreeMap<_, usize> = BTreeMap::new();
    for (id, past) in &history.jobs {
        let last = past.last.clone().unwrap();
        let shown = past.shown.as_ref().unwrap();
        *states.entry(last.row.state().unwrap()).or_default() += 1;
        assert_eq!(
            (shown.state, shown.attempts, shown.result),
            (last.row.state, last.row.attempts, last.result),
            "{id}"
        );
        assert!(
            past.calls
                .iter()
                .any(|call| call.op == Op::Submit && call.is_ok()),
            "{id}"
        );
        let told = |op| past.work.iter().filter(|work| work.op == op).count();
        let attempts = usize::try_from(last.row.attempts).unwrap();
        for op in [
            Op::Claim,
            Op::Take,
            Op::Start,
            Op::Effect,
            Op::Sunk,
            Op::Handled,
            Op::End,
        ] {
            assert_eq!(told(op), attempts, "{op:?} of {id}");
        }
        assert_eq!(
            told(Op::Report),
            2 * attempts,
            "each report and its answer, of {id}"
        );
        let workers: std::collections::HashSet<_> =
            past.work.iter().map(|work| (work.epoch, work.worker)).collect();
        assert_eq!(
            workers.len(),
            attempts,
            "one worker is named throughout each attempt, of {id}"
        );
        assert!(
            past.rows.first().unwrap().old.is_none(),
            "the first change of {id} is its insert"
        );
        assert_eq!(past.rows.last().unwrap().new, Some(last.row), "{id}");
        if let Some(result) = last.result {
            assert!(past.work.iter().any(|work| work.result == Some(result)), "{id}");
        }
    }
    assert_eq!(
        states,
        [
            (State::Succeeded, CLIENTS * (JOBS + 1 - FAIL)),
            (State::DeadLetter, CLIENTS * FAIL)
        ]
        .into()
    );
}
