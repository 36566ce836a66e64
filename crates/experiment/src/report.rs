//! The result folder.

mod html;
mod markdown;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::plan::Plan;
use crate::series::{CURVES, Series};
use crate::summary::{RunRecord, Summary, schema};

pub use markdown::text;

/// Collects the runs. What a run brought is written when it ends, so that it is there whatever becomes of the next.
#[derive(Debug)]
pub(crate) struct Report {
    folder: PathBuf,
    samples: File,
    /// The number of the run, its side, and what it brought.
    series: Vec<(usize, usize, Series)>,
}

impl Report {
    pub(crate) fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut samples = File::create(folder.join("samples.csv"))?;
        writeln!(samples, "run,side,repeat,second,{}", CURVES.join(","))?;
        Ok(Self {
            folder: folder.to_owned(),
            samples,
            series: Vec::new(),
        })
    }

    /// What a run brought, second by second.
    pub(crate) fn series(&mut self, side: usize, run: &RunRecord, series: Series) -> io::Result<()> {
        // A name with a comma in it would be two cells.
        let name = format!("\"{}\"", run.side.replace('"', "\"\""));
        let lead = format!("{},{name},{}", run.number, run.repeat);
        self.samples.write_all(series.csv(&lead).as_bytes())?;
        self.series.push((run.number, side, series));
        Ok(())
    }

    /// A run has ended.
    pub(crate) fn ran(&self, run: &RunRecord) -> io::Result<()> {
        let folder = self.folder.join(&run.folder);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("run.json"), serde_json::to_string_pretty(run)? + "\n")
    }

    /// Writes what is told at the end.
    pub(crate) fn finish(self, plan: &Plan, summary: &Summary) -> io::Result<()> {
        let told = serde_json::to_string_pretty(summary)?;
        fs::write(self.folder.join("summary.json"), told + "\n")?;
        fs::write(
            self.folder.join("summary.schema.json"),
            format!("{:#}\n", schema()),
        )?;
        fs::write(self.folder.join("summary.md"), markdown::text(summary))?;
        fs::write(
            self.folder.join("report.html"),
            html::of(plan, summary, &self.series)?,
        )
    }
}
