//! Several operations on one logical partition in one request: all or nothing, or (bulk) each on its own.

use serde_json::{Map, Value, json};

use super::{
    Fault,
    catalog::Container,
    item::Item,
    partition::{KeyPaths, PartitionKey},
    patch::Patch,
    writer::{Conditions, Writer},
};
use crate::engine::Tx;

/// Most operations in one batch: the service's limit.
pub(super) const MOST: usize = 100;

/// One operation, read but not yet carried out.
#[derive(Debug)]
pub(super) struct Operation {
    action: Action,
    id: Option<String>,
    /// Bulk operations name their own partition key; those of a transaction share the request's.
    key: Option<PartitionKey>,
    conditions: Conditions,
}

#[derive(Debug)]
enum Action {
    Create(Map<String, Value>),
    Upsert(Map<String, Value>),
    Replace(Map<String, Value>),
    Patch(Box<Patch>),
    Read,
    Delete,
}

/// What one operation answers.
pub(super) struct Outcome {
    status: u16,
    substatus: u32,
    etag: Option<String>,
    body: Option<Value>,
    message: Option<String>,
}

impl Operation {
    /// Reads the array in the request's body.
    pub(super) fn parse_all(body: Value, paths: &KeyPaths) -> Result<Vec<Self>, Fault> {
        let Value::Array(all) = body else {
            return Err(Fault::bad_request("The batch is not a JSON array of operations."));
        };
        if all.is_empty() || all.len() > MOST {
            return Err(Fault::bad_request(format!(
                "A batch holds 1 to {MOST} operations, not {}.",
                all.len()
            )));
        }
        all.into_iter().map(|operation| Self::parse(operation, paths)).collect()
    }

    fn parse(mut operation: Value, paths: &KeyPaths) -> Result<Self, Fault> {
        let body = operation.get_mut("resourceBody").map(Value::take);
        let text = |name: &str| operation.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind =
            text("operationType").ok_or_else(|| Fault::bad_request("An operation needs 'operationType'."))?;
        let document = |body: Option<Value>| match body {
            Some(Value::Object(document)) => Ok(document),
            _ => {
                Err(Fault::bad_request(format!("The operation '{kind}' needs an object as 'resourceBody'.")))
            }
        };
        let action = match kind.as_str() {
            "Create" => Action::Create(document(body)?),
            "Upsert" => Action::Upsert(document(body)?),
            "Replace" => Action::Replace(document(body)?),
            "Patch" => Action::Patch(Box::new(Patch::parse(&body.unwrap_or_default())?)),
            "Read" => Action::Read,
            "Delete" => Action::Delete,
            other => return Err(Fault::unsupported(&format!("The batch operation '{other}'"))),
        };
        let key = text("partitionKey").map(|key| paths.parse_header(&key)).transpose()?;
        let conditions = Conditions { if_match: text("ifMatch"), if_none_match: text("ifNoneMatch") };
        Ok(Self { action, id: text("id"), key, conditions })
    }

    /// Carries the operation out as part of the transaction.
    pub(super) fn run(
        self,
        tx: &mut Tx<'_>,
        writer: &Writer<'_>,
        container: &Container,
        shared: Option<&PartitionKey>,
    ) -> Result<Outcome, Fault> {
        let key = self.key.as_ref().or(shared);
        let stated = || {
            key.ok_or_else(|| Fault::bad_request("PartitionKey value must be supplied for this operation."))
        };
        let id = self.id.as_deref();
        let named = || id.ok_or_else(|| Fault::bad_request("This batch operation needs an 'id'."));
        let (item, status) = match self.action {
            Action::Create(document) => (writer.create(tx, document, key)?, 201),
            Action::Upsert(document) => {
                let (item, created) = writer.upsert(tx, document, key, &self.conditions)?;
                (item, if created { 201 } else { 200 })
            }
            Action::Replace(document) => {
                (writer.replace(tx, named()?, document, key, &self.conditions)?, 200)
            }
            Action::Patch(patch) => (writer.patch(tx, named()?, &patch, stated()?, &self.conditions)?, 200),
            Action::Read => {
                let item = writer.existing(tx, stated()?, named()?)?;
                if self.conditions.check(Some(&item)).is_err() {
                    return Ok(Outcome { etag: Some(item.etag()), ..Outcome::bare(304) });
                }
                (item, 200)
            }
            Action::Delete => {
                writer.delete(tx, named()?, stated()?, &self.conditions)?;
                return Ok(Outcome::bare(204));
            }
        };
        Outcome::of(&item, status, container)
    }
}

impl Outcome {
    fn bare(status: u16) -> Self {
        Self { status, substatus: 0, etag: None, body: None, message: None }
    }

    fn of(item: &Item, status: u16, container: &Container) -> Result<Self, Fault> {
        Ok(Self { etag: Some(item.etag()), body: Some(item.value(container)?), ..Self::bare(status) })
    }

    pub(super) fn failed(fault: &Fault) -> Self {
        Self {
            substatus: fault.substatus,
            message: Some(fault.message.clone()),
            ..Self::bare(fault.status.as_u16())
        }
    }

    pub(super) fn is_success(&self) -> bool {
        self.status < 400
    }

    /// As the response's array has it.
    pub(super) fn to_value(&self, with_body: bool) -> Value {
        let mut value = json!({"statusCode": self.status, "requestCharge": 1.0});
        if self.substatus != 0 {
            value["subStatusCode"] = self.substatus.into();
        }
        if let Some(etag) = &self.etag {
            value["eTag"] = etag.as_str().into();
        }
        if let Some(body) = self.body.as_ref().filter(|_| with_body) {
            value["resourceBody"] = body.clone();
        }
        if let Some(message) = &self.message {
            value["message"] = message.as_str().into();
        }
        value
    }
}
