//! Three APIs behind Envoy and three workers, on real PostgreSQL and Redis, while parts of it are taken away.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::TryStreamExt as _;
use scheduler_client::{Client, JobRequest, ListQuery, Priority, State};
use scheduler_e2e::{Envoy, Fleet, Settings, answering, free_port};

const JOBS: usize = 20_000;
/// Jobs that are submitted in one call in the last quarter; those before it are submitted one by one.
const BATCH: usize = 50;
const SUBMITTERS: usize = 16;

/// Job `n`: a mix of types and priorities.
fn job(n: usize) -> JobRequest {
    let job = match n % 20 {
        0 | 1 => JobRequest::new("sleep").payload_json(r#"{"ms":20}"#),
        2 | 3 => JobRequest::new("flaky").payload_json(r#"{"failures":1}"#),
        4 => JobRequest::new("always_fail")
            .payload_json(r#"{"message":"as asked"}"#)
            .max_attempts(1),
        _ => JobRequest::new("noop"),
    };
    job.priority(match n % 10 {
        0 | 1 => Priority::Critical,
        2..=4 => Priority::High,
        5..=8 => Priority::Default,
        _ => Priority::Low,
    })
}

/// How job `n` has to end.
fn expected(n: usize) -> State {
    if n % 20 == 4 {
        State::DeadLetter
    } else {
        State::Succeeded
    }
}

/// What the submitters saw.
#[derive(Default)]
struct Seen {
    /// The number of each acknowledged job, by its id.
    acknowledged: HashMap<String, usize>,
    /// Calls that each API answered before one was killed.
    served: BTreeMap<String, usize>,
    refused: usize,
}

/// Submits all jobs; `submitted` counts them as they are answered.
async fn submit_all(client: &Client, submitted: &AtomicUsize, seen: &Mutex<Seen>) {
    let next = AtomicUsize::new(0);
    let submitter = || async {
        loop {
            let n = next.fetch_add(BATCH, Ordering::Relaxed);
            if n >= JOBS {
                return;
            }
            if n >= JOBS * 3 / 4 {
                let reply = client.submit_batch((n..n + BATCH).map(job).collect()).await;
                let mut seen = seen.lock().unwrap();
                match reply {
                    Ok(reply) => {
                        for (n, item) in (n..).zip(reply.into_inner()) {
                            match item {
                                Ok(item) => drop(seen.acknowledged.insert(item.job_id, n)),
                                Err(_) => seen.refused += 1,
                            }
                        }
                    }
                    Err(_) => seen.refused += BATCH,
                }
                submitted.fetch_add(BATCH, Ordering::Relaxed);
                continue;
            }
            for n in n..n + BATCH {
                let reply = client.submit(job(n)).await;
                let count = submitted.fetch_add(1, Ordering::Relaxed);
                let mut seen = seen.lock().unwrap();
                match reply {
                    Ok(reply) => {
                        if count < JOBS / 2 {
                            *seen
                                .served
                                .entry(reply.served_by.clone().unwrap_or_default())
                                .or_default() += 1;
                        }
                        seen.acknowledged.insert(reply.into_inner().job_id, n);
                    }
                    Err(_) => seen.refused += 1,
                }
            }
        }
    };
    futures::future::join_all((0..SUBMITTERS).map(|_| submitter())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_job_ends_once_while_processes_are_killed_drained_and_redis_is_flushed() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let (fleet, rows) = Fleet::found(&settings, "fleet").await.unwrap();
    let ports = [free_port().unwrap(), free_port().unwrap(), free_port().unwrap()];
    let mut apis: Vec<_> = (1..)
        .zip(ports)
        .map(|(n, port)| fleet.api(&format!("api-{n}"), port).unwrap())
        .collect();
    let mut workers: Vec<_> = (1..=3)
        .map(|n| fleet.worker(&format!("worker-{n}")).unwrap())
        .collect();
    for port in ports {
        answering(port).await.unwrap();
    }
    let envoy = Envoy::start(&settings, ports).unwrap();
    let client = answering(envoy.port).await.unwrap();

    let submitted = AtomicUsize::new(0);
    let seen = Mutex::new(Seen::default());
    let reached = async |count| {
        while submitted.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let faults = async {
        reached(JOBS / 5).await;
        workers.pop().unwrap().kill().unwrap();
        reached(JOBS * 2 / 5).await;
        fleet.flush_redis().unwrap();
        reached(JOBS * 3 / 5).await;
        apis.pop().unwrap().kill().unwrap();
        reached(JOBS * 4 / 5).await;
        let status = workers
            .pop()
            .unwrap()
            .terminate(Duration::from_secs(20))
            .await
            .unwrap();
        assert!(status.success(), "a drained worker ends well: {status}");
    };
    tokio::join!(submit_all(&client, &submitted, &seen), faults);

    let Seen {
        acknowledged,
        served,
        refused,
    } = seen.into_inner().unwrap();
    assert_eq!(
        acknowledged.len() + refused,
        JOBS,
        "each submit is answered, with an id of its own"
    );
    assert!(
        refused < JOBS / 100,
        "the client's retries hide the killed API: {refused} refused"
    );
    assert_eq!(served.len(), 3, "calls go to all three APIs: {served:?}");
    let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
    assert!(least * 2 > *most, "calls are spread evenly: {served:?}");

    // One worker is left of three.
    for _ in 0..240 {
        if rows.open_jobs().await.unwrap() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut accepted: HashMap<String, Vec<i32>> = HashMap::new();
    for acceptance in rows.accepted().await.unwrap() {
        accepted.entry(acceptance.job).or_default().push(acceptance.state);
    }
    for (id, n) in &acknowledged {
        let states = accepted.get(id).map_or(&[][..], Vec::as_slice);
        assert_eq!(
            states,
            [expected(*n).number()],
            "job {n} ({id}) is accepted once, as it has to end"
        );
    }
    assert!(
        accepted.values().all(|states| states.len() == 1),
        "no job is accepted twice, acknowledged or not"
    );

    // What users see is what the database accepted.
    let query = ListQuery {
        page_size: 1_000,
        ..ListQuery::default()
    };
    let listed: Vec<_> = client.list_all(query).try_collect().await.unwrap();
    let mut shown: HashMap<String, i32> = HashMap::new();
    for job in listed {
        shown.insert(job.job_id, job.state);
    }
    for (id, states) in &accepted {
        assert_eq!(shown.get(id), states.first(), "job {id} as it is listed");
    }
}
