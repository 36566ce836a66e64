//! Running a program in a process group of its own, so that Ctrl-C at the terminal reaches us and not it: what it was
//! doing is ended when we say so, with everything that it started.

use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::error::Error;

/// How long a program may take to end after it was told to.
const FAREWELL: Duration = Duration::from_secs(15);
/// Of what a failed program said, so much is told.
const SAID: usize = 2_000;

/// How a program is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    name: String,
    words: Vec<String>,
    told: &'static str,
}

impl Program {
    /// Reads a command's beginning, such as `kubectl` or `kubectl --context kind`. `told` says what it was given by.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no word.
    pub fn new(text: &str, told: &'static str) -> Result<Self, Error> {
        let mut words = text.split_whitespace().map(str::to_owned);
        let name = words
            .next()
            .ok_or_else(|| Error::Invalid(format!("{told} must name a program")))?;
        Ok(Self {
            name,
            words: words.collect(),
            told,
        })
    }

    /// Starts it.
    pub(super) fn start(&self, arguments: &[String]) -> Result<Child, Error> {
        Command::new(&self.name)
            .args(&self.words)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Error::Program {
                program: self.name.clone(),
                told: self.told,
                source,
            })
    }

    /// Runs it to its end; what it printed. `what` is for the error.
    pub(super) async fn run(
        &self,
        what: &str,
        arguments: &[String],
        stop: &CancellationToken,
    ) -> Result<String, Error> {
        let child = self.start(arguments)?;
        let group = child.id();
        let mut ended = std::pin::pin!(child.wait_with_output());
        let output = tokio::select! {
            output = &mut ended => output,
            () = stop.cancelled() => {
                end(group, Signal::TERM);
                if tokio::time::timeout(FAREWELL, &mut ended).await.is_err() {
                    end(group, Signal::KILL);
                }
                return Err(Error::Stopped);
            }
        };
        said(what, &output?)
    }
}

/// Ends a whole process group. One that has ended already is as good.
pub(super) fn end(group: Option<u32>, signal: Signal) {
    let pid = group
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process_group(pid, signal);
    }
}

fn said(what: &str, output: &Output) -> Result<String, Error> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors = errors.trim();
    let from = errors.len().saturating_sub(SAID);
    let from = (from..=errors.len())
        .find(|at| errors.is_char_boundary(*at))
        .unwrap_or(0);
    let said = match &errors[from..] {
        "" => output.status.to_string(),
        said => said.to_owned(),
    };
    Err(Error::Failed {
        what: what.to_owned(),
        said,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> (Program, Vec<String>) {
        (Program::new("sh -c", "--sh").unwrap(), vec![script.to_owned()])
    }

    #[tokio::test]
    async fn what_it_prints_is_given_and_what_it_complains_of_is_told() {
        let never = CancellationToken::new();
        let (program, arguments) = sh("echo fine");
        assert_eq!(
            program.run("greeting", &arguments, &never).await.unwrap(),
            "fine\n"
        );
        let (program, arguments) = sh("echo 'no such chart' >&2; exit 3");
        let error = program.run("installing", &arguments, &never).await.unwrap_err();
        assert_eq!(error.to_string(), "installing failed: no such chart");
        let (program, arguments) = sh("exit 3");
        let error = program.run("installing", &arguments, &never).await.unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[tokio::test]
    async fn one_that_is_not_there_says_how_to_name_another() {
        let program = Program::new("no-such-helm", "--helm or HELM").unwrap();
        let error = program
            .run("x", &[], &CancellationToken::new())
            .await
            .unwrap_err();
        let told = error.to_string();
        assert!(
            told.contains("no-such-helm cannot be run") && told.contains("--helm or HELM"),
            "{told}"
        );
        assert!(Program::new(" ", "--helm").is_err());
    }

    #[tokio::test]
    async fn told_to_stop_it_ends_with_everything_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let (program, arguments) = sh(&format!("sleep 600 & echo $! >{}; wait", pid_file.display()));
        let stop = CancellationToken::new();
        let started = async {
            while !std::fs::read_to_string(&pid_file).is_ok_and(|text| text.ends_with('\n')) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stop.cancel();
        };
        let (ended, ()) = tokio::join!(program.run("x", &arguments, &stop), started);
        assert!(matches!(ended, Err(Error::Stopped)), "{ended:?}");
        let pid: i32 = std::fs::read_to_string(&pid_file)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let gone =
            || rustix::process::test_kill_process(Pid::from_raw(pid).unwrap()).is_err() || is_zombie(pid);
        while !gone() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ended, and its parent has not looked yet.
    fn is_zombie(pid: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with('Z'))
    }
}
