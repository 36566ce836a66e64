//! What is submitted: types, priorities, sizes and repetitions, each job a function of the seed and its number.

use std::time::Duration;

use scheduler_client::{JobRequest, Priority};

use crate::random::Random;

/// A repetition repeats one of so many jobs before it.
const REACH: u64 = 1_000;

/// Choices with their weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighted<T>(Vec<(T, u64)>);

impl<T> Weighted<T> {
    /// Always this one.
    #[must_use]
    pub fn only(choice: T) -> Self {
        Self(vec![(choice, 1)])
    }

    /// Reads `a=80,b=20`, names by `read`; a name alone weighs 1.
    ///
    /// # Errors
    /// What would have been understood.
    pub fn parse(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Self, String> {
        let one = |part: &str| {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let weight: u64 = weight
                .trim()
                .parse()
                .map_err(|_| format!("{part}: must be NAME=WEIGHT, such as noop=80"))?;
            Ok((read(name.trim())?, weight))
        };
        let choices = text.split(',').map(one).collect::<Result<Vec<_>, String>>()?;
        match choices
            .iter()
            .try_fold(0u64, |sum, (_, weight)| sum.checked_add(*weight))
        {
            Some(1..) => Ok(Self(choices)),
            _ => Err("the weights must add up to more than nothing".to_owned()),
        }
    }

    /// What there is, with its weights.
    pub fn choices(&self) -> impl Iterator<Item = (&T, u64)> {
        self.0.iter().map(|(choice, weight)| (choice, *weight))
    }

    fn pick(&self, random: &mut Random) -> Option<&T> {
        let total = self.0.iter().map(|(_, weight)| weight).sum();
        let mut left = random.below(total);
        let picked = self.0.iter().find(|(_, weight)| {
            let here = left < *weight;
            left = left.saturating_sub(*weight);
            here
        });
        picked.map(|(choice, _)| choice)
    }
}

/// A type of job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    name: String,
    /// How long it sleeps, where that is not what all sleep.
    sleep: Option<Duration>,
}

impl Kind {
    /// The type with this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            sleep: None,
        }
    }
}

/// What is to be submitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Types of jobs.
    pub types: Weighted<Kind>,
    /// Priorities.
    pub priorities: Weighted<Priority>,
    /// Least and greatest size of a payload in bytes; smaller than the argument itself means no padding.
    pub payload: (usize, usize),
    /// How long jobs of type `sleep` sleep that do not say it themselves.
    pub sleep: Duration,
    /// Share of submits that repeat an earlier job.
    pub duplicates: f64,
    /// The queue; empty means the default one.
    pub queue: String,
    /// What everything random follows from.
    pub seed: u64,
}

/// Builds jobs.
#[derive(Debug)]
pub(crate) struct Mix {
    content: Content,
    padding: String,
}

impl Mix {
    pub(crate) fn new(content: Content) -> Self {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut random = Random::at(content.seed, u64::MAX - 1);
        let padding = (0..content.payload.1)
            .map(|_| char::from(LETTERS[usize::try_from(random.below(64)).unwrap_or_default()]))
            .collect();
        Self { content, padding }
    }

    /// Which job the `index`-th submit carries: itself, or the earlier one that it repeats.
    pub(crate) fn carried(&self, index: u64) -> u64 {
        let mut random = Random::at(!self.content.seed, index);
        if index == 0 || random.unit() >= self.content.duplicates {
            return index;
        }
        let mut earlier = index - 1 - random.below(index.min(REACH));
        while earlier > 0 && Random::at(!self.content.seed, earlier).unit() < self.content.duplicates {
            earlier -= 1;
        }
        earlier
    }

    /// The job with this number, without an id.
    pub(crate) fn job(&self, index: u64) -> JobRequest {
        let mut random = Random::at(self.content.seed, index);
        let content = &self.content;
        let kind = content.types.pick(&mut random);
        let job_type = kind.map_or("noop", |kind| &kind.name);
        let sleep = kind.and_then(|kind| kind.sleep).unwrap_or(content.sleep);
        let priority = content.priorities.pick(&mut random).copied().unwrap_or_default();
        let (least, most) = content.payload;
        let spread = u64::try_from(most - least).unwrap_or_default() + 1;
        let size = least + usize::try_from(random.below(spread)).unwrap_or_default();
        JobRequest::new(job_type)
            .priority(priority)
            .payload_json(self.payload(job_type, sleep, size))
            .queue(content.queue.clone())
    }

    /// The argument, padded. Types with an argument of their own refuse members that they do not know, so theirs is
    /// padded with the white space that JSON allows.
    fn payload(&self, job_type: &str, sleep: Duration, size: usize) -> String {
        let argument = match job_type {
            "sleep" => format!("{{\"ms\":{}}}", sleep.as_millis()),
            "flaky" => "{\"failures\":1}".to_owned(),
            "always_fail" => "{\"message\":\"load\"}".to_owned(),
            _ => {
                let pad = size.saturating_sub("{\"pad\":\"\"}".len());
                return match pad {
                    0 => "{}".to_owned(),
                    _ => format!("{{\"pad\":\"{}\"}}", &self.padding[..pad]),
                };
            }
        };
        format!("{argument:size$}")
    }
}

/// A type's name; `fail` is short for `always_fail`, and `sleep:2s` for a `sleep` of its own length.
///
/// # Errors
/// When it is empty, or the length is none.
pub fn job_type(name: &str) -> Result<Kind, String> {
    match (name, name.split_once(':')) {
        ("", _) => Err("a type of job has a name".to_owned()),
        ("fail", _) => Ok(Kind::named("always_fail")),
        (_, Some(("sleep", length))) => {
            let sleep = humantime::parse_duration(length)
                .map_err(|_| format!("{name}: must be sleep:DURATION, such as sleep:200ms"))?;
            Ok(Kind {
                sleep: Some(sleep),
                ..Kind::named("sleep")
            })
        }
        (name, _) => Ok(Kind::named(name)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn content() -> Content {
        Content {
            types: Weighted::only(Kind::named("noop")),
            priorities: Weighted::only(Priority::Default),
            payload: (0, 0),
            sleep: Duration::from_millis(10),
            duplicates: 0.0,
            queue: String::new(),
            seed: 1,
        }
    }

    #[test]
    fn types_and_priorities_come_in_their_proportions() {
        let mix = Mix::new(Content {
            types: Weighted::parse("noop=80,sleep=15,fail=5", job_type).unwrap(),
            ..content()
        });
        let mut seen = BTreeMap::<String, u32>::new();
        for index in 0..10_000 {
            *seen.entry(mix.job(index).into_message().r#type).or_default() += 1;
        }
        assert!((7_800..8_200).contains(&seen["noop"]), "{seen:?}");
        assert!((1_350..1_650).contains(&seen["sleep"]), "{seen:?}");
        assert!((400..600).contains(&seen["always_fail"]), "{seen:?}");
    }

    #[test]
    fn run_times_are_mixed_by_weight() {
        let mix = Mix::new(Content {
            types: Weighted::parse("sleep:200ms=90,sleep:5s=5,sleep=5", job_type).unwrap(),
            ..content()
        });
        let mut seen = BTreeMap::<String, u32>::new();
        for index in 0..1_000 {
            let job = mix.job(index).into_message();
            assert_eq!(job.r#type, "sleep");
            *seen.entry(job.payload_json).or_default() += 1;
        }
        assert_eq!(seen.len(), 3, "{seen:?}");
        assert!(
            seen["{\"ms\":200}"] > 850 && seen["{\"ms\":5000}"] > 25 && seen["{\"ms\":10}"] > 25,
            "{seen:?}"
        );
    }

    #[test]
    fn the_same_seed_makes_the_same_jobs() {
        let varied = |seed| {
            Mix::new(Content {
                payload: (64, 2_048),
                duplicates: 0.2,
                seed,
                ..content()
            })
        };
        let jobs = |mix: &Mix| (0..100).map(|n| mix.job(mix.carried(n))).collect::<Vec<_>>();
        assert_eq!(jobs(&varied(1)), jobs(&varied(1)));
        assert_ne!(jobs(&varied(1)), jobs(&varied(2)));
    }

    #[test]
    fn a_payload_is_json_of_the_size_asked_for() {
        for (job_type, argument) in [("noop", ""), ("sleep", "ms"), ("flaky", "failures")] {
            let mix = Mix::new(Content {
                types: Weighted::only(Kind::named(job_type)),
                payload: (64, 512),
                ..content()
            });
            for index in 0..200 {
                let payload = mix.job(index).into_message().payload_json;
                assert!((64..=512).contains(&payload.len()), "{payload}");
                let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
                assert!(argument.is_empty() || value[argument].is_number(), "{payload}");
            }
        }
        let small = Mix::new(content()).job(0).into_message().payload_json;
        assert_eq!(small, "{}");
    }

    #[test]
    fn repetitions_come_in_their_share_and_repeat_first_submits() {
        let mix = Mix::new(Content {
            duplicates: 0.1,
            ..content()
        });
        let repeats: Vec<u64> = (0..10_000)
            .filter(|index| mix.carried(*index) != *index)
            .collect();
        assert!((900..1_100).contains(&repeats.len()), "{}", repeats.len());
        for index in repeats {
            let earlier = mix.carried(index);
            assert!(earlier < index && index - earlier <= REACH + 50);
            assert_eq!(mix.carried(earlier), earlier);
        }
    }

    #[test]
    fn weights_must_make_sense() {
        let read = |text| Weighted::parse(text, job_type);
        assert_eq!(read("noop"), Ok(Weighted::only(Kind::named("noop"))));
        for text in [
            "",
            "noop=x",
            "noop=0",
            "=5",
            "noop=5,",
            "sleep:=5",
            "sleep:soon=5",
        ] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
