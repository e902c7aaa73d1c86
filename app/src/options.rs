//! Reads a host.json section into a typed value the way the platform binds its options: property names and enum
//! names ignore case, `"5"` is a number and `"True"` a boolean (overrides from the environment are text), unknown
//! properties are ignored and null is absent.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, Error as ReadError, MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

/// A property whose value does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsError {
    /// Where it is below the section, dots between names; empty for the section itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl std::error::Error for OptionsError {}

/// Reads `section` as `T`. Give structs `#[serde(default, rename_all = "camelCase")]`.
///
/// # Errors
/// When a value has the wrong type or form.
pub fn read<T: DeserializeOwned>(section: &Value) -> Result<T, OptionsError> {
    serde_path_to_error::deserialize(Reader(section)).map_err(|error| OptionsError {
        path: match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        },
        message: error.inner().to_string(),
    })
}

#[derive(Clone, Copy)]
struct Reader<'de>(&'de Value);

impl<'de> IntoDeserializer<'de, ReadError> for Reader<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Reader<'de> {
    fn mismatch<V: Visitor<'de>>(self, visitor: &V) -> ReadError {
        let found = match self.0 {
            Value::Null => de::Unexpected::Unit,
            Value::Bool(flag) => de::Unexpected::Bool(*flag),
            Value::Number(_) => de::Unexpected::Other("number"),
            Value::String(text) => de::Unexpected::Str(text),
            Value::Array(_) => de::Unexpected::Seq,
            Value::Object(_) => de::Unexpected::Map,
        };
        ReadError::invalid_type(found, visitor)
    }

    fn number<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let parsed;
        let number = match self.0 {
            Value::Number(number) => number,
            Value::String(text) => {
                parsed = text.trim().parse().map_err(|_| self.mismatch(&visitor))?;
                &parsed
            }
            _ => return Err(self.mismatch(&visitor)),
        };
        match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => visitor.visit_u64(number),
            (_, Some(number), _) => visitor.visit_i64(number),
            (_, _, Some(number)) => visitor.visit_f64(number),
            _ => Err(self.mismatch(&visitor)),
        }
    }
}

/// Properties of a struct: each known field once, with the last value given to it under any spelling.
fn fields<'de>(
    map: &'de Map<String, Value>,
    known: &'static [&'static str],
) -> impl Iterator<Item = (&'static str, Reader<'de>)> {
    known.iter().filter_map(|field| {
        let value = map.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(field))?.1;
        (!value.is_null()).then_some((*field, Reader(value)))
    })
}

/// Elements of an array that overrides may have written as `{"0": …, "1": …}`, by number.
fn numbered(map: &Map<String, Value>) -> Option<Vec<&Value>> {
    let mut elements: Vec<(usize, &Value)> =
        map.iter().map(|(key, value)| Some((key.parse().ok()?, value))).collect::<Option<_>>()?;
    elements.sort_by_key(|(place, _)| *place);
    Some(elements.into_iter().map(|(_, value)| value).collect())
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = ReadError;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(_) => self.number(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::String(text) if text.trim().eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            Value::String(text) if text.trim().eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Number(number) => visitor.visit_string(number.to_string()),
            // The reference flattens booleans to these spellings before it binds them.
            Value::Bool(flag) => visitor.visit_str(if *flag { "True" } else { "False" }),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let elements = match self.0 {
            Value::Array(elements) => elements.iter().collect(),
            Value::Object(map) => match numbered(map) {
                Some(elements) => elements,
                None => return Err(self.mismatch(&visitor)),
            },
            _ => return Err(self.mismatch(&visitor)),
        };
        visitor.visit_seq(SeqDeserializer::new(elements.into_iter().map(Reader)))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Object(map) => visitor.visit_map(MapDeserializer::new(
                map.iter().map(|(key, value)| (key.as_str(), Reader(value))),
            )),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.0 {
            Value::Object(map) => visitor.visit_map(MapDeserializer::new(fields(map, known))),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let Value::String(text) = self.0 else { return Err(self.mismatch(&visitor)) };
        match known.iter().find(|variant| variant.eq_ignore_ascii_case(text.trim())) {
            Some(variant) => visitor.visit_enum(BorrowedStrDeserializer::new(variant)),
            None => Err(ReadError::unknown_variant(text, known)),
        }
    }

    forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
