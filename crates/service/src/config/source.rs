//! Where configuration comes from: handed in, so that tests need no global state.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a process is given to configure itself with.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file named by `--config`. Without it, the one that `SCHEDULER_CONFIG` names.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: Environment,
    /// `section.field=value`, one for each `--set`.
    pub set: Vec<String>,
}

/// A snapshot of environment variables.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process' own: the only place that reads it.
    ///
    /// What is not UTF-8 is kept with replacement characters, so that a field which needs it is refused by name.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect()
    }

    /// The value of `name`, if it is set to anything: platforms set unused variables to nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}
