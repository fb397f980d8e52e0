//! The result: rows of what was measured, beside what, and what was aimed at.

use std::fmt;
use std::time::Duration;

/// One line.
pub(crate) struct Row {
    what: String,
    ours: String,
    theirs: String,
    ratio: String,
    aim: String,
}

impl Row {
    /// Ours beside theirs.
    pub(crate) fn times(what: &str, ours: Duration, theirs: Duration) -> Self {
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64().max(f64::EPSILON);
        Self {
            theirs: millis(theirs),
            ratio: format!("{ratio:.2}"),
            ..Self::alone(what, ours)
        }
    }

    /// Ours without a counterpart.
    pub(crate) fn alone(what: &str, ours: Duration) -> Self {
        Self {
            what: what.to_owned(),
            ours: millis(ours),
            theirs: String::new(),
            ratio: String::new(),
            aim: String::new(),
        }
    }

    /// A size.
    pub(crate) fn memory(what: &str, kib: u64) -> Self {
        Self {
            ours: format!("{:.1} MB", kib as f64 / 1000.0 * 1.024),
            ..Self::alone(what, Duration::ZERO)
        }
    }

    /// The ratio that is aimed at.
    pub(crate) fn at_most(self, ratio: &str) -> Self {
        let aim = format!("ratio ≤ {ratio}");
        Self { aim, ..self }
    }

    /// The figure that is aimed at.
    pub(crate) fn ours_at_most(self, figure: &str) -> Self {
        let aim = format!("≤ {figure}");
        Self { aim, ..self }
    }

    fn cells(&self) -> [&str; 5] {
        [&self.what, &self.ours, &self.theirs, &self.ratio, &self.aim]
    }
}

fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis {
        ..10.0 => format!("{millis:.2} ms"),
        ..100.0 => format!("{millis:.1} ms"),
        _ => format!("{millis:.0} ms"),
    }
}

/// All lines, in groups.
#[derive(Default)]
pub(crate) struct Table {
    sections: Vec<(String, Vec<Row>)>,
}

impl Table {
    /// Begins a group.
    pub(crate) fn section(&mut self, title: &str) {
        self.sections.push((title.to_owned(), Vec::new()));
    }

    /// Adds a line to the last group.
    pub(crate) fn add(&mut self, row: Row) {
        if let Some((_, rows)) = self.sections.last_mut() {
            rows.push(row);
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["", "refit", "beside it", "ratio", "aim"];
        let mut widths = head.map(|cell| cell.chars().count());
        for row in self.sections.iter().flat_map(|(_, rows)| rows) {
            for (width, cell) in widths.iter_mut().zip(row.cells()) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |f: &mut fmt::Formatter<'_>, cells: [&str; 5]| {
            let [what, rest @ ..] = widths;
            let mut text = format!("  {:<what$}", cells[0]);
            for (cell, width) in cells[1..].iter().zip(rest) {
                text.push_str(&format!("  {cell:>width$}"));
            }
            writeln!(f, "{}", text.trim_end())
        };
        line(f, head)?;
        for (title, rows) in &self.sections {
            writeln!(f, "{title}")?;
            for row in rows {
                line(f, row.cells())?;
            }
        }
        Ok(())
    }
}
