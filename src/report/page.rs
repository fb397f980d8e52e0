//! Answers to questions: tables and pages, as text or as one JSON document.

use serde_json::Value;

use super::called;
use super::output::{err, out, print};
use crate::complaint::Complaint;
use crate::report::json;
use crate::secret::hidden_by_form;

/// Prints a JSON document, without what looks like a secret.
pub(crate) fn document(value: &Value) {
    value_document(&without_secrets(value));
}

/// Prints a JSON document with the very value that was asked for.
pub(crate) fn value_document(value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    print(&format!("{text}\n"));
}

/// Names of members are ours, and tell nothing of what is in them.
fn without_secrets(value: &Value) -> Value {
    match value {
        Value::String(text) => hidden_by_form(text).into(),
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let clean = members.map(|(name, value)| (name.clone(), without_secrets(value)));
            Value::Object(clean.collect())
        }
        same @ (Value::Null | Value::Bool(_) | Value::Number(_)) => same.clone(),
    }
}

/// Prints rows with aligned columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<String>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"));
        let text = padded.collect::<Vec<_>>().join("  ");
        out(text.trim_end());
    };
    line(head.iter().map(|&cell| cell.to_owned()).collect());
    rows.iter().cloned().for_each(line);
}

/// Prints a line that names what to type.
pub(crate) fn advice(line: &str) {
    out(&called::fit(line));
}

/// Prints a complaint that no run tells.
pub(crate) fn complaint(complaint: &Complaint, as_json: bool) {
    let complaint = &complaint.with_commands(called::fit);
    if as_json {
        let error = serde_json::json!({"error": json::complaint(complaint)});
        return print(&format!("{}\n", without_secrets(&error)));
    }
    err(&format!("✗ {}", complaint.text));
    for line in &complaint.details {
        err(&format!("  {line}"));
    }
    if let Some(hint) = &complaint.hint {
        err(&format!("  → {hint}"));
    }
}
