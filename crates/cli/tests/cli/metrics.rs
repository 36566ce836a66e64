//! `docs/METRICS.md` lists what the sources record, and a running scheduler shows it.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use scheduler_domain::metric::Descriptor;

use super::dev::Dev;
use super::{Ran, tsctl};

/// Every crate that records, and its list.
const CRATES: &[(&str, &[Descriptor])] = &[
    ("api", scheduler_api::metrics::METRICS),
    ("worker", scheduler_worker::metrics::METRICS),
    ("engine", scheduler_engine::metrics::METRICS),
    ("store", scheduler_store::metrics::METRICS),
    ("queue", scheduler_queue::metrics::METRICS),
    ("service", scheduler_service::metrics::METRICS),
];

/// What the system whose dashboards this one is to fit exports.
const ORIGINAL: &[(&str, &[&str])] = &[
    ("jobs_submitted_total", &["priority"]),
    ("jobs_submitted_errors_total", &["error_type"]),
    ("jobs_processed_total", &["status"]),
    ("job_processing_duration_seconds", &["job_type"]),
    ("jobs_retried_total", &["priority"]),
    ("jobs_deadlettered_total", &["priority"]),
    ("queue_depth", &["priority"]),
    ("processing_queue_depth", &[]),
    ("worker_inflight_jobs", &[]),
    ("grpc_requests_total", &["method", "status"]),
    ("grpc_request_duration_seconds", &["method"]),
    ("retry_pump_jobs_requeued_total", &["priority"]),
    ("reaper_jobs_recovered_total", &["priority"]),
];

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a switch for people, which no product code sees"
)]
fn the_list_of_metrics_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/METRICS.md");
    let generated = scheduler_service::metrics::markdown(CRATES);
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(path, &generated).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == generated,
        "docs/METRICS.md is out of date; run UPDATE_DOCS=1 cargo test -p scheduler-cli"
    );
}

#[test]
fn every_metric_that_the_sources_record_is_listed_by_its_crate_and_the_other_way_round() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut crates = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let listed = CRATES.iter().find(|(known, _)| *known == name);
        let listed: BTreeSet<String> = listed
            .into_iter()
            .flat_map(|(_, metrics)| metrics.iter().map(|metric| metric.name.to_owned()))
            .collect();
        let mut recorded = recorded(&entry.path().join("src"));
        if name == "service" {
            // Written into the page from what the kernel says, past the recorder.
            recorded.extend(listed.iter().filter(|name| name.starts_with("process_")).cloned());
        }
        assert_eq!(recorded, listed, "crate {name}: recorded here, listed there");
        crates += usize::from(!listed.is_empty());
    }
    assert_eq!(crates, CRATES.len());
}

#[test]
fn no_two_crates_list_the_same_metric_and_the_originals_are_all_there() {
    let all: Vec<&Descriptor> = CRATES.iter().flat_map(|(_, metrics)| *metrics).collect();
    let names: BTreeSet<&str> = all.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), all.len());
    for (name, labels) in ORIGINAL {
        let metric = all.iter().find(|metric| metric.name == *name);
        assert_eq!(metric.map(|metric| metric.labels), Some(*labels), "{name}");
    }
}

/// Names given to the recording macros anywhere below `folder`.
fn recorded(folder: &Path) -> BTreeSet<String> {
    let mut paths = Vec::new();
    sources(folder, &mut paths);
    let texts: Vec<String> = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let mut names = BTreeSet::new();
    for (path, text) in paths.iter().zip(&texts) {
        for kind in ["counter!(", "gauge!(", "histogram!("] {
            for (at, _) in text.match_indices(kind) {
                if text[..at].ends_with("describe_") {
                    continue;
                }
                let argument = text[at + kind.len()..].split([',', ')']).next().unwrap();
                let name = resolve(argument.trim(), &texts);
                names.insert(name.unwrap_or_else(|| format!("{argument} in {}", path.display())));
            }
        }
    }
    names
}

/// The text of a literal, or of the constant of that name.
fn resolve(argument: &str, texts: &[String]) -> Option<String> {
    let quoted = |text: &str| Some(text.trim_start().strip_prefix('"')?.split('"').next()?.to_owned());
    let constant = format!("const {}: &str =", argument.rsplit("::").next()?);
    quoted(argument).or_else(|| {
        texts
            .iter()
            .find_map(|text| quoted(text.split_once(&constant)?.1))
    })
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn a_running_scheduler_shows_what_it_lists_with_help_and_fitting_buckets() {
    let dev = Dev::start(&["--metrics-port", "0"]);
    let submit = |args: &[&str], code| {
        let args = [&["jobs", "submit"], args, &["--watch"]].concat();
        Ran::of(tsctl(&dev.address, &args).spawn().unwrap()).code(code)
    };
    submit(&["noop"], 0);
    submit(
        &["flaky", "--payload", "{\"failures\":1}", "--priority", "high"],
        0,
    );
    let page = page(&dev.metrics);
    for line in [
        "# TYPE jobs_submitted_total counter",
        "jobs_submitted_total{priority=\"default\"} 1",
        "jobs_submitted_errors_total{error_type=\"validation\"} 0",
        "jobs_processed_total{status=\"success\"} 2",
        "jobs_processed_total{status=\"retry\"} 1",
        "jobs_retried_total{priority=\"high\"} 1",
        "jobs_deadlettered_total{priority=\"low\"} 0",
        "job_processing_duration_seconds_count{job_type=\"noop\"} 1",
        "job_wait_seconds_count{queue=\"default\",priority=\"default\"} 1",
        "job_end_to_end_seconds_count 2",
        "# TYPE queue_depth gauge",
        "queue_oldest_age_seconds{priority=\"low\"} 0",
        "processing_queue_depth 0",
        "load_ready_jobs{queue=\"other\",priority=\"low\"} 0",
        "load_mean_run_seconds{queue=\"other\",priority=\"high\"} 0",
        "worker_inflight_jobs 0",
        "# TYPE grpc_request_duration_seconds histogram",
        "grpc_requests_total{method=\"SubmitJob\",status=\"success\"} 2",
        "retry_pump_jobs_requeued_total{priority=\"high\"} 1",
        "reaper_jobs_recovered_total{priority=\"default\"} 0",
        "leases_expired_total 0",
        "jobs_fenced_total 0",
        "engine_batch_calls_bucket{lane=\"submit\",le=\"1\"} 2",
        "engine_batch_calls_bucket{lane=\"finish\",le=\"1024\"} 3",
    ] {
        assert!(page.lines().any(|have| have == line), "no {line:?} in\n{page}");
    }
    let listed: Vec<&Descriptor> = CRATES.iter().flat_map(|(_, metrics)| *metrics).collect();
    for (name, kind) in page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
    {
        let metric = listed.iter().find(|metric| metric.name == name);
        let help = metric.map(|metric| format!("# HELP {name} {}", metric.help));
        assert_eq!(metric.map(|metric| metric.kind.as_str()), Some(kind), "{name}");
        assert!(page.lines().any(|line| Some(line) == help.as_deref()), "{help:?}");
    }
}

/// `/metrics` of the side port at this address.
fn page(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}
