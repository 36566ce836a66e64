//! The metrics page.

use scheduler_domain::metric::Descriptor;
use scheduler_service::metrics::{self, Buckets, TooLate};

const JOBS: Descriptor = Descriptor::counter("test_jobs_total", "Jobs, for the test.", &["state"]);

#[test]
fn the_recorder_is_installed_once_and_describes_what_it_is_told() {
    let first = metrics::install().unwrap();
    let second = metrics::install().unwrap();
    metrics::describe(&[JOBS]);
    ::metrics::counter!("test_jobs_total", "state" => "done").increment(3);
    ::metrics::histogram!("test_wait_seconds").record(0.0004);
    ::metrics::histogram!("test_batch_rows").record(100.0);
    second.build_info("scheduler-test");
    let page = first.render();
    for line in [
        "# HELP test_jobs_total Jobs, for the test.",
        "test_jobs_total{state=\"done\"} 3",
        "# TYPE test_wait_seconds histogram",
        "test_wait_seconds_bucket{le=\"0.0005\"} 1",
        "test_wait_seconds_bucket{le=\"600\"} 1",
        "test_batch_rows_bucket{le=\"64\"} 0",
        "test_batch_rows_bucket{le=\"128\"} 1",
        "# TYPE process_resident_memory_bytes gauge",
    ] {
        assert!(page.lines().any(|have| have == line), "no {line:?} in\n{page}");
    }
    let build = "scheduler_build_info{service=\"scheduler-test\",version=\"";
    assert!(page.lines().any(|line| line.starts_with(build)), "{page}");
    let late = metrics::register_buckets(Buckets {
        name: "late",
        bounds: &[1.0],
    });
    assert_eq!(late, Err(TooLate));
}
