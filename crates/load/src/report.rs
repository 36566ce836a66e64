//! The result folder.

mod hlog;
mod html;
mod markdown;
pub mod page;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use scheduler_client::Timestamp;

use crate::series::{COLUMNS, JobTimes, Row};
use crate::stats::{Latency, Tally};
use crate::summary::{Summary, schema};
use hlog::Log;

pub use markdown::text;

/// Collects the run, and writes the result folder if there is to be one. The series and the histograms are written as
/// they come, so that they are there even if this process is killed.
#[derive(Debug, Default)]
pub struct Report {
    folder: Option<PathBuf>,
    rows: Vec<Row>,
    times: Vec<JobTimes>,
    total: Latency,
    series: Option<BufWriter<File>>,
    log: Option<Log>,
    failed: Option<io::Error>,
}

impl Report {
    /// Writes into `folder`, which is made if need be; writes nothing when there is none.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be made.
    pub fn new(folder: Option<&Path>) -> io::Result<Self> {
        let Some(folder) = folder else {
            return Ok(Self::default());
        };
        fs::create_dir_all(folder)?;
        let mut series = BufWriter::new(File::create(folder.join("timeseries.csv"))?);
        writeln!(series, "{COLUMNS}")?;
        Ok(Self {
            folder: Some(folder.to_owned()),
            series: Some(series),
            log: Some(Log::create(&folder.join("latency.hlog"))?),
            ..Self::default()
        })
    }

    pub(crate) fn begin(&mut self, at: Timestamp) {
        if let Some(log) = &self.log {
            log.begin(at);
        }
    }

    /// A second's latencies.
    pub(crate) fn interval(&mut self, from: Duration, length: Duration, tally: &Tally) {
        if let Some(log) = &self.log
            && tally.calls > 0
        {
            log.write(from, length, &tally.latency);
        }
        self.total.add(&tally.latency);
    }

    /// A second.
    pub(crate) fn row(&mut self, row: Row) {
        if let Some(series) = &mut self.series
            && let Err(error) = writeln!(series, "{}", row.csv()).and_then(|()| series.flush())
        {
            self.failed.get_or_insert(error);
        }
        self.rows.push(row);
    }

    /// Second by second.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn jobs(&mut self, times: Vec<JobTimes>) {
        self.times = times;
    }

    /// Each job that has ended, where the plan asks for it.
    #[must_use]
    pub fn times(&self) -> &[JobTimes] {
        &self.times
    }

    /// Writes what is told at the end.
    ///
    /// # Errors
    /// The first failure to write anything.
    pub fn finish(mut self, summary: &Summary) -> io::Result<()> {
        let Some(folder) = self.folder.take() else {
            return Ok(());
        };
        if let Some(log) = self.log.take() {
            log.close()?;
        }
        let told = serde_json::to_string_pretty(summary)?;
        fs::write(folder.join("summary.json"), told + "\n")?;
        fs::write(folder.join("summary.schema.json"), format!("{:#}\n", schema()))?;
        fs::write(folder.join("summary.md"), markdown::text(summary))?;
        fs::write(
            folder.join("report.html"),
            html::of(summary, &self.rows, &self.total)?,
        )?;
        self.failed.map_or(Ok(()), Err)
    }
}
