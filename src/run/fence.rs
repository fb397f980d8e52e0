//! Compose has the last word on an edit: what it cannot read is not written.

use super::request::Options;
use crate::complaint::Complaint;
use crate::engine::EngineError;
use crate::stack::Resolved;
use crate::stack::model::Model;
use crate::stack::source::Source;

/// The model before, where its values come from, the model after, and what is to be said.
pub(super) type Fenced = (Option<Model>, Source, Model, Vec<String>);

/// Compares Compose's answers before and after an edit.
///
/// # Errors
/// Compose cannot read the stack after the edit; a complaint that was there before only bars a run.
pub(super) fn fence(
    before: Result<Resolved, EngineError>,
    after: Result<Model, EngineError>,
    options: &Options,
) -> Result<Fenced, Complaint> {
    match (before, after) {
        (Ok(before), Ok(after)) => Ok((Some(before.model), before.source, after, Vec::new())),
        (Err(_), Ok(after)) => {
            let note = "Compose could not read this stack before; with this change it can";
            Ok((None, Source::default(), after, vec![note.to_owned()]))
        }
        (Ok(_), Err(error)) => Err(Complaint {
            text: "Compose cannot read the stack with this change; nothing was written".into(),
            ..Complaint {
                code: "invalid_after",
                ..Complaint::from(error)
            }
        }),
        (Err(before), Err(after)) => {
            let (before, after) = (Complaint::from(before), Complaint::from(after));
            if before.details != after.details {
                let text =
                    "Compose cannot read the stack, and has a new complaint with this change";
                return Err(Complaint {
                    code: "invalid_after",
                    text: text.into(),
                    ..after
                });
            }
            if !options.no_apply {
                let text = "Compose cannot read this stack, with or without the change";
                return Err(Complaint {
                    code: "invalid_stack",
                    text: text.into(),
                    ..before
                }
                .hint("mend what it names first; --no-apply writes the change all the same"));
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
