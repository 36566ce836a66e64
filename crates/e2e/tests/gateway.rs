//! What callers notice of an API that dies behind the gateway.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use scheduler_client::{Client, ClientOptions, JobRequest};
use scheduler_e2e::{Envoy, Fleet, Settings, answering, free_port};
use tokio::time::Instant;

/// More than the gateway may send again at a time.
const CALLERS: usize = 64;
const MEANWHILE: Duration = Duration::from_secs(1);

/// A client that tries once: what the gateway does not hide, it sees.
async fn client(port: u16) -> Client {
    let options = ClientOptions {
        attempts: 1,
        ..ClientOptions::new(format!("http://127.0.0.1:{port}"))
    };
    Client::connect(options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_refuses_connections_is_left_out_before_its_health_is_asked() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let (fleet, _rows) = Fleet::found(&settings, "gateway").await.unwrap();
    let ports = [free_port().unwrap(), free_port().unwrap(), free_port().unwrap()];
    let mut apis: Vec<_> = (1..)
        .zip(ports)
        .map(|(n, port)| fleet.api(&format!("api-{n}"), port).unwrap())
        .collect();
    for port in ports {
        answering(port).await.unwrap();
    }
    let envoy = Envoy::start(&settings, ports).unwrap();
    answering(envoy.port).await.unwrap();
    let client = client(envoy.port).await;
    let submit = async || client.submit(JobRequest::new("noop")).await;
    let mut served = BTreeSet::new();
    while served.len() < 3 {
        served.extend(submit().await.unwrap().served_by);
    }

    apis.pop().unwrap().kill().unwrap();
    // One call at a time can be sent again, so none fails, and some meet the dead one.
    let mut calls = 0;
    while !envoy
        .health(ports[2])
        .await
        .unwrap()
        .contains("failed_outlier_check")
    {
        submit()
            .await
            .unwrap_or_else(|error| panic!("call {calls}: {error}"));
        calls += 1;
        assert!(calls < 1_000, "it is not left out");
    }
    let begun = Instant::now();
    let callers = join_all((0..CALLERS).map(|_| async {
        let mut failed = Vec::new();
        while begun.elapsed() < MEANWHILE {
            failed.extend(submit().await.err());
        }
        failed
    }));
    let failed: Vec<_> = callers.await.into_iter().flatten().collect();
    assert!(
        failed.is_empty(),
        "{} calls failed: {:?}",
        failed.len(),
        failed[0]
    );
}
