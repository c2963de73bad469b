//! Tables for people, JSON for programs; and what stands in a table's cells.

use crate::args::ListFormat;
use crate::failure::Failure;
use crate::style::{Ink, Palette, data};
use api::Status;
use domain::{Clock as _, Conclusion, SystemClock, Timestamp};
use serde::Serialize;

/// Rows under heads; columns are as wide as they need.
#[derive(Debug)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// A text and its colour.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    ink: Option<Ink>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        // What a name holds may not move the cursor.
        let text: String = text.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { text, ink: None }
    }
}

impl Cell {
    pub(crate) fn inked(text: impl Into<String>, ink: Ink) -> Self {
        Self { ink: Some(ink), ..Self::from(text) }
    }
}

impl Table {
    pub(crate) fn new(head: impl IntoIterator<Item = &'static str>) -> Self {
        Self { head: head.into_iter().collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(crate) fn text(&self, palette: Palette) -> String {
        let width = |column: usize| {
            let cells =
                self.rows.iter().filter_map(|row| row.get(column)).map(|cell| console::measure_text_width(&cell.text));
            cells.chain(self.head.get(column).map(|head| head.len())).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let head: Vec<Cell> = self.head.iter().map(|head| Cell::inked(*head, Ink::Dim)).collect();
        let mut out = String::new();
        for row in std::iter::once(&head).chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad =
                    widths.get(column).copied().unwrap_or(0).saturating_sub(console::measure_text_width(&cell.text));
                let painted = cell.ink.map_or_else(|| cell.text.clone(), |ink| palette.paint(ink, &cell.text));
                line.push_str(&painted);
                line.push_str(&" ".repeat(pad + 2));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// Prints a list.
pub(crate) fn list<T: Serialize>(
    format: ListFormat,
    items: &[T],
    table: impl FnOnce() -> Table,
) -> Result<(), Failure> {
    let text = match format {
        ListFormat::Table => table().text(Palette::stdout()),
        ListFormat::Json => json(&items, serde_json::to_string_pretty)?,
        ListFormat::Jsonl => items.iter().map(|item| json(item, serde_json::to_string)).collect::<Result<_, _>>()?,
    };
    data(&text)
}

/// Prints one thing.
pub(crate) fn one<T: Serialize>(format: ListFormat, item: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
    let text = match format {
        ListFormat::Table => text(),
        ListFormat::Json => json(item, serde_json::to_string_pretty)?,
        ListFormat::Jsonl => json(item, serde_json::to_string)?,
    };
    data(&text)
}

fn json<T: ?Sized>(item: &T, write: impl FnOnce(&T) -> serde_json::Result<String>) -> Result<String, Failure> {
    write(item).map(|text| text + "\n").map_err(|error| Failure::platform("the answer cannot be written").cause(&error))
}

/// Where something is, in one word and a colour.
pub(crate) fn state(status: Status, conclusion: Option<Conclusion>) -> Cell {
    match (status, conclusion) {
        (_, Some(conclusion)) => {
            let ink = match conclusion {
                Conclusion::Success => Ink::Good,
                Conclusion::Failure => Ink::Bad,
                Conclusion::Cancelled => Ink::Warn,
                Conclusion::Skipped => Ink::Dim,
            };
            Cell::inked(conclusion.as_str(), ink)
        }
        (Status::InProgress, None) => Cell::inked("in_progress", Ink::Mark),
        (status, None) => status.word().into(),
    }
}

/// How long something took, or takes.
pub(crate) fn took(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    match from {
        None => "-".to_owned(),
        Some(from) => length(to.unwrap_or_else(|| SystemClock.now()).since(from)),
    }
}

/// How long ago something was.
pub(crate) fn ago(then: Option<Timestamp>) -> String {
    then.map_or_else(|| "-".to_owned(), |then| format!("{} ago", length(SystemClock.now().since(then))))
}

/// A length of time.
pub(crate) fn length(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", time.as_secs_f64()),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Table, length};
    use crate::style::{Ink, Palette};
    use std::time::Duration;

    #[test]
    fn columns_are_as_wide_as_they_need_and_names_cannot_move_the_cursor() {
        let mut table = Table::new(["ID", "NAME", "STATE"]);
        table.row(["7".into(), "é\u{1b}[2Jb\n".into(), Cell::inked("success", Ink::Good)]);
        table.row(["12345".into(), "a".into(), "queued".into()]);
        assert_eq!(
            table.text(Palette::Plain),
            "ID     NAME     STATE\n7      é [2Jb   success\n12345  a        queued\n"
        );
        assert!(table.text(Palette::Colored).contains("\u{1b}[32msuccess\u{1b}[0m"));
    }

    #[test]
    fn lengths_of_time() {
        let of = |millis| length(Duration::from_millis(millis));
        assert_eq!(
            [of(1234), of(59_999), of(61_000), of(3_660_000), of(90_000_000)],
            ["1.2s", "59s", "1m01s", "1h01m", "1d01h"]
        );
    }
}
