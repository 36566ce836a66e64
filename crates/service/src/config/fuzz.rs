//! Whatever an operator writes into files, variables and flags: it is understood, or every fault of it is named, and no secret is.

use std::fs;
use std::time::Duration;

use config::{Value, ValueKind};
use scheduler_fuzz::{any, check, text_near};

use super::setting::Setting;
use super::{ByteSize, Config, ConfigErrors, Environment, Role, Sources};

/// In the value of every secret; nowhere else.
const CANARY: &str = "CANARY";

fn told(refused: &ConfigErrors) {
    assert!(!refused.faults().is_empty());
    for fault in refused.faults() {
        assert!(!fault.subject.is_empty() && !fault.message.is_empty(), "{fault}");
    }
}

#[test]
fn a_file_is_a_configuration_or_its_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scheduler.toml");
    check!()
        .with_generator(text_near(&[
            "[worker]\npool_size = 11\nclaim_batch = 11\nqueues = ['a', 'b']\n",
            "[api]\nport = 8081\nrequest_timeout = '10s'\nmax_message_size = '16MiB'\n[engine]\nretention = '7d'\n",
            "[database]\nurl = 'postgres://root@localhost:26257/scheduler?sslmode=disable'\nmax_connections = -1\n",
            "[redis]\nsentinels = ['a:1', '[::1]:2']\nsentinel_master = 'm'\n[telemetry]\nlog_level = 'info,h2=warn'\n",
            "worker.db_tx.statements = {a = 'SELECT 1', 'b c' = [[[1979-05-27T07:32:00Z]]]}\nworker.http_call.ports = [1e3, inf]\n",
        ]))
        .for_each(|text| {
            fs::write(&file, text).unwrap();
            let sources = Sources { file: Some(file.clone()), ..Sources::default() };
            match Config::load(Role::All, &sources) {
                Err(refused) => told(&refused),
                Ok(loaded) => {
                    // What is printed of it gives it again; secrets apart, which are masked.
                    let printed = loaded.config.to_toml_masked();
                    fs::write(&file, &printed).unwrap();
                    if !printed.contains("\"***\"") {
                        let again = Config::load(Role::All, &sources).unwrap().config;
                        assert_eq!(again.to_toml_masked(), printed);
                    }
                }
            }
        });
}

#[test]
fn a_file_of_variables_is_read_or_refused_without_repeating_it() {
    let folder = tempfile::tempdir().unwrap();
    let dotenv = folder.path().join(".env");
    check!()
        .with_generator(text_near(&[
            "WORKER_POOL_SIZE=12\nexport SCHEDULER__API__PORT='1'\n# no\n",
            "REDIS_PASSWORD=\"CANARY\nA=${B}${HOME}\nSCHEDULER__REDIS__URL=redis://:CANARY@[::1",
            "SCHEDULER__DATABASE__PASSWORD=CANARY\\",
        ]))
        .for_each(|text| {
            fs::write(&dotenv, text).unwrap();
            let sources = Sources {
                dotenv: Some(dotenv.clone()),
                ..Sources::default()
            };
            if let Err(refused) = Config::load(Role::Worker, &sources) {
                told(&refused);
            }
        });
}

#[test]
fn variables_and_flags_are_understood_or_named_and_secrets_are_never_told() {
    check!()
        .with_generator((
            text_near(&[
                "redis://:CANARY@localhost:6379/0",
                "postgres://u:CANARY@h:1/d?sslmode=verify-full",
                "CANARY",
            ]),
            text_near(&[
                "worker.pool_size=14",
                "api.port=0",
                "worker.queues=a,b",
                "telemetry.log_level=trace",
                "redis=x",
            ]),
            text_near(&[
                "SCHEDULER__WORKER__POOL_SIZE",
                "SCHEDULER__API__PROT",
                "SCHEDULER____",
                "GRPC_PORT",
            ]),
        ))
        .for_each(|(secret, flag, name)| {
            let env: Environment = [
                ("SCHEDULER__REDIS__URL", secret.as_str()),
                ("SCHEDULER__REDIS__PASSWORD", secret),
                ("SCHEDULER__DATABASE__URL", secret),
                ("SCHEDULER__WORKER__DB_TX__URL", secret),
                (name, "1"),
            ]
            .into_iter()
            .collect();
            let sources = Sources {
                env,
                set: vec![flag.clone()],
                ..Sources::default()
            };
            let said = match Config::load(Role::All, &sources) {
                Ok(loaded) => loaded.config.to_toml_masked(),
                Err(refused) => {
                    told(&refused);
                    refused.to_string()
                }
            };
            assert!(!said.contains(CANARY), "{said}");
        });
}

#[test]
fn a_size_is_shown_as_it_is_read() {
    check!()
        .with_generator((
            any::<u64>(),
            text_near(&["512KiB", " 4 MiB ", "18446744073709551615B", "17179869184GiB"]),
        ))
        .for_each(|(kib, text)| {
            let size = ByteSize::kib(kib >> 10);
            assert_eq!(size.to_string().parse(), Ok(size));
            if let Ok(size) = text.parse::<ByteSize>() {
                assert_eq!(size.to_string().parse(), Ok(size));
            }
        });
}

#[test]
fn a_duration_is_shown_as_it_is_read() {
    check!()
        .with_generator(text_near(&[
            "500ms",
            "7d",
            "1h 30m",
            "584554531y",
            "18446744073709551615s",
            "1.5s",
            "0",
        ]))
        .for_each(|text| {
            let value = Value::new(None, ValueKind::String(text.clone()));
            if let Some(read) = Duration::read(&value) {
                let Some(toml::Value::String(shown)) = read.show() else {
                    panic!("no text")
                };
                let again = Value::new(None, ValueKind::String(shown));
                assert_eq!(Duration::read(&again), Some(read));
            }
        });
}
