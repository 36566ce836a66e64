//! The summary for people: as it is printed, and as `summary.md`.

use crate::measure::Missing;
use crate::measure::Value;
use crate::summary::{Compared, Summary};
use crate::verdict::{Of, told};

/// The summary for people.
#[must_use]
pub fn text(summary: &Summary) -> String {
    let names: Vec<&str> = summary.sides.iter().map(|side| side.name.as_str()).collect();
    let mut lines = vec![
        format!("# {}", names.join(" against ")),
        format!(
            "{} repeats each; {} runs; load: {} of {}; seed {}; {}",
            summary.repeats,
            summary.runs.len(),
            summary.profile.stages.as_deref().unwrap_or_default().join(" "),
            summary.profile.mix.as_deref().unwrap_or_default(),
            summary.profile.seed.unwrap_or_default(),
            summary.cluster,
        ),
        String::new(),
        format!("| | {} | |", names.join(" | ")),
        format!("|---|{}---|", "---:|".repeat(names.len())),
    ];
    lines.extend(summary.measures.iter().map(row));
    lines.extend([String::new(), summary.rule.clone()]);
    if let Some(failure) = &summary.failure {
        lines.extend([String::new(), format!("Ended early: {failure}")]);
    }
    let broken = summary.runs.iter().flat_map(|run| {
        let broken = run.thresholds.iter().filter(|verdict| !verdict.holds);
        broken.map(move |verdict| {
            format!(
                "- run {} ({}): {} is broken",
                run.number, run.side, verdict.threshold
            )
        })
    });
    let broken: Vec<String> = broken.collect();
    if !broken.is_empty() {
        lines.extend([String::new(), "Thresholds".to_owned(), String::new()]);
        lines.extend(broken);
    }
    if !summary.warnings.is_empty() {
        lines.extend([String::new(), "To keep in mind".to_owned(), String::new()]);
        lines.extend(summary.warnings.iter().map(|warning| format!("- {warning}")));
    }
    lines.join("\n") + "\n"
}

fn row(compared: &Compared) -> String {
    let cells: Vec<String> = compared.sides.iter().map(|side| cell(compared, side)).collect();
    format!(
        "| {} | {} | {} |",
        compared.measure.title,
        cells.join(" | "),
        compared.verdict.text
    )
}

/// The median, and the least and the greatest where they differ.
fn cell(compared: &Compared, side: &Of) -> String {
    let unit = compared.measure.unit;
    match (side.median, side.min, side.max) {
        (Some(median), Some(least), Some(most)) if told(least, unit) == told(most, unit) => {
            told(median, unit)
        }
        (Some(median), Some(least), Some(most)) => {
            format!(
                "{} ({} – {})",
                told(median, unit),
                told(least, unit),
                told(most, unit)
            )
        }
        _ if side.values.contains(&Value::None(Missing::Never)) => "never".to_owned(),
        _ => "–".to_owned(),
    }
}
