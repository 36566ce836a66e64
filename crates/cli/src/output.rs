//! Printing: data to standard output in the format asked for, everything else to standard error.

mod columns;
mod progress;

use std::io::{self, IsTerminal as _, Write as _};

use clap::builder::styling::AnsiColor;
use scheduler_client::Timestamp;
use scheduler_domain::{Clock as _, SystemClock};
use serde::Serialize;

use crate::args::{Color, Format, Global};

pub(crate) use columns::{Cell, paint};
pub(crate) use progress::Progress;

/// Something that is printed on its own.
pub(crate) trait Item: Serialize {
    /// What `-o name` prints.
    fn name(&self) -> &str;
    /// For people; without the last line's end.
    fn text(&self, colored: bool) -> String;
}

/// Something that is printed as a row of a table.
pub(crate) trait Row: Serialize {
    /// Heads of the columns.
    const COLUMNS: &'static [&'static str];
    /// What `-o name` prints.
    fn name(&self) -> String;
    /// One cell per column.
    fn cells(&self, now: Timestamp) -> Vec<Cell>;
}

/// Where everything is printed.
#[derive(Debug)]
pub(crate) struct Console {
    format: Format,
    quiet: bool,
    colored: bool,
    colored_errors: bool,
    interactive: bool,
    clock: SystemClock,
}

impl Console {
    pub(crate) fn new(global: &Global) -> Self {
        let plain = global.no_color.as_ref().is_some_and(|value| !value.is_empty());
        let colored = |terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !plain,
        };
        let interactive = io::stderr().is_terminal();
        Self {
            format: global.output,
            quiet: global.quiet,
            colored: colored(io::stdout().is_terminal()),
            colored_errors: colored(interactive),
            interactive,
            clock: SystemClock,
        }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether somebody sits at a terminal.
    pub(crate) fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Whether nothing but data and errors is wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether data is coloured.
    pub(crate) fn colored(&self) -> bool {
        self.colored
    }

    /// Prints one thing.
    pub(crate) fn item(&self, item: &impl Item) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Table => item.text(self.colored),
            Format::Name => item.name().to_owned(),
            Format::Json => serde_json::to_string_pretty(item)?,
            Format::Yaml => serde_saphyr::to_string(item)?,
        };
        self.line(&text)
    }

    /// Prints one thing of a series whose end is not known: JSON takes one line, YAML one document.
    pub(crate) fn next_item(&self, item: &impl Item) -> anyhow::Result<()> {
        match self.format {
            Format::Json => self.line(&serde_json::to_string(item)?),
            Format::Yaml => self.line(&format!("---\n{}", serde_saphyr::to_string(item)?)),
            Format::Table | Format::Name => self.item(item),
        }
    }

    /// Prints a list.
    pub(crate) fn list<T: Row>(&self, items: &[T]) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Table => {
                let now = self.clock.now();
                let rows: Vec<Vec<Cell>> = items.iter().map(|item| item.cells(now)).collect();
                columns::table(T::COLUMNS, &rows, self.colored)
            }
            Format::Name => items.iter().map(T::name).collect::<Vec<_>>().join("\n"),
            Format::Json => serde_json::to_string_pretty(items)?,
            Format::Yaml => serde_saphyr::to_string(&items)?,
        };
        if text.is_empty() { Ok(()) } else { self.line(&text) }
    }

    /// Prints a line of data.
    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        // Not println, which panics when the reader of our output has gone.
        let mut out = io::stdout().lock();
        writeln!(out, "{}", text.trim_end_matches('\n'))?;
        out.flush()?;
        Ok(())
    }

    /// Tells something that matters, on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    /// Tells somebody who sits at a terminal what they could do next.
    pub(crate) fn hint(&self, text: &str) {
        if self.interactive && self.format == Format::Table {
            self.note(text);
        }
    }

    /// `text` in the colour of errors.
    pub(crate) fn alarm(&self, text: &str) -> String {
        paint(text, AnsiColor::Red, self.colored_errors)
    }

    /// Shows that something goes on, on a terminal. `total` is the number of its steps, where that is known.
    pub(crate) fn progress(&self, what: &'static str, total: Option<usize>) -> Progress {
        Progress::start(self.interactive && !self.quiet, what, total)
    }
}
