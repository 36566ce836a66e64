//! Tables without lines, and colour.

use clap::builder::styling::AnsiColor;

/// Between two columns.
const GAP: &str = "  ";

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    color: Option<AnsiColor>,
}

impl Cell {
    /// In this colour.
    pub(crate) fn colored(text: impl Into<String>, color: AnsiColor) -> Self {
        Self {
            text: text.into(),
            color: Some(color),
        }
    }

    /// As it is printed.
    pub(crate) fn show(&self, colored: bool) -> String {
        match self.color {
            Some(color) => paint(&self.text, color, colored),
            None => self.text.clone(),
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            color: None,
        }
    }
}

/// `text` in `color`, if it is to be coloured.
pub(crate) fn paint(text: &str, color: AnsiColor, colored: bool) -> String {
    if !colored {
        return text.to_owned();
    }
    let style = color.on_default();
    format!("{style}{text}{style:#}")
}

/// Columns as wide as their widest cell, under upper-case heads. No rows, no heads.
pub(super) fn table(heads: &[&str], rows: &[Vec<Cell>], colored: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads: Vec<Cell> = heads.iter().map(|head| Cell::from(head.to_uppercase())).collect();
    let all = || std::iter::once(&heads).chain(rows);
    let width = |column: usize| {
        all()
            .map(|row| row.get(column).map_or(0, wide))
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |row: &Vec<Cell>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let padding = " ".repeat(width.saturating_sub(wide(cell)));
            format!("{}{padding}", cell.show(colored))
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    all().map(line).collect::<Vec<_>>().join("\n")
}

fn wide(cell: &Cell) -> usize {
    cell.text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec!["a".into(), Cell::colored("QUEUED", AnsiColor::Blue), "1s".into()],
            vec![
                "longer".into(),
                Cell::colored("RETRY", AnsiColor::Yellow),
                String::new().into(),
            ],
        ]
    }

    #[test]
    fn columns_line_up_and_lines_end_where_their_text_ends() {
        let table = table(&["id", "state", "age"], &rows(), false);
        assert_eq!(table, "ID      STATE   AGE\na       QUEUED  1s\nlonger  RETRY");
    }

    #[test]
    fn colour_does_not_shift_columns() {
        let painted = table(&["id", "state", "age"], &rows(), true);
        let stripped = painted
            .replace("\u{1b}[34m", "")
            .replace("\u{1b}[33m", "")
            .replace("\u{1b}[0m", "");
        assert_ne!(painted, stripped);
        assert_eq!(
            stripped.trim_end(),
            table(&["id", "state", "age"], &rows(), false)
        );
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(table(&["id"], &[], false), "");
    }
}
