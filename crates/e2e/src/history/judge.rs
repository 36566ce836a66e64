//! Judges a run that was recorded, and writes down what there is to say.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use super::{Folder, History, Report, Status, Verdict, check};

/// Reads the run in `folder`, checks it, and writes `report.json` and `report.txt` there.
///
/// # Errors
/// A file cannot be read, or not be written.
pub fn judge(folder: &Folder) -> Result<Report> {
    let report = check(&History::load(folder)?);
    let json = serde_json::to_string_pretty(&report)? + "\n";
    for (file, text) in [("report.json", json), ("report.txt", report.to_string())] {
        let path = folder.path().join(file);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(report)
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verdict = match self.verdict {
            Verdict::Clean => "CLEAN",
            Verdict::Violated => "VIOLATED",
            Verdict::Invalid => "INVALID: it did not reach what it was to reach, so it proves nothing",
        };
        writeln!(f, "run {}, seed {}: {verdict}", self.run, self.seed)?;
        writeln!(f, "{} events, {} jobs\n", self.events, self.jobs)?;
        for judged in &self.invariants {
            let (name, title) = (judged.invariant.to_string(), judged.invariant.title());
            let why = judged.why.as_deref().unwrap_or_default();
            let status = match judged.status {
                Status::Held => format!("held, {} looked at", judged.looked_at),
                Status::Violated => format!("VIOLATED {} times", judged.violations),
                Status::NotApplicable => format!("not applicable: {why}"),
                Status::NotChecked => format!("not checked: {why}"),
            };
            writeln!(f, "{name:<4} {title:<28} {status}")?;
        }
        numbers(
            f,
            "reached",
            self.reached.iter().map(|(reach, n)| (reach.name(), n)),
        )?;
        numbers(
            f,
            "faults",
            self.faults.iter().map(|(name, n)| (name.as_str(), n)),
        )?;
        numbers(
            f,
            "figures",
            self.figures.iter().map(|(name, n)| (name.as_str(), n)),
        )?;
        if !self.missed.is_empty() {
            let missed: Vec<_> = self.missed.iter().map(|reach| reach.name()).collect();
            writeln!(f, "\nNOT REACHED: {}", missed.join(", "))?;
        }
        for violation in &self.violations {
            let mut text = format!("\n{} violated: ", violation.invariant);
            if let Some(job) = violation.job {
                write!(text, "job {job}: ")?;
            }
            writeln!(f, "{text}{}", violation.what)?;
            for line in &violation.timeline {
                writeln!(f, "  {line}")?;
            }
        }
        Ok(())
    }
}

fn numbers<'a, N: std::fmt::Display>(
    f: &mut std::fmt::Formatter<'_>,
    title: &str,
    numbers: impl Iterator<Item = (&'a str, N)>,
) -> std::fmt::Result {
    let mut numbers = numbers.peekable();
    if numbers.peek().is_some() {
        writeln!(f, "\n{title}:")?;
    }
    for (name, number) in numbers {
        writeln!(f, "  {name:<60} {number:>12.0}")?;
    }
    Ok(())
}
