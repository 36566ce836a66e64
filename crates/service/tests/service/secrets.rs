//! Secrets come from files, and are never shown.

use std::path::Path;

use scheduler_service::config::{Config, Role, Sources};
use secrecy::ExposeSecret;

use crate::layers::file;

const CANARY: &str = "canary-9d1f-do-not-show";

fn secret_file() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, format!("{CANARY}\n")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

fn load(env: &[(&str, &str)], file: Option<&Path>) -> Result<Config, String> {
    let sources = Sources {
        dotenv: None,
        file: file.map(Into::into),
        env: env.iter().copied().collect(),
        set: Vec::new(),
    };
    Config::load(Role::Api, &sources)
        .map(|loaded| loaded.config)
        .map_err(|errors| errors.to_string())
}

#[test]
fn a_secret_is_read_from_the_file_that_any_layer_names() {
    let (_directory, path) = secret_file();
    let password = |config: Config| config.database.password.unwrap().expose_secret().to_owned();
    for name in ["COCKROACHDB_PASSWORD_FILE", "SCHEDULER__DATABASE__PASSWORD_FILE"] {
        assert_eq!(
            password(load(&[(name, &path)], None).unwrap()),
            CANARY,
            "{name}, without the line break"
        );
    }
    let (_directory, toml) = file(&format!("[database]\npassword_file = '{path}'\n"));
    assert_eq!(password(load(&[], Some(&toml)).unwrap()), CANARY);
    let above = [("COCKROACHDB_PASSWORD", "other")];
    assert_eq!(
        password(load(&above, Some(&toml)).unwrap()),
        "other",
        "a higher layer still wins"
    );
}

#[test]
fn a_secret_given_twice_in_the_environment_is_refused() {
    let (_directory, path) = secret_file();
    for name in ["REDIS_PASSWORD", "SCHEDULER__REDIS__PASSWORD"] {
        let by_file = format!("{name}_FILE");
        let error = load(&[(name, "x"), (&by_file, &path)], None).unwrap_err();
        assert!(
            error.contains(&format!("{by_file}: {name} is set too")),
            "{error}"
        );
    }
}

#[test]
fn only_secrets_have_a_file_variant() {
    let error = load(&[("SCHEDULER__API__PORT_FILE", "/x")], None).unwrap_err();
    assert!(
        error.contains("SCHEDULER__API__PORT_FILE: no such field"),
        "{error}"
    );
}

#[test]
fn no_secret_is_shown_by_print_debug_or_faults() {
    let url = format!("postgres://me:{CANARY}@db/jobs");
    let env = [
        ("COCKROACHDB_PASSWORD", CANARY),
        ("REDIS_PASSWORD", CANARY),
        ("SCHEDULER__API__PAGE_TOKEN_SECRET", CANARY),
        ("DATABASE_URL", url.as_str()),
        ("SCHEDULER__WORKER__DB_TX__URL", url.as_str()),
    ];
    let config = load(&env, None).unwrap();
    assert!(!format!("{config:?}").contains(CANARY));
    assert!(!config.to_toml_masked().contains(CANARY));
    assert!(config.to_toml_masked().contains("password = \"***\"\n"));
    assert_eq!(config.database.endpoint(), "db/jobs");

    // Bad in every way a secret can be bad.
    let (_directory, toml) = file(&format!("[redis]\npassword = ['{CANARY}']\n"));
    let wrong = format!("mysql://{CANARY}");
    let env = [
        ("DATABASE_URL", wrong.as_str()),
        ("SCHEDULER__REDIS__PASWORD", CANARY),
    ];
    let error = load(&env, Some(&toml)).unwrap_err();
    assert_eq!(error.lines().count(), 4, "{error}");
    assert!(!error.contains(CANARY), "{error}");
}
