//! The cluster of KUBECONFIG, by way of Helm and kubectl.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use scheduler_client::{Client, ClientOptions};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::forward::Forward;
use super::objects;
use super::program::Program;
use super::{Cluster, Component, Event, Gateway};
use crate::error::Error;

/// Longest that one question to the cluster may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest that the pods of what was uninstalled may linger.
const LINGER: Duration = Duration::from_secs(180);

/// What is installed, and where.
#[derive(Debug, Clone)]
pub struct Installation {
    /// How Helm is run.
    pub helm: Program,
    /// How kubectl is run.
    pub kubectl: Program,
    /// The chart's folder, or a reference that Helm knows.
    pub chart: PathBuf,
    /// Name of the release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// Values files of every side, below its own.
    pub base: Vec<PathBuf>,
    /// Values of every side, above its own.
    pub set: Vec<String>,
    /// Where the scheduler answers; without one, its port is forwarded here.
    pub gateway: Option<String>,
    /// Longest that installing may take.
    pub timeout: Duration,
}

/// The cluster of KUBECONFIG.
#[derive(Debug)]
pub struct Helm {
    installation: Installation,
    /// Whether the namespace was made here, and goes at the end.
    made: AtomicBool,
}

impl Helm {
    /// Nothing is run yet.
    #[must_use]
    pub fn new(installation: Installation) -> Self {
        Self {
            installation,
            made: AtomicBool::new(false),
        }
    }

    /// Selects what the release has made.
    fn ours(&self) -> String {
        format!("app.kubernetes.io/instance={}", self.installation.release)
    }

    /// Asks kubectl, in our namespace.
    async fn ask(&self, what: &str, arguments: &[&str]) -> Result<String, Error> {
        let mut words = vec!["--namespace", &self.installation.namespace];
        words.extend(arguments);
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let stop = CancellationToken::new();
        let mut asked = std::pin::pin!(self.installation.kubectl.run(what, &words, &stop));
        tokio::select! {
            said = &mut asked => said,
            () = tokio::time::sleep(PATIENCE) => {
                stop.cancel();
                let _ = asked.await;
                Err(Error::Failed { what: what.to_owned(), said: format!("no answer within {PATIENCE:?}") })
            }
        }
    }

    async fn list(&self, arguments: &[&str]) -> Result<Value, Error> {
        let what = format!("kubectl {}", arguments.join(" "));
        let said = self
            .ask(&what, &[arguments, &["--output", "json"]].concat())
            .await?;
        serde_json::from_str(&said).map_err(|error| Error::Failed {
            what,
            said: format!("its answer is no JSON: {error}"),
        })
    }

    /// `helm install` and its values.
    fn install_words(&self, side: &Path, more: &[&str]) -> Vec<String> {
        let ours = &self.installation;
        let mut words = vec![
            "install".to_owned(),
            ours.release.clone(),
            ours.chart.display().to_string(),
        ];
        words.extend([
            "--namespace".to_owned(),
            ours.namespace.clone(),
            "--create-namespace".to_owned(),
        ]);
        for file in ours.base.iter().map(PathBuf::as_path).chain([side]) {
            words.extend(["--values".to_owned(), file.display().to_string()]);
        }
        for set in &ours.set {
            words.extend(["--set".to_owned(), set.clone()]);
        }
        words.extend(more.iter().map(|&word| word.to_owned()));
        words
    }

    /// Nobody else's release, nor what an earlier one left behind.
    async fn is_free(&self) -> Result<(), Error> {
        let Installation {
            namespace, release, ..
        } = &self.installation;
        let there = self
            .list(&[
                "get",
                "namespaces",
                "--field-selector",
                &format!("metadata.name={namespace}"),
            ])
            .await?;
        let there = !objects::names(&there).is_empty();
        self.made.store(!there, Ordering::Relaxed);
        if !there {
            return Ok(());
        }
        let releases = objects::releases(&self.list(&["get", "secrets", "--selector", "owner=helm"]).await?);
        if let Some(found) = releases.first() {
            return Err(Error::Occupied(format!(
                "the namespace {namespace} holds the release {found}, which is not this experiment's: name another \
                 with --namespace, or uninstall it"
            )));
        }
        let left = objects::names(
            &self
                .list(&["get", "persistentvolumeclaims", "--selector", &self.ours()])
                .await?,
        );
        if left.is_empty() {
            return Ok(());
        }
        Err(Error::Occupied(format!(
            "the namespace {namespace} holds volumes of an earlier release {release} ({}), and every run begins with \
             empty ones: name another with --namespace or --release, or delete them",
            left.join(", ")
        )))
    }

    /// Whoever answers before anything is installed is somebody else.
    async fn is_silent(&self, gateway: &str) -> Result<(), Error> {
        let options = ClientOptions {
            attempts: 1,
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(3),
            ..ClientOptions::new(gateway)
        };
        let client = Client::connect(options)
            .await
            .map_err(|error| Error::Invalid(format!("--gateway {gateway}: {error}")))?;
        match client.queues().await {
            Ok(_) => Err(Error::Occupied(format!(
                "a scheduler answers at {gateway} already, and would be measured in place of what is installed"
            ))),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Cluster for Helm {
    async fn check(&self, sides: &[PathBuf]) -> Result<String, Error> {
        let ours = &self.installation;
        let never = CancellationToken::new();
        for file in &ours.base {
            if !file.is_file() {
                return Err(Error::Invalid(format!(
                    "--values {}: there is no such file",
                    file.display()
                )));
            }
        }
        if ours.chart.is_dir() && !ours.chart.join("Chart.yaml").is_file() {
            return Err(Error::Invalid(format!(
                "--chart {}: there is no Chart.yaml in it",
                ours.chart.display()
            )));
        }
        let helm = ours
            .helm
            .run(
                "helm version",
                &["version".to_owned(), "--short".to_owned()],
                &never,
            )
            .await?;
        let version = match self.list(&["version"]).await {
            Ok(version) => version,
            Err(Error::Failed { said, .. }) => return Err(Error::Unreachable(said)),
            Err(error) => return Err(error),
        };
        let kubernetes = version
            .pointer("/serverVersion/gitVersion")
            .and_then(Value::as_str)
            .ok_or_else(|| Error::Unreachable("kubectl does not tell its version".to_owned()))?;
        self.is_free().await?;
        if let Some(gateway) = &ours.gateway {
            self.is_silent(gateway).await?;
        }
        for side in sides {
            let words = self.install_words(side, &["--dry-run=server"]);
            let what = format!("trying {} on the cluster", side.display());
            match ours.helm.run(&what, &words, &never).await {
                Err(Error::Failed { what, said }) => {
                    return Err(Error::Invalid(format!("{what} failed: {said}")));
                }
                other => other?,
            };
        }
        Ok(format!("Kubernetes {kubernetes}, Helm {}", helm.trim()))
    }

    async fn install(&self, side: &Path, stop: &CancellationToken) -> Result<(), Error> {
        let timeout = format!("{}s", self.installation.timeout.as_secs());
        let words = self.install_words(side, &["--wait", "--wait-for-jobs", "--timeout", &timeout]);
        let what = format!("installing {}", side.display());
        self.installation.helm.run(&what, &words, stop).await.map(|_| ())
    }

    async fn gateway(&self) -> Result<Gateway, Error> {
        if let Some(gateway) = &self.installation.gateway {
            return Ok(Gateway::at(gateway.clone()));
        }
        let services = self
            .list(&["get", "services", "--selector", &self.ours()])
            .await?;
        let (name, port) =
            objects::entrance(&services, &self.installation.release).ok_or_else(|| Error::Failed {
                what: "looking for the Service of gateway or API".to_owned(),
                said: "the release has none".to_owned(),
            })?;
        let target = format!("service/{name}");
        let words = [
            "--namespace",
            &self.installation.namespace,
            "port-forward",
            &target,
            &format!(":{port}"),
        ];
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let (forward, address) = Forward::start(&self.installation.kubectl, &words).await?;
        Ok(Gateway {
            address,
            _forward: Some(forward),
        })
    }

    async fn least(&self) -> Result<BTreeMap<String, u64>, Error> {
        let release = &self.installation.release;
        let mut least = objects::least(&self.list(&["get", "horizontalpodautoscalers"]).await?, release);
        // A cluster without KEDA does not know the kind.
        if let Ok(scaled) = self.list(&["get", "scaledobjects.keda.sh"]).await {
            least.extend(objects::least(&scaled, release));
        }
        Ok(least)
    }

    async fn observe(&self) -> Result<Vec<Component>, Error> {
        let list = self
            .list(&["get", "deployments,pods", "--selector", &self.ours()])
            .await?;
        Ok(objects::components(&list, &self.installation.release))
    }

    async fn usage(&self) -> Result<Option<BTreeMap<String, f64>>, Error> {
        let path = format!(
            "/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods",
            self.installation.namespace
        );
        // Where nobody measures, the path is not there.
        let Ok(said) = self
            .ask("reading the metrics API", &["get", "--raw", &path])
            .await
        else {
            return Ok(None);
        };
        let list: Value = serde_json::from_str(&said).unwrap_or_default();
        Ok(Some(objects::usage(&list, &self.installation.release)))
    }

    async fn events(&self) -> Result<Vec<Event>, Error> {
        Ok(objects::events(&self.list(&["get", "events"]).await?))
    }

    async fn uninstall(&self, last: bool, stop: &CancellationToken) -> Result<(), Error> {
        let Installation {
            release, namespace, ..
        } = &self.installation;
        let words = [
            "uninstall",
            release,
            "--namespace",
            namespace,
            "--ignore-not-found",
            "--wait",
            "--timeout",
            "5m",
        ];
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        self.installation.helm.run("uninstalling", &words, stop).await?;
        let delete = [
            "delete",
            "persistentvolumeclaims",
            "--selector",
            &self.ours(),
            "--wait=false",
        ];
        self.ask("deleting the volumes", &delete).await?;
        let deadline = Instant::now() + LINGER;
        loop {
            let left = self
                .list(&["get", "pods,persistentvolumeclaims", "--selector", &self.ours()])
                .await?;
            if objects::names(&left).is_empty() {
                break;
            }
            if Instant::now() >= deadline || stop.is_cancelled() {
                return Err(Error::Failed {
                    what: "uninstalling".to_owned(),
                    said: format!("still there: {}", objects::names(&left).join(", ")),
                });
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        if last && self.made.load(Ordering::Relaxed) {
            let delete = [
                "delete",
                "namespace",
                namespace.as_str(),
                "--ignore-not-found",
                "--wait=false",
            ];
            self.ask("deleting the namespace", &delete).await?;
        }
        Ok(())
    }

    fn farewell(&self) -> String {
        let Installation {
            release, namespace, ..
        } = &self.installation;
        format!(
            "helm uninstall {release} --namespace {namespace}; kubectl --namespace {namespace} delete \
             persistentvolumeclaims --selector {}",
            self.ours()
        )
    }
}
