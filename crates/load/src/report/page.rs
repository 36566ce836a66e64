//! A report in one file that needs no network: a page that draws itself from the data within it.

use std::io;

use serde::Serialize;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
/// Numbers for people, elements, axes and charts: what every script can use.
const CHART: &str = include_str!("page/chart.js");

/// The page that `script` draws from `data`.
///
/// # Errors
/// When the data is no JSON.
pub fn of(title: &str, script: &str, data: &impl Serialize) -> io::Result<String> {
    // Within a script, `</` is the one thing that could end it.
    let data = serde_json::to_string(data)?.replace("</", "<\\/");
    Ok(PAGE
        .replace("<!--TITLE-->", title)
        .replace("/*STYLE*/", STYLE)
        .replace("/*SCRIPT*/", script)
        .replace("/*CHART*/", CHART)
        .replace("\"DATA\"", &data))
}
