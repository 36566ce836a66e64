//! Everything that is wrong is said at once, with its source and what is allowed.

use scheduler_service::config::{Config, Role, Sources};

use crate::layers::file;

/// The faults of a configuration, one line each.
fn faults(text: Option<&str>, env: &[(&str, &str)], set: &[&str]) -> Vec<String> {
    let file = text.map(file);
    let sources = Sources {
        dotenv: None,
        file: file.as_ref().map(|(_, path)| path.clone()),
        env: env.iter().copied().collect(),
        set: set.iter().map(|item| (*item).to_owned()).collect(),
    };
    let lines = match Config::load(Role::Api, &sources) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.faults().iter().map(ToString::to_string).collect(),
    };
    // The directory is another at every run.
    let name = file
        .map(|(_, path)| path.display().to_string())
        .unwrap_or_default();
    lines
        .into_iter()
        .map(|line: String| {
            if name.is_empty() {
                line
            } else {
                line.replace(&name, "FILE")
            }
        })
        .collect()
}

#[test]
fn all_faults_of_all_sources_are_reported_together() {
    let text = "[api]\nprot = 1\nreflection = 'maybe'\n[engine]\nlease = '5s'\n[worker]\npool_size = 0\n";
    let env = [
        ("GRPC_PORT", "80801"),
        ("SCHEDULER__WORKER__POOLSIZE", "3"),
        ("SCHEDULER__DATABASE__MIN_CONNECTIONS", "20"),
        ("COCKROACHDB_PASSWORD_FILE", "/no/such/file"),
    ];
    let found = faults(Some(text), &env, &["engine.sweep_period=5", "nonsense"]);
    assert_eq!(
        found,
        [
            "api.prot (file FILE): no such field; did you mean api.port?",
            "database.password_file (environment variable COCKROACHDB_PASSWORD_FILE): cannot read /no/such/file: \
             No such file or directory (os error 2)",
            "SCHEDULER__WORKER__POOLSIZE: no such field; did you mean SCHEDULER__WORKER__POOL_SIZE?",
            "flag --set: expected section.field=value",
            "api.port (environment variable GRPC_PORT): \"80801\" is not valid; expected a whole number up to 65535",
            "api.reflection (file FILE): \"maybe\" is not valid; expected true or false",
            "worker.pool_size (file FILE): 0 is not valid; expected a whole number, from 1 to 10000",
            "engine.sweep_period (flag --set): \"5\" is not valid; expected a duration with its unit, such as 500ms, \
             30s or 7d, from 10ms to 10m",
            "engine.lease = 5s (file FILE), engine.heartbeat = 3s (default): the lease must be at least three \
             heartbeats, so that one lost heartbeat loses no job",
            "database.min_connections = 20 (environment variable SCHEDULER__DATABASE__MIN_CONNECTIONS), \
             database.max_connections = 16 (default): the least must not be more than the most",
        ]
    );
}

#[test]
fn the_error_counts_and_lists_its_faults() {
    let sources = Sources {
        set: vec!["api.prot=1".into(), "api.port=x".into()],
        ..Sources::default()
    };
    let text = Config::load(Role::Api, &sources).unwrap_err().to_string();
    assert!(
        text.starts_with("the configuration has 2 faults:\n  - api.prot (flag --set): "),
        "{text}"
    );
}

#[test]
fn every_rule_is_enforced() {
    let broken: &[(&[&str], &str)] = &[
        (&["engine.lease=8s"], "engine.heartbeat"),
        (&["engine.lookahead=1s"], "engine.sweep_period"),
        (&["api.drain_grace=25s"], "api.shutdown_timeout"),
        (&["worker.drain_grace=30s"], "worker.shutdown_timeout"),
        (&["api.port=2112"], "api.metrics_port"),
        (&["api.page_token_secret=short"], "api.page_token_secret"),
        (&["worker.queues=,"], "worker.queues"),
        (&["worker.db_tx.url=mysql://x"], "worker.db_tx.url"),
        (&["database.url=localhost"], "database.url"),
        (&["database.host=a b"], "database.host"),
        (&["database.min_connections=17"], "database.max_connections"),
        (&["database.submit_lanes=14"], "database.finish_lanes"),
        (&["redis.url=http://x"], "redis.url"),
        (&["redis.host="], "redis.host"),
        (&["redis.sentinels=a:1,b"], "redis.sentinels"),
        (&["redis.sentinels=a:0"], "redis.sentinels"),
        (&["redis.sentinel_master=a b"], "redis.sentinel_master"),
        (&["redis.sentinel_password=x"], "redis.sentinels"),
        (&["redis.key_prefix={a}"], "redis.key_prefix"),
        (&["telemetry.log_level=a=b=c"], "telemetry.log_level"),
        (
            &["telemetry.otlp_endpoint=collector:4317"],
            "telemetry.otlp_endpoint",
        ),
    ];
    for (set, field) in broken {
        let found = faults(None, &[], set);
        assert_eq!(found.len(), 1, "{set:?}: {found:?}");
        assert!(found[0].contains(field), "{set:?}: {found:?}");
    }
    assert_eq!(
        faults(None, &[], &["api.port=0", "api.metrics_port=0"]),
        [""; 0],
        "any free ports never collide"
    );
}

#[test]
fn limits_hold_at_both_ends() {
    for (good, bad) in [("1", "0"), ("10000", "10001")] {
        assert_eq!(faults(None, &[("WORKER_POOL_SIZE", good)], &[]), [""; 0]);
        assert_eq!(faults(None, &[("WORKER_POOL_SIZE", bad)], &[]).len(), 1);
    }
    assert_eq!(faults(None, &[], &["telemetry.trace_sample_ratio=NaN"]).len(), 1);
}

#[test]
fn sentinels_are_taken_up_to_their_limits() {
    let sentinels = |count: usize| format!("redis.sentinels={}", vec!["s.redis:65535"; count].join(","));
    let master = |length: usize| format!("redis.sentinel_master={}", "m".repeat(length));
    for good in [sentinels(0), sentinels(1), sentinels(16), master(1), master(128)] {
        assert_eq!(faults(None, &[], &[&good]), [""; 0], "{good}");
    }
    for (bad, field) in [
        (sentinels(17), "redis.sentinels = "),
        (master(0), "redis.sentinel_master = "),
        (master(129), "redis.sentinel_master = "),
        ("redis.sentinels=s:65536".to_owned(), "redis.sentinels = "),
    ] {
        let found = faults(None, &[], &[&bad]);
        assert_eq!(found.len(), 1, "{bad}: {found:?}");
        assert!(found[0].starts_with(field), "{found:?}");
    }
    let found = faults(None, &[], &["redis.sentinels=localhost"]);
    assert!(
        found[0].contains("must be at most 16, each host:port with a port from 1 to 65535"),
        "it says what is allowed: {found:?}"
    );
}

#[test]
fn a_fault_in_a_field_is_not_followed_by_faults_of_its_rules() {
    let found = faults(None, &[], &["engine.lease=soon", "engine.heartbeat=14s"]);
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn values_are_not_bent_into_shape() {
    for text in [
        "[worker]\npool_size = 1.5",
        "[worker]\npool_size = true",
        "[database]\nhost = 1",
        "worker = 3",
    ] {
        assert_eq!(faults(Some(text), &[], &[]).len(), 1, "{text}");
    }
    assert_eq!(
        faults(Some("worker = 3"), &[], &[]),
        ["worker (file FILE): is a section, not a field"]
    );
}

#[test]
fn a_broken_file_is_one_fault_that_names_the_line_and_quotes_nothing() {
    let found = faults(Some("[database]\npassword = \"hunter2\nport = 1\n"), &[], &[]);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("file FILE: line 2 is not TOML: "),
        "{found:?}"
    );
    assert!(!found[0].contains("hunter2"));
    let sources = Sources {
        file: Some("/no/such.toml".into()),
        ..Sources::default()
    };
    let text = Config::load(Role::Api, &sources).unwrap_err().to_string();
    assert!(
        text.contains("file /no/such.toml: cannot be read: No such file"),
        "{text}"
    );
}
