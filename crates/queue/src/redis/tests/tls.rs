//! Encrypted connections, with an authority of the test's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::server::{Server, entries, options, worker};
use crate::{Dispatch as _, Hint, Hints as _, Inspect as _, RedisOptions, RedisQueue, Served};

/// A server that speaks TLS on a port, beside the socket for the test itself.
struct Encrypted {
    server: Server,
    port: u16,
    folder: PathBuf,
}

impl Encrypted {
    async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        for name in ["ours", "other"] {
            openssl(
                &path,
                &[
                    "-keyout",
                    "ca.key",
                    "-out",
                    &format!("{name}.crt"),
                    "-subj",
                    "/CN=authority",
                ],
            );
            if name == "ours" {
                let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
                let leaf = [
                    "-CA",
                    "ours.crt",
                    "-CAkey",
                    "ca.key",
                    "-subj",
                    "/CN=localhost",
                    "-addext",
                    names,
                ];
                let leaf = [&leaf[..], &["-addext", "basicConstraints=critical,CA:FALSE"]].concat();
                openssl(
                    &path,
                    &[&leaf[..], &["-keyout", "server.key", "-out", "server.crt"]].concat(),
                );
            }
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let args = [
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            "server.crt",
            "--tls-key-file",
            "server.key",
        ];
        let args = [
            &args[..],
            &["--tls-ca-cert-file", "ours.crt", "--tls-auth-clients", "no"],
        ]
        .concat();
        let server = Server::start_in(folder, &args).await?;
        Some(Self {
            server,
            port,
            folder: path,
        })
    }

    fn queue(&self, host: &str, authority: Option<&str>) -> RedisQueue {
        let options = RedisOptions {
            url: format!("rediss://{host}:{}", self.port),
            ssl_root_cert: authority.map(|name| self.folder.join(name)),
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(5),
            ..self.server.options()
        };
        RedisQueue::connect(options).unwrap()
    }
}

fn openssl(folder: &Path, args: &[&str]) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(args)
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success(), "{args:?}");
}

#[tokio::test]
async fn a_queue_works_over_tls_when_its_authority_is_known() {
    let Some(server) = Encrypted::start().await else {
        return;
    };
    let queue = server.queue("localhost", Some("ours.crt"));
    let mut hints = queue.subscribe().await.unwrap();
    let (waiting, pushed) = (queue.wait(&Served::All, Duration::from_secs(5)), entries(1));
    let (woken, push) = tokio::join!(waiting, queue.push(&pushed));
    push.unwrap();
    let named = woken.unwrap().and_then(|woken| woken.entry);
    assert_eq!(named.map(|(id, _)| id), Some(pushed[0].id));
    let claimed = queue.claim(&worker("a"), &Served::All, None, 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    queue.publish(Hint::Cancelled(pushed[0].id)).await.unwrap();
    assert_eq!(hints.recv().await.unwrap(), Hint::Cancelled(pushed[0].id));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_or_for_another_host_is_refused() {
    let Some(server) = Encrypted::start().await else {
        return;
    };
    for (host, authority) in [
        ("localhost", None),
        ("localhost", Some("other.crt")),
        ("127.0.0.2", Some("ours.crt")),
    ] {
        let refused = server.queue(host, authority).ping().await;
        assert!(refused.is_err(), "{host} {authority:?}");
    }
    server.queue("127.0.0.1", Some("ours.crt")).ping().await.unwrap();
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_is_an_error_at_the_start() {
    let options = |url: &str| RedisOptions {
        ssl_root_cert: Some("/nowhere/ca.crt".into()),
        ..options(url)
    };
    assert!(RedisQueue::connect(options("rediss://localhost")).is_err());
    assert!(
        RedisQueue::connect(options("redis://localhost")).is_ok(),
        "it is not looked at without TLS"
    );
}
