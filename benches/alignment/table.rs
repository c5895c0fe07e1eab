//! Tables, as Markdown or as JSON.

use serde_json::{Map, Value, json};

/// How one contestant did in many runs.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// The part of the runs that ended within one pixel.
    pub success: f64,
    /// What the protocol says of the errors, in pixels.
    pub error: f64,
    /// Median processor time.
    pub milliseconds: f64,
    /// The part of the runs that ended elsewhere, and were said to have converged.
    pub mistaken: f64,
}

/// What is in a cell.
#[derive(Clone, Debug)]
pub enum Cell {
    Text(String),
    /// A number and its decimals.
    Number(f64, usize),
    /// How one contestant did.
    Score(Score),
    /// Nothing to tell.
    Absent,
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl Cell {
    pub fn text(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Number(v, decimals) if v.is_finite() => format!("{v:.decimals$}"),
            Cell::Score(s) => {
                let part = format!("{:.1}", 100.0 * s.success);
                let part = part.strip_suffix(".0").unwrap_or(&part);
                format!("{part} % {:.4} {:.2}", s.error, s.milliseconds)
            }
            Cell::Number(..) | Cell::Absent => "-".to_owned(),
        }
    }

    fn json(&self) -> Value {
        match self {
            Cell::Text(text) => json!(text),
            Cell::Number(v, _) => json!(v),
            Cell::Score(s) => json!({
                "success": s.success, "error": s.error, "milliseconds": s.milliseconds, "mistaken": s.mistaken,
            }),
            Cell::Absent => Value::Null,
        }
    }
}

/// Named columns, and what they are about.
pub struct Table {
    pub name: &'static str,
    pub caption: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(name: &'static str, caption: String, columns: &[&str]) -> Self {
        Self { name, caption, columns: columns.iter().map(|&c| c.to_owned()).collect(), rows: Vec::new() }
    }

    pub fn markdown(&self) -> String {
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("{}\n\n", self.caption);
        text += &row(self.columns.clone());
        text += &format!("|{}\n", "---|".repeat(self.columns.len()));
        for cells in &self.rows {
            text += &row(cells.iter().map(Cell::text).collect());
        }
        text
    }

    pub fn json(&self) -> Value {
        let row = |cells: &Vec<Cell>| {
            Value::Object(
                self.columns.iter().cloned().zip(cells.iter().map(Cell::json)).collect::<Map<_, _>>(),
            )
        };
        json!({ "name": self.name, "caption": self.caption, "rows": self.rows.iter().map(row).collect::<Vec<_>>() })
    }
}
