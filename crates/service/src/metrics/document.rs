//! `docs/METRICS.md`.

use std::fmt::Write;

use scheduler_domain::metric::{Descriptor, Kind, Unit};

/// The metrics of `crates` (name and list of each) as Markdown, in the order given.
#[must_use]
pub fn markdown(crates: &[(&str, &[Descriptor])]) -> String {
    let mut page = "\
# Metrics

<!-- Generated from the METRICS list of each crate; UPDATE_DOCS=1 cargo test -p scheduler-cli rewrites it. -->

Every process serves these at `/metrics` on its metrics port. Histograms have `_bucket`, `_sum` and `_count` series.
"
    .to_owned();
    for (name, metrics) in crates {
        // Writing to a String cannot fail; so below.
        let _ = write!(
            page,
            "\n## {name}\n\n| metric | kind | unit | labels | what it says |\n|---|---|---|---|---|\n"
        );
        for metric in *metrics {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            let labels = if labels.is_empty() {
                "–".to_owned()
            } else {
                labels.join(", ")
            };
            let help = metric.help.replace('|', "\\|");
            let (kind, unit) = (metric.kind.as_str(), metric.unit.as_str());
            let _ = writeln!(
                page,
                "| `{}` | {kind} | {unit} | {labels} | {help} |",
                metric.name
            );
        }
    }
    page
}

/// What is wrong with the names and texts of `descriptors` under Prometheus' conventions; for each crate's tests.
#[must_use]
pub fn misnamed(descriptors: &[Descriptor]) -> Vec<String> {
    let mut faults = Vec::new();
    for (n, metric) in descriptors.iter().enumerate() {
        let name = metric.name;
        let mut expect = |holds: bool, rule: &str| {
            if !holds {
                faults.push(format!("{name}: {rule}"));
            }
        };
        let word = name.strip_suffix("_total").unwrap_or(name);
        expect(
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "must be snake case",
        );
        expect(
            (metric.kind == Kind::Counter) == name.ends_with("_total"),
            "counters, and only they, end in _total",
        );
        expect(
            (metric.unit == Unit::Seconds) == word.ends_with("_seconds"),
            "times, and only they, are in _seconds",
        );
        expect(
            (metric.unit == Unit::Bytes) == word.ends_with("_bytes"),
            "sizes, and only they, are in _bytes",
        );
        expect(metric.help.ends_with('.'), "the help must be a sentence");
        expect(
            descriptors[..n].iter().all(|earlier| earlier.name != name),
            "is listed twice",
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_metrics_are_named_well() {
        assert_eq!(misnamed(crate::metrics::METRICS), Vec::<String>::new());
    }

    #[test]
    fn bad_names_are_found() {
        let bad = [
            Descriptor::counter("jobs", "Jobs.", &[]),
            Descriptor::gauge("Depth_total", "Depth.", &[]),
            Descriptor::histogram("wait", "no sentence", &[]),
            Descriptor::histogram("wait", "Twice.", &[]),
        ];
        let faults = misnamed(&bad);
        for name in ["jobs", "Depth_total", "wait"] {
            assert!(faults.iter().any(|fault| fault.starts_with(name)), "{faults:?}");
        }
        assert!(faults.contains(&"wait: is listed twice".to_owned()));
    }

    #[test]
    fn a_page_has_a_table_for_each_crate() {
        let metrics = [Descriptor::counter("jobs_total", "Jobs | tasks.", &["state"])];
        let page = markdown(&[("scheduler-engine", &metrics)]);
        assert!(page.contains("\n## scheduler-engine\n"));
        assert!(page.contains("| `jobs_total` | counter | count | `state` | Jobs \\| tasks. |\n"));
    }
}
