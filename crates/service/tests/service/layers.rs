//! Where a value comes from, and which of several wins.

use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use scheduler_service::config::{ByteSize, Config, LogFormat, Role, Sources, SslMode, reference};
use secrecy::ExposeSecret;

/// The configuration that `env` alone gives.
pub(crate) fn from_env(role: Role, env: &[(&str, &str)]) -> Config {
    let sources = Sources {
        env: env.iter().copied().collect(),
        ..Sources::default()
    };
    Config::load(role, &sources).unwrap().config
}

/// A file that holds `text`; gone when the directory is dropped.
pub(crate) fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("scheduler.toml");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

#[test]
fn without_any_source_the_defaults_hold_and_are_valid() {
    let config = from_env(Role::Api, &[]);
    assert_eq!(
        (
            config.api.port,
            config.api.metrics_port,
            config.worker.metrics_port
        ),
        (8081, 2112, 2113)
    );
    assert_eq!(config.worker.queues, ["*"]);
    assert_eq!(config.engine.retention, Some(Duration::from_hours(168)));
    assert_eq!(
        config.database.connection_url().expose_secret(),
        "postgres://root@localhost:26257/scheduler?sslmode=disable"
    );
}

#[test]
fn each_layer_goes_before_the_one_below() {
    let (_directory, path) =
        file("[worker]\npool_size = 11\nclaim_batch = 11\nmetrics_port = 11\nqueues = ['a', 'b']\n");
    let flat = ("WORKER_POOL_SIZE", "12");
    let full = ("SCHEDULER__WORKER__POOL_SIZE", "13");
    let load = |env: &[(&str, &str)], set: &[&str]| {
        let set = set.iter().map(|item| (*item).to_owned()).collect();
        let sources = Sources {
            dotenv: None,
            file: Some(path.clone()),
            env: env.iter().copied().collect(),
            set,
        };
        Config::load(Role::Worker, &sources).unwrap().config.worker
    };
    assert_eq!(load(&[], &[]).pool_size, 11);
    assert_eq!(load(&[flat], &[]).pool_size, 12);
    assert_eq!(load(&[flat, full], &[]).pool_size, 13);
    let worker = load(&[flat, full], &["worker.pool_size=14", "worker.pool_size=15"]);
    assert_eq!(worker.pool_size, 15, "the last flag wins");
    assert_eq!(
        (worker.claim_batch, worker.metrics_port),
        (11, 11),
        "other fields of the file stay"
    );
    assert_eq!(worker.queues, ["a", "b"]);
}

#[test]
fn every_flat_name_sets_its_field() {
    let env = [
        ("GRPC_PORT", "1"),
        ("METRICS_PORT", "2"),
        ("SCALER_PORT", "7"),
        ("WORKER_POOL_SIZE", "3"),
        ("COCKROACHDB_HOST", "db"),
        ("COCKROACHDB_PORT", "4"),
        ("COCKROACHDB_USER", "me"),
        ("COCKROACHDB_PASSWORD", "pw"),
        ("COCKROACHDB_DATABASE", "jobs"),
        ("COCKROACHDB_SSLMODE", "verify-full"),
        ("REDIS_HOST", "cache"),
        ("REDIS_PORT", "5"),
        ("REDIS_PASSWORD", "rpw"),
        ("REDIS_DB", "6"),
        ("LOG_LEVEL", "debug"),
        ("LOG_FORMAT", "JSON"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
        ("POD_NAME", "api-0"),
    ];
    let config = from_env(Role::Api, &env);
    assert_eq!(
        (config.api.port, config.api.metrics_port, config.worker.pool_size),
        (1, 2, 3)
    );
    assert_eq!(config.api.scaler_port, Some(7));
    assert_eq!(config.database.sslmode, SslMode::VerifyFull);
    assert_eq!(
        config.database.connection_url().expose_secret(),
        "postgres://me:pw@db:4/jobs?sslmode=verify-full"
    );
    assert_eq!(
        config.redis.connection_url().expose_secret(),
        "redis://:rpw@cache:5/6"
    );
    assert_eq!(
        (config.telemetry.log_level.as_str(), config.telemetry.log_format),
        ("debug", LogFormat::Json)
    );
    assert_eq!(
        config.telemetry.otlp_endpoint.as_deref(),
        Some("http://collector:4317")
    );
    assert_eq!(config.telemetry.instance_name(), "api-0");

    let urls = [("DATABASE_URL", "postgresql://a/b"), ("REDIS_URL", "rediss://c")];
    let config = from_env(Role::Api, &urls);
    assert_eq!(
        config.database.connection_url().expose_secret(),
        "postgresql://a/b"
    );
    assert_eq!(config.redis.connection_url().expose_secret(), "rediss://c");

    // No name is left out above.
    let tested = env.iter().chain(&urls).map(|(name, _)| *name);
    let known = reference().into_iter().filter_map(|entry| entry.flat);
    assert_eq!(tested.collect::<std::collections::BTreeSet<_>>(), known.collect());
}

#[test]
fn the_flat_metrics_port_is_that_of_the_process_that_reads_it() {
    for (role, expected) in [
        (Role::Api, (9, 2113)),
        (Role::Worker, (2112, 9)),
        (Role::All, (9, 2113)),
    ] {
        let config = from_env(role, &[("METRICS_PORT", "9")]);
        assert_eq!(
            (config.api.metrics_port, config.worker.metrics_port),
            expected,
            "{role:?}"
        );
    }
}

#[test]
fn every_field_can_be_set_to_its_own_default_by_its_environment_variable() {
    for entry in reference().into_iter().filter(|entry| !entry.keyed) {
        let Some(default) = entry.default else { continue };
        let value = default.trim_matches(['"', '[', ']']).replace('"', "");
        let config = from_env(Role::Api, &[(&entry.env, &value)]);
        assert_eq!(
            config.to_toml_masked(),
            Config::default().to_toml_masked(),
            "{}={value}",
            entry.env
        );
    }
}

#[test]
fn what_is_printed_can_be_loaded_and_gives_the_same() {
    let (_directory, path) =
        file("[worker.db_tx.statements]\nCount = 'SELECT count(*) FROM \"t\" WHERE a = $1'\n");
    let env = [
        ("SCHEDULER__ENGINE__RETENTION", ""),
        ("SCHEDULER__API__HOST", "::"),
    ];
    let config = Config::load(
        Role::Api,
        &Sources {
            file: Some(path),
            env: env.into_iter().collect(),
            ..Sources::default()
        },
    );
    let config = config.unwrap().config;
    assert_eq!(
        (config.engine.retention, config.api.host),
        (None, IpAddr::V6(Ipv6Addr::UNSPECIFIED))
    );
    let printed = config.to_toml_masked();
    let (_directory, path) = file(&printed);
    let set = vec!["engine.retention=".to_owned()];
    let again = Config::load(
        Role::Api,
        &Sources {
            file: Some(path),
            set,
            ..Sources::default()
        },
    )
    .unwrap()
    .config;
    assert_eq!(again.to_toml_masked(), printed);
    assert_eq!(
        again.worker.db_tx.statements["Count"],
        "SELECT count(*) FROM \"t\" WHERE a = $1"
    );
}

#[test]
fn types_are_read_as_people_write_them() {
    let set = |item: &str| {
        let sources = Sources {
            set: vec![item.to_owned()],
            ..Sources::default()
        };
        Config::load(Role::Api, &sources).unwrap().config
    };
    assert_eq!(
        set("api.request_timeout=1m 30s").api.request_timeout,
        Duration::from_secs(90)
    );
    assert_eq!(
        set("api.max_message_bytes=4194304").api.max_message_bytes,
        ByteSize::mib(4)
    );
    assert_eq!(
        set("api.max_message_bytes=8MiB").api.max_message_bytes.bytes(),
        8 << 20
    );
    assert_eq!(
        set("worker.queues= mail, reports ,").worker.queues,
        ["mail", "reports"]
    );
    assert!(!set("api.reflection=off").api.reflection);
    assert_eq!(
        set("worker.db_tx.statements.one=SELECT 1")
            .worker
            .db_tx
            .statements["one"],
        "SELECT 1"
    );
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    let (_directory, path) = file("[api]\nport = 7\n");
    let name = path.to_str().unwrap();
    assert_eq!(from_env(Role::Api, &[("SCHEDULER_CONFIG", name)]).api.port, 7);
}

#[test]
fn rust_log_goes_before_the_environment_and_after_the_flags() {
    let env = [
        ("RUST_LOG", "trace"),
        ("SCHEDULER__TELEMETRY__LOG_LEVEL", "warn"),
        ("LOG_LEVEL", "error"),
    ];
    assert_eq!(from_env(Role::Api, &env).telemetry.log_level, "trace");
    let set = vec!["telemetry.log_level=off".to_owned()];
    let sources = Sources {
        dotenv: None,
        env: env.into_iter().collect(),
        set,
        file: None,
    };
    assert_eq!(
        Config::load(Role::Api, &sources)
            .unwrap()
            .config
            .telemetry
            .log_level,
        "off"
    );
}

#[test]
fn variables_that_platforms_set_are_left_alone() {
    let config = from_env(
        Role::Api,
        &[
            // Kubernetes, for services called scheduler-api, redis and cockroachdb.
            ("SCHEDULER_API_PORT", "tcp://10.0.0.1:8081"),
            ("REDIS_PORT", "tcp://10.0.0.2:6379"),
            ("COCKROACHDB_PORT", "tcp://10.0.0.3:26257"),
            // A ConfigMap with a name that is not filled in.
            ("COCKROACHDB_HOST", ""),
            ("PATH", "/bin"),
        ],
    );
    assert_eq!(
        (
            config.redis.port,
            config.database.port,
            config.database.host.as_str()
        ),
        (6379, 26257, "localhost")
    );
}

#[test]
fn the_source_of_each_value_is_kept() {
    let (_directory, path) = file("[api]\nport = 7\n");
    let env = [("WORKER_POOL_SIZE", "3"), ("SCHEDULER__REDIS__DB", "1")];
    let sources = Sources {
        dotenv: None,
        file: Some(path.clone()),
        env: env.into_iter().collect(),
        set: vec!["redis.port=1".into()],
    };
    let loaded = Config::load(Role::Api, &sources).unwrap();
    let origin = |path: &str| loaded.origins[path].as_str();
    assert_eq!(origin("api.port"), format!("file {}", path.display()));
    assert_eq!(
        origin("worker.pool_size"),
        "environment variable WORKER_POOL_SIZE"
    );
    assert_eq!(origin("redis.db"), "environment variable SCHEDULER__REDIS__DB");
    assert_eq!(origin("redis.port"), "flag --set");
    assert_eq!(loaded.origins.len(), 4);
}

#[test]
fn a_file_of_variables_lies_below_every_variable_and_above_the_configuration_file() {
    let (_directory, path) = file("[worker]\npool_size = 11\nclaim_batch = 11\nmetrics_port = 11\n");
    let dotenv = path.with_file_name(".env");
    let text = "# comment\nSCHEDULER__WORKER__POOL_SIZE=12\nexport WORKER_POOL_SIZE=7\nMETRICS_PORT=12\n\
        COCKROACHDB_PASSWORD='p w'\nRUST_LOG=debug\nSOMEBODY_ELSES=1\n";
    std::fs::write(&dotenv, text).unwrap();
    let load = |env: &[(&str, &str)]| {
        let sources = Sources {
            file: Some(path.clone()),
            dotenv: Some(dotenv.clone()),
            env: env.iter().copied().collect(),
            ..Sources::default()
        };
        Config::load(Role::Worker, &sources).unwrap().config
    };
    let config = load(&[]);
    let worker = &config.worker;
    assert_eq!(
        (worker.claim_batch, worker.metrics_port, worker.pool_size),
        (11, 12, 12)
    );
    assert_eq!(config.database.password.unwrap().expose_secret(), "p w");
    assert_eq!(config.telemetry.log_level, "debug");
    // Even a name that is lower among variables.
    let config = load(&[("WORKER_POOL_SIZE", "13"), ("LOG_LEVEL", "warn")]);
    assert_eq!(
        (config.worker.pool_size, config.telemetry.log_level.as_str()),
        (13, "warn")
    );
}

#[test]
fn a_file_of_variables_need_not_exist_but_its_faults_are_reported_without_its_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let dotenv = directory.path().join(".env");
    let sources = Sources {
        dotenv: Some(dotenv.clone()),
        ..Sources::default()
    };
    assert!(Config::load(Role::Api, &sources).is_ok());
    std::fs::write(&dotenv, "SCHEDULER__API__PROT=1\nGRPC_PORT=many\n").unwrap();
    let faults = Config::load(Role::Api, &sources).unwrap_err().to_string();
    assert!(
        faults.contains("SCHEDULER__API__PROT (variable SCHEDULER__API__PROT in file"),
        "{faults}"
    );
    assert!(faults.contains("variable GRPC_PORT in file"), "{faults}");
    std::fs::write(&dotenv, "COCKROACHDB_PASSWORD=secret word\n").unwrap();
    let faults = Config::load(Role::Api, &sources).unwrap_err().to_string();
    assert!(
        faults.contains(".env: has a line") && !faults.contains("secret"),
        "{faults}"
    );
}

#[test]
fn ports_are_a_list_in_a_file_and_a_text_with_commas_in_the_environment() {
    let name = "SCHEDULER__WORKER__HTTP_CALL__PORTS";
    let config = from_env(Role::Worker, &[(name, "80, 9000")]);
    assert_eq!(config.worker.http_call.ports, [80, 9000]);
    let (_directory, path) = file("[worker.http_call]\nports = [443]\n");
    let load = |env: &[(&str, &str)]| {
        let sources = Sources {
            file: Some(path.clone()),
            env: env.iter().copied().collect(),
            ..Sources::default()
        };
        Config::load(Role::Worker, &sources)
    };
    assert_eq!(load(&[]).unwrap().config.worker.http_call.ports, [443]);
    for bad in ["", "0", "70000", "http"] {
        let faults = load(&[(name, bad)]).unwrap_err().to_string();
        assert!(faults.contains("worker.http_call.ports"), "{bad}: {faults}");
    }
}
