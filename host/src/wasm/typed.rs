//! Invocations and outputs in the words of the typed world, and back.

use std::borrow::Cow;

use bytes::Bytes;
use horus_app::Function;
use horus_bindings::http::{HttpRequest, HttpResponse};
use horus_bindings::{BindingData, Json, TraceContext, Value, json};
use horus_wasm::typed::{self, NamedPayload, Outcome, Output, PayloadParam, PayloadResult};

use crate::envelope::Shape;
use crate::invoke::{Outputs, RetryContext};

const RETURN: &str = "$return";

/// What is fixed about the typed calls of one function.
#[derive(Debug)]
pub(super) struct Signature {
    name: String,
    trigger: String,
    /// Names in the order of [`Function::inputs`].
    inputs: Vec<String>,
    outputs: Vec<String>,
    /// The output that is the HTTP response.
    response: Option<String>,
}

impl Signature {
    pub(super) fn of(function: &Function) -> Self {
        Self {
            name: function.name.clone(),
            trigger: function.trigger().name.clone(),
            inputs: function.inputs().map(|binding| binding.name.clone()).collect(),
            outputs: function.outputs().map(|binding| binding.name.clone()).collect(),
            response: function.outputs().find(|binding| binding.is("http")).map(|b| b.name.clone()),
        }
    }

    /// The call for `event`.
    pub(super) fn call<'a>(&'a self, event: &Event<'a>) -> Call<'a> {
        let request = match event.trigger {
            Value::HttpRequest(request) => Some(&**request),
            _ => None,
        };
        let metadata = match request {
            Some(_) => Vec::new(),
            None => {
                let is_metadata =
                    |key: &str, value: &Value| !value.is_null() && !key.eq_ignore_ascii_case(&self.trigger);
                let entries = event.data.iter().filter(|(key, value)| is_metadata(key, value));
                entries.map(|(key, value)| (key, Shown::of(value))).collect()
            }
        };
        let names = self.inputs.iter().map(String::as_str);
        let pairs = |list: fn(&HttpRequest) -> &[(String, String)]| {
            let pairs = request.map_or(&[][..], list);
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
        };
        Call {
            signature: self,
            event: *event,
            request,
            trigger: Shown::of(event.trigger),
            inputs: names.zip(event.inputs.iter().map(Shown::of)).collect(),
            metadata,
            headers: pairs(|request| &request.headers),
            query: pairs(|request| &request.query),
            params: pairs(|request| &request.params),
        }
    }

    /// The outputs of a call that ended well.
    ///
    /// # Errors
    /// When an output is unknown, no JSON though it says so, or a response that nobody awaits.
    pub(super) fn outputs(&self, outcome: Outcome, shape: &Shape) -> Result<Outputs, String> {
        let mut outputs = Outputs::default();
        for named in outcome.outputs {
            let Some(name) = self.outputs.iter().find(|name| name.eq_ignore_ascii_case(&named.name)) else {
                return Err(shape.unknown_output(&named.name));
            };
            let value = self.value(name, named.value)?;
            match name == RETURN {
                true => outputs.return_value = value,
                false if value.is_null() => {}
                false => outputs.values.push((name.clone(), value)),
            }
        }
        if matches!(outcome.return_value, Output::None) {
            return Ok(outputs);
        }
        let returns = self.outputs.iter().any(|name| name == RETURN);
        let is_response = matches!(outcome.return_value, Output::Http(_)) || !returns;
        match self.response.as_deref().filter(|name| is_response && *name != RETURN) {
            // Whatever the response is called, it may be returned.
            Some(name) => {
                let value = self.value(name, outcome.return_value)?;
                outputs.values.retain(|(key, _)| key != name);
                outputs.values.push((name.to_owned(), value));
            }
            None => outputs.return_value = self.value(RETURN, outcome.return_value)?,
        }
        Ok(outputs)
    }

    fn value(&self, name: &str, output: Output) -> Result<Value, String> {
        if self.response.as_deref() == Some(name) {
            return self.response_of(name, output);
        }
        match output {
            Output::None => Ok(Value::Null),
            Output::Text(text) => Ok(Value::String(text)),
            Output::Json(text) => self.json(name, text),
            Output::Bytes(bytes) => Ok(Value::Bytes(bytes.into())),
            Output::Http(_) => Err(format!(
                "The guest gave an HTTP response for '{name}' of function '{}', which is no 'http' output.",
                self.name
            )),
        }
    }

    fn response_of(&self, name: &str, output: Output) -> Result<Value, String> {
        let (mut response, body) = match output {
            Output::None => return Ok(Value::Null),
            Output::Text(text) => (HttpResponse::default(), PayloadResult::Text(text)),
            Output::Json(text) => (HttpResponse::default(), PayloadResult::Json(text)),
            Output::Bytes(bytes) => (HttpResponse::default(), PayloadResult::Bytes(bytes)),
            Output::Http(response) => (
                HttpResponse {
                    status: Some(response.status.to_string()),
                    headers: response.headers.into_iter().map(|(name, value)| (name, Some(value))).collect(),
                    ..HttpResponse::default()
                },
                response.body,
            ),
        };
        response.body = match body {
            PayloadResult::None => Value::Null,
            PayloadResult::Text(text) => Value::String(text),
            PayloadResult::Bytes(bytes) => Value::Bytes(Bytes::from(bytes)),
            PayloadResult::Json(text) => {
                if !response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                    let kind = "application/json; charset=utf-8".to_owned();
                    response.headers.push(("Content-Type".to_owned(), Some(kind)));
                }
                // Written as it is: what is inside a text must not lose its quotes.
                match self.json(name, text)? {
                    Value::Json(json) => Value::Bytes(Bytes::copy_from_slice(json.as_str().as_bytes())),
                    value => value,
                }
            }
        };
        Ok(Value::HttpResponse(Box::new(response)))
    }

    fn json(&self, name: &str, text: String) -> Result<Value, String> {
        match json::is_valid(&text) {
            true => Ok(Value::Json(Json::from_valid(text))),
            false => Err(format!(
                "The guest gave '{name}' of function '{}' as JSON, but the text is not valid JSON.",
                self.name
            )),
        }
    }
}

/// What one invocation is about.
#[derive(Clone, Copy)]
pub(super) struct Event<'a> {
    pub(super) id: &'a str,
    pub(super) trigger: &'a Value,
    pub(super) inputs: &'a [Value],
    pub(super) data: &'a BindingData,
    pub(super) trace: &'a TraceContext,
    pub(super) retry: Option<&'a RetryContext>,
}

/// One call, borrowing from its invocation wherever it can.
pub(super) struct Call<'a> {
    signature: &'a Signature,
    event: Event<'a>,
    request: Option<&'a HttpRequest>,
    trigger: Shown<'a>,
    inputs: Vec<(&'a str, Shown<'a>)>,
    metadata: Vec<(&'a str, Shown<'a>)>,
    headers: Vec<(&'a str, &'a str)>,
    query: Vec<(&'a str, &'a str)>,
    params: Vec<(&'a str, &'a str)>,
}

/// The lists of a call, as the guest's interface wants them.
pub(super) struct Lists<'a> {
    inputs: Vec<NamedPayload<'a>>,
    metadata: Vec<NamedPayload<'a>>,
}

impl Call<'_> {
    /// The lists for [`Call::typed`].
    pub(super) fn lists(&self) -> Lists<'_> {
        Lists { inputs: named(&self.inputs), metadata: named(&self.metadata) }
    }

    /// The call itself.
    pub(super) fn typed<'b>(&'b self, lists: &'b Lists<'b>) -> typed::Invocation<'b> {
        let Event { id, trace, retry, .. } = self.event;
        typed::Invocation {
            id,
            function: &self.signature.name,
            trigger: match self.request {
                Some(request) => typed::Trigger::Http(typed::HttpRequest {
                    method: &request.method,
                    url: &request.url,
                    headers: &self.headers,
                    query: &self.query,
                    params: &self.params,
                    body: request.body.as_deref().unwrap_or_default(),
                }),
                None => self.trigger.trigger(),
            },
            inputs: &lists.inputs,
            metadata: &lists.metadata,
            trace: typed::TraceContext { parent: &trace.parent, state: &trace.state },
            retry: retry.map(|retry| typed::RetryContext {
                count: retry.count,
                max: retry.max,
                reason: retry.exception.as_deref(),
            }),
        }
    }
}

fn named<'a>(values: &'a [(&'a str, Shown<'a>)]) -> Vec<NamedPayload<'a>> {
    values.iter().map(|(name, value)| NamedPayload { name, value: value.payload() }).collect()
}

/// A value as guests see it.
enum Shown<'a> {
    None,
    Text(Cow<'a, str>),
    Json(Cow<'a, str>),
    Bytes(&'a [u8]),
}

impl<'a> Shown<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::Null | Value::HttpRequest(_) | Value::HttpResponse(_) => Self::None,
            Value::String(text) => Self::Text(text.as_str().into()),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Json(json) => match json::kind(json.as_str()) {
                json::Kind::Null => Self::None,
                // Dates, which travel as JSON strings inside the host.
                json::Kind::Scalar(plain) if json.as_str().trim_start().starts_with('"') => {
                    Self::Text(plain.into())
                }
                _ => Self::Json(json.as_str().into()),
            },
            other => Self::Json(Shape::json(other).into()),
        }
    }

    fn payload(&self) -> PayloadParam<'_> {
        match self {
            Self::None => PayloadParam::None,
            Self::Text(text) => PayloadParam::Text(text),
            Self::Json(text) => PayloadParam::Json(text),
            Self::Bytes(bytes) => PayloadParam::Bytes(bytes),
        }
    }

    fn trigger(&self) -> typed::Trigger<'_> {
        match self {
            Self::None => typed::Trigger::None,
            Self::Text(text) => typed::Trigger::Text(text),
            Self::Json(text) => typed::Trigger::Json(text),
            Self::Bytes(bytes) => typed::Trigger::Bytes(bytes),
        }
    }
}
