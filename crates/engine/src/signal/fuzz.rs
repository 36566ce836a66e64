//! Reports come out of Redis, where others may write: whatever figures they have, what is made of them can be shown and scaled by.

use std::time::Duration;

use scheduler_domain::{JobType, Priority, QueueName};
use scheduler_fuzz::{Generate as _, any, check};
use scheduler_queue::{Depth, Flow, Report, Reported};

use super::{Aim, Figures, Selection, Signal, desired_workers};

/// Most that the queue takes for a rate.
const MOST: f64 = 1e15;
const NAMES: [&str; 3] = ["a", "b", "c"];

type Drawn = (
    Vec<(u64, u32, Vec<(u8, [u64; 6], u32)>)>,
    Vec<(u8, u32, Option<u64>)>,
);

fn line(drawn: u8) -> (QueueName, Priority, Option<JobType>) {
    let at = |shift: u8| usize::from(drawn >> shift & 3);
    let queue = QueueName::from_stored(NAMES[at(0) % 3].to_owned());
    let job_type = NAMES
        .get(at(4))
        .map(|name| JobType::from_stored((*name).to_owned()));
    (queue, Priority::ALL[at(2)], job_type)
}

/// Any rate that the queue lets through: nothing, the least, the greatest, and everything between.
fn rate(drawn: u64) -> f64 {
    match drawn % 4 {
        0 => 0.0,
        1 => MOST,
        _ => Some(f64::from_bits(drawn).abs())
            .filter(|rate| rate.is_finite())
            .map_or(MOST, |rate| rate.clamp(f64::MIN_POSITIVE, MOST)),
    }
}

fn signal((reports, depths): &Drawn) -> Signal {
    let flow = |(drawn, rates, running): &(u8, [u64; 6], u32)| {
        let (queue, priority, job_type) = line(*drawn);
        let [arrived, started, ended, lately, runs, busy] = rates.map(rate);
        Flow {
            queue,
            priority,
            job_type,
            arrived,
            started,
            ended,
            lately,
            runs,
            busy,
            running: *running,
        }
    };
    let reports: Vec<Reported> = reports
        .iter()
        .map(|(age, slots, flows)| Reported {
            age: Duration::from_micros(age >> (age % 64)),
            report: Report {
                slots: *slots,
                flows: flows.iter().map(flow).collect(),
            },
        })
        .collect();
    let depths = depths.iter().map(|(drawn, ready, oldest)| {
        let (queue, priority, _) = line(*drawn);
        Depth {
            queue,
            priority,
            ready: u64::from(ready % 10_000),
            oldest: oldest.map(Duration::from_micros),
        }
    });
    Signal::of(depths.collect(), &reports, Duration::from_secs(30))
}

fn sound(figures: &Figures) {
    let rates = [figures.arrival_rate, figures.completion_rate];
    assert!(
        rates.iter().all(|rate| rate.is_finite() && *rate >= 0.0),
        "{figures:?}"
    );
}

#[test]
fn whatever_processes_report_the_signal_is_made_of_numbers_and_no_ready_job_is_lost_in_it() {
    check!()
        .with_generator(any::<Drawn>().map_gen(|drawn| drawn))
        .for_each(|drawn| {
            let signal = signal(drawn);
            let aim = Aim::with(&signal);
            assert!(aim.pool_size > 0.0);
            for load in &signal.lines {
                sound(&load.figures);
                load.types.iter().for_each(|(_, figures)| sound(figures));
                let divided: u64 = load.types.iter().map(|(_, figures)| figures.ready).sum();
                assert_eq!(divided, load.figures.ready, "{load:?}");
                assert!(load.workers(&aim).is_finite(), "{load:?}");
            }
            let lines = signal.select(&Selection::default());
            sound(&Figures::total(lines.iter().map(|load| &load.figures)));
            let any = lines
                .iter()
                .any(|load| load.figures.ready + load.figures.running > 0);
            assert!(desired_workers(&lines, &aim) >= u64::from(any));
        });
}
