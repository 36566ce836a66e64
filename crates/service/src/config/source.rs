//! Where configuration comes from: handed in, so that tests need no global state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::layer::Origin;

/// What a process is given to configure itself with.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file named by `--config`. Without it, the one that `SCHEDULER_CONFIG` names.
    pub file: Option<PathBuf>,
    /// A file of environment variables that lie below those of `env`; it need not exist.
    pub dotenv: Option<PathBuf>,
    /// The environment.
    pub env: Environment,
    /// `section.field=value`, one for each `--set`.
    pub set: Vec<String>,
}

/// A snapshot of environment variables.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// The file they were read from, if not the process' environment.
    file: Option<PathBuf>,
}

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

    /// What the file at `path` sets, as `docker compose` and others read such files. Without the file, nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of_file(path: &Path) -> Result<Self, Fault> {
        let read = || -> Result<BTreeMap<_, _>, dotenvy::Error> { dotenvy::from_path_iter(path)?.collect() };
        let variables = match read() {
            Ok(variables) => variables,
            Err(error) if error.not_found() => BTreeMap::new(),
            Err(dotenvy::Error::Io(error)) => {
                return Err(Fault::without_origin(
                    format!("file {}", path.display()),
                    error.to_string(),
                ));
            }
            // The error itself quotes the line, which can hold a secret.
            Err(_) => {
                let message = "has a line that is not NAME=value; a value with blanks needs quotes";
                return Err(Fault::without_origin(format!("file {}", path.display()), message));
            }
        };
        Ok(Self {
            variables,
            file: Some(path.to_owned()),
        })
    }

    /// Where `name` was found.
    pub(super) fn origin<'a>(&'a self, name: &'a str) -> Origin<'a> {
        match &self.file {
            None => Origin::Env(name),
            Some(file) => Origin::DotEnv(name, file),
        }
    }

    /// The value of `name`, if it is set to anything: platforms set unused variables to nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self {
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            file: None,
        }
    }
}
