//! One command on its way to the server.

use std::sync::LazyLock;

use redis::{Cmd, ToRedisArgs};
use scheduler_domain::Shard;

use super::scripts::Script;

/// A command, and what is to be known about it.
pub(super) struct Call {
    pub(super) command: Cmd,
    pub(super) about: About,
}

/// What is needed when a command fails in a way that can be helped.
#[derive(Default)]
pub(super) struct About {
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
            about: About::default(),
        }
    }

    /// A script with these keys.
    pub(super) fn script(script: &'static LazyLock<Script>, keys: &[&str]) -> Self {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&script.hash).arg(keys.len()).arg(keys);
        Self {
            command,
            about: About {
                script: Some(script),
                ..About::default()
            },
        }
    }

    /// Names the shard whose keys it touches.
    pub(super) fn of(mut self, shard: Shard) -> Self {
        self.about.shard = Some(shard);
        self
    }

    /// One more argument (or several).
    pub(super) fn arg(mut self, value: impl ToRedisArgs) -> Self {
        self.command.arg(value);
        self
    }
}

impl About {
    /// The same command with its script's whole text, for a server that does not know it (any more).
    pub(super) fn with_source(&self, command: &Cmd) -> Option<Cmd> {
        let mut whole = redis::cmd("EVAL");
        whole.arg(self.script?.source);
        // What follows EVALSHA and the hash.
        for value in command.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = value {
                whole.arg(bytes);
            }
        }
        Some(whole)
    }
}
