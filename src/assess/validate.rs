//! Compose has the last word on an edit: what it cannot read is not written.

use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::request::Options;
use crate::stack::Resolved;
use crate::stack::model::Model;
use crate::stack::source::Source;

/// The model before, where its values come from, the model after, and what is to be said.
pub(crate) type Fenced = (Option<Model>, Source, Model, Vec<String>);

/// Compares Compose's answers before and after an edit.
///
/// # Errors
/// Compose cannot read the stack after the edit; a complaint that was there before only bars a run.
pub(crate) fn fence(
    before: Result<Resolved, EngineError>,
    after: Result<Model, EngineError>,
    options: &Options,
) -> Result<Fenced, Complaint> {
    match (before, after) {
        (Ok(before), Ok(after)) => Ok((Some(before.model), before.source, after, Vec::new())),
        (Err(_), Ok(after)) => {
            // Without a model of before there is nothing to compare this one with, and no way back
            // for containers: they are left alone.
            let note = "Compose could not read this stack before; with this change it can. \
                        Containers are left as they are; refit apply updates them";
            Ok((None, Source::default(), after, vec![note.to_owned()]))
        }
        (Ok(_), Err(error)) => Err(Complaint {
            text: "Compose cannot read the stack with this change; nothing was written".into(),
            ..Complaint {
                code: Code::InvalidAfter,
                ..Complaint::from(error)
            }
        }),
        (Err(before), Err(after)) => {
            let (before, after) = (Complaint::from(before), Complaint::from(after));
            if !is_same(&before, &after) {
                let text =
                    "Compose cannot read the stack, and has a new complaint with this change";
                return Err(Complaint {
                    code: Code::InvalidAfter,
                    text: text.into(),
                    ..after
                });
            }
            if !options.no_apply {
                let text = "Compose cannot read this stack, with or without the change";
                let first = before.hint.clone();
                let first = first.unwrap_or_else(|| "fix what it names first".to_owned());
                return Err(Complaint {
                    code: Code::InvalidStack,
                    text: text.into(),
                    ..before
                }
                .hint(format!("{first}; --no-apply writes the change anyway")));
            }
            let note = format!(
                "Compose cannot read this stack: {}",
                before.details.join(" ")
            );
            let empty = Model::of_json(serde_json::Value::Null);
            Ok((None, Source::default(), empty, vec![note]))
        }
    }
}

/// Whether Compose says the same; an edit may have moved the line it speaks of.
fn is_same(before: &Complaint, after: &Complaint) -> bool {
    let unplaced = |complaint: &Complaint| -> Vec<String> {
        complaint
            .details
            .iter()
            .map(|line| without_places(line))
            .collect()
    };
    unplaced(before) == unplaced(after)
}

/// `line 12` and `column 3` without their numbers.
fn without_places(text: &str) -> String {
    let mut out = Vec::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        out.push(word);
        if matches!(word, "line" | "column") {
            let is_number = |next: &&str| next.starts_with(|c: char| c.is_ascii_digit());
            words.next_if(is_number);
        }
    }
    out.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_line_is_the_same_complaint() {
        let said = |text: &str| Complaint::new(Code::InvalidAfter, "").details(text);
        let same = |a: &str, b: &str| is_same(&said(a), &said(b));
        assert!(same(".env: line 3: no", ".env: line 14: no"));
        assert!(same("at line 3, column 9: no", "at line 4, column 1: no"));
        assert!(!same("line 3: A1 is missing", "line 3: A2 is missing"));
        assert!(!same("line 3: no", "line 3: no\nline 4: no"));
    }
}
