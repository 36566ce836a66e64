//! Rules that bind more than one field, or more than a field's type can say.

use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;

use super::fault::Fault;
use super::read::Reader;
use super::{Config, Redis};

/// One rule.
pub(super) struct Rule {
    /// The fields it binds.
    pub(super) fields: &'static [&'static str],
    /// What it demands, after the field names: `must be …`.
    pub(super) demand: &'static str,
    holds: fn(&Config) -> bool,
}

/// Every rule.
pub(super) const RULES: &[Rule] = &[
    Rule {
        fields: &["engine.lease", "engine.heartbeat"],
        demand: "the lease must be at least three heartbeats, so that one lost heartbeat loses no job",
        holds: |c| c.engine.lease >= c.engine.heartbeat.saturating_mul(3),
    },
    Rule {
        fields: &["engine.lookahead", "engine.sweep_period"],
        demand: "the look-ahead must be at least the sweep period, or delayed jobs start late",
        holds: |c| c.engine.lookahead >= c.engine.sweep_period,
    },
    Rule {
        fields: &["api.drain_grace", "api.shutdown_timeout"],
        demand: "the grace must be shorter than the timeout, to leave time for calls in flight",
        holds: |c| c.api.drain_grace < c.api.shutdown_timeout,
    },
    Rule {
        fields: &["worker.drain_grace", "worker.shutdown_timeout"],
        demand: "the grace must be shorter than the timeout, to leave time for handing jobs back",
        holds: |c| c.worker.drain_grace < c.worker.shutdown_timeout,
    },
    Rule {
        fields: &["api.port", "api.metrics_port"],
        demand: "the ports must differ",
        holds: |c| c.api.port == 0 || c.api.port != c.api.metrics_port,
    },
    Rule {
        fields: &["api.scaler_port", "api.port", "api.metrics_port"],
        demand: "the scaler needs a port of its own",
        holds: |c| {
            let own = |port| port == 0 || port != c.api.port && port != c.api.metrics_port;
            c.api.scaler_port.is_none_or(own)
        },
    },
    Rule {
        fields: &["api.max_message_bytes", "api.max_arriving_bytes"],
        demand: "there must be room for two of the largest messages, so that one can always arrive",
        holds: |c| c.api.max_arriving_bytes.bytes() / 2 >= c.api.max_message_bytes.bytes(),
    },
    Rule {
        fields: &["api.page_token_secret"],
        demand: "must have at least 16 characters",
        holds: |c| {
            c.api
                .page_token_secret
                .as_ref()
                .is_none_or(|secret| secret.expose_secret().len() >= 16)
        },
    },
    Rule {
        fields: &["worker.queues"],
        demand: "must name at least one queue, or * for all",
        holds: |c| !c.worker.queues.is_empty(),
    },
    Rule {
        fields: &["worker.http_call.ports"],
        demand: "must name at least one port, none of them 0",
        holds: |c| !c.worker.http_call.ports.is_empty() && !c.worker.http_call.ports.contains(&0),
    },
    Rule {
        fields: &["worker.db_tx.url"],
        demand: "must begin with postgres:// or postgresql://",
        holds: |c| has_scheme(c.worker.db_tx.url.as_ref(), &["postgres", "postgresql"]),
    },
    Rule {
        fields: &["database.url"],
        demand: "must begin with postgres:// or postgresql://",
        holds: |c| has_scheme(c.database.url.as_ref(), &["postgres", "postgresql"]),
    },
    Rule {
        fields: &["database.host"],
        demand: "must be a host name or an IP address",
        holds: |c| c.database.url.is_some() || c.database.built_url().is_some(),
    },
    Rule {
        fields: &["database.min_connections", "database.max_connections"],
        demand: "the least must not be more than the most",
        holds: |c| c.database.min_connections <= c.database.max_connections,
    },
    Rule {
        fields: &[
            "database.submit_lanes",
            "database.finish_lanes",
            "database.max_connections",
        ],
        demand: "there must be more connections than lanes, to leave one for reading",
        holds: |c| {
            let lanes = c.database.submit_lanes.saturating_add(c.database.finish_lanes);
            u32::try_from(lanes).is_ok_and(|lanes| lanes < c.database.max_connections)
        },
    },
    Rule {
        fields: &["redis.url"],
        demand: "must begin with redis://, rediss://, valkey:// or valkeys://",
        holds: |c| has_scheme(c.redis.url.as_ref(), &["redis", "rediss", "valkey", "valkeys"]),
    },
    Rule {
        fields: &["redis.ssl_root_cert"],
        demand: "needs a redis.url that begins with rediss:// or valkeys://",
        holds: |c| {
            let encrypted =
                || c.redis.url.is_some() && has_scheme(c.redis.url.as_ref(), &["rediss", "valkeys"]);
            c.redis.ssl_root_cert.is_none() || encrypted()
        },
    },
    Rule {
        fields: &["redis.host"],
        demand: "must be a host name or an IP address",
        holds: |c| c.redis.url.is_some() || c.redis.built_url().is_some(),
    },
    Rule {
        fields: &["redis.sentinels"],
        demand: "must be at most 16, each host:port with a port from 1 to 65535",
        holds: |c| c.redis.sentinels.len() <= Redis::MOST_SENTINELS && c.redis.sentinel_addresses().is_some(),
    },
    Rule {
        fields: &["redis.sentinel_master"],
        demand: "must be 1 to 128 letters, digits and - _ . as Sentinel takes them",
        holds: |c| {
            let name = &c.redis.sentinel_master;
            let takes = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            (1..=128).contains(&name.len()) && name.chars().all(takes)
        },
    },
    Rule {
        fields: &["redis.sentinel_password", "redis.sentinels"],
        demand: "a password for Sentinels needs redis.sentinels",
        holds: |c| c.redis.sentinel_password.is_none() || !c.redis.sentinels.is_empty(),
    },
    Rule {
        fields: &["redis.key_prefix"],
        demand: "may have letters, digits and - _ . : only, for braces would choose the cluster's slot",
        holds: |c| {
            c.redis
                .key_prefix
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c))
        },
    },
    Rule {
        fields: &["telemetry.log_level"],
        demand: "must be a level (error, warn, info, debug, trace, off) or directives such as info,scheduler_engine=debug",
        holds: |c| EnvFilter::builder().parse(&c.telemetry.log_level).is_ok(),
    },
    Rule {
        fields: &["telemetry.otlp_endpoint"],
        demand: "must begin with http:// or https://",
        holds: |c| {
            let endpoint = c.telemetry.otlp_endpoint.as_deref();
            endpoint.is_none_or(|url| url.starts_with("http://") || url.starts_with("https://"))
        },
    },
];

/// The faults of `config` under every rule whose fields could be read.
pub(super) fn check(config: &Config, reader: &Reader) -> Vec<Fault> {
    let broken = RULES.iter().filter(|rule| {
        // A field with a fault holds its default, about which its user need not hear.
        !rule.fields.iter().any(|field| reader.faulty.contains(field)) && !(rule.holds)(config)
    });
    let shown = config.shown();
    broken
        .map(|rule| {
            let with_values: Vec<String> = rule
                .fields
                .iter()
                .map(|field| {
                    let value = shown.get(field).map_or("", String::as_str);
                    let origin = reader.origins.get(field).map_or("default", String::as_str);
                    format!("{field} = {value} ({origin})")
                })
                .collect();
            Fault::without_origin(with_values.join(", "), rule.demand)
        })
        .collect()
}

fn has_scheme(url: Option<&SecretString>, schemes: &[&str]) -> bool {
    url.is_none_or(|url| {
        url.expose_secret()
            .split_once("://")
            .is_some_and(|(scheme, _)| schemes.contains(&scheme))
    })
}
