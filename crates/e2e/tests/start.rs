//! How processes begin.

use std::time::Duration;

use scheduler_client::JobRequest;
use scheduler_e2e::{Fleet, Process, Settings, answering, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_do_not_migrate_wait_until_somebody_has() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let fleet = Fleet::on_empty_database(&settings, "start").await.unwrap();
    let port = free_port().unwrap();
    let start = |program| {
        let mut command = fleet.command(program, program);
        command
            .env("SCHEDULER__DATABASE__MIGRATE_ON_START", "false")
            .env("GRPC_PORT", port.to_string());
        Process::start(&mut command).unwrap()
    };
    let processes = ["scheduler-api", "scheduler-worker"].map(start);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err(),
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
