//! How a process is started, where it is not as always.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is different.
#[derive(Debug, Default)]
pub struct Launch {
    /// Variables besides.
    pub variables: Vec<(&'static str, String)>,
    /// Where its output and its errors go instead of into its log.
    pub says: Option<(Stdio, Stdio)>,
    /// The folder of programs that it is taken from.
    pub bin: Option<PathBuf>,
    /// A file that it sees instead of `/etc/hosts`. Only root may do that.
    pub hosts: Option<PathBuf>,
}

impl Launch {
    /// With these variables.
    #[must_use]
    pub fn with(variables: &[(&'static str, String)]) -> Self {
        Self {
            variables: variables.to_vec(),
            ..Self::default()
        }
    }
}

/// The same program, which sees another file instead of `/etc/hosts`. It keeps its number: nothing stays between.
pub(super) fn with_hosts(command: &Command, hosts: &Path) -> Command {
    let mut inside = Command::new("unshare");
    inside
        .args([
            "--mount",
            "sh",
            "-c",
            r#"mount --bind "$0" /etc/hosts && exec "$@""#,
        ])
        .arg(hosts)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    inside
}
