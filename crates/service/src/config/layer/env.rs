//! The layers of the environment, lowest first: flat names, `SCHEDULER__SECTION__FIELD`, `RUST_LOG`.

use super::Layer;
use crate::config::flat::FLAT;
use crate::config::reference::ENV_PREFIX;
use crate::config::{Environment, Fault, Role};

/// What the flat names gave, for the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FlatNames {
    /// Names that set a field.
    pub(crate) used: Vec<String>,
    /// Names that hold a Kubernetes service link instead of a setting.
    pub(crate) service_links: Vec<String>,
}

impl Layer<'_> {
    /// Reads the flat names that a process of `role` knows, and their `_FILE` variants for secrets.
    pub(crate) fn flat_names(&mut self, env: &Environment, role: Role) -> FlatNames {
        let mut names = FlatNames::default();
        for flat in FLAT.iter().filter(|flat| flat.is_for(role)) {
            if let Some(value) = env.get(flat.name) {
                if is_service_link(flat.name, value) {
                    names.service_links.push(flat.name.to_owned());
                } else {
                    self.put(flat.path, value, env.origin(flat.name));
                    names.used.push(flat.name.to_owned());
                }
            }
            let by_file = format!("{}_FILE", flat.name);
            if let Some(file) = env.get(&by_file).filter(|_| self.table.is_secret(flat.path)) {
                self.put_secret_file(flat.path, flat.name, file, &by_file, env);
                names.used.push(by_file);
            }
        }
        names
    }

    /// Reads `SCHEDULER__SECTION__FIELD`. An unknown one is a fault; `SCHEDULER_…` with one underscore is left
    /// alone, for Kubernetes sets such names for every service that begins with `scheduler`.
    pub(crate) fn env(&mut self, env: &Environment) {
        for (name, value) in env.iter() {
            let Some(path) = name.strip_prefix(ENV_PREFIX) else {
                continue;
            };
            let path = path.to_ascii_lowercase().replace("__", ".");
            match path
                .strip_suffix("_file")
                .filter(|path| self.table.is_secret(path))
            {
                Some(_) if value.is_empty() => {}
                Some(secret) => {
                    let direct = name.strip_suffix("_FILE").unwrap_or(name);
                    self.put_secret_file(secret, direct, value, name, env);
                }
                None => self.put(&path, value, env.origin(name)),
            }
        }
    }

    /// Reads `RUST_LOG`, which those who debug set over whatever the deployment says.
    pub(crate) fn rust_log(&mut self, env: &Environment) {
        if let Some(value) = env.get("RUST_LOG") {
            self.put("telemetry.log_level", value, env.origin("RUST_LOG"));
        }
    }

    /// Sets the secret at `path` from `file`; setting it directly as well is a fault, since either may be stale.
    fn put_secret_file(&mut self, path: &str, direct: &str, file: &str, by_file: &str, env: &Environment) {
        if env.get(direct).is_some() {
            let message = format!("{direct} is set too; set only one of them");
            self.faults.push(Fault::without_origin(by_file, message));
        } else {
            self.put(&format!("{path}_file"), file, env.origin(by_file));
        }
    }
}

/// Kubernetes sets `REDIS_PORT=tcp://10.0.0.1:6379` in every pod beside a service called `redis`.
fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_PORT") && (value.starts_with("tcp://") || value.starts_with("udp://"))
}
