//! One command on its way to the server.

use std::sync::LazyLock;

use redis::{Cmd, ToRedisArgs};
use scheduler_domain::Shard;

use super::scripts::Script;

/// A command, and what is needed when it fails in a way that can be helped.
pub(super) struct Call {
    pub(super) command: Cmd,
    pub(super) script: Option<&'static LazyLock<Script>>,
    /// Whose keys it touches.
    pub(super) shard: Option<Shard>,
    /// Which lines of that shard it names.
    pub(super) lines: Vec<String>,
}

impl Call {
    /// A plain command.
    pub(super) fn command(name: &str) -> Self {
        Self {
            command: redis::cmd(name),
            script: None,
            shard: None,
            lines: Vec::new(),
        }
    }

    /// A script with these keys.
    pub(super) fn script(script: &'static LazyLock<Script>, keys: &[&str]) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(keys.len()).arg(keys);
        Self {
            command,
            script: Some(script),
            shard: None,
            lines: Vec::new(),
        }
    }

    /// Names the shard whose keys it touches.
    pub(super) fn of(self, shard: Shard) -> Self {
        Self {
            shard: Some(shard),
            ..self
        }
    }

    /// One more argument (or several).
    pub(super) fn arg(mut self, value: impl ToRedisArgs) -> Self {
        self.command.arg(value);
        self
    }

    /// The same call with the script's whole text, for a server that does not know it (any more).
    pub(super) fn with_source(&self) -> Option<Cmd> {
        let mut command = redis::cmd("EVAL");
        command.arg(self.script?.source);
        // What follows EVALSHA and the hash.
        for value in self.command.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = value {
                command.arg(bytes);
            }
        }
        Some(command)
    }
}
