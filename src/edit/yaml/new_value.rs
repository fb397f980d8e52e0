//! A value to be written.

use serde_json::Value;

/// It, and how much of its type is known.
#[derive(Debug, Clone, PartialEq)]
pub enum NewValue {
    /// A word as a person typed it. It is a string where the old value is one in quotes or in a
    /// block, and where Compose wants strings (`environment`, `labels`, `args`, `image`,
    /// `command`, `ports` and the like); elsewhere it is what YAML makes of it, written as typed.
    Auto(String),
    /// This very string.
    String(String),
    /// A whole number.
    Int(i64),
    /// Any value: a mapping adds a service, a volume or a network. Null removes the value and
    /// leaves the key.
    Json(Value),
}
