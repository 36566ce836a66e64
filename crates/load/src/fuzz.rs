//! Whatever stands on the command line of `tsctl load` and in a profile.

use std::time::Duration;

use scheduler_client::Priority;
use scheduler_fuzz::{check, text_near};

use crate::mix::Mix;
use crate::{Content, Kind, Mode, Schedule, Spread, Stage, Threshold, Weighted, job_type, number};

/// Looked at of what never ends.
const SOME: usize = 100;

#[test]
fn stages_are_read_or_refused_and_what_is_due_when_can_be_told() {
    check!()
        .with_generator(text_near(&[
            "60s:5k",
            "0s:500",
            "0s:10,20s:120,40s:0",
            "584554531y:1000000000000000m",
            "500000000000y:1,500000000000y:1",
            "1ns:1000000000000000m,0s:0,1ns:0.000000000000001",
        ]))
        .for_each(|text| {
            let stages: Result<Vec<Stage>, String> = text.split(',').map(str::parse).collect();
            let stages = match stages {
                Ok(stages) => stages,
                Err(said) => return assert!(said.starts_with("must be "), "{said}"),
            };
            let schedule = Schedule::of_stages(stages);
            let whole = schedule.duration();
            assert!(schedule.jobs() >= 0.0 && schedule.peak() >= 0.0);
            for spread in [Spread::Constant, Spread::Poisson] {
                let mut last = Duration::ZERO;
                for due in schedule.arrivals(spread, 1, 1).take(SOME) {
                    assert!(
                        due >= last && due <= whole.saturating_add(Duration::from_secs(1)),
                        "{due:?} {last:?} {whole:?}"
                    );
                    last = due;
                }
            }
        });
}

#[test]
fn numbers_are_read_within_their_bounds_or_refused() {
    check!()
        .with_generator(text_near(&[
            "5k", "1.5m", "1%", "64..2048", "1e15m", "-0", "1_000", "0x10",
        ]))
        .for_each(|text| {
            if let Ok(rate) = number::rate(text) {
                assert!(rate.is_finite() && rate >= 0.0);
            }
            if let Ok(share) = number::share(text) {
                assert!((0.0..=1.0).contains(&share));
            }
            if let Ok((least, most)) = number::sizes(text) {
                assert!(least <= most);
            }
            let _ = number::count(text);
        });
}

#[test]
fn thresholds_are_read_shown_as_they_were_read_and_compared_or_refused() {
    check!()
        .with_generator(text_near(&[
            "submit_p99<50ms",
            "error_rate<=0.1%",
            "lost==0",
            "accepted_rate>=5k",
            "e2e_max!=584554531y",
        ]))
        .for_each(|text| {
            let Ok(read) = text.parse::<Threshold>() else {
                return;
            };
            assert_eq!(read.to_string().parse(), Ok(read.clone()));
            let _ = (read.holds(Some(f64::NAN)), read.holds(Some(f64::INFINITY)));
            assert!(!read.holds(None) && read.is_measured(Mode::EndToEnd) | read.is_measured(Mode::Latency));
        });
}

#[test]
fn a_mix_is_read_and_drawn_from_or_refused() {
    check!()
        .with_generator(text_near(&[
            "noop=80,sleep=15,fail=5",
            "sleep:2s=18446744073709551614,noop",
            "sleep:584554531y",
            "a=0,b=1",
        ]))
        .for_each(|text| {
            let Ok(types) = Weighted::<Kind>::parse(text, job_type) else {
                return;
            };
            let weights: Vec<u64> = types.choices().map(|(_, weight)| weight).collect();
            assert!(weights.iter().any(|weight| *weight > 0));
            let mix = Mix::new(Content {
                types,
                priorities: Weighted::only(Priority::Default),
                payload: (0, 100),
                sleep: Duration::MAX,
                duplicates: 0.5,
                queue: String::new(),
                seed: 1,
            });
            for index in [0, 1, u64::MAX] {
                let job = mix.job(index).into_message();
                assert!(serde_json::from_str::<serde_json::Value>(&job.payload_json).is_ok());
                assert!(mix.carried(index.min(SOME as u64)) <= index);
            }
        });
}
