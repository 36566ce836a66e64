//! The names without a section: those of the original system, which its users' manifests and scripts set, and a few
//! that every platform knows. The lowest layer of the environment.

use super::Role;

/// One flat environment variable.
pub(crate) struct Flat {
    /// Its name.
    pub(crate) name: &'static str,
    /// The field it sets.
    pub(crate) path: &'static str,
    /// The process it means; any, when `None`.
    pub(crate) role: Option<Role>,
}

const fn flat(name: &'static str, path: &'static str) -> Flat {
    Flat {
        name,
        path,
        role: None,
    }
}

/// Every flat name.
pub(crate) const FLAT: &[Flat] = &[
    flat("GRPC_PORT", "api.port"),
    // One name for two fields: each process has its own metrics port. A process that is both takes it for the API's.
    Flat {
        name: "METRICS_PORT",
        path: "api.metrics_port",
        role: Some(Role::Api),
    },
    Flat {
        name: "METRICS_PORT",
        path: "api.metrics_port",
        role: Some(Role::All),
    },
    Flat {
        name: "METRICS_PORT",
        path: "worker.metrics_port",
        role: Some(Role::Worker),
    },
    flat("SCALER_PORT", "api.scaler_port"),
    flat("WORKER_POOL_SIZE", "worker.pool_size"),
    flat("DATABASE_URL", "database.url"),
    flat("COCKROACHDB_HOST", "database.host"),
    flat("COCKROACHDB_PORT", "database.port"),
    flat("COCKROACHDB_USER", "database.user"),
    flat("COCKROACHDB_PASSWORD", "database.password"),
    flat("COCKROACHDB_DATABASE", "database.database"),
    flat("COCKROACHDB_SSLMODE", "database.sslmode"),
    flat("REDIS_URL", "redis.url"),
    flat("REDIS_HOST", "redis.host"),
    flat("REDIS_PORT", "redis.port"),
    flat("REDIS_PASSWORD", "redis.password"),
    flat("REDIS_DB", "redis.db"),
    flat("LOG_LEVEL", "telemetry.log_level"),
    flat("LOG_FORMAT", "telemetry.log_format"),
    flat("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
    flat("POD_NAME", "telemetry.instance"),
];

impl Flat {
    /// Whether a process of `role` reads it.
    pub(crate) fn is_for(&self, role: Role) -> bool {
        self.role.is_none_or(|only| only == role)
    }
}

/// The flat name of the field at `path`, if it has one.
pub(crate) fn name_of(path: &str) -> Option<&'static str> {
    FLAT.iter().find(|flat| flat.path == path).map(|flat| flat.name)
}
