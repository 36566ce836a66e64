//! How processes begin.

use std::time::Duration;

use scheduler_client::JobRequest;
use scheduler_e2e::{Fleet, Process, Settings, answering, free_port};
use tokio::net::TcpStream;

/// Waits until somebody listens there. A process opens its side port before it looks at its backends.
async fn open(port: u16) {
    for _ in 0..750 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody listens on port {port}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_do_not_migrate_wait_until_somebody_has() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let fleet = Fleet::on_empty_database(&settings, "start").await.unwrap();
    let port = free_port().unwrap();
    let side_ports = [free_port().unwrap(), free_port().unwrap()];
    let start = |program, side_port: u16| {
        let mut command = fleet.command(program, program);
        command
            .env("SCHEDULER__DATABASE__MIGRATE_ON_START", "false")
            .env("METRICS_PORT", side_port.to_string())
            .env("GRPC_PORT", port.to_string());
        Process::start(&mut command).unwrap()
    };
    let processes = [
        start("scheduler-api", side_ports[0]),
        start("scheduler-worker", side_ports[1]),
    ];
    for side_port in side_ports {
        open(side_port).await;
    }
    assert!(
        TcpStream::connect(("127.0.0.1", port)).await.is_err(),
        "no calls before there are tables"
    );

    fleet.migrate().unwrap();
    let client = answering(port).await.unwrap();
    let submitted = client.submit(JobRequest::new("noop")).await.unwrap();
    let done = client.wait(&submitted.job_id).await.unwrap();
    assert_eq!(done.job_id, submitted.job_id);
    for process in processes {
        let status = process.terminate(Duration::from_secs(20)).await.unwrap();
        assert!(status.success(), "{status}");
    }
}
