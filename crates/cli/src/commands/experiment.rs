//! `tsctl experiment`: from the command line to a plan and a cluster, and from its summary to an exit code.

mod stops;
mod told;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use scheduler_domain::{SystemClock, SystemEntropy};
use scheduler_experiment::{
    Bars, Error, Helm, Installation, Lines, Plan, Profile, Program, Side, Silent, Spread, View,
    run as carry_out,
};
use scheduler_load::{Seams, Threshold};

use crate::args::Global;
use crate::exit::{self, Usage};
use crate::output::Console;
use crate::parse;
use told::Told;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Box<Run>),
}

/// Install the chart with each of several values files in turn, put the same load on each, and say which does better.
///
/// Works on the cluster of KUBECONFIG, in a namespace of its own. Each run begins with empty volumes; what is installed
/// is uninstalled, also on Ctrl-C and when something fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsctl experiment run values/hpa-cpu.yaml values/queue-keda-external.yaml --repeat 3 --out result
  tsctl experiment run values/lb-headless.yaml values/lb-clusterip.yaml --gateway localhost:8080
  tsctl experiment run a.yaml b.yaml --values values/kind.yaml --stage 0s:5 --stage 20s:5 --stage 0s:300 --stage 30s:300
  tsctl experiment run a.yaml b.yaml --profile burst.yaml --mix sleep:200ms=90,sleep:5s=10 --threshold 'lost==0'

Exit code 99: a threshold is broken in a run.")]
pub(crate) struct Run {
    /// The values files that are compared, 1 to 5.
    #[arg(required = true, value_name = "VALUES.yaml")]
    sides: Vec<PathBuf>,
    /// How often each runs; from 3 on, a verdict is worth something.
    #[arg(long, default_value_t = 1)]
    repeat: u32,
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    cluster: Cluster,
    /// Pods must have stood still for so long before the load begins.
    #[arg(long, value_parser = parse::duration, default_value = "10s")]
    settle: Duration,
    /// Longest wait for that; then the load begins nevertheless, with a note.
    #[arg(long, value_parser = parse::duration, default_value = "5m")]
    settle_timeout: Duration,
    /// How long jobs are followed after the last was sent.
    #[arg(long, value_parser = parse::positive, default_value = "10m")]
    drain_timeout: Duration,
    /// Look on for so long after the last job was sent, to see the pods go.
    #[arg(long, value_parser = parse::duration, default_value = "30s")]
    after: Duration,
    /// What each run must meet, as in tsctl load: lost==0, wait_p99<5s. May be repeated.
    #[arg(long, value_name = "MEASURE<VALUE")]
    threshold: Vec<Threshold>,
    /// Write the results into this folder, which must be new or empty.
    #[arg(long, value_name = "DIR", default_value = "experiment")]
    out: PathBuf,
}

/// The load, the same for every run. Flags go before the file, which goes before the defaults.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
struct Load {
    /// A file with these, by the same names: {stages: [20s:10, …], mix: …, seed: …}.
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Go to RATE within DURATION, in a straight line; 0s jumps. Repeat it for one stage after the other.
    #[arg(long, value_name = "DURATION:RATE")]
    stage: Vec<String>,
    /// How arrivals are spread.
    #[arg(long, value_enum)]
    arrivals: Option<Arrivals>,
    /// Types and their weights; sleep:2s sleeps for so long.
    #[arg(long, value_name = "TYPE=WEIGHT,…")]
    mix: Option<String>,
    /// Priorities and their weights.
    #[arg(long, value_name = "PRIORITY=WEIGHT,…")]
    priorities: Option<String>,
    /// Size of a payload, or the least and the greatest.
    #[arg(long, value_name = "N|MIN..MAX")]
    payload_bytes: Option<String>,
    /// Jobs per call.
    #[arg(long)]
    batch: Option<u32>,
    /// HTTP/2 connections.
    #[arg(long)]
    connections: Option<u16>,
    /// Replace each connection at this age.
    #[arg(long, value_name = "AGE")]
    reconnect: Option<String>,
    /// Queue of the jobs.
    #[arg(long)]
    queue: Option<String>,
    /// What everything random follows from, the order of the runs included.
    #[arg(long)]
    seed: Option<u64>,
}

/// The cluster of KUBECONFIG.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
struct Cluster {
    /// The chart's folder, or a reference that Helm knows.
    #[arg(long, value_name = "CHART", default_value = "chart")]
    chart: PathBuf,
    /// A values file of every side, below its own. May be repeated.
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,
    /// A value of every side, above its own. May be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Name of the release.
    #[arg(long, env = "RELEASE", default_value = "task-scheduler")]
    release: String,
    /// Its namespace; made, and removed at the end, if it is not there.
    #[arg(long, env = "NAMESPACE", default_value = "task-scheduler-experiment")]
    namespace: String,
    /// Where the scheduler answers once it is installed; without, kubectl forwards its port, which is enough for some
    /// hundred calls a second and ends with the gateway's pod.
    #[arg(long, env = "GATEWAY", value_name = "HOST:PORT")]
    gateway: Option<String>,
    /// How kubectl is run.
    #[arg(long, env = "KUBECTL", default_value = "kubectl")]
    kubectl: String,
    /// How Helm is run.
    #[arg(long, env = "HELM", default_value = "helm")]
    helm: String,
    /// Longest that installing may take.
    #[arg(long, value_parser = parse::positive, default_value = "10m")]
    install_timeout: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Arrivals {
    /// At even distances.
    Constant,
    /// By chance, as from many clients.
    Poisson,
}

/// Runs it, and tells what came of it.
///
/// # Errors
/// When something makes no sense or is missing, before anything is installed; when an installation fails; when the
/// results cannot be written.
pub(crate) async fn run(global: &Global, console: &Console, command: Command) -> anyhow::Result<ExitCode> {
    let Command::Run(args) = command;
    let (plan, installation) = prepared(*args).map_err(told)?;
    let out = plan.out.clone();
    let cluster = Helm::new(installation);
    let seams = Seams {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let stops = stops::stops(console)?;
    let mut view: Box<dyn View> = match (global.quiet, console.is_interactive()) {
        (true, _) => Box::new(Silent),
        (false, true) => Box::new(Bars::default()),
        (false, false) => Box::new(Lines),
    };
    let ended = match Box::pin(carry_out(&plan, &cluster, &seams, &stops, &mut *view)).await {
        Err(Error::Stopped) => return Ok(ExitCode::from(exit::INTERRUPTED)),
        ended => ended.map_err(told)?,
    };
    let (interrupted, passed) = (ended.summary.interrupted, ended.summary.passed());
    console.item(&Told(ended.summary))?;
    console.note(&format!("results are in {}", out.display()));
    if let Some(failure) = ended.failure {
        return Err(told(failure));
    }
    Ok(match (interrupted, passed) {
        (true, _) => ExitCode::from(exit::INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(exit::THRESHOLD),
    })
}

fn prepared(args: Run) -> Result<(Plan, Installation), Error> {
    let Run { load, cluster, .. } = args;
    let file = load.profile.as_deref().map(Profile::read).transpose()?;
    let flags = Profile {
        stages: (!load.stage.is_empty()).then_some(load.stage),
        arrivals: load.arrivals.map(|arrivals| match arrivals {
            Arrivals::Constant => Spread::Constant,
            Arrivals::Poisson => Spread::Poisson,
        }),
        mix: load.mix,
        priorities: load.priorities,
        payload_bytes: load.payload_bytes,
        batch: load.batch,
        connections: load.connections,
        reconnect: load.reconnect,
        queue: load.queue,
        seed: load.seed,
    };
    let plan = Plan {
        sides: args
            .sides
            .iter()
            .map(|file| Side::read(file))
            .collect::<Result<_, _>>()?,
        repeat: args.repeat,
        profile: flags.over(file.unwrap_or_default()),
        thresholds: args.threshold,
        settle: args.settle,
        settle_timeout: args.settle_timeout,
        drain_timeout: args.drain_timeout,
        after: args.after,
        out: args.out,
        user_agent: concat!("tsctl/", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    plan.check()?;
    let installation = Installation {
        helm: Program::new(&cluster.helm, "--helm or HELM")?,
        kubectl: Program::new(&cluster.kubectl, "--kubectl or KUBECTL")?,
        chart: cluster.chart,
        release: cluster.release,
        namespace: cluster.namespace,
        base: cluster.values,
        set: cluster.set,
        gateway: cluster.gateway,
        timeout: cluster.install_timeout,
    };
    Ok((plan, installation))
}

/// With the exit code that it has.
fn told(error: Error) -> anyhow::Error {
    match error {
        Error::Invalid(text) => Usage(text).into(),
        Error::Occupied(text) => exit::Precondition(text).into(),
        Error::Unreachable(_) => exit::Unreachable(error.to_string()).into(),
        error => error.into(),
    }
}
