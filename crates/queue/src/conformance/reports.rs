//! Reports of processes.

use std::time::Duration;

use scheduler_domain::{JobType, Priority};

use super::Harness;
use super::fixtures::queue;
use crate::{Flow, REPORT_KEPT, Report, Reported};

fn report(slots: u32, running: u32) -> Report {
    let flow = |job_type| Flow {
        queue: queue("mail"),
        priority: Priority::High,
        job_type,
        arrived: 2.5,
        started: 2.0,
        ended: 1.0,
        lately: 700.0,
        runs: 10.0,
        busy: 4.25,
        running,
    };
    Report {
        slots,
        flows: vec![flow(Some(JobType::parse("send:now").unwrap())), flow(None)],
    }
}

async fn reports(h: &impl Harness) -> Vec<Reported> {
    let mut reports = h.queue().reports().await.unwrap();
    reports.sort_by_key(|reported| reported.report.slots);
    reports
}

/// As it was reported; each process has one.
pub async fn a_report_takes_the_place_of_the_one_before(h: &impl Harness) {
    assert!(reports(h).await.is_empty());
    h.queue().report("a", &report(1, 5)).await.unwrap();
    h.queue().report("b", &report(2, 0)).await.unwrap();
    h.queue().report("a", &report(3, 4)).await.unwrap();
    h.queue().report("c", &Report::default()).await.unwrap();
    let found: Vec<Report> = reports(h)
        .await
        .into_iter()
        .map(|reported| reported.report)
        .collect();
    assert_eq!(found, [Report::default(), report(2, 0), report(3, 4)]);
}

/// By the queue's clock.
pub async fn a_report_grows_old_and_is_forgotten(h: &impl Harness) {
    h.queue().report("a", &report(1, 1)).await.unwrap();
    h.advance(REPORT_KEPT - Duration::from_secs(60));
    h.queue().report("b", &report(2, 1)).await.unwrap();
    let ages: Vec<u64> = reports(h)
        .await
        .iter()
        .map(|reported| reported.age.as_secs() / 60)
        .collect();
    assert_eq!(ages, [59, 0]);
    h.advance(Duration::from_secs(120));
    let left: Vec<u32> = reports(h).await.iter().map(|r| r.report.slots).collect();
    assert_eq!(left, [2]);
}

/// Until the next one.
pub async fn reports_are_lost_with_everything(h: &impl Harness) {
    h.queue().report("a", &report(1, 1)).await.unwrap();
    h.lose_everything().await;
    assert!(reports(h).await.is_empty());
    h.queue().report("a", &report(1, 1)).await.unwrap();
    assert_eq!(reports(h).await.len(), 1);
}
