//! Tells Kubernetes how many jobs this pod runs, so that of several pods the idlest goes first.
//!
//! The annotation is a hint, and so is this: nothing depends on its being right, and what goes wrong is logged and tried again.
//! See <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost>.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Certificate, Client, header, redirect};
use scheduler_service::config;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Longest that one call may take.
const CALL: Duration = Duration::from_secs(5);

/// Keeps the annotation of one pod.
pub(crate) struct DeletionCost {
    client: Client,
    url: String,
    token: PathBuf,
    interval: Duration,
}

impl DeletionCost {
    /// As configured; `None` when there is no pod to speak of.
    ///
    /// # Errors
    /// When the service account's files cannot be read.
    pub(crate) fn new(config: &config::DeletionCost) -> anyhow::Result<Option<Self>> {
        let Some(pod) = &config.pod else { return Ok(None) };
        let credentials = PathBuf::from(&config.credentials);
        let read = |name: &str| {
            let path = credentials.join(name);
            std::fs::read(&path).with_context(|| format!("reading {}", path.display()))
        };
        let namespace = String::from_utf8(read("namespace")?).context("reading the namespace")?;
        let mut client = Client::builder()
            .user_agent(crate::USER_AGENT)
            .timeout(CALL)
            .redirect(redirect::Policy::none())
            .no_proxy();
        if config.url.starts_with("https:") {
            let authorities = Certificate::from_pem_bundle(&read("ca.crt")?).context("reading ca.crt")?;
            client = client.tls_certs_only(authorities);
        }
        Ok(Some(Self {
            client: client.build()?,
            url: format!(
                "{}/api/v1/namespaces/{}/pods/{pod}",
                config.url.trim_end_matches('/'),
                namespace.trim()
            ),
            token: credentials.join("token"),
            interval: config.interval,
        }))
    }

    /// Follows the number of running jobs, until `over`.
    pub(crate) async fn keep(self, busy: watch::Receiver<usize>, over: CancellationToken) {
        over.run_until_cancelled(self.follow(busy)).await;
    }

    async fn follow(&self, busy: watch::Receiver<usize>) {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut said, mut failing) = (None, false);
        loop {
            ticks.tick().await;
            let now = *busy.borrow();
            if said == Some(now) {
                continue;
            }
            match self.say(now).await {
                Ok(()) => {
                    debug!(cost = now, "the pod's deletion cost is written");
                    (said, failing) = (Some(now), false);
                }
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    warn!(
                        error = &*error as &dyn std::error::Error,
                        "the pod's deletion cost cannot be written, trying again"
                    );
                }
                Err(_) => {}
            }
        }
    }

    async fn say(&self, cost: usize) -> anyhow::Result<()> {
        // It is replaced before it runs out.
        let token = tokio::fs::read_to_string(&self.token)
            .await
            .with_context(|| format!("reading {}", self.token.display()))?;
        let patch = json!({"metadata": {"annotations": {
            "controller.kubernetes.io/pod-deletion-cost": cost.to_string()
        }}});
        self.client
            .patch(&self.url)
            .header(header::CONTENT_TYPE, "application/merge-patch+json")
            .bearer_auth(token.trim())
            .body(patch.to_string())
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;

    use super::*;

    /// The head and the body of a request, after which it is answered with `status`.
    async fn answer(connection: TcpStream, status: &str) -> std::io::Result<String> {
        let mut connection = BufReader::new(connection);
        let (mut request, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).await?;
            if let Some(bytes) = line.to_lowercase().strip_prefix("content-length:") {
                length = bytes.trim().parse().unwrap();
            }
            request.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body).await?;
        request.push_str(&String::from_utf8(body).unwrap());
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        connection.get_mut().write_all(answer.as_bytes()).await?;
        Ok(request)
    }

    #[tokio::test]
    async fn the_number_of_running_jobs_is_written_when_it_has_changed_and_again_when_it_was_refused() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let credentials = tempfile::tempdir().unwrap();
        std::fs::write(credentials.path().join("token"), "secret\n").unwrap();
        std::fs::write(credentials.path().join("namespace"), "jobs").unwrap();
        let config = config::DeletionCost {
            pod: Some("worker-1".to_owned()),
            interval: Duration::from_millis(20),
            url: format!("http://{}/", listener.local_addr().unwrap()),
            credentials: credentials.path().display().to_string(),
        };
        let (seen, mut requests) = mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            for status in ["503 Service Unavailable", "200 OK", "200 OK"] {
                let (connection, _) = listener.accept().await.unwrap();
                seen.send(answer(connection, status).await.unwrap()).unwrap();
            }
            listener
        });
        let (busy, running) = watch::channel(0);
        let over = CancellationToken::new();
        let cost = DeletionCost::new(&config).unwrap().unwrap();
        let kept = tokio::spawn(cost.keep(running, over.clone()));

        for expected in ["0", "0"] {
            let request = requests.recv().await.unwrap();
            assert!(
                request.starts_with("PATCH /api/v1/namespaces/jobs/pods/worker-1 HTTP/1.1\r\n"),
                "{request}"
            );
            assert!(request.contains("authorization: Bearer secret\r\n"), "{request}");
            let body = format!(
                r#"{{"metadata":{{"annotations":{{"controller.kubernetes.io/pod-deletion-cost":"{expected}"}}}}}}"#
            );
            assert!(request.ends_with(&body), "{request}");
        }
        // Written, so it is not written again before it changes.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(requests.try_recv().is_err());
        busy.send_replace(3);
        assert!(requests.recv().await.unwrap().contains(r#"deletion-cost":"3""#));
        over.cancel();
        kept.await.unwrap();
        drop(server.await.unwrap());
    }

    #[test]
    fn without_a_pod_there_is_no_hint_and_without_credentials_the_file_is_named() {
        assert!(
            DeletionCost::new(&config::DeletionCost::default())
                .unwrap()
                .is_none()
        );
        let config = config::DeletionCost {
            pod: Some("p".to_owned()),
            credentials: "/nowhere".to_owned(),
            ..config::DeletionCost::default()
        };
        let error = DeletionCost::new(&config).err().unwrap();
        assert_eq!(error.to_string(), "reading /nowhere/namespace");
    }
}
