//! `docs/CONFIG.md`.

use std::fmt::Write;

use super::flat::FLAT;
use super::reference::{Entry, env_name, sections};
use super::rules::RULES;

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from crates/service/src/config; UPDATE_DOCS=1 cargo test -p scheduler-service rewrites it. -->

Every process reads the same settings, in layers; a later one goes before an earlier one:

1. the defaults below;
2. a TOML file: `--config PATH`, or the file that `SCHEDULER_CONFIG` names;
3. a file `.env` in the folder that the process is started in, if there is one: lines of `NAME=value`, with the names of
   the next three layers, in their order;
4. the flat environment variables of the last table;
5. `SCHEDULER__SECTION__FIELD` environment variables;
6. `RUST_LOG`, for `telemetry.log_level`;
7. `--set section.field=value`, as often as needed.

All settings are checked before anything starts. Unknown names, unreadable values and broken rules are reported
together, each with its source, and the process exits with code 78. `--print-config` shows what is in force.

Durations have a unit (`500ms`, `30s`, `5m`, `7d`), sizes may have one (`512KiB`, `16MiB`). Empty text unsets an
optional setting. Lists are TOML arrays, or texts with commas in the environment. A secret can be read from a file: put
`_file` after its name (`password_file = \"/run/secrets/db\"`) or `_FILE` (`SCHEDULER__DATABASE__PASSWORD_FILE`,
`COCKROACHDB_PASSWORD_FILE`). Secrets are never printed.
";

/// The reference as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in sections().into_iter().filter(|section| !section.path.is_empty()) {
        // Writing to a String cannot fail; so below.
        let _ = write!(page, "\n## `[{}]`\n\n{}\n\n", section.path, section.doc);
        page.push_str("| setting | type | default | what it does |\n|---|---|---|---|\n");
        section.fields.iter().for_each(|entry| row(&mut page, entry));
    }
    page.push_str("\n## Rules\n\n");
    for rule in RULES {
        let fields: Vec<String> = rule.fields.iter().map(|field| format!("`{field}`")).collect();
        let _ = writeln!(page, "- {}: {}.", fields.join(", "), escape(rule.demand));
    }
    page.push_str("\n## Flat environment variables\n\n| variable | same as |\n|---|---|\n");
    for (n, flat) in FLAT.iter().enumerate() {
        if FLAT[..n].iter().all(|earlier| earlier.name != flat.name) {
            let targets = FLAT
                .iter()
                .filter(|other| other.name == flat.name)
                .map(|other| other.path);
            let mut targets: Vec<String> = targets.map(|path| format!("`{}`", env_name(path))).collect();
            targets.dedup();
            let _ = writeln!(page, "| `{}` | {} |", flat.name, targets.join(" or "));
        }
    }
    page.push_str(
        "\n`METRICS_PORT` means the process that reads it. A `…_PORT` that holds a Kubernetes service link \
         (`tcp://10.0.0.1:6379`) is left alone.\n",
    );
    page
}

fn row(page: &mut String, entry: &Entry) {
    let name = entry.path.rsplit('.').next().unwrap_or(entry.path);
    let default = entry
        .default
        .as_ref()
        .map_or_else(|| "–".to_owned(), |default| format!("`{default}`"));
    let limits = entry
        .limits
        .as_ref()
        .map(|limits| format!(" ({limits})"))
        .unwrap_or_default();
    let _ = writeln!(
        page,
        "| `{name}` | {}{} | {} | {} |",
        escape(&entry.kind),
        escape(&limits),
        escape(&default),
        escape(&entry.doc)
    );
}

/// Keeps a text inside its table cell.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
