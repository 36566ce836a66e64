//! A trigger's metadata: every fault is found at once, by its key.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use scheduler_domain::{Invalid, JobType, Priority, QueueName};
use scheduler_engine::{Aim, Selection, Signal};

/// The keys, as they are listed to whoever names another.
pub(crate) const KEYS: &[&str] = &[
    "metric",
    "queue",
    "priority",
    "type",
    "targetValue",
    "drainSeconds",
    "poolSize",
    "runSeconds",
    "activation",
];
/// Keys that KEDA itself reads from the same metadata.
const KEDAS: &[&str] = &[
    "scalerAddress",
    "enableTLS",
    "unsafeSsl",
    "tlsCertFile",
    "caCert",
    "tlsClientCert",
    "tlsClientKey",
];
/// Most unknown keys that are told, and how much of each.
const MOST_TOLD: usize = 10;
const LONGEST_TOLD: usize = 32;
/// Most names in one list.
const MOST_NAMES: usize = 100;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    /// Workers that arrivals and backlog keep busy.
    DesiredWorkers,
    /// Jobs that wait or run.
    Ready,
    /// Seconds that the oldest ready job has waited.
    OldestAge,
}

impl Metric {
    const ALL: [Self; 3] = [Self::DesiredWorkers, Self::Ready, Self::OldestAge];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::DesiredWorkers => "desired_workers",
            Self::Ready => "ready",
            Self::OldestAge => "oldest_age",
        }
    }
}

/// What a trigger asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trigger {
    pub(super) metric: Metric,
    pub(super) selection: Selection,
    /// How much of the metric one worker carries.
    pub(super) target: f64,
    /// So many ready jobs wake nobody.
    pub(super) activation: u64,
    drain: Duration,
    run: Duration,
    pool_size: Option<f64>,
}

impl Trigger {
    /// Checks metadata, and fills in its defaults.
    ///
    /// # Errors
    /// Every violation.
    pub(crate) fn parse(metadata: &HashMap<String, String>) -> Result<Self, Vec<Invalid>> {
        let mut reader = Reader {
            metadata,
            faults: Vec::new(),
        };
        reader.check_keys();
        let metric = reader.metric();
        let pool_size = reader.number("poolSize", 1..=10_000, "must be a whole number from 1 to 10000");
        let selection = Selection {
            queues: reader.list("queue", |name| QueueName::parse(name).ok()),
            priorities: reader.list("priority", priority),
            types: reader.list("type", |name| JobType::parse(name).ok()),
        };
        let target = reader.decimal(
            "targetValue",
            0.001,
            1e9,
            "must be a number from 0.001 to 1000000000",
        );
        let seconds = "must be seconds from 1 to 86400";
        let drain = reader.number("drainSeconds", 1..=86_400, seconds);
        let run = reader.decimal(
            "runSeconds",
            0.001,
            86_400.0,
            "must be seconds from 0.001 to 86400",
        );
        let allowed = "must be a whole number from 0 to 1000000000";
        let activation = reader.number("activation", 0..=1_000_000_000, allowed);
        if !reader.faults.is_empty() {
            return Err(reader.faults);
        }
        let pool_size = pool_size.map(super::float);
        let default = match metric {
            Metric::DesiredWorkers => 1.0,
            Metric::Ready => pool_size.unwrap_or(Aim::POOL_SIZE),
            Metric::OldestAge => 30.0,
        };
        Ok(Self {
            metric,
            selection,
            target: target.unwrap_or(default),
            activation: activation.unwrap_or_default(),
            drain: drain.map_or(Aim::DRAIN, Duration::from_secs),
            run: run.map_or(Aim::RUN, Duration::from_secs_f64),
            pool_size,
        })
    }

    /// What the number of workers is to achieve: as the metadata says, and where it is silent as workers are.
    pub(super) fn aim(&self, signal: &Signal) -> Aim {
        let default = Aim::with(signal);
        Aim {
            drain: self.drain,
            run: self.run,
            pool_size: self.pool_size.unwrap_or(default.pool_size),
        }
    }
}

fn priority(name: &str) -> Option<Priority> {
    Priority::ALL
        .into_iter()
        .find(|priority| priority.name().eq_ignore_ascii_case(name))
}

struct Reader<'a> {
    metadata: &'a HashMap<String, String>,
    faults: Vec<Invalid>,
}

impl Reader<'_> {
    /// The value of `key`; what is empty counts as not there, for templates leave such behind.
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.metadata.get(key)?.trim();
        (!value.is_empty()).then_some(value)
    }

    fn refuse(&mut self, key: &str, allowed: impl Into<String>) {
        self.faults.push(Invalid::new(format!("metadata.{key}"), allowed));
    }

    fn check_keys(&mut self) {
        let known = |key: &&String| KEYS.contains(&key.as_str()) || KEDAS.contains(&key.as_str());
        let mut unknown: Vec<&String> = self.metadata.keys().filter(|key| !known(key)).collect();
        unknown.sort();
        for key in unknown.into_iter().take(MOST_TOLD) {
            // Cut, and not all of them: the answer has to fit into headers, whatever was sent.
            let key: String = key.chars().take(LONGEST_TOLD).collect();
            self.refuse(&key, format!("is not a key; there are {}", KEYS.join(", ")));
        }
    }

    fn metric(&mut self) -> Metric {
        let Some(name) = self.get("metric") else {
            return Metric::DesiredWorkers;
        };
        let found = Metric::ALL.into_iter().find(|metric| metric.name() == name);
        found.unwrap_or_else(|| {
            self.refuse("metric", "must be desired_workers, ready or oldest_age");
            Metric::DesiredWorkers
        })
    }

    /// Names, separated by commas; none, or `*`, means all.
    fn list<T>(&mut self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let names = match self.get(key) {
            None | Some("*") => return Vec::new(),
            Some(names) => names.split(',').map(str::trim).collect::<Vec<_>>(),
        };
        // An empty name would mean the default queue, where a comma too many was meant.
        let parsed: Option<Vec<T>> = names
            .iter()
            .map(|name| parse(name).filter(|_| !name.is_empty()))
            .collect();
        match parsed {
            Some(parsed) if parsed.len() <= MOST_NAMES => parsed,
            _ => {
                let allowed = match key {
                    "priority" => {
                        "must be some of critical, high, default, low, separated by commas, or * for all"
                    }
                    "queue" => "must be at most 100 queues' names, separated by commas, or * for all",
                    _ => "must be at most 100 types' names, separated by commas, or * for all",
                };
                self.refuse(key, allowed);
                Vec::new()
            }
        }
    }

    fn number(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
        allowed: &'static str,
    ) -> Option<u64> {
        self.value(key, |number| range.contains(number), allowed)
    }

    fn decimal(&mut self, key: &str, least: f64, most: f64, allowed: &'static str) -> Option<f64> {
        self.value(key, |number| (least..=most).contains(number), allowed)
    }

    fn value<T: FromStr>(
        &mut self,
        key: &str,
        holds: impl Fn(&T) -> bool,
        allowed: &'static str,
    ) -> Option<T> {
        let text = self.get(key)?;
        let value = text.parse().ok().filter(holds);
        if value.is_none() {
            self.refuse(key, allowed);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Trigger, Vec<Invalid>> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Trigger::parse(&pairs.iter().map(own).collect())
    }

    #[test]
    fn without_metadata_all_queues_are_meant_and_workers_are_counted() {
        let trigger = parse(&[]).unwrap();
        assert_eq!(trigger.metric, Metric::DesiredWorkers);
        assert_eq!(trigger.selection, Selection::default());
        assert_eq!((trigger.target, trigger.activation), (1.0, 0));
        let aim = trigger.aim(&Signal::default());
        assert_eq!(
            (aim.drain.as_secs(), aim.pool_size, aim.run.as_secs()),
            (30, 10.0, 1)
        );
        for (metric, target) in [("ready", 10.0), ("oldest_age", 30.0)] {
            assert_eq!(parse(&[("metric", metric)]).unwrap().target, target);
        }
        assert_eq!(
            parse(&[("metric", "ready"), ("poolSize", "4")]).unwrap().target,
            4.0
        );
    }

    #[test]
    fn every_key_is_read_and_those_of_keda_are_left_to_it() {
        let trigger = parse(&[
            ("scalerAddress", "api:8082"),
            ("enableTLS", "false"),
            ("metric", "ready"),
            ("queue", "mail, eu.bulk"),
            ("priority", "critical,HIGH"),
            ("type", "send:now"),
            ("targetValue", "2.5"),
            ("drainSeconds", "10"),
            ("poolSize", "20"),
            ("runSeconds", "0.2"),
            ("activation", "7"),
        ])
        .unwrap();
        let selection = &trigger.selection;
        assert_eq!(
            selection.queues.iter().map(QueueName::as_str).collect::<Vec<_>>(),
            ["mail", "eu.bulk"]
        );
        assert_eq!(selection.priorities, [Priority::Critical, Priority::High]);
        assert_eq!(selection.types, [JobType::parse("send:now").unwrap()]);
        assert_eq!((trigger.target, trigger.activation), (2.5, 7));
        let signal = Signal {
            pool_size: Some(3.0),
            ..Signal::default()
        };
        let aim = trigger.aim(&signal);
        assert_eq!(
            (aim.drain.as_secs(), aim.pool_size, aim.run.as_millis()),
            (10, 20.0, 200)
        );
        assert_eq!(parse(&[]).unwrap().aim(&signal).pool_size, 3.0);
    }

    #[test]
    fn what_a_template_leaves_empty_is_not_there() {
        let pairs: Vec<(&str, &str)> = KEYS.iter().map(|key| (*key, " ")).collect();
        assert_eq!(parse(&pairs), parse(&[]));
        assert_eq!(
            parse(&[("queue", "*"), ("type", "*"), ("priority", "*")]),
            parse(&[])
        );
    }

    #[test]
    fn each_limit_holds_at_its_value_and_not_past_it() {
        for (key, good, bad) in [
            (
                "targetValue",
                &["0.001", "1000000000"][..],
                &["0", "-1", "1e10", "NaN", "inf", "x"][..],
            ),
            (
                "drainSeconds",
                &["1", "86400"],
                &["0", "86401", "1.5", "30s", "-1"],
            ),
            ("poolSize", &["1", "10000"], &["0", "10001", "ten"]),
            ("runSeconds", &["0.001", "86400"], &["0", "86400.1", "NaN"]),
            ("activation", &["0", "1000000000"], &["-1", "1000000001", "0.5"]),
            (
                "metric",
                &["desired_workers", "ready", "oldest_age"],
                &["Ready", "cpu"],
            ),
            ("queue", &["a", "a,b"], &["a,,b", ",", "a b", "a,"]),
            ("priority", &["low", "Low,high"], &["urgent", "3", "low,"]),
            ("type", &["a:b/c"], &["a b", "a,"]),
        ] {
            for value in good {
                assert!(parse(&[(key, value)]).is_ok(), "{key}={value}");
            }
            for value in bad {
                let faults = parse(&[(key, value)]).unwrap_err();
                assert_eq!(faults.len(), 1, "{key}={value}");
                assert_eq!(faults[0].field, format!("metadata.{key}"));
                assert!(faults[0].allowed.starts_with("must be "), "{:?}", faults[0]);
            }
        }
        let names = |n: usize| vec!["q"; n].join(",");
        assert!(parse(&[("queue", &names(MOST_NAMES))]).is_ok());
        assert!(parse(&[("queue", &names(MOST_NAMES + 1))]).is_err());
    }

    #[test]
    fn all_faults_are_told_at_once_and_a_misspelt_key_with_those_there_are() {
        let faults = parse(&[("drainSecond", "1"), ("poolSize", "0"), ("queues", "a")]).unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            ["metadata.drainSecond", "metadata.queues", "metadata.poolSize"]
        );
        assert!(faults[0].allowed.contains("drainSeconds"), "{:?}", faults[0]);
    }
}
