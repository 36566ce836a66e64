//! What is compared, and in which order.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use scheduler_domain::{Entropy as _, SeededEntropy};

use crate::error::Error;
use crate::profile::Profile;

/// Sides that a report can tell apart by colour.
pub(crate) const MOST_SIDES: usize = 5;
/// Repeats of each side.
pub(crate) const MOST_REPEATS: u32 = 100;

/// One of the values files that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Its file's name without the ending.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// What is in it.
    pub text: String,
}

impl Side {
    /// Reads a values file.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not there, or holds something else than values.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let told = file.display();
        let text = fs::read_to_string(file).map_err(|error| Error::Invalid(format!("{told}: {error}")))?;
        let values: serde_json::Value = serde_saphyr::from_str(&text).map_err(|error| {
            Error::Invalid(format!("{told} is not a values file: it is no YAML: {error}"))
        })?;
        // A file of comments alone is the chart's defaults.
        if !(values.is_object() || values.is_null()) {
            return Err(Error::Invalid(format!(
                "{told} is not a values file: it must hold a map, such as `worker: {{poolSize: 20}}`"
            )));
        }
        let name = file
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(Self {
            name,
            file: file.to_owned(),
            text,
        })
    }
}

/// One run: which side, for which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Number of the run, from 1.
    pub number: usize,
    /// Of so many.
    pub of: usize,
    /// Index of the side.
    pub side: usize,
    /// Which repeat of it, from 1.
    pub repeat: u32,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is compared.
    pub sides: Vec<Side>,
    /// How often each side runs.
    pub repeat: u32,
    /// The load, the same for every run.
    pub profile: Profile,
    /// Load's thresholds, which each run must meet.
    pub thresholds: Vec<scheduler_load::Threshold>,
    /// The replicas must have stood still for so long before the load begins.
    pub settle: Duration,
    /// Longest wait for that.
    pub settle_timeout: Duration,
    /// How long jobs are followed after the last was sent.
    pub drain_timeout: Duration,
    /// Sampling goes on for so long after the load's end, to see the pods go.
    pub after: Duration,
    /// Where the results go: a folder that is empty or not there.
    pub out: PathBuf,
    /// How this program calls itself.
    pub user_agent: String,
}

impl Plan {
    /// Says what makes no sense about it, before anything is installed.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        let invalid = |text: String| Err(Error::Invalid(text));
        if !(1..=MOST_SIDES).contains(&self.sides.len()) {
            return invalid(format!(
                "{} values files were given; a report compares 1 to {MOST_SIDES}",
                self.sides.len()
            ));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = self.sides.iter().find(|side| !names.insert(&side.name)) {
            return invalid(format!(
                "two values files are called {}: a report could not tell them apart",
                twice.name
            ));
        }
        if !(1..=MOST_REPEATS).contains(&self.repeat) {
            return invalid(format!("--repeat {}: must be 1 to {MOST_REPEATS}", self.repeat));
        }
        self.load(String::new()).map(|_| ())?;
        let taken = fs::read_dir(&self.out).is_ok_and(|mut entries| entries.next().is_some());
        if taken || self.out.is_file() {
            return invalid(format!(
                "{} has something in it already: name another folder with --out",
                self.out.display()
            ));
        }
        Ok(())
    }

    /// The load against this address.
    pub(crate) fn load(&self, address: String) -> Result<scheduler_load::Plan, Error> {
        let plan = scheduler_load::Plan {
            address,
            drain_timeout: self.drain_timeout,
            thresholds: self.thresholds.clone(),
            user_agent: self.user_agent.clone(),
            ..self.profile.load().map_err(Error::Invalid)?
        };
        plan.check().map_err(Error::Invalid)?;
        Ok(plan)
    }

    /// Every run in its order. Each round has every side once, the first in an order that follows from the seed, the
    /// next mirrored (ABBA), so that a machine that gets slower or faster meanwhile favours nobody.
    #[must_use]
    pub fn order(&self) -> Vec<Turn> {
        let entropy = SeededEntropy::new(self.profile.seed.unwrap_or_default());
        let below = |limit: usize| {
            let mut bytes = [0; 4];
            entropy.fill(&mut bytes);
            usize::try_from(u32::from_le_bytes(bytes)).unwrap_or_default() % limit
        };
        let mut round: Vec<usize> = (0..self.sides.len()).collect();
        let mut turns = Vec::new();
        for repeat in 1..=self.repeat {
            if repeat % 2 == 1 {
                (1..round.len())
                    .rev()
                    .for_each(|last| round.swap(last, below(last + 1)));
            } else {
                round.reverse();
            }
            for side in &round {
                turns.push(Turn {
                    number: turns.len() + 1,
                    of: self.sides.len() * usize::try_from(self.repeat).unwrap_or_default(),
                    side: *side,
                    repeat,
                });
            }
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(sides: usize, repeat: u32, seed: u64) -> Plan {
        let side = |n: usize| Side {
            name: format!("side-{n}"),
            file: PathBuf::from(format!("side-{n}.yaml")),
            text: String::new(),
        };
        Plan {
            sides: (0..sides).map(side).collect(),
            repeat,
            profile: Profile {
                seed: Some(seed),
                ..Profile::default()
            },
            thresholds: Vec::new(),
            settle: Duration::ZERO,
            settle_timeout: Duration::ZERO,
            drain_timeout: Duration::from_secs(1),
            after: Duration::ZERO,
            out: PathBuf::from("no/such/folder"),
            user_agent: "test/1".to_owned(),
        }
    }

    fn sides(plan: &Plan) -> Vec<usize> {
        plan.order().iter().map(|turn| turn.side).collect()
    }

    #[test]
    fn sides_take_turns_and_each_second_round_mirrors_the_one_before() {
        for seed in 0..20 {
            let order = sides(&plan(2, 4, seed));
            assert!(
                [[0, 1, 1, 0], [1, 0, 0, 1]]
                    .iter()
                    .any(|half| order[..4] == half[..]),
                "{order:?}"
            );
            let mut round = order[4..6].to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1]);
        }
        let three = plan(3, 3, 1).order();
        assert_eq!(
            (three.len(), three[8].number, three[8].of, three[8].repeat),
            (9, 9, 9, 3)
        );
    }

    #[test]
    fn the_order_follows_from_the_seed() {
        assert_eq!(sides(&plan(5, 3, 7)), sides(&plan(5, 3, 7)));
        let orders: BTreeSet<Vec<usize>> = (0..20).map(|seed| sides(&plan(2, 1, seed))).collect();
        assert_eq!(orders.len(), 2, "either may begin");
    }

    #[test]
    fn limits_hold_at_and_past_their_ends() {
        for (sides, repeat, good) in [
            (1, 1, true),
            (5, 100, true),
            (0, 1, false),
            (6, 1, false),
            (2, 0, false),
            (2, 101, false),
        ] {
            assert_eq!(plan(sides, repeat, 0).check().is_ok(), good, "{sides} {repeat}");
        }
        let mut twice = plan(2, 1, 0);
        twice.sides[1].name = "side-0".to_owned();
        assert!(twice.check().unwrap_err().to_string().contains("called side-0"));
    }

    #[test]
    fn results_of_an_earlier_experiment_are_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = plan(1, 1, 0);
        plan.out = folder.path().to_owned();
        plan.check().unwrap();
        fs::write(folder.path().join("summary.json"), "{}").unwrap();
        assert!(plan.check().unwrap_err().to_string().contains("--out"));
    }

    #[test]
    fn a_values_file_is_a_map() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let file = folder.path().join("hpa-cpu.yaml");
            fs::write(&file, text).unwrap();
            Side::read(&file)
        };
        assert_eq!(read("worker: {poolSize: 20}").unwrap().name, "hpa-cpu");
        assert!(read("# the defaults\n").is_ok());
        for text in ["- a\n", "just words", "a: [b", "a: 1\na: 2\n"] {
            let told = read(text).unwrap_err().to_string();
            assert!(told.contains("not a values file"), "{text:?}: {told}");
        }
        let missing = Side::read(Path::new("/no/such.yaml")).unwrap_err().to_string();
        assert!(missing.contains("/no/such.yaml"), "{missing}");
    }
}
