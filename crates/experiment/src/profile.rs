//! The load that every run gets: as a file, as flags, or both.

use std::fs;
use std::path::Path;
use std::time::Duration;

use scheduler_client::Priority;
use scheduler_load::{
    Content, Kind, Mode, Naming, Pace, Plan, Schedule, Spread as Arrivals, Stage, Weighted, job_type, number,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// From little to more than the least number of workers can do, and back.
const STAGES: [&str; 6] = ["0s:10", "20s:10", "20s:120", "40s:120", "0s:10", "40s:10"];
const MIX: &str = "sleep:200ms";

/// How arrivals are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// At even distances.
    #[default]
    Constant,
    /// By chance, as from many clients.
    Poisson,
}

/// The load. Everything is written as `tsctl load` has it on the command line; what is not there has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Stage after stage, `DURATION:RATE`: the rate goes there in a straight line, with `0s` at once.
    pub stages: Option<Vec<String>>,
    /// How arrivals are spread.
    pub arrivals: Option<Spread>,
    /// Types and their weights, run times by `sleep:200ms=90,sleep:5s=10`.
    pub mix: Option<String>,
    /// Priorities and their weights.
    pub priorities: Option<String>,
    /// Size of a payload, or the least and the greatest.
    pub payload_bytes: Option<String>,
    /// Jobs per call, 1 to 1,000.
    pub batch: Option<u32>,
    /// HTTP/2 connections, 1 to 1,000.
    pub connections: Option<u16>,
    /// Connections are replaced at this age, so that new replicas get their share.
    pub reconnect: Option<String>,
    /// Queue of the jobs.
    pub queue: Option<String>,
    /// What everything random follows from: the jobs, their arrivals, and the order of the runs.
    pub seed: Option<u64>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not there, or says something that is not understood.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let told = file.display();
        let text = fs::read_to_string(file).map_err(|error| Error::Invalid(format!("{told}: {error}")))?;
        serde_saphyr::from_str(&text)
            .map_err(|error| Error::Invalid(format!("{told} is not a load profile: {error}")))
    }

    /// This one, and `base` where it says nothing.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            stages: self.stages.or(base.stages),
            arrivals: self.arrivals.or(base.arrivals),
            mix: self.mix.or(base.mix),
            priorities: self.priorities.or(base.priorities),
            payload_bytes: self.payload_bytes.or(base.payload_bytes),
            batch: self.batch.or(base.batch),
            connections: self.connections.or(base.connections),
            reconnect: self.reconnect.or(base.reconnect),
            queue: self.queue.or(base.queue),
            seed: self.seed.or(base.seed),
        }
    }

    /// With every default filled in, as the summary has it.
    #[must_use]
    pub fn whole(self) -> Self {
        self.over(Self {
            stages: Some(STAGES.map(str::to_owned).into()),
            arrivals: Some(Spread::Constant),
            mix: Some(MIX.to_owned()),
            priorities: Some("default".to_owned()),
            payload_bytes: Some("0".to_owned()),
            batch: Some(1),
            connections: Some(4),
            reconnect: None,
            queue: Some(String::new()),
            seed: Some(0),
        })
    }

    /// When the last job is due.
    pub(crate) fn length(&self) -> Duration {
        self.schedule()
            .map(|schedule| schedule.duration())
            .unwrap_or_default()
    }

    fn schedule(&self) -> Result<Schedule, String> {
        let stages = self.clone().whole().stages.unwrap_or_default();
        let read = |text: &String| {
            text.parse::<Stage>()
                .map_err(|error| format!("stages: {text}: {error}"))
        };
        Ok(Schedule::of_stages(
            stages.iter().map(read).collect::<Result<_, _>>()?,
        ))
    }

    /// The load, without an address.
    ///
    /// # Errors
    /// In words, with the field's name.
    pub(crate) fn load(&self) -> Result<Plan, String> {
        let whole = self.clone().whole();
        let named = |field: &'static str| move |error: String| format!("{field}: {error}");
        let connections = whole.connections.unwrap_or_default();
        if !(1..=1_000).contains(&connections) {
            return Err("connections: must be 1 to 1,000".to_owned());
        }
        let reconnect = whole
            .reconnect
            .as_deref()
            .map(age)
            .transpose()
            .map_err(named("reconnect"))?;
        Ok(Plan {
            address: String::new(),
            connections: usize::from(connections),
            reconnect,
            deadline: Duration::from_secs(10),
            mode: Mode::EndToEnd,
            pace: Pace::Open {
                schedule: self.schedule()?,
                spread: match whole.arrivals.unwrap_or_default() {
                    Spread::Constant => Arrivals::Constant,
                    Spread::Poisson => Arrivals::Poisson,
                },
                max_in_flight: 10_000,
            },
            jobs: None,
            batch: whole.batch.unwrap_or(1),
            content: Content {
                types: types(&whole.mix.unwrap_or_default()).map_err(named("mix"))?,
                priorities: Weighted::parse(&whole.priorities.unwrap_or_default(), priority)
                    .map_err(named("priorities"))?,
                payload: number::sizes(&whole.payload_bytes.unwrap_or_default())
                    .map_err(named("payload_bytes"))?,
                sleep: Duration::from_millis(10),
                duplicates: 0.0,
                queue: whole.queue.unwrap_or_default(),
                seed: whole.seed.unwrap_or_default(),
            },
            naming: Naming::Client,
            warmup: Duration::ZERO,
            drain_timeout: Duration::ZERO,
            times: true,
            thresholds: Vec::new(),
            user_agent: String::new(),
        })
    }
}

fn types(text: &str) -> Result<Weighted<Kind>, String> {
    Weighted::parse(text, job_type)
}

fn priority(text: &str) -> Result<Priority, String> {
    Priority::ALL
        .into_iter()
        .find(|priority| priority.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| format!("{text}: must be critical, high, default or low"))
}

fn age(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be more than nothing".to_owned()),
        Ok(age) => Ok(age),
        Err(_) => Err(format!("{text}: must be a duration, such as 30s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Profile, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Profile::read(file.path())
    }

    #[test]
    fn a_file_says_what_the_flags_of_load_say() {
        let profile = read(
            "stages: [0s:5, 20s:5, 0s:200, 25s:200]\narrivals: poisson\nmix: sleep:200ms=90,sleep:5s=10\n\
             priorities: default=80,critical=20\npayload_bytes: 64..512\nseed: 7\n",
        )
        .unwrap();
        let plan = profile.load().unwrap();
        assert_eq!((plan.content.payload, plan.content.seed), ((64, 512), 7));
        assert_eq!(
            (plan.content.types.choices().count(), plan.mode),
            (2, Mode::EndToEnd)
        );
        assert_eq!(profile.length(), Duration::from_secs(45));
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let file = read("mix: noop\nseed: 7\n").unwrap();
        let flags = Profile {
            seed: Some(9),
            ..Profile::default()
        };
        let whole = flags.over(file).whole();
        assert_eq!(
            (whole.mix.as_deref(), whole.seed, whole.batch),
            (Some("noop"), Some(9), Some(1))
        );
        assert_eq!(whole.length(), Duration::from_secs(120));
    }

    #[test]
    fn what_makes_no_sense_is_told_by_its_field() {
        for (text, part) in [
            ("stages: [60:5k]", "stages: 60:5k: must be DURATION:RATE"),
            ("mix: noop=0", "mix: the weights"),
            ("priorities: urgent", "priorities: urgent: must be critical"),
            ("payload_bytes: 9..8", "payload_bytes: must be a size"),
            ("connections: 0", "connections: must be 1 to 1,000"),
            ("reconnect: 0s", "reconnect: must be more"),
        ] {
            let told = read(text).unwrap().load().unwrap_err();
            assert!(told.contains(part), "{text}: {told}");
        }
        let told = read("rate: 5").unwrap_err().to_string();
        assert!(
            told.contains("not a load profile") && told.contains("rate"),
            "{told}"
        );
    }
}
