//! `kubectl port-forward`: a way in where no port of the cluster can be reached from here.

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::program::{Program, end};
use crate::error::Error;

/// A forwarded port; ends when dropped.
#[derive(Debug)]
pub(super) struct Forward {
    child: Child,
}

impl Forward {
    /// Starts it, and gives the address here.
    pub(super) async fn start(kubectl: &Program, arguments: &[String]) -> Result<(Self, String), Error> {
        let mut forward = Self {
            child: kubectl.start(arguments)?,
        };
        let out = forward.child.stdout.take();
        let mut lines = BufReader::new(out.ok_or_else(|| failed(String::new()))?).lines();
        // `Forwarding from 127.0.0.1:41234 -> 8080`
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = address(&line) {
                // It goes on to say a line for each connection: somebody has to read them.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                if let Some(mut complaints) = forward.child.stderr.take() {
                    tokio::spawn(
                        async move { tokio::io::copy(&mut complaints, &mut tokio::io::sink()).await },
                    );
                }
                return Ok((forward, address));
            }
        }
        let mut said = String::new();
        if let Some(mut complaints) = forward.child.stderr.take() {
            tokio::io::AsyncReadExt::read_to_string(&mut complaints, &mut said).await?;
        }
        Err(failed(said.trim().to_owned()))
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        end(self.child.id(), Signal::TERM);
    }
}

fn failed(said: String) -> Error {
    Error::Failed {
        what: "kubectl port-forward".to_owned(),
        said,
    }
}

fn address(line: &str) -> Option<String> {
    let (from, _) = line.strip_prefix("Forwarding from ")?.split_once(" -> ")?;
    Some(format!("http://{from}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_address_is_the_one_that_it_says() {
        let sh = Program::new("sh -c", "--sh").unwrap();
        let script = "echo 'Forwarding from 127.0.0.1:41234 -> 8080'; sleep 600".to_owned();
        let (_forward, address) = Forward::start(&sh, &[script]).await.unwrap();
        assert_eq!(address, "http://127.0.0.1:41234");
    }

    #[tokio::test]
    async fn what_keeps_it_from_starting_is_told() {
        let sh = Program::new("sh -c", "--sh").unwrap();
        let error = Forward::start(&sh, &["echo 'no pod' >&2".to_owned()])
            .await
            .unwrap_err();
        assert!(error.to_string().contains("no pod"), "{error}");
    }
}
