//! `tsctl load`: from the command line to a plan, and from its summary to an exit code.

mod ctrl_c;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use scheduler_client::Priority;
use scheduler_domain::{Entropy as _, SystemClock, SystemEntropy};
use scheduler_load::{
    Bars, Content, Kind, Lines, Mode, Naming, Pace, Plan, Report, Schedule, Seams, Silent, Spread, Stage,
    Threshold, View, Weighted, job_type, number, run as carry_out,
};

use crate::args::Global;
use crate::exit::{self, Usage};
use crate::output::Console;
use crate::parse;
use told::Told;

/// Put load on a scheduler, measure how it takes it, and prove that no job is lost.
///
/// Open loop by default: calls leave when the schedule says so, and latency counts from that moment. Numbers may be
/// written as 5k or 3m.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsctl load --rate 5k --duration 10m --out result        a steady rate, with a report
  tsctl load --mode e2e --rate 2k --threshold 'lost==0' --threshold 'submit_p99<50ms'
  tsctl load --stage 0s:500 --stage 60s:5k --stage 5m:5k  from 500/s to 5,000/s, then on
  tsctl load --batch 1000 --jobs 100k --closed -c 4       fill the queues as fast as they take it
  tsctl load --mode latency --jobs 1000                   how soon does a single job start?

Exit code 99: a threshold is broken.")]
pub(crate) struct Args {
    /// Jobs per second.
    #[arg(long, value_parser = number::rate, value_name = "JOBS/S", default_value = "100", conflicts_with_all = ["stage", "closed"])]
    rate: f64,
    /// How long to send; without it, and without --jobs, 10 seconds.
    #[arg(long, value_parser = parse::positive)]
    duration: Option<Duration>,
    /// Most jobs to send.
    #[arg(long, value_parser = number::count)]
    jobs: Option<u64>,
    /// Go to RATE within DURATION, in a straight line; 0s jumps. Repeat it for one stage after the other.
    #[arg(long, value_name = "DURATION:RATE", conflicts_with_all = ["duration", "closed"])]
    stage: Vec<Stage>,
    /// How arrivals are spread.
    #[arg(long, value_enum, default_value_t = Arrivals::Constant)]
    arrivals: Arrivals,
    /// Closed loop: each of -c callers waits for its answer before its next call.
    #[arg(long)]
    closed: bool,
    /// Callers of the closed loop.
    #[arg(short = 'c', long, default_value_t = 64, requires = "closed")]
    callers: u32,
    /// Calls under way at most in the open loop; jobs that would exceed it are dropped, and counted.
    #[arg(long, value_parser = number::count, default_value = "10k")]
    max_in_flight: u64,
    /// How far jobs are followed.
    #[arg(long, value_enum, default_value_t = Goal::Submit)]
    mode: Goal,
    /// How long jobs are followed after the last was sent.
    #[arg(long, value_parser = parse::positive, default_value = "5m")]
    drain_timeout: Duration,
    /// Types and their weights; sleep, flaky and fail get the arguments that they need; sleep:2s sleeps for so long.
    #[arg(long, value_name = "TYPE=WEIGHT,…", value_parser = types, default_value = "noop")]
    mix: Weighted<Kind>,
    /// How long jobs of type sleep sleep that do not say it themselves.
    #[arg(long, value_parser = parse::duration, default_value = "10ms")]
    sleep: Duration,
    /// Priorities and their weights.
    #[arg(long, value_name = "PRIORITY=WEIGHT,…", value_parser = priorities, default_value = "default")]
    priorities: Weighted<Priority>,
    /// Size of a payload, or the least and the greatest.
    #[arg(long, value_name = "N|MIN..MAX", value_parser = number::sizes, default_value = "0")]
    payload_bytes: (usize, usize),
    /// Share of submits that repeat an earlier job.
    #[arg(long, value_name = "SHARE", value_parser = number::share, default_value = "0")]
    duplicates: f64,
    /// Jobs per call; 1 makes unary calls.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: u32,
    /// Who names the jobs: ids made here can be followed without being remembered, those of the server are less work for it.
    #[arg(long, value_enum, default_value_t = Ids::Client)]
    ids: Ids,
    /// HTTP/2 connections.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    connections: u16,
    /// Replace each connection at this age, so that new replicas get their share.
    #[arg(long, value_parser = parse::positive, value_name = "AGE")]
    reconnect: Option<Duration>,
    /// Longest that a call may take.
    #[arg(long, value_parser = parse::positive, default_value = "5s")]
    deadline: Duration,
    /// Queue of the jobs.
    #[arg(long, default_value = "")]
    queue: String,
    /// What everything random follows from; without it, by chance.
    #[arg(long)]
    seed: Option<u64>,
    /// Leave the first part of the run out of the statistics.
    #[arg(long, value_parser = parse::duration, default_value = "0s")]
    warmup: Duration,
    /// Write the results into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What must hold, such as submit_p99<50ms, error_rate<0.1%, lost==0. May be repeated.
    #[arg(long, value_name = "MEASURE<VALUE")]
    threshold: Vec<Threshold>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Arrivals {
    /// At even distances.
    Constant,
    /// By chance, as from many clients.
    Poisson,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Goal {
    /// To their acknowledgement.
    Submit,
    /// To their end, each by its id.
    E2e,
    /// One noop at a time: how soon it starts and ends.
    Latency,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ids {
    /// Made here.
    Client,
    /// Made by the server.
    Server,
}

fn types(text: &str) -> Result<Weighted<Kind>, String> {
    Weighted::parse(text, job_type)
}

fn priorities(text: &str) -> Result<Weighted<Priority>, String> {
    Weighted::parse(text, parse::priority)
}

/// Puts the load on, and tells what came of it.
///
/// # Errors
/// When nobody answers, the plan makes no sense, or the results cannot be written.
pub(crate) async fn run(global: &Global, console: &Console, args: Args) -> anyhow::Result<ExitCode> {
    let out = args.out.clone();
    let plan = plan(global, args);
    plan.check().map_err(Usage)?;
    let mut report = Report::new(out.as_deref()).context("making the result folder")?;
    let seams = Seams {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let stops = ctrl_c::stops(console);
    let mut view: Box<dyn View> = match (global.quiet, console.is_interactive()) {
        (true, _) => Box::new(Silent),
        (false, true) => Box::new(Bars::default()),
        (false, false) => Box::new(Lines),
    };
    let summary = carry_out(&plan, &seams, &stops, &mut *view, &mut report).await?;
    report.finish(&summary).context("writing the results")?;
    let (interrupted, passed) = (summary.interrupted, summary.passed());
    console.item(&Told(summary))?;
    if let Some(out) = out {
        console.note(&format!("results are in {}", out.display()));
    }
    Ok(match (interrupted, passed) {
        (true, _) => ExitCode::from(exit::INTERRUPTED),
        (false, false) => ExitCode::from(exit::THRESHOLD),
        (false, true) => ExitCode::SUCCESS,
    })
}

fn plan(global: &Global, args: Args) -> Plan {
    let endless = args.duration.is_none() && args.jobs.is_some();
    let spread = match args.arrivals {
        Arrivals::Constant => Spread::Constant,
        Arrivals::Poisson => Spread::Poisson,
    };
    let duration = args.duration.unwrap_or(Duration::from_secs(10));
    let pace = if args.closed {
        Pace::Closed {
            callers: args.callers,
            duration: (!endless).then_some(duration),
        }
    } else {
        let schedule = match (args.stage.is_empty(), args.jobs) {
            (false, _) => Schedule::of_stages(args.stage),
            (true, Some(jobs)) if endless => Schedule::of_jobs(args.rate, jobs),
            (true, _) => Schedule::steady(args.rate, duration),
        };
        Pace::Open {
            schedule,
            spread,
            max_in_flight: args.max_in_flight,
        }
    };
    let mode = match args.mode {
        Goal::Submit => Mode::Submit,
        Goal::E2e => Mode::EndToEnd,
        Goal::Latency => Mode::Latency,
    };
    Plan {
        address: global.address.clone(),
        connections: usize::from(args.connections),
        reconnect: args.reconnect,
        deadline: args.deadline,
        mode,
        pace,
        jobs: args.jobs,
        batch: args.batch,
        content: Content {
            types: args.mix,
            priorities: args.priorities,
            payload: args.payload_bytes,
            sleep: args.sleep,
            duplicates: args.duplicates,
            queue: args.queue,
            seed: args.seed.unwrap_or_else(chance),
        },
        naming: match args.ids {
            Ids::Client => Naming::Client,
            Ids::Server => Naming::Server,
        },
        warmup: args.warmup,
        drain_timeout: args.drain_timeout,
        times: false,
        thresholds: args.threshold,
        user_agent: concat!("tsctl/", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// Short enough to be typed again.
fn chance() -> u64 {
    let mut bytes = [0; 4];
    SystemEntropy.fill(&mut bytes);
    u64::from(u32::from_le_bytes(bytes))
}
