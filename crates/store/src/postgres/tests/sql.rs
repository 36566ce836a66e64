//! All SQL stays inside what CockroachDB and PostgreSQL both do, and do well.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that must not occur, and why.
const FORBIDDEN: [(&str, &str); 29] = [
    ("SKIP LOCKED", "slow in CockroachDB, and skips rows that are free"),
    (
        "FOR UPDATE",
        "locking reads are replicated in CockroachDB; guard the write instead",
    ),
    ("FOR SHARE", "as FOR UPDATE"),
    ("FOR NO KEY UPDATE", "as FOR UPDATE"),
    ("LOCK TABLE", "not in CockroachDB"),
    ("LISTEN", "not in CockroachDB"),
    ("NOTIFY", "not in CockroachDB"),
    ("PG_ADVISORY_LOCK", "missing or without effect in CockroachDB"),
    (
        "PG_ADVISORY_XACT_LOCK",
        "missing or without effect in CockroachDB",
    ),
    ("PG_TRY_ADVISORY_LOCK", "missing or without effect in CockroachDB"),
    ("SERIAL", "no sequence in CockroachDB but a clock"),
    ("BIGSERIAL", "as SERIAL"),
    ("CREATE SEQUENCE", "every number is a network trip in CockroachDB"),
    ("NEXTVAL", "as CREATE SEQUENCE"),
    (
        "CREATE TYPE",
        "enum types change in several steps, and not in a transaction",
    ),
    ("ENUM", "as CREATE TYPE"),
    ("NOW", "time is an argument"),
    ("CURRENT_TIMESTAMP", "time is an argument"),
    ("CLOCK_TIMESTAMP", "time is an argument"),
    (
        "INT",
        "eight bytes in CockroachDB, four in PostgreSQL: say INT2, INT4 or INT8",
    ),
    ("INTEGER", "as INT"),
    ("JSON", "we read and write JSON ourselves, as TEXT"),
    ("JSONB", "as JSON"),
    (
        "WITH",
        "a statement changes one table once; storage parameters are PostgreSQL's own",
    ),
    (
        "VALUES (UNNEST",
        "refused by CockroachDB: INSERT … SELECT … FROM unnest",
    ),
    ("VALUES(UNNEST", "as VALUES (UNNEST"),
    ("CTID", "PostgreSQL's own"),
    ("DEFERRABLE", "not in CockroachDB"),
    ("SELECT *", "columns may be added while older processes run"),
];

/// What is wrong with some SQL.
fn faults(sql: &str) -> Vec<&'static str> {
    let text = sql
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_uppercase();
    FORBIDDEN
        .iter()
        .filter(|(word, _)| contains_word(&text, word))
        .map(|(word, _)| *word)
        .collect()
}

fn contains_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !part_of_word(text[..at].chars().next_back()) && !part_of_word(text[at + word.len()..].chars().next())
    })
}

fn migration_faults(file: &str) -> Vec<&'static str> {
    let sql: String = file
        .lines()
        .filter(|line| !line.starts_with("--"))
        .map(|line| format!("{line}\n"))
        .collect();
    let repeatable = if sql.starts_with("DROP ") {
        "IF EXISTS"
    } else {
        "IF NOT EXISTS"
    };
    let mut found = faults(&sql);
    let rules = [
        (
            "does not say that it runs without a transaction",
            file.starts_with("-- no-transaction\n"),
        ),
        (
            "does not say why it is there",
            file.lines().filter(|line| line.starts_with("-- ")).count() > 1,
        ),
        (
            "is not one statement",
            sql.trim_end().ends_with(';') && sql.matches(';').count() == 1,
        ),
        ("cannot be repeated", contains_word(&sql, repeatable)),
    ];
    found.extend(rules.iter().filter(|(_, kept)| !kept).map(|(rule, _)| *rule));
    found
}

/// The string literals of a Rust file, its comments left out. Statements are put together from pieces, so all are read.
fn literals(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect();
    code.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn statements_keep_to_what_both_databases_do_well() {
    let mut names = Vec::new();
    for path in files("src") {
        let text = path.to_string_lossy().into_owned();
        if text.contains("/tests") || text.ends_with("testing.rs") || text.contains("/conformance") {
            continue;
        }
        for literal in literals(&fs::read_to_string(&path).unwrap()) {
            if let Some(statement) = literal.strip_prefix("-- store.") {
                names.push(statement.split_whitespace().next().unwrap_or_default().to_owned());
            }
            let is_sql = [
                "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WHERE ", " FROM ", "CREATE ",
            ];
            if is_sql.iter().any(|word| literal.contains(word)) {
                assert_eq!(faults(&literal), Vec::<&str>::new(), "in {text}: {literal}");
            }
        }
        let code = fs::read_to_string(&path).unwrap();
        assert!(
            !code.contains("AssertSqlSafe"),
            "statements are fixed texts: {text}"
        );
    }
    assert!(names.len() >= 20, "the statements were not found: {names:?}");
    let count = names.len();
    names.retain(|name| !name.is_empty());
    names.sort();
    names.dedup();
    assert!(names.len() + 3 >= count, "statements share a name: {names:?}");
}

#[test]
fn migrations_are_single_repeatable_changes_in_an_unbroken_series() {
    let paths = files("migrations");
    for (n, path) in (1..).zip(&paths) {
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(name.starts_with(&format!("{n:04}_")), "{name} is not number {n}");
        assert_eq!(
            migration_faults(&fs::read_to_string(path).unwrap()),
            Vec::<&str>::new(),
            "in {name}"
        );
    }
    assert!(paths.len() >= 6);
}

#[test]
fn planted_statements_are_caught() {
    for (bad, word) in [
        (
            "SELECT id FROM jobs LIMIT 1 FOR UPDATE SKIP LOCKED",
            "SKIP LOCKED",
        ),
        ("SELECT id FROM jobs\n FOR\n UPDATE", "FOR UPDATE"),
        ("select pg_advisory_lock(1)", "PG_ADVISORY_LOCK"),
        ("LISTEN jobs", "LISTEN"),
        ("NOTIFY jobs, 'x'", "NOTIFY"),
        ("UPDATE jobs SET updated_at = now()", "NOW"),
        ("INSERT INTO t (id) VALUES (unnest($1::UUID[]))", "VALUES (UNNEST"),
        ("INSERT INTO t (id) VALUES(unnest($1::UUID[]))", "VALUES(UNNEST"),
        ("SELECT nextval('s')", "NEXTVAL"),
        ("WITH d AS (DELETE FROM a RETURNING id) DELETE FROM b", "WITH"),
        ("SELECT * FROM jobs", "SELECT *"),
        ("SELECT $1::JSONB", "JSONB"),
    ] {
        assert!(faults(bad).contains(&word), "{bad}");
    }
    assert_eq!(
        faults("SELECT id, sequence FROM jobs WHERE knowing = $1 AND note = $2"),
        Vec::<&str>::new()
    );
}

#[test]
fn planted_migrations_are_caught() {
    let good = "-- no-transaction\n-- Why.\nCREATE TABLE IF NOT EXISTS t (id UUID PRIMARY KEY, n INT8);\n";
    assert_eq!(migration_faults(good), Vec::<&str>::new());
    for (from, to, fault) in [
        (
            "-- no-transaction\n",
            "",
            "does not say that it runs without a transaction",
        ),
        ("-- Why.\n", "", "does not say why it is there"),
        (
            "INT8);",
            "INT8); CREATE INDEX IF NOT EXISTS i ON t (n);",
            "is not one statement",
        ),
        ("IF NOT EXISTS ", "", "cannot be repeated"),
        ("IF NOT EXISTS ", "IF EXISTS ", "cannot be repeated"),
        ("INT8", "INT", "INT"),
        ("INT8", "SERIAL", "SERIAL"),
        ("INT8", "TIMESTAMPTZ DEFAULT now()", "NOW"),
        (
            "TABLE IF NOT EXISTS t (id UUID PRIMARY KEY, n INT8)",
            "TYPE IF NOT EXISTS t AS ENUM ('a')",
            "ENUM",
        ),
        ("INT8)", "INT8) WITH (fillfactor = 80)", "WITH"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert!(migration_faults(&bad).contains(&fault), "{bad}");
    }
    let drop = "-- no-transaction\n-- Why.\nDROP INDEX IF EXISTS i;\n";
    assert_eq!(migration_faults(drop), Vec::<&str>::new());
    assert_eq!(
        migration_faults(&drop.replace("IF EXISTS ", "")),
        ["cannot be repeated"]
    );
}
