use scheduler_queue::Report;

use super::*;

const LEASE: Duration = Duration::from_secs(15);

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).unwrap()
}

fn flow(job_type: Option<&str>) -> Flow {
    Flow {
        queue: queue("mail"),
        priority: Priority::Default,
        job_type: job_type.map(|name| JobType::parse(name).unwrap()),
        arrived: 0.0,
        started: 0.0,
        ended: 0.0,
        lately: 0.0,
        runs: 0.0,
        busy: 0.0,
        running: 0,
    }
}

fn depth(ready: u64, oldest: u64) -> Depth {
    Depth {
        queue: queue("mail"),
        priority: Priority::Default,
        ready,
        oldest: Some(Duration::from_secs(oldest)),
    }
}

fn reported(age: u64, slots: u32, flows: Vec<Flow>) -> Reported {
    Reported {
        age: Duration::from_secs(age),
        report: Report { slots, flows },
    }
}

fn signal(depths: Vec<Depth>, reports: &[Reported]) -> Signal {
    Signal::of(depths, reports, LEASE)
}

fn near(is: f64, expected: f64) {
    assert!((is - expected).abs() < 1e-6, "{is} is not {expected}");
}

fn ready(load: &Load) -> Vec<(&str, u64)> {
    let types = load.types.iter();
    types
        .map(|(job_type, figures)| (job_type.as_ref().map_or("", JobType::as_str), figures.ready))
        .collect()
}

#[test]
fn reports_of_all_processes_add_up() {
    let api = Flow {
        arrived: 3.0,
        ..flow(Some("send"))
    };
    let worker = Flow {
        ended: 2.0,
        runs: 100.0,
        busy: 20.0,
        running: 4,
        ..flow(Some("send"))
    };
    let slower = Flow {
        busy: 60.0,
        ..worker.clone()
    };
    let reports = [
        reported(0, 0, vec![api.clone()]),
        reported(1, 0, vec![api]),
        reported(0, 10, vec![worker]),
        reported(2, 20, vec![slower]),
    ];
    let signal = signal(vec![depth(7, 3)], &reports);
    assert_eq!(
        (signal.lines.len(), signal.pool_size, signal.workers),
        (1, Some(15.0), 2)
    );
    let figures = &signal.lines[0].figures;
    near(figures.arrival_rate, 6.0);
    near(figures.completion_rate, 4.0);
    assert_eq!(figures.mean_run, Some(Duration::from_millis(400)));
    assert_eq!((figures.ready, figures.running), (7, 8));
    assert_eq!(figures.oldest, Some(Duration::from_secs(3)));
}

/// A worker that was killed: its jobs count until their leases have run out, its run times for longer.
#[test]
fn what_a_silent_process_said_is_believed_for_a_lease_and_its_rates_fade() {
    let flow = Flow {
        ended: 2.0,
        runs: 10.0,
        busy: 5.0,
        running: 4,
        ..flow(Some("send"))
    };
    let seen = |age| signal(vec![], &[reported(age, 10, vec![flow.clone()])]);
    assert_eq!(seen(17).lines[0].figures.running, 4);
    let late = seen(33);
    let figures = &late.lines[0].figures;
    assert_eq!((figures.running, late.workers), (0, 0));
    near(figures.completion_rate, 2.0 / std::f64::consts::E);
    assert_eq!(figures.mean_run, Some(Duration::from_millis(500)));
    assert_eq!(
        late.pool_size,
        Some(10.0),
        "the next worker is likely to be like the last"
    );
}

#[test]
fn ready_jobs_are_divided_like_those_that_came_while_the_oldest_has_waited() {
    let (often, seldom) = (
        Flow {
            arrived: 9.0,
            lately: 50.0,
            ..flow(Some("often"))
        },
        Flow {
            arrived: 1.0,
            lately: 50.0,
            ..flow(Some("seldom"))
        },
    );
    let reports = [reported(0, 0, vec![often, seldom])];
    let young = signal(vec![depth(1_000, 20)], &reports);
    assert_eq!(ready(&young.lines[0]), [("often", 900), ("seldom", 100)]);
    let old = signal(vec![depth(1_000, 500)], &reports);
    assert_eq!(ready(&old.lines[0]), [("often", 500), ("seldom", 500)]);
}

#[test]
fn jobs_whose_time_came_are_given_to_the_types_that_start() {
    let untyped = Flow {
        arrived: 10.0,
        lately: 10.0,
        ..flow(None)
    };
    let started = |name, started| Flow {
        started,
        ..flow(Some(name))
    };
    let reports = [reported(
        0,
        10,
        vec![untyped.clone(), started("a", 3.0), started("b", 1.0)],
    )];
    let line = &signal(vec![depth(8, 1)], &reports).lines[0];
    assert_eq!(ready(line), [("a", 6), ("b", 2)]);
    near(line.types[0].1.arrival_rate, 7.5);
    near(line.figures.arrival_rate, 10.0);
    // Before any has started nobody knows.
    let line = &signal(vec![depth(8, 1)], &[reported(0, 0, vec![untyped])]).lines[0];
    assert_eq!(ready(line), [("", 8)]);
}

#[test]
fn after_a_loss_of_all_reports_what_is_ready_is_still_exact() {
    let signal = signal(vec![depth(1_000_000, 60)], &[]);
    let line = &signal.lines[0];
    assert_eq!(
        (line.figures.ready, ready(line)),
        (1_000_000, vec![("", 1_000_000)])
    );
    assert_eq!((signal.pool_size, line.figures.mean_run), (None, None));
}

#[test]
fn workers_are_what_comes_in_and_what_waits_times_how_long_it_runs() {
    let steady = Flow {
        arrived: 100.0,
        runs: 1_000.0,
        busy: 200.0,
        ..flow(Some("send"))
    };
    let reports = [reported(0, 10, vec![steady.clone()])];
    let aim = |signal: &Signal| Aim {
        drain: Duration::from_secs(10),
        ..Aim::with(signal)
    };
    let calm = signal(vec![], &reports);
    near(calm.lines[0].workers(&aim(&calm)), 2.0);
    let burst = signal(vec![depth(5_000, 1)], &reports);
    near(burst.lines[0].workers(&aim(&burst)), 12.0);
    assert_eq!(desired_workers(&burst.lines, &aim(&burst)), 12);
    // Of what nothing is known a guess is made, which the aim names.
    let blind = signal(vec![depth(5_000, 1)], &[]);
    near(blind.lines[0].workers(&aim(&blind)), 50.0);
}

#[test]
fn work_that_runs_keeps_its_workers_and_the_least_of_work_wants_one() {
    let long = Flow {
        running: 25,
        ..flow(Some("train"))
    };
    let busy = signal(vec![], &[reported(0, 10, vec![long])]);
    assert_eq!(desired_workers(&busy.lines, &Aim::with(&busy)), 3);
    let short = Flow {
        runs: 1.0,
        busy: 0.000_01,
        ..flow(Some("noop"))
    };
    let one = signal(vec![depth(1, 0)], &[reported(0, 10, vec![short.clone()])]);
    assert_eq!(desired_workers(&one.lines, &Aim::with(&one)), 1);
    let none = signal(vec![], &[reported(0, 10, vec![short])]);
    assert_eq!(desired_workers(&none.lines, &Aim::with(&none)), 0);
}

#[test]
fn a_selection_leaves_the_lines_and_types_that_are_meant() {
    let other = Flow {
        queue: queue("bulk"),
        arrived: 5.0,
        ..flow(Some("copy"))
    };
    let mut low = Flow {
        arrived: 2.0,
        running: 1,
        ..flow(Some("copy"))
    };
    low.priority = Priority::Low;
    let send = Flow {
        arrived: 1.0,
        ..flow(Some("send"))
    };
    let all = signal(vec![depth(4, 1)], &[reported(0, 1, vec![other, low, send])]);
    let arrivals = |selection: Selection| {
        let lines = all.select(&selection);
        lines.iter().map(|line| line.figures.arrival_rate).sum::<f64>()
    };
    near(arrivals(Selection::default()), 8.0);
    let of = |queues: &[&str], priorities: &[Priority], types: &[&str]| Selection {
        queues: queues.iter().map(|name| queue(name)).collect(),
        priorities: priorities.to_vec(),
        types: types.iter().map(|name| JobType::parse(*name).unwrap()).collect(),
    };
    near(arrivals(of(&["mail"], &[], &[])), 3.0);
    near(arrivals(of(&["mail", "bulk"], &[Priority::Low], &[])), 2.0);
    near(arrivals(of(&[], &[], &["copy"])), 7.0);
    near(arrivals(of(&[], &[], &["nothing"])), 0.0);
    let send = all.select(&of(&[], &[], &["send"]));
    assert_eq!((send.len(), send[0].figures.ready), (1, 4));
}
