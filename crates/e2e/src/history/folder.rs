//! Where a run keeps what it records.
//!
//! ```text
//! run.json            the Setup
//! events/NAME.jsonl   Events; one file per process
//! logs/NAME.log       what processes wrote to their error stream
//! sink                socket of the effects
//! rows.jsonl          every change of a row of `jobs`, by the database's own trigger
//! final.jsonl         the rows at the end, read from the database
//! shown.jsonl         the jobs at the end, read through the API
//! report.json, report.txt   what the checker says
//! ```

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Setup;

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder of a run that begins now, and writes its setup.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: impl Into<PathBuf>, setup: &Setup) -> Result<Self> {
        let folder = Self(path.into());
        fs::create_dir_all(folder.events())?;
        fs::create_dir_all(folder.logs())?;
        fs::write(
            folder.0.join("run.json"),
            serde_json::to_string_pretty(setup)? + "\n",
        )?;
        Ok(folder)
    }

    /// The folder of an earlier run.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What the run was set up to be.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn setup(&self) -> Result<Setup> {
        let path = self.0.join("run.json");
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }

    /// Where the files of events are.
    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.0.join("events")
    }

    /// Where the processes' own words are.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.0.join("logs")
    }

    /// The socket of the effects. Its path has to be shorter than 100 bytes.
    #[must_use]
    pub fn sink(&self) -> PathBuf {
        self.0.join("sink")
    }

    /// A file for what the process `name` writes to its error stream; what is there is kept.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn log(&self, name: &str) -> Result<File> {
        let path = self.logs().join(format!("{name}.log"));
        File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| path.display().to_string())
    }

    /// Writes `file`, one line per item.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_lines<T: Serialize>(&self, file: &str, items: impl IntoIterator<Item = T>) -> Result<()> {
        let path = self.0.join(file);
        let mut writer = BufWriter::new(File::create(&path).with_context(|| path.display().to_string())?);
        for item in items {
            serde_json::to_writer(&mut writer, &item)?;
            writer.write_all(b"\n")?;
        }
        writer.flush()?;
        Ok(())
    }

    /// Hands every line of `file` to `take`, if there is such a file.
    ///
    /// # Errors
    /// A line does not read as a `T`.
    pub fn read_lines<T: DeserializeOwned>(&self, file: &str, take: impl FnMut(T)) -> Result<()> {
        let path = self.0.join(file);
        if path.exists() {
            read_lines(&path, take)?;
        }
        Ok(())
    }

    /// The files of events, in order of their names.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn event_files(&self) -> Result<Vec<PathBuf>> {
        let folder = self.events();
        let mut files = fs::read_dir(&folder)
            .with_context(|| folder.display().to_string())?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        files.sort();
        Ok(files)
    }
}

/// Hands every line to `take`. The last one may be cut: its process was killed in the middle of it.
///
/// # Errors
/// Another line does not read as a `T`.
pub(super) fn read_lines<T: DeserializeOwned>(path: &Path, mut take: impl FnMut(T)) -> Result<()> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        number += 1;
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        match serde_json::from_slice(&line) {
            Ok(item) => take(item),
            Err(_) if line.last() != Some(&b'\n') => return Ok(()),
            Err(error) => {
                return Err(error).with_context(|| format!("{}, line {number}", path.display()));
            }
        }
    }
}
