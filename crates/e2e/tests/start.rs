//! How processes begin.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Stdio};
use std::time::Duration;

use scheduler_client::JobRequest;
use scheduler_e2e::proxy::{On, Protocol, Proxy, Trouble};
use scheduler_e2e::{Fleet, Process, Settings, answering, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// In every password here, and in no log.
const CANARY: &str = "canary-6f1d";
const PROGRAMS: [&str; 2] = ["scheduler-api", "scheduler-worker"];

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

/// Where the database is that the fleet has.
fn server(fleet: &Fleet) -> String {
    fleet.database().split(['@', '/']).nth(3).unwrap().to_owned()
}

/// `program` with a database at this address, its log in its output, and its side port here.
fn command(fleet: &Fleet, program: &str, address: &str, side_port: u16) -> Command {
    let mut command = fleet.command(program, program);
    let database = format!("postgres://nobody:{CANARY}@{address}/scheduler_test?sslmode=disable");
    command
        .env("DATABASE_URL", database)
        .env("GRPC_PORT", "0")
        .env("METRICS_PORT", side_port.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What the side port answers to this question: its status line.
async fn asked(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_the_database_does_not_take_ends_a_process_at_once_and_its_password_is_not_told() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let fleet = Fleet::on_empty_database(&settings, "who").await.unwrap();
    let address = server(&fleet);
    for program in PROGRAMS {
        let begun = Instant::now();
        let mut command = command(&fleet, program, &address, 0);
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(ended.status.code(), Some(1), "{program}: {said}");
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "{program} waited: {said}"
        );
        assert!(
            said.contains("nobody") && said.contains("does not exist"),
            "{program}: {said}"
        );
        assert!(!said.contains(CANARY), "{program}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_waits_for_its_database_alive_and_not_ready_and_goes_at_once_when_it_is_told_to() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let fleet = Fleet::on_empty_database(&settings, "waits").await.unwrap();
    // It takes connections and says nothing, as a database does behind a proxy that is there before it.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for address in [
        format!("127.0.0.1:{}", free_port().unwrap()),
        silent.local_addr().unwrap().to_string(),
    ] {
        for program in PROGRAMS {
            let side_port = free_port().unwrap();
            let mut process = Process::start(&mut command(&fleet, program, &address, side_port)).unwrap();
            open(side_port).await;
            // Longer than one try to connect may take.
            tokio::time::sleep(Duration::from_secs(7)).await;
            assert!(process.runs().unwrap(), "{program} gave up");
            assert!(asked(side_port, "/health").await.contains(" 200 "), "{program}");
            assert!(asked(side_port, "/ready").await.contains(" 503 "), "{program}");
            let told = Instant::now();
            let status = process.terminate(Duration::from_secs(5)).await.unwrap();
            assert!(status.success(), "{program}: {status}");
            assert!(
                told.elapsed() < Duration::from_secs(3),
                "{program}: {:?}",
                told.elapsed()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_waits_for_a_database_that_takes_connections_and_no_statements() {
    let Some(settings) = Settings::read() else {
        return;
    };
    let fleet = Fleet::on_empty_database(&settings, "refuses").await.unwrap();
    let address = server(&fleet);
    for program in PROGRAMS {
        let proxy = Proxy::start(address.parse().unwrap(), Protocol::Postgres, 1)
            .await
            .unwrap();
        proxy.statements().always(On::Any, Trouble::Refuse("53300"));
        let side_port = free_port().unwrap();
        let database = fleet
            .database()
            .replace(&address, &format!("127.0.0.1:{}", proxy.port()));
        let mut command = fleet.command(program, program);
        command
            .env("DATABASE_URL", database)
            .env("GRPC_PORT", "0")
            .env("METRICS_PORT", side_port.to_string());
        let mut process = Process::start(&mut command).unwrap();
        open(side_port).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(process.runs().unwrap(), "{program} gave up");
        assert!(asked(side_port, "/ready").await.contains(" 503 "), "{program}");
        proxy.statements().clear();
        let cleared = Instant::now();
        while !asked(side_port, "/ready").await.contains(" 200 ") {
            assert!(cleared.elapsed() < Duration::from_secs(10), "{program}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let status = process.terminate(Duration::from_secs(20)).await.unwrap();
        assert!(status.success(), "{program}: {status}");
    }
}
