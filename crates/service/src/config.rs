//! Typed configuration: defaults < file < `.env` < environment < flags.
//!
//! Invariants:
//! - a [`Config`] that [`Config::load`] returned obeys every limit and rule of `docs/CONFIG.md`;
//! - whatever is wrong is reported at once, each fault with its source;
//! - no secret is ever shown: not in a fault, not by [`Config::to_toml_masked`], not by `Debug`;
//! - nothing but [`Environment::of_process`] reads the environment.
//!
//! To add a field, add a line to its section (`config/api.rs` …); to add a rule, add one to `config/rules.rs`.

mod api;
mod connection;
mod database;
mod engine;
mod fault;
mod field;
mod flat;
#[cfg(test)]
mod fuzz;
mod layer;
mod markdown;
mod nearest;
mod read;
mod redis;
mod reference;
mod rules;
mod schema;
mod setting;
mod show;
mod source;
mod telemetry;
mod worker;

pub use api::Api;
pub use database::{Database, SslMode};
pub use engine::Engine;
pub use fault::{ConfigErrors, Fault};
pub use markdown::markdown;
pub use redis::Redis;
pub use reference::{Entry, reference};
pub use schema::schema;
pub use setting::ByteSize;
pub use source::{Environment, Sources};
pub use telemetry::{LogFormat, Telemetry};
pub use worker::{DbTx, DeletionCost, HttpCall, Worker};

use std::path::PathBuf;

use field::{Section, section};
use layer::{FlatNames, Layer};
use read::{Origins, Reader};
use reference::Table;

section! {
    /// Everything that can be configured.
    pub struct Config at "" {}
    nesting {
        /// The process that answers gRPC.
        api: Api;
        /// The process that runs jobs.
        worker: Worker;
        /// The record of jobs.
        database: Database;
        /// The dispatch index.
        redis: Redis;
        /// Leases, upkeep and retention.
        engine: Engine;
        /// Logs and traces.
        telemetry: Telemetry;
    }
}

/// Which process reads the configuration. All read all of it; the role only decides whose port `METRICS_PORT` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `scheduler-api`.
    Api,
    /// `scheduler-worker`.
    Worker,
    /// Both in one process, or neither.
    All,
}

/// A configuration, and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Where each field that was set was set, by path.
    pub origins: Origins,
    flat: FlatNames,
}

impl Config {
    /// Reads all layers of `sources`.
    ///
    /// # Errors
    /// Every unknown name, unreadable value and broken rule, together.
    pub fn load(role: Role, sources: &Sources) -> Result<Loaded, ConfigErrors> {
        let table = Table::new();
        let layer = || Layer::new(&table);
        let mut faults = Vec::new();
        let dotenv = sources.dotenv.as_deref().map(Environment::of_file);
        let dotenv = dotenv
            .transpose()
            .unwrap_or_else(|fault| {
                faults.push(fault);
                None
            })
            .unwrap_or_default();
        let named = |env: &Environment| env.get("SCHEDULER_CONFIG").map(PathBuf::from);
        let file_name = sources.file.clone();
        let file_name = file_name
            .or_else(|| named(&sources.env))
            .or_else(|| named(&dotenv));

        let (mut file, mut flat, mut env, mut rust_log, mut flags) =
            (layer(), layer(), layer(), layer(), layer());
        file_name.iter().for_each(|path| file.file(path));
        let (mut low_flat, mut low_env, mut low_rust_log) = (layer(), layer(), layer());
        low_flat.flat_names(&dotenv, role);
        low_env.env(&dotenv);
        low_rust_log.rust_log(&dotenv);
        let names = flat.flat_names(&sources.env, role);
        env.env(&sources.env);
        rust_log.rust_log(&sources.env);
        flags.flags(&sources.set);

        let layers = [file, low_flat, low_env, low_rust_log, flat, env, rust_log, flags];
        let merged = layers
            .into_iter()
            .fold(config::Config::builder(), |builder, layer| {
                builder.add_source(layer.finish(&mut faults))
            })
            .build();
        let mut reader = match merged {
            Ok(merged) => Reader::new(merged.cache),
            Err(error) => {
                faults.push(Fault::without_origin("configuration", error.to_string()));
                return Err(ConfigErrors(faults));
            }
        };
        let mut config = Self::default();
        config.visit(&mut reader);
        faults.append(&mut reader.faults);
        faults.extend(rules::check(&config, &reader));
        if faults.is_empty() {
            Ok(Loaded {
                config,
                file: file_name,
                origins: reader.origins,
                flat: names,
            })
        } else {
            Err(ConfigErrors(faults))
        }
    }
}

impl Loaded {
    /// Says once where the configuration came from.
    pub fn log(&self) {
        if let Some(file) = &self.file {
            tracing::info!(file = %file.display(), "configuration file read");
        }
        if !self.flat.used.is_empty() {
            tracing::info!(
                names = self.flat.used.join(","),
                "flat environment variables used"
            );
        }
        if !self.flat.service_links.is_empty() {
            let names = self.flat.service_links.join(",");
            tracing::info!(
                names,
                "environment variables ignored: they hold Kubernetes service links"
            );
        }
        let database = self.config.database.url.as_ref().map(|_| Database::PARTS);
        let redis = self.config.redis.url.as_ref().map(|_| Redis::PARTS);
        let unused: Vec<&str> = [database, redis]
            .into_iter()
            .flatten()
            .flatten()
            .copied()
            .filter(|path| self.origins.contains_key(path))
            .collect();
        if !unused.is_empty() {
            tracing::warn!(
                fields = unused.join(","),
                "configured but not used, because the section's url is set"
            );
        }
    }
}
