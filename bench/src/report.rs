//! What a case found: figures by subject, and how they compare with what was aimed at.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::stats::{median, range};

/// Everything one case has to say.
#[derive(Debug)]
pub(crate) struct Report {
    case: &'static str,
    figures: Vec<Figure>,
    goals: Vec<Goal>,
    notes: Vec<String>,
}

/// One measure of one subject, a sample per round.
#[derive(Debug)]
struct Figure {
    subject: String,
    measure: &'static str,
    samples: Vec<f64>,
}

/// A comparison, a sample per round, and what was aimed at.
#[derive(Debug)]
struct Goal {
    what: String,
    samples: Vec<f64>,
    aim: Aim,
}

/// What was aimed at. Nothing is judged here: a busy machine would decide.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aim {
    /// At least this much.
    AtLeast(f64),
    /// At most this much.
    AtMost(f64),
    /// For information.
    None,
}

impl Report {
    /// Nothing yet.
    pub(crate) fn new(case: &'static str) -> Self {
        Self { case, figures: Vec::new(), goals: Vec::new(), notes: Vec::new() }
    }

    /// Adds samples of `measure` (which names its unit) for `subject`.
    pub(crate) fn figure(&mut self, subject: impl Into<String>, measure: &'static str, samples: &[f64]) {
        self.figures.push(Figure { subject: subject.into(), measure, samples: samples.to_vec() });
    }

    /// Adds a comparison.
    pub(crate) fn goal(&mut self, what: impl Into<String>, samples: Vec<f64>, aim: Aim) {
        self.goals.push(Goal { what: what.into(), samples, aim });
    }

    /// Adds something a reader must know.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// For people: one row per subject, one column per measure, medians with the range of rounds.
    pub(crate) fn text(&self) -> String {
        let mut subjects: Vec<&str> = Vec::new();
        let mut measures: Vec<&str> = Vec::new();
        for figure in &self.figures {
            if !subjects.contains(&figure.subject.as_str()) {
                subjects.push(&figure.subject);
            }
            if !measures.contains(&figure.measure) {
                measures.push(figure.measure);
            }
        }
        let mut rows =
            vec![std::iter::once(self.case).chain(measures.iter().copied()).map(String::from).collect()];
        for subject in subjects {
            let mut row = vec![subject.to_owned()];
            for measure in &measures {
                let figure = self.figures.iter().find(|f| f.subject == subject && f.measure == *measure);
                row.push(figure.map(|figure| cell(&figure.samples)).unwrap_or_default());
            }
            rows.push(row);
        }
        let mut text = aligned(&rows);
        for Goal { what, samples, aim } in &self.goals {
            let aim = match aim {
                Aim::AtLeast(bound) => format!(", goal ≥ {}", number(*bound)),
                Aim::AtMost(bound) => format!(", goal ≤ {}", number(*bound)),
                Aim::None => String::new(),
            };
            let _ = writeln!(text, "  {what}: {}{aim}", cell(samples));
        }
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        text.push('\n');
        text
    }

    fn value(&self) -> Value {
        let summary = |samples: &[f64]| {
            let (low, high) = range(samples);
            json!({ "median": median(samples), "low": low, "high": high, "samples": samples })
        };
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|f| json!({ "subject": f.subject, "measure": f.measure, "value": summary(&f.samples) }))
            .collect();
        let goals: Vec<Value> = self
            .goals
            .iter()
            .map(|goal| {
                let (least, most) = match goal.aim {
                    Aim::AtLeast(bound) => (Some(bound), None),
                    Aim::AtMost(bound) => (None, Some(bound)),
                    Aim::None => (None, None),
                };
                json!({ "what": goal.what, "value": summary(&goal.samples), "atLeast": least, "atMost": most })
            })
            .collect();
        json!({ "case": self.case, "figures": figures, "comparisons": goals, "notes": self.notes })
    }
}

/// All reports as one JSON document.
pub(crate) fn document(reports: &[Report]) -> Value {
    json!({ "cases": reports.iter().map(Report::value).collect::<Vec<_>>() })
}

fn cell(samples: &[f64]) -> String {
    let (low, high) = range(samples);
    let (low, high, middle) = (number(low), number(high), number(median(samples)));
    if low == high { middle } else { format!("{middle} ({low}–{high})") }
}

/// Three significant digits, whole numbers from a hundred on.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let gap = " ".repeat(widths[column] - cell.chars().count());
            let _ = match column {
                0 => write!(line, "{cell}{gap}"),
                _ => write!(line, "  {gap}{cell}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_subjects_and_columns_are_measures() {
        let mut report = Report::new("case");
        report.figure("axum", "req/s", &[1000.0, 3000.0, 2000.0]);
        report.figure("func", "req/s", &[500.0]);
        report.figure("func", "RSS MiB", &[12.34]);
        report.goal("func / axum", vec![0.25], Aim::AtLeast(0.4));
        report.note("quiet");
        assert_eq!(
            report.text(),
            "case             req/s  RSS MiB\n\
             axum  2000 (1000–3000)\n\
             func               500     12.3\n\
             \x20 func / axum: 0.250, goal ≥ 0.400\n\
             \x20 note: quiet\n\n"
        );
        let document = document(&[report]);
        assert_eq!(document["cases"][0]["figures"][0]["value"]["median"], 2000.0);
        assert_eq!(document["cases"][0]["comparisons"][0]["atLeast"], 0.4);
    }
}
