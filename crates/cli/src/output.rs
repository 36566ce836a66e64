//! Printing: data to standard output, in the format asked for.

use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde_json::Value;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns, for people.
    Table,
    /// JSON, for programs.
    Json,
    /// Ids or names alone, one a line.
    Name,
}

/// Prints rows under `columns`; `items` are the same things as JSON, of which `name` is the naming member.
pub(crate) fn print(format: Format, columns: &[&str], rows: Vec<Vec<String>>, items: Vec<Value>, name: &str) {
    match format {
        Format::Table => {
            let mut table = Table::new();
            table
                .load_style(presets::NOTHING)
                .set_header(columns.iter().map(|c| c.to_uppercase()));
            table.add_rows(rows);
            println!("{}", table.trim_fmt());
        }
        Format::Json => println!("{:#}", Value::Array(items)),
        Format::Name => items
            .iter()
            .filter_map(|item| item[name].as_str())
            .for_each(|name| println!("{name}")),
    }
}

/// Prints one thing: its members in lines, as JSON, or its name.
pub(crate) fn print_one(format: Format, item: &Value, name: &str) {
    match format {
        Format::Table => {
            let mut table = Table::new();
            table.load_style(presets::NOTHING);
            for (member, value) in item.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                table.add_row([member.clone(), text]);
            }
            println!("{}", table.trim_fmt());
        }
        Format::Json => println!("{item:#}"),
        Format::Name => println!("{}", item[name].as_str().unwrap_or_default()),
    }
}
