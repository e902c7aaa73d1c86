//! Stored access policies: the `SignedIdentifiers` of a queue, container or table.

use super::dates::parse_iso;
use super::fault::{Fault, INVALID_INPUT, INVALID_XML_NODE, MISSING_XML_NODE};
use super::xml::{Writer, parse};
use serde::{Deserialize, Serialize};

/// The services keep at most five.
const MOST: usize = 5;

/// One stored access policy. Times stay as the text the client sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expiry: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) permission: Option<String>,
}

/// Reads the body of a Set ACL request; an empty body clears the list.
pub(crate) fn policies_from_xml(body: &[u8]) -> Result<Vec<Policy>, Fault> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let root = parse(body, "SignedIdentifiers")?;
    if root.children.len() > MOST {
        return Err(INVALID_INPUT.because("At most five signed identifiers are allowed."));
    }
    let mut policies: Vec<Policy> = Vec::new();
    for item in &root.children {
        let id = item.child_text("Id").filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| MISSING_XML_NODE.detail("XmlNodeName", "Id"))?;
        if id.chars().count() > 64 || policies.iter().any(|known| known.id == id) {
            return Err(INVALID_XML_NODE.detail("XmlNodeName", "Id").detail("XmlNodeValue", id));
        }
        let policy = item.child("AccessPolicy");
        let text = |name: &str| {
            let text = policy.and_then(|policy| policy.child_text(name)).map(str::trim);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let time = |name: &'static str| match text(name) {
            Some(time) if parse_iso(&time).is_none() => {
                Err(INVALID_XML_NODE.detail("XmlNodeName", name).detail("XmlNodeValue", time))
            }
            time => Ok(time),
        };
        policies.push(Policy {
            id: id.to_owned(),
            start: time("Start")?,
            expiry: time("Expiry")?,
            permission: text("Permission"),
        });
    }
    Ok(policies)
}

/// The body of a Get ACL response.
pub(crate) fn policies_to_xml(policies: &[Policy]) -> Writer {
    let mut xml = Writer::new();
    xml.open("SignedIdentifiers");
    for policy in policies {
        xml.open("SignedIdentifier");
        xml.text("Id", &policy.id);
        xml.open("AccessPolicy");
        xml.optional("Start", policy.start.as_deref());
        xml.optional("Expiry", policy.expiry.as_deref());
        xml.optional("Permission", policy.permission.as_deref());
        xml.close("AccessPolicy");
        xml.close("SignedIdentifier");
    }
    xml.close("SignedIdentifiers");
    xml
}
