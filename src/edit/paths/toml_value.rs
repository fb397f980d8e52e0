//! Values of TOML as those of JSON, and back.

use serde_json::Value;
use toml_edit::{InlineTable, Item, Table, Value as TomlValue};

/// `words` is the text, where numbers are to be as they stand in it.
pub(super) fn of_table(table: &Table, words: Option<&str>) -> Value {
    let entries = table
        .iter()
        .filter_map(|(key, item)| Some((key.to_owned(), of_item(item, words)?)));
    Value::Object(entries.collect())
}

fn of_item(item: &Item, words: Option<&str>) -> Option<Value> {
    match item {
        Item::None => None,
        Item::Value(value) => Some(of_value(value, words)),
        Item::Table(table) => Some(of_table(table, words)),
        Item::ArrayOfTables(all) => {
            let tables = all.iter().map(|table| of_table(table, words));
            Some(Value::Array(tables.collect()))
        }
    }
}

pub(super) fn of_value(value: &TomlValue, words: Option<&str>) -> Value {
    let word = || {
        words
            .zip(value.span())
            .map(|(text, span)| text[span].into())
    };
    match value {
        TomlValue::String(text) => text.value().as_str().into(),
        TomlValue::Integer(number) => word().unwrap_or_else(|| (*number.value()).into()),
        TomlValue::Float(number) => word().unwrap_or_else(|| {
            let finite = serde_json::Number::from_f64(*number.value());
            finite.map_or_else(|| number.value().to_string().into(), Value::Number)
        }),
        TomlValue::Boolean(word) => (*word.value()).into(),
        TomlValue::Datetime(time) => time.value().to_string().into(),
        TomlValue::Array(items) => {
            Value::Array(items.iter().map(|item| of_value(item, words)).collect())
        }
        TomlValue::InlineTable(table) => {
            let entries = table
                .iter()
                .map(|(key, value)| (key.to_owned(), of_value(value, words)));
            Value::Object(entries.collect())
        }
    }
}

pub(super) fn to_toml(value: &Value) -> Option<TomlValue> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(word) => (*word).into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64()?.into(),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            let items: Option<Vec<TomlValue>> = items.iter().map(to_toml).collect();
            TomlValue::Array(items?.into_iter().collect())
        }
        Value::Object(map) => {
            let mut table = InlineTable::new();
            for (key, value) in map {
                table.insert(key.as_str(), to_toml(value)?);
            }
            TomlValue::InlineTable(table)
        }
    })
}
