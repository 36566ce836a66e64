//! Everything that is known of one job, in order of time, for people.

use uuid::Uuid;

use crate::history::{Call, Change, History, JobPast, Op, Outcome, Row, Work};

/// Lines of one timeline; of a longer one the middle is left out.
const LONGEST: usize = 200;

/// The timeline of this job, with the faults and phases around it.
pub(super) fn of(history: &History, id: Uuid) -> Vec<String> {
    let Some(past) = history.jobs.get(&id) else {
        return Vec::new();
    };
    let mut told: Vec<(u64, String)> = Vec::new();
    for call in &past.calls {
        calls(history, call, &mut told);
    }
    told.extend(past.work.iter().map(|work| (work.at, worked(history, work))));
    told.extend(
        past.rows
            .iter()
            .map(|change| (change.at, changed(history, change))),
    );
    let first = told.iter().map(|(at, _)| *at).min().unwrap_or_default();
    let last = told.iter().map(|(at, _)| *at).max().unwrap_or_default();
    // What became of a job that never ended is to be looked for in all that followed.
    let ended = past.row_at_end().is_some_and(|row| row.is_final());
    let last = if ended { last } else { u64::MAX };
    around(history, first, last, &mut told);
    told.sort_by_key(|(at, _)| *at);
    let origin = history.phases.first().map_or(first, |(_, at)| *at).min(first);
    let mut lines: Vec<String> = told
        .into_iter()
        .map(|(at, what)| format!("{:>10.3} s  {what}", at.saturating_sub(origin) as f64 / 1e9))
        .collect();
    shorten(&mut lines);
    lines.extend(at_end(past));
    lines
}

fn calls(history: &History, call: &Call, told: &mut Vec<(u64, String)>) {
    let client = history.names.text(call.client);
    let name = word(call.op);
    let answer = answer(call);
    if call.ended == call.began || matches!(call.op, Op::List | Op::Watch) {
        told.push((call.ended, format!("{client:<20} {name} saw{answer}")));
        return;
    }
    let key = call
        .key
        .map_or_else(String::new, |key| format!(" key {:?}", history.names.text(key)));
    told.push((call.began, format!("{client:<20} {name}{key} …")));
    if call.outcome != Outcome::Open {
        let how = outcome(history, call.outcome);
        told.push((call.ended, format!("{client:<20} … {name} {how}{answer}")));
    }
}

fn answer(call: &Call) -> String {
    let mut text = String::new();
    if let Some(state) = call.state {
        text += &format!(" {state}, change {}", call.sequence);
    }
    match (call.op, call.flag) {
        (Op::Submit, true) => text += ", it was there already",
        (Op::Cancel, true) => text += ", cancelled",
        (Op::Cancel, false) if call.is_ok() => text += ", it was final already",
        _ => {}
    }
    text
}

fn outcome(history: &History, outcome: Outcome) -> String {
    match outcome {
        Outcome::Open => String::new(),
        Outcome::Ok => "ok".to_owned(),
        Outcome::Fail(code) => format!("refused: {}", history.names.text(code)),
        Outcome::Info(code) => format!("not known: {}", history.names.text(code)),
    }
}

fn worked(history: &History, work: &Work) -> String {
    let worker = history.names.text(work.worker);
    let code = work
        .code
        .map_or_else(String::new, |code| format!(" {}", history.names.text(code)));
    let what = match (work.op, work.outcome) {
        (Op::Report, Outcome::Open) => format!("reports{code} …"),
        (Op::Report, Outcome::Ok) => "… report accepted".to_owned(),
        (Op::Report, answer) => format!("… report {}", outcome(history, answer)),
        (op, _) => format!("{}{code}", word(op)),
    };
    format!("{worker:<20} {what}, epoch {}", work.epoch)
}

fn changed(history: &History, change: &Change) -> String {
    let worker = change.worker.map_or_else(String::new, |worker| {
        format!(", worker {}", history.names.text(worker))
    });
    let what = match (change.old, change.new) {
        (None, Some(new)) => format!("inserted: {}", row(&new)),
        (Some(old), Some(new)) => format!("{} → {}", row(&old), row(&new)),
        (Some(old), None) => format!("deleted: {}", row(&old)),
        (None, None) => "nothing".to_owned(),
    };
    format!("{:<20} {what}{worker} ({:?})", "ROW", change.shape())
}

fn row(row: &Row) -> String {
    let state = row
        .state()
        .map_or_else(|| row.state.to_string(), |state| state.to_string());
    format!(
        "{state} epoch {} attempts {}/{} crashes {}",
        row.epoch, row.attempts, row.max_attempts, row.crashes
    )
}

/// Faults that were there meanwhile, and phases.
fn around(history: &History, first: u64, last: u64, told: &mut Vec<(u64, String)>) {
    for fault in &history.faults {
        let ended = fault.ended.unwrap_or(u64::MAX);
        if fault.began <= last && ended >= first {
            told.push((
                fault.began,
                format!("{:<20} {} begins {}", "FAULT", fault.name, fault.args),
            ));
            if let Some(at) = fault.ended {
                told.push((at, format!("{:<20} {} ends", "FAULT", fault.name)));
            }
        }
    }
    for (name, at) in &history.phases {
        told.push((*at, format!("{:<20} {name}", "PHASE")));
    }
}

fn at_end(past: &JobPast) -> Vec<String> {
    let last = past.last.as_ref().map(|last| {
        format!(
            "    at the end  {:<20} {}, change {}",
            "ROW",
            row(&last.row),
            last.sequence
        )
    });
    let shown = past.shown.as_ref().map(|shown| {
        let state = scheduler_domain::State::from_number(shown.state);
        let state = state.map_or_else(|| shown.state.to_string(), |state| state.to_string());
        format!(
            "    at the end  {:<20} {state} attempts {}, change {}",
            "API", shown.attempts, shown.sequence
        )
    });
    last.into_iter().chain(shown).collect()
}

fn shorten(lines: &mut Vec<String>) {
    if lines.len() > LONGEST {
        let left_out = lines.len() - LONGEST;
        let from = LONGEST / 2;
        lines.splice(
            from..from + left_out,
            [format!("                … {left_out} lines left out")],
        );
    }
}

/// As in the files.
fn word(op: Op) -> String {
    let text = serde_json::to_value(op).unwrap_or_default();
    text.as_str().unwrap_or_default().replace('_', " ")
}
