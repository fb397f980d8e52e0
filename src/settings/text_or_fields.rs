//! What may be written in short, as one text, or with its fields.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// One of the two forms.
pub(super) enum TextOrFields<F> {
    Text(String),
    Fields(F),
}

/// Reads either; `forms` names both, for whoever wrote neither. An error within the fields keeps its
/// place and its words.
pub(super) fn read<'de, D: Deserializer<'de>, F: Deserialize<'de>>(
    from: D,
    forms: &'static str,
) -> Result<TextOrFields<F>, D::Error> {
    from.deserialize_any(Forms {
        forms,
        fields: PhantomData,
    })
}

struct Forms<F> {
    forms: &'static str,
    fields: PhantomData<F>,
}

impl<'de, F: Deserialize<'de>> Visitor<'de> for Forms<F> {
    type Value = TextOrFields<F>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.forms)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOrFields::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let fields = F::deserialize(MapAccessDeserializer::new(map))?;
        Ok(TextOrFields::Fields(fields))
    }
}
