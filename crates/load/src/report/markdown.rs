//! `summary.md`, which is what is printed as well.

use std::fmt::Write as _;

use crate::summary::Summary;
use crate::view::span;

/// The summary for people.
pub fn text(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, summary);
    out
}

fn write(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let Summary { jobs, rates, .. } = summary;
    writeln!(out, "# Load on {}\n", summary.address)?;
    writeln!(out, "{}; mode {}; {}\n", summary.plan, summary.mode, summary.tool)?;
    writeln!(
        out,
        "From {} for {:.1} s measured, seed {}.\n",
        summary.started_at, summary.measured_seconds, summary.seed
    )?;
    if !summary.thresholds.is_empty() {
        writeln!(out, "| threshold | measured | |\n|---|---|---|")?;
        for verdict in &summary.thresholds {
            let measured = verdict.measured.map_or("nothing".to_owned(), |n| n.to_string());
            let holds = if verdict.holds { "holds" } else { "**broken**" };
            writeln!(out, "| `{}` | {measured} | {holds} |", verdict.threshold)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "| jobs | | per second |\n|---|---|---|")?;
    writeln!(out, "| offered | {} | {} |", jobs.offered, rates.offered)?;
    writeln!(out, "| accepted | {} | {} |", jobs.accepted, rates.accepted)?;
    if let Some(completed) = rates.completed {
        let ended = summary.latency.e2e.map_or(0, |e2e| e2e.count);
        writeln!(out, "| completed | {ended} | {completed} |")?;
    }
    writeln!(out, "| replayed | {} | |", jobs.replayed)?;
    writeln!(
        out,
        "| refused | {} | {:.3} % of sent |",
        jobs.refused,
        rates.error * 100.0
    )?;
    writeln!(
        out,
        "| dropped | {} | {:.3} % of offered |\n",
        jobs.dropped,
        rates.drop * 100.0
    )?;

    writeln!(
        out,
        "| latency | p50 | p90 | p99 | p99.9 | max |\n|---|---|---|---|---|---|"
    )?;
    for (name, told) in summary.latency.all() {
        if let Some(told) = told {
            let points = [told.p50_us, told.p90_us, told.p99_us, told.p999_us, told.max_us].map(span);
            writeln!(out, "| {name} | {} |", points.join(" | "))?;
        }
    }
    if let Some(ledger) = &summary.ledger {
        writeln!(out, "\n| ledger | jobs |\n|---|---|")?;
        for (name, count) in [
            ("sent", ledger.sent),
            ("acknowledged", ledger.acknowledged),
            ("succeeded", ledger.succeeded),
            ("failed", ledger.failed),
            ("dead", ledger.dead),
            ("cancelled", ledger.cancelled),
            ("open", ledger.open),
            ("**lost**", ledger.lost),
            ("unverified", ledger.unverified),
            ("**duplicated**", ledger.duplicated),
            ("found without an acknowledgement", ledger.unacknowledged_found),
            ("repeated runs", ledger.repeated_runs),
        ] {
            writeln!(out, "| {name} | {count} |")?;
        }
    }
    if !summary.errors.is_empty() {
        writeln!(out, "\n| error | jobs | first message |\n|---|---|---|")?;
        for error in &summary.errors {
            let message = error.message.replace('|', "\\|").replace('\n', " ");
            writeln!(
                out,
                "| {} {} | {} | {message} |",
                error.code, error.reason, error.jobs
            )?;
        }
    }
    if !summary.served_by.is_empty() {
        writeln!(out, "\n| replica | calls | share |\n|---|---|---|")?;
        for replica in &summary.served_by {
            writeln!(
                out,
                "| {} | {} | {:.1} % |",
                replica.name,
                replica.calls,
                replica.share * 100.0
            )?;
        }
    }
    let memory = summary
        .generator
        .peak_memory_bytes
        .map_or("?".to_owned(), |bytes| (bytes >> 20).to_string());
    let cores = summary.generator.busy.map_or("?".to_owned(), |busy| {
        format!("{} (all processes: {})", busy.own_cores, busy.machine_cores)
    });
    writeln!(
        out,
        "\nGenerator: {cores} of {} cores, {memory} MiB at most.",
        summary.generator.cores
    )?;
    for warning in &summary.warnings {
        writeln!(out, "\n**Note:** {warning}.")?;
    }
    Ok(())
}
