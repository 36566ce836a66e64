//! Processes that end with the test that started them.

use std::net::TcpListener;
use std::ops::Range;
use std::process::{Child, Command, ExitStatus};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use scheduler_domain::{Entropy as _, SystemEntropy};

/// A process of ours; killed when dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self(child))
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has not ended yet.
    ///
    /// # Errors
    /// The system does not say.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }

    /// SIGSTOP: it stands still, with everything it holds, until [`Process::resume`].
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn pause(&self) -> Result<()> {
        signal("STOP", &[self.id()])
    }

    /// SIGCONT: it goes on.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn resume(&self) -> Result<()> {
        signal("CONT", &[self.id()])
    }

    /// Every process that it has started and that still runs.
    #[must_use]
    pub fn children(&self) -> Vec<u32> {
        children_of(self.id())
    }

    /// SIGKILL: it ends at once, in the middle of whatever it does.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn kill(mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// Sends it this signal, such as `STOP` and `CONT`.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn signal(&self, name: &str) -> Result<()> {
        signal(name, &[self.id()])
    }

    /// SIGTERM: it is asked to stop, and has so long to do it.
    ///
    /// # Errors
    /// It is still there when the time is up.
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness watches real processes in real time"
    )]
    pub async fn terminate(mut self, within: Duration) -> Result<ExitStatus> {
        signal("TERM", &[self.id()])?;
        let since = Instant::now();
        while since.elapsed() < within {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("process {} still runs {within:?} after SIGTERM", self.0.id())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends this signal to these processes.
///
/// # Errors
/// One of them is gone, or not ours.
pub(crate) fn signal(name: &str, processes: &[u32]) -> Result<()> {
    let sent = Command::new("kill")
        .arg(format!("-{name}"))
        .args(processes.iter().map(ToString::to_string))
        .output()?;
    let said = String::from_utf8_lossy(&sent.stderr);
    ensure!(sent.status.success(), "kill -{name}: {said}");
    Ok(())
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

/// From the fourth field of `stat`; the second, in brackets, may hold anything.
fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Below those that Linux takes for outgoing connections, one of which could be on it before the program that it is for.
const PORTS: Range<u16> = 10_000..32_000;

/// A port of the loopback interface that nobody listens on now. It is given out once by this process, and others begin elsewhere.
///
/// # Errors
/// None is free.
pub fn free_port() -> Result<u16> {
    static TURN: LazyLock<AtomicU16> = LazyLock::new(|| {
        let mut random = [0; 2];
        SystemEntropy.fill(&mut random);
        AtomicU16::new(u16::from_le_bytes(random))
    });
    PORTS
        .map(|_| PORTS.start + TURN.fetch_add(1, Ordering::Relaxed) % (PORTS.end - PORTS.start))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .context("no port is free")
}
