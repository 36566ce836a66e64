use scheduler_domain::JobOptions;

use super::*;

fn job(queue: &str, job_type: &str) -> JobSpec {
    JobSpec {
        job_type: JobType::parse(job_type).unwrap(),
        queue: QueueName::parse(queue).unwrap(),
        priority: Priority::Default,
        payload: "{}".to_owned(),
        max_attempts: 3,
        options: JobOptions::default(),
    }
}

fn near(is: f64, expected: f64) {
    assert!(
        (is - expected).abs() <= expected.abs() * 0.05 + 0.001,
        "{is} is not {expected}"
    );
}

async fn pass(tally: &Tally, seconds: u32, mut each: impl FnMut()) -> Report {
    let mut last = Report::default();
    for _ in 0..seconds {
        each();
        tokio::time::advance(Duration::from_secs(1)).await;
        last = tally.report();
    }
    last
}

#[tokio::test(start_paused = true)]
async fn a_steady_flow_has_its_rate_and_a_flow_that_stops_fades() {
    let (tally, job) = (Tally::new(), job("mail", "send"));
    let report = pass(&tally, 120, || {
        for _ in 0..5 {
            tally.arrived(&job);
            tally.starts(&job).ended(Duration::from_millis(200));
        }
    })
    .await;
    let flow = &report.flows[0];
    near(flow.arrived, 5.0);
    near(flow.started, 5.0);
    near(flow.ended, 5.0);
    near(flow.busy / flow.runs, 0.2);
    assert_eq!(flow.running, 0);

    let report = pass(&tally, 30, || {}).await;
    near(report.flows[0].arrived, 5.0 / std::f64::consts::E);
    let report = pass(&tally, 300, || {}).await;
    assert!(report.flows[0].ended < 0.001);
    near(report.flows[0].busy / report.flows[0].runs, 0.2);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_has_just_started_does_not_take_a_burst_for_a_rate() {
    let (tally, job) = (Tally::new(), job("mail", "send"));
    let report = pass(&tally, 1, || (0..1_000).for_each(|_| tally.arrived(&job))).await;
    assert!(report.flows[0].arrived < 130.0, "{:?}", report.flows[0]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_runs_until_it_is_dropped_and_counts_as_ended_only_if_it_ended() {
    let (tally, job) = (Tally::new(), job("mail", "send"));
    let (one, other) = (tally.starts(&job), tally.starts(&job));
    assert_eq!(tally.report().flows[0].running, 2);
    one.ended(Duration::from_secs(1));
    drop(one);
    drop(other);
    let report = tally.report();
    assert_eq!(report.flows[0].running, 0);
    near(report.flows[0].runs, 1.0);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_become_due_are_counted_without_a_type() {
    let (tally, job) = (Tally::new(), job("mail", "send"));
    tally.promoted(&job.queue, Priority::Default, 40);
    tally.promoted(&job.queue, Priority::Low, 2);
    let mut flows = tally.report().flows;
    flows.sort_by_key(|flow| flow.priority);
    let seen: Vec<_> = flows
        .iter()
        .map(|flow| (flow.priority, flow.job_type.clone(), flow.lately))
        .collect();
    assert_eq!(
        seen,
        [(Priority::Default, None, 40.0), (Priority::Low, None, 2.0)]
    );
}

#[tokio::test(start_paused = true)]
async fn the_number_of_series_is_bounded_and_idle_ones_give_up_their_place() {
    let tally = Tally::new();
    for n in 0..MOST + 10 {
        tally.arrived(&job(&format!("q{n}"), "send"));
    }
    assert_eq!(tally.report().flows.len(), MOST);
    let still = tally.starts(&job("q0", "send"));
    tokio::time::advance(IDLE).await;
    // The first look finds what has happened before it, the second finds nothing.
    tally.report();
    tokio::time::advance(IDLE).await;
    tally.report();
    assert_eq!(tally.report().flows.len(), 1, "only what runs is left");
    drop(still);
    tally.arrived(&job("new", "send"));
    assert_eq!(tally.report().flows.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_happens_after_a_quiet_time_is_told_at_once_and_the_rest_waits_for_its_turn() {
    let (tally, job) = (Tally::new(), job("mail", "send"));
    let rung = || tokio::time::timeout(Duration::from_millis(1), tally.woken.notified());
    tally.arrived(&job);
    assert!(rung().await.is_ok());
    tally.arrived(&job);
    assert!(rung().await.is_err());
    tally.report();
    tally.arrived(&job);
    assert!(rung().await.is_err(), "there was something in the last report");
    tally.report();
    tally.report();
    tally.arrived(&job);
    assert!(rung().await.is_ok());
}
