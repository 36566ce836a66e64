//! `chaos`: makes a site, mistreats it under load, and says whether anything was lost. `ci/chaos.sh` runs it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use scheduler_domain::{Entropy as _, SystemEntropy};
use scheduler_e2e::chaos::{FAULTS, Fault, Order, overload, recovery, run};
use tokio::signal::unix::{SignalKind, signal};

/// What is measured instead of judged.
const MEASURED: &str = "recovery";
const OVERLOAD: &str = "overload";

/// Faults under load, and a verdict.
#[derive(Parser)]
struct Arguments {
    /// How long faults are drawn: 90s, 10m.
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = duration)]
    lasts: Duration,
    /// Only this fault, by number or by name; can be given several times. `recovery` measures how long it takes until the
    /// service is whole again, `overload` what it does under ten times its load.
    #[arg(long, value_name = "FAULT")]
    only: Vec<String>,
    /// Jobs that are due at once in F32 and F60.
    #[arg(long, value_name = "JOBS", default_value_t = 100_000)]
    due: usize,
    /// What faults and load are drawn from; drawn itself when absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Lists the faults.
    #[arg(long)]
    list: bool,
    /// Folder of scheduler-api, scheduler-worker and tsctl.
    #[arg(long, env = "SCHEDULER_BIN_DIR", hide_env = true)]
    bin: Option<PathBuf>,
    /// Folder of older programs, for F27: two versions at once.
    #[arg(long, env = "SCHEDULER_OLD_BIN_DIR", hide_env = true)]
    old: Option<PathBuf>,
    /// An Envoy.
    #[arg(long, env = "ENVOY_BIN", hide_env = true)]
    envoy: Option<PathBuf>,
    /// Where the run is recorded.
    #[arg(long, default_value = "chaos-run")]
    out: PathBuf,
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..split]
        .parse()
        .map_err(|_| "a number with s, m or h: 10m".to_owned())?;
    match &text[split..] {
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        "h" => Ok(Duration::from_secs(number * 3600)),
        _ => Err("a number with s, m or h: 10m".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout();
    if arguments.list {
        for fault in FAULTS {
            let _ = writeln!(out, "{}", fault.name);
        }
        let _ = writeln!(out, "{MEASURED}\n{OVERLOAD}");
        return ExitCode::SUCCESS;
    }
    match execute(&arguments) {
        Ok((told, good)) => {
            let _ = writeln!(out, "{told}");
            if good {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chosen(only: &[String]) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for wanted in only {
        let found: Vec<Fault> = FAULTS.iter().copied().filter(|fault| fault.is(wanted)).collect();
        if found.is_empty() {
            bail!("no fault is called {wanted}: --list names them");
        }
        faults.extend(found);
    }
    Ok(faults)
}

/// What is to be said, and whether it is good news.
#[tokio::main]
async fn execute(arguments: &Arguments) -> Result<(String, bool)> {
    let seed = arguments.seed.unwrap_or_else(|| {
        let mut bytes = [0; 4];
        SystemEntropy.fill(&mut bytes);
        u32::from_le_bytes(bytes).into()
    });
    let measured = arguments
        .only
        .iter()
        .find(|only| [MEASURED, OVERLOAD].contains(&only.as_str()));
    let order = Order {
        bin: arguments.bin.clone().context("--bin or SCHEDULER_BIN_DIR")?,
        envoy: arguments.envoy.clone().context("--envoy or ENVOY_BIN")?,
        folder: arguments.out.clone(),
        seed,
        lasts: arguments.lasts,
        faults: if measured.is_some() {
            Vec::new()
        } else {
            chosen(&arguments.only)?
        },
        pause: Duration::from_millis(200),
        breath: Duration::from_secs(5),
        calm: Duration::from_secs(12),
        due: arguments.due,
        old: arguments.old.clone(),
        progress: true,
    };
    let _ = writeln!(
        std::io::stderr(),
        "chaos: seed {seed}, recorded in {}",
        order.folder.display()
    );
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // What is dropped here ends every process of the site.
    let work = async {
        Ok(match measured.map(String::as_str) {
            Some(MEASURED) => (recovery(&order).await?.to_string(), true),
            Some(_) => (overload(&order).await?.to_string(), true),
            None => {
                let outcome = Box::pin(run(&order)).await?;
                (outcome.to_string(), outcome.is_good())
            }
        })
    };
    tokio::select! {
        told = work => told,
        _ = interrupt.recv() => bail!("interrupted"),
        _ = terminate.recv() => bail!("terminated"),
    }
}
