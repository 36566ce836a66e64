//! Processes that end with the test that started them.

use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

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
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.0.id().to_string()])
            .status()?;
        ensure!(sent.success(), "kill -{name} failed");
        Ok(())
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
        self.signal("TERM")?;
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

/// A port of the loopback interface that nobody listens on now.
///
/// # Errors
/// None is free.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
