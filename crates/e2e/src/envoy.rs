//! A real Envoy in front of API processes, with the configuration that `compose.yaml` mounts.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Process, Settings, free_port};

const COMPOSED: &str = include_str!("../../../compose/envoy.yaml");

/// An Envoy; ends when dropped.
#[derive(Debug)]
pub struct Envoy {
    /// What it is configured with, but for its ports the one of `compose.yaml`.
    config: String,
    /// Where it takes gRPC on the loopback interface.
    pub port: u16,
    /// Where it tells about itself.
    admin: u16,
    program: PathBuf,
    folder: TempDir,
    process: Mutex<Option<Process>>,
}

impl Envoy {
    /// Starts one that spreads calls over the APIs on these three ports.
    ///
    /// # Errors
    /// Envoy cannot be started, or its configuration no longer looks as this expects.
    pub fn start(settings: &Settings, apis: [u16; 3]) -> Result<Self> {
        let (port, admin) = (free_port()?, free_port()?);
        let mut config = COMPOSED.to_owned();
        let mut replace = |from: &str, to: String| {
            ensure!(config.contains(from), "compose/envoy.yaml has no {from}");
            config = config.replace(from, &to);
            Ok(())
        };
        replace("port_value: 9901", format!("port_value: {admin}"))?;
        replace(
            "address: 0.0.0.0, port_value: 8080",
            format!("address: 127.0.0.1, port_value: {port}"),
        )?;
        for (n, api) in (1..).zip(apis) {
            replace(
                &format!("address: api-{n}, port_value: 8081"),
                format!("address: 127.0.0.1, port_value: {api}"),
            )?;
        }
        let folder = TempDir::new()?;
        let envoy = Self {
            config,
            port,
            admin,
            program: settings.envoy.clone(),
            folder,
            process: Mutex::default(),
        };
        envoy.launch()?;
        Ok(envoy)
    }

    /// What it says of the API on this port: `health_flags`, such as `healthy` or `/failed_outlier_check`.
    ///
    /// # Errors
    /// It does not answer, or knows of no such API.
    pub async fn health(&self, api: u16) -> Result<String> {
        let answer = self.ask("/clusters").await?;
        let before = format!("api::127.0.0.1:{api}::health_flags::");
        let flags = answer.lines().find_map(|line| line.strip_prefix(before.as_str()));
        Ok(flags.with_context(|| format!("no API on {api}"))?.to_owned())
    }

    /// What it has counted under this name since it was started, such as `cluster.api.upstream_rq_total`.
    ///
    /// # Errors
    /// It does not answer, or counts nothing of the kind.
    pub async fn stat(&self, name: &str) -> Result<u64> {
        let answer = self.ask("/stats").await?;
        let before = format!("{name}: ");
        let value = answer.lines().find_map(|line| line.strip_prefix(before.as_str()));
        Ok(value
            .with_context(|| format!("no counter {name}"))?
            .trim()
            .parse()?)
    }

    async fn ask(&self, path: &str) -> Result<String> {
        let mut admin = TcpStream::connect(("127.0.0.1", self.admin)).await?;
        let asked = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        admin.write_all(asked.as_bytes()).await?;
        let mut answer = String::new();
        admin.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    /// Starts it again after [`Envoy::kill`], on the same port.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn launch(&self) -> Result<()> {
        self.launch_with(&[])
    }

    /// As [`Envoy::launch`], with these parts of its configuration replaced.
    ///
    /// # Errors
    /// A part is not there, or it cannot be started.
    pub fn launch_with(&self, changes: &[(&str, &str)]) -> Result<()> {
        let mut config = self.config.clone();
        for (from, to) in changes {
            ensure!(config.contains(from), "the gateway's configuration has no {from}");
            config = config.replace(from, to);
        }
        let path = self.folder.path().join("envoy.yaml");
        std::fs::write(&path, config).context("envoy.yaml")?;
        let process = Process::start(
            Command::new(&self.program)
                .arg("--config-path")
                .arg(path)
                .args([
                    "--disable-hot-restart",
                    "--concurrency",
                    "1",
                    "--log-level",
                    "error",
                ])
                .stdin(Stdio::null()),
        )?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        Ok(())
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn kill(&self) -> Result<()> {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        process.map_or(Ok(()), Process::kill)
    }
}
