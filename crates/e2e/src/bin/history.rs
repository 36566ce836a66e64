//! `history check FOLDER`: judges a run that was recorded. Ends with 0 when it is clean, 1 when an invariant was violated, 2 when it
//! proves nothing or cannot be read.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use scheduler_e2e::history::{Folder, Report, Verdict, judge};

const USAGE: &str = "usage: history check [--json] FOLDER\n";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (folder, json) = match args[..] {
        ["check", "--json", folder] | ["check", folder, "--json"] => (folder, true),
        ["check", folder] if !folder.starts_with('-') => (folder, false),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match judge(&Folder::at(folder)).and_then(|report| show(&report, json).map(|()| report.verdict)) {
        Ok(Verdict::Clean) => ExitCode::SUCCESS,
        Ok(Verdict::Violated) => ExitCode::from(1),
        Ok(Verdict::Invalid) => ExitCode::from(2),
        Err(error) => {
            eprintln!("history: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn show(report: &Report, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}
