//! Whether anything was lost, done twice, or never reached.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::Duration;

use anyhow::Result;
use futures::TryStreamExt as _;
use scheduler_client::{Client, ClientOptions, ListQuery, State};
use sqlx::types::Uuid;
use sqlx::{Connection as _, PgConnection};

use super::ledger::{Ending, Ledger};
use super::run::{Done, Order};
use crate::history::{self, Folder, Report, Status, Verdict};
use crate::proxy::Trouble;
use crate::site::Site;

/// Lines that processes log, and what they are signs of.
const SIGNS: [(&str, &str); 7] = [
    ("report refused", "stale report refused"),
    ("lease expired, job handed out again", "lease reclaimed"),
    ("the queue lost its content", "queue rebuilt"),
    ("reconciled", "forgotten jobs recovered"),
    ("heartbeats arrive again", "heartbeats interrupted"),
    ("report not stored, trying again", "report repeated"),
    ("submit failed", "submit failed in the store"),
];

/// Fewer violations than this are listed in full.
const LISTED: usize = 30;

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    seed: u64,
    faults: BTreeMap<&'static str, u64>,
    recoveries: Vec<(&'static str, Duration)>,
    answers: BTreeMap<String, u64>,
    reached: BTreeMap<String, u64>,
    drained: Option<Duration>,
    jobs: usize,
    report: Report,
    /// What must not have happened.
    pub violations: Vec<String>,
    /// What the run should have reached and has not: it proves nothing then.
    pub missing: Vec<String>,
}

impl Outcome {
    /// Whether nothing was wrong, and enough was reached for that to mean something.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.violations.is_empty() && self.missing.is_empty()
    }
}

/// A row at the end.
struct Row {
    state: i32,
}

pub(super) async fn judge(
    order: &Order,
    site: &Site,
    folder: &Folder,
    ledger: &Ledger,
    done: Done,
    drained: Option<Duration>,
) -> Result<Outcome> {
    let mut violations = done.violations;
    violations.extend(ledger.violations.iter().cloned());
    let rows = rows(&site.database).await?;
    if drained.is_none() {
        for (id, row) in &rows {
            if !State::from_number(row.state).is_some_and(State::is_final) {
                violations.push(format!("L1: job {id} is still in state {}", row.state));
            }
        }
    }
    let mut accepted: HashMap<String, Vec<i32>> = HashMap::new();
    for acceptance in site.rows.accepted().await? {
        accepted.entry(acceptance.job).or_default().push(acceptance.state);
    }
    violations.extend(lost_or_wrong(ledger, &rows, &accepted));
    violations.extend(listed(site, &rows).await?);
    let report = of_history(site, folder).await?;
    violations.extend(found(&report));

    let mut reached = reached(site, folder, ledger)?;
    let ended = done.ended.values().sum();
    reached.insert("process ended by itself, started again".to_owned(), ended);
    let mut missing = Vec::new();
    if ledger.accepted.len() < 50 {
        missing.push(format!("only {} jobs were accepted", ledger.accepted.len()));
    }
    if done.faults.is_empty() {
        missing.push("no fault happened".to_owned());
    }
    let missed = report
        .missed
        .iter()
        .map(|state| format!("never reached: {}", state.name()));
    missing.extend(missed);
    if report.verdict == Verdict::Invalid && report.missed.is_empty() {
        missing.push("no invariant could be looked at".to_owned());
    }
    Ok(Outcome {
        seed: order.seed,
        faults: done.faults,
        recoveries: done.recoveries,
        answers: ledger.answers.clone(),
        reached,
        drained,
        jobs: rows.len(),
        report,
        violations,
        missing,
    })
}

/// Reads what there is at the end, and has the whole history judged.
async fn of_history(site: &Site, folder: &Folder) -> Result<Report> {
    let client = Client::connect(options(site)).await?;
    history::show(&client, folder).await?;
    site.rows.dump(folder).await?;
    let folder = folder.clone();
    tokio::task::spawn_blocking(move || history::judge(&folder)).await?
}

/// What the checker found; the timelines are in its own report.
fn found(report: &Report) -> Vec<String> {
    let one = |violation: &history::Violation| {
        let job = violation
            .job
            .map_or_else(String::new, |job| format!("job {job}: "));
        format!("{}: {job}{} (report.txt)", violation.invariant, violation.what)
    };
    report.violations.iter().map(one).collect()
}

fn options(site: &Site) -> ClientOptions {
    ClientOptions {
        request_timeout: Duration::from_secs(60),
        ..ClientOptions::new(site.gateway())
    }
}

async fn rows(database: &str) -> Result<HashMap<String, Row>> {
    let mut connection = PgConnection::connect(database).await?;
    let rows: Vec<(Uuid, i16)> = sqlx::query_as("SELECT id, state FROM jobs")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(rows
        .into_iter()
        .map(|(id, state)| (id.to_string(), Row { state: state.into() }))
        .collect())
}

/// S1 nothing lost, S5 final is final, S6 one accepted completion, S11 a cancel holds; and each ends as it has to.
fn lost_or_wrong(
    ledger: &Ledger,
    rows: &HashMap<String, Row>,
    accepted: &HashMap<String, Vec<i32>>,
) -> Vec<String> {
    let mut found = Vec::new();
    for (id, ending) in &ledger.accepted {
        let Some(row) = rows.get(id) else {
            found.push(format!("S1: job {id} was accepted and is gone"));
            continue;
        };
        let wanted = match ending {
            Ending::Succeeds => State::Succeeded.number(),
            Ending::Dies => State::DeadLetter.number(),
        };
        let cancelled = State::Cancelled.number();
        let fits = if ledger.cancelled.contains(id) {
            row.state == cancelled
        } else {
            row.state == wanted || (row.state == cancelled && ledger.cancel_sent.contains(id))
        };
        let is_final = State::from_number(row.state).is_some_and(State::is_final);
        if is_final && !fits {
            found.push(format!(
                "S11: job {id} ended in state {}, not {wanted}",
                row.state
            ));
        }
    }
    for (id, row) in rows {
        let states = accepted.get(id).map_or(&[][..], Vec::as_slice);
        let most = 1 + ledger.redrives.get(id).copied().unwrap_or_default();
        if states.len() > most {
            found.push(format!(
                "S6: job {id} was completed {} times: {states:?}",
                states.len()
            ));
        } else if State::from_number(row.state).is_some_and(State::is_final)
            && states.last() != Some(&row.state)
        {
            found.push(format!(
                "S5: job {id} is in state {}, its record says {states:?}",
                row.state
            ));
        }
    }
    found
}

/// What users see is what the database holds.
async fn listed(site: &Site, rows: &HashMap<String, Row>) -> Result<Vec<String>> {
    let client = Client::connect(options(site)).await?;
    let query = ListQuery {
        page_size: 200,
        ..ListQuery::default()
    };
    let jobs: Vec<_> = client.list_all(query).try_collect().await?;
    let mut found = Vec::new();
    let mut listed = HashSet::new();
    for job in &jobs {
        if !listed.insert(&job.job_id) {
            found.push(format!("S16: job {} is listed twice", job.job_id));
        }
        if rows.get(&job.job_id).is_none_or(|row| row.state != job.state) {
            found.push(format!(
                "S16: job {} is listed in state {}",
                job.job_id, job.state
            ));
        }
    }
    if listed.len() != rows.len() {
        found.push(format!(
            "S16: {} jobs are listed, there are {}",
            listed.len(),
            rows.len()
        ));
    }
    Ok(found)
}

fn reached(site: &Site, folder: &Folder, ledger: &Ledger) -> Result<BTreeMap<String, u64>> {
    let mut reached: BTreeMap<String, u64> = BTreeMap::new();
    for log in std::fs::read_dir(folder.logs())? {
        let text = String::from_utf8_lossy(&std::fs::read(log?.path())?).into_owned();
        for (sign, what) in SIGNS {
            *reached.entry(what.to_owned()).or_default() += text.matches(sign).count() as u64;
        }
        *reached.entry("panic".to_owned()).or_default() += text.matches("panicked at").count() as u64;
    }
    reached.extend(site.notes.all());
    for link in site.database_links() {
        for (trouble, _, count) in link.statements().done() {
            let what = match trouble {
                Trouble::LoseReply => "reply lost".to_owned(),
                Trouble::LoseRequest => "request lost".to_owned(),
                Trouble::Refuse(code) => format!("{code} injected"),
                Trouble::DenyAfter(code) => format!("{code} injected over a success"),
            };
            *reached.entry(what).or_default() += count;
        }
    }
    for (what, answer) in [
        ("idempotent replay", "submit replayed"),
        ("cancelled", "cancel ok"),
        ("redriven", "redrive ok"),
        ("request shed", "submit ResourceExhausted"),
    ] {
        reached.insert(what.to_owned(), ledger.answered(answer));
    }
    Ok(reached)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "faults:")?;
        for (name, count) in &self.faults {
            let mut times: Vec<Duration> = self
                .recoveries
                .iter()
                .filter(|(n, _)| n == name)
                .map(|(_, t)| *t)
                .collect();
            times.sort_unstable();
            let middle = times.get(times.len() / 2).copied().unwrap_or_default();
            let longest = times.last().copied().unwrap_or_default();
            writeln!(
                f,
                "  {count:>5}  {name:<36} a job ran again after {middle:.2?}, at most {longest:.2?}"
            )?;
        }
        let list = |f: &mut fmt::Formatter<'_>, title: &str, counts: &BTreeMap<String, u64>| {
            writeln!(f, "{title}:")?;
            let mut counts = counts.iter();
            counts.try_for_each(|(what, count)| writeln!(f, "  {count:>7}  {what}"))
        };
        list(f, "answers", &self.answers)?;
        list(f, "reached", &self.reached)?;
        match self.drained {
            Some(took) => writeln!(
                f,
                "{} jobs; the last was done {took:.1?} after the last submit",
                self.jobs
            )?,
            None => writeln!(f, "{} jobs; not all were done in time", self.jobs)?,
        }
        self.judged(f)?;
        for what in &self.missing {
            writeln!(f, "INVALID: {what}")?;
        }
        for violation in self.violations.iter().take(LISTED) {
            writeln!(f, "VIOLATION {violation}")?;
        }
        write!(f, "{} violations", self.violations.len())
    }
}

impl Outcome {
    /// What the checker says of the history.
    fn judged(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = |status| {
            let judged = self.report.invariants.iter();
            judged.filter(move |judged| judged.status == status)
        };
        let held: Vec<_> = with(Status::Held)
            .map(|judged| judged.invariant.to_string())
            .collect();
        writeln!(
            f,
            "history of {} events: held {}",
            self.report.events,
            held.join(" ")
        )?;
        for judged in with(Status::NotChecked) {
            let why = judged.why.as_deref().unwrap_or_default();
            writeln!(f, "  {} not checked: {why}", judged.invariant)?;
        }
        let states: Vec<_> = self
            .report
            .reached
            .iter()
            .map(|(state, times)| format!("{} {times}", state.name()))
            .collect();
        writeln!(f, "  reached: {}", states.join(", "))
    }
}
