//! What a path names: `Tables`, `Tables('t')`, `t`, `t()`, `t(PartitionKey='p',RowKey='r')`, `$batch`.

use crate::protocol::Fault;
use crate::protocol::fault::INVALID_URI;

/// An entity's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) partition: String,
    pub(super) row: String,
}

/// The resource of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Service,
    Batch,
    Tables,
    TableRecord(String),
    Entities(String),
    Entity(String, Key),
}

impl Address {
    /// `path` is decoded and has no leading slash.
    pub(super) fn parse(path: &str) -> Result<Self, Fault> {
        match path.trim_end_matches('/') {
            "" => return Ok(Self::Service),
            "$batch" => return Ok(Self::Batch),
            "Tables" => return Ok(Self::Tables),
            _ => {}
        }
        let Some(open) = path.find('(') else { return Ok(Self::Entities(path.to_owned())) };
        let name = path[..open].to_owned();
        let inside = path[open + 1..].strip_suffix(')').ok_or_else(|| Fault::from(INVALID_URI))?;
        if inside.trim().is_empty() {
            return Ok(if name == "Tables" { Self::Tables } else { Self::Entities(name) });
        }
        if name == "Tables" {
            let (table, rest) = quoted(inside)?;
            return if rest.is_empty() { Ok(Self::TableRecord(table)) } else { Err(INVALID_URI.into()) };
        }
        let (mut partition, mut row) = (None, None);
        let mut rest = inside;
        while !rest.is_empty() {
            let (label, value) = rest.split_once('=').ok_or_else(|| Fault::from(INVALID_URI))?;
            let (value, after) = quoted(value)?;
            match label.trim() {
                "PartitionKey" => partition = Some(value),
                "RowKey" => row = Some(value),
                _ => return Err(INVALID_URI.into()),
            }
            rest = after.trim_start().trim_start_matches(',');
        }
        match (partition, row) {
            (Some(partition), Some(row)) => Ok(Self::Entity(name, Key { partition, row })),
            _ => Err(INVALID_URI.into()),
        }
    }
}

/// A quoted string at the start of `text` and what follows it. A quote inside is doubled.
pub(super) fn quoted(text: &str) -> Result<(String, &str), Fault> {
    let invalid = || Fault::from(INVALID_URI);
    let mut rest = text.trim_start().strip_prefix('\'').ok_or_else(invalid)?;
    let mut value = String::new();
    loop {
        let end = rest.find('\'').ok_or_else(invalid)?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((value, rest)),
        }
    }
}
