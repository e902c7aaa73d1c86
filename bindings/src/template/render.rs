//! Expressions into text, per invocation.

use std::borrow::Cow;

use chrono::Utc;
use serde_json::Value as JsonValue;
use uuid::Uuid;

use super::{Builtin, Expression, Part, Template};
use crate::dotnet::{date, guid, number};
use crate::{BindingData, BindingError, Value, json};

impl Template {
    /// The text for one invocation of `function_name`, with what its event tells about itself.
    pub fn render(&self, data: &BindingData, function_name: &str) -> Result<String, BindingError> {
        if let [Part::Literal(text)] = &self.parts[..] {
            return Ok(text.clone());
        }
        let mut text = String::with_capacity(self.text.len() + 32);
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Expression(expression) => text.push_str(&expression.render(data, function_name)?),
            }
        }
        Ok(text)
    }
}

impl Expression {
    fn render<'a>(
        &'a self,
        data: &'a BindingData,
        function_name: &'a str,
    ) -> Result<Cow<'a, str>, BindingError> {
        // Binding data named like a builtin wins.
        if let Some(value) = data.get(&self.path[0]) {
            return self.value(value);
        }
        match self.builtin {
            Some(builtin) => self.builtin(builtin, function_name),
            None => Err(BindingError::new(format!("No value for named parameter '{}'.", self.path[0]))),
        }
    }

    fn builtin<'a>(&'a self, builtin: Builtin, function_name: &'a str) -> Result<Cow<'a, str>, BindingError> {
        let format = self.format.as_deref().unwrap_or_default();
        let text = match builtin {
            Builtin::MethodName => return Ok(function_name.into()),
            Builtin::RandGuid => guid::format(&Uuid::new_v4(), format),
            Builtin::UtcNow if format.is_empty() => {
                date::Stamp::from(Utc::now()).format(date::FILE_NAME_FORMAT)
            }
            Builtin::UtcNow => date::Stamp::from(Utc::now()).format(format),
        };
        text.map(Cow::Owned).ok_or_else(|| self.bad_format())
    }

    fn value<'a>(&'a self, value: &'a Value) -> Result<Cow<'a, str>, BindingError> {
        if let (Value::Json(json), true) = (value, self.path.len() > 1) {
            return self.member(&json.parse());
        }
        if self.path.len() > 1 {
            return Err(self.no_member(&self.path[1]));
        }
        match value {
            Value::String(text) => Ok(text.into()),
            Value::Int(integer) => self.number(integer.to_string()),
            Value::Double(float) => self.number(number::double(*float)),
            Value::Bytes(bytes) => String::from_utf8(bytes.to_vec())
                .map(Cow::Owned)
                .map_err(|_| BindingError::new(format!("The value of '{}' is not text.", self.name))),
            Value::Json(json) => self.scalar(json.as_str()),
            Value::Null => Err(self.null()),
            _ => Err(self.not_scalar()),
        }
    }

    /// Follows the further segments into a JSON object, ignoring case.
    fn member(&self, object: &JsonValue) -> Result<Cow<'static, str>, BindingError> {
        let mut current = object;
        for segment in &self.path[1..] {
            let members = current.as_object().ok_or_else(|| self.no_member(segment))?;
            current = members
                .get(segment)
                .or_else(|| {
                    members.iter().find(|(name, _)| name.eq_ignore_ascii_case(segment)).map(|(_, v)| v)
                })
                .ok_or_else(|| self.no_member(segment))?;
        }
        // Members keep dates as text, so formats do not apply to strings here.
        match current {
            JsonValue::String(text) => Ok(Cow::Owned(text.clone())),
            other => self.scalar(&other.to_string()).map(|text| Cow::Owned(text.into_owned())),
        }
    }

    fn scalar(&self, text: &str) -> Result<Cow<'static, str>, BindingError> {
        let plain = match json::kind(text) {
            json::Kind::Null => return Err(self.null()),
            json::Kind::Object | json::Kind::Array => return Err(self.not_scalar()),
            json::Kind::Scalar(plain) => plain,
        };
        let format = self.format.as_deref().filter(|format| !format.is_empty());
        match (text.trim_start().as_bytes().first(), format) {
            // Listeners put dates and identifiers into binding data as quoted JSON.
            (Some(b'"'), Some(format)) => match (date::Stamp::parse(&plain), guid::parse(&plain)) {
                (Some(date), _) => date.format(format).map(Cow::Owned).ok_or_else(|| self.bad_format()),
                (None, Some(id)) => {
                    guid::format(&id, format).map(Cow::Owned).ok_or_else(|| self.bad_format())
                }
                (None, None) => Ok(plain.into()),
            },
            (Some(b'-' | b'0'..=b'9'), Some(_)) => self.number(text.trim().to_owned()),
            _ => Ok(plain.into()),
        }
    }

    fn number(&self, text: String) -> Result<Cow<'static, str>, BindingError> {
        match self.format.as_deref() {
            None | Some("") => Ok(text.into()),
            Some(format) => number::format(&text, format).map(Cow::Owned).ok_or_else(|| self.bad_format()),
        }
    }

    fn bad_format(&self) -> BindingError {
        let format = self.format.as_deref().unwrap_or_default();
        BindingError::new(format!("The format '{format}' is not valid for '{}'.", self.name))
    }

    fn null(&self) -> BindingError {
        BindingError::new(format!("The value of '{}' is null.", self.name))
    }

    fn not_scalar(&self) -> BindingError {
        BindingError::new(format!("The value of '{}' cannot be converted to text.", self.name))
    }

    fn no_member(&self, segment: &str) -> BindingError {
        BindingError::new(format!("Error while accessing '{segment}': property doesn't exist."))
    }
}
