//! Shared access signatures: for an account, and for one queue, container, blob or table.
//!
//! Fields and strings to sign: <https://learn.microsoft.com/rest/api/storageservices/create-account-sas> and
//! <https://learn.microsoft.com/rest/api/storageservices/create-service-sas>.

use super::principal::KeyBounds;
use super::{Account, Grant, Policies};
use crate::protocol::dates::parse_iso;
use crate::protocol::fault::{
    AUTHENTICATION_FAILED, PROTOCOL_MISMATCH, SERVICE_MISMATCH, SOURCE_IP_MISMATCH,
};
use crate::protocol::{Call, Fault};
use crate::server::Service;
use std::net::IpAddr;

/// The resource a service SAS is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) account: String,
    /// Queue, container or table (lower case).
    pub(crate) name: String,
}

pub(super) fn verify(
    account: &Account,
    service: Service,
    call: &Call,
    policies: Policies<'_>,
) -> Result<Grant, Fault> {
    if field(call, "sv").is_empty() {
        return Err(failed("Signed version (sv) is missing.".to_owned()));
    }
    if call.query.get("skoid").is_some() {
        return Err(failed(
            "User delegation signatures need Entra ID, which this store does not have.".to_owned(),
        ));
    }
    let grant = if call.query.get("ss").is_some() || call.query.get("srt").is_some() {
        for_account(account, service, call)?
    } else {
        for_resource(account, service, call, policies)?
    };
    check_address(call)?;
    if field(call, "spr") == "https" {
        return Err(PROTOCOL_MISMATCH.into());
    }
    Ok(grant)
}

fn for_account(account: &Account, service: Service, call: &Call) -> Result<Grant, Fault> {
    let mut lines = vec![account.name()];
    lines.extend(["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"].map(|name| field(call, name)));
    if field(call, "sv") >= "2020-12-06" {
        lines.push(field(call, "ses"));
    }
    let mut text = lines.join("\n");
    text.push('\n');
    check_signature(account, call, &[text])?;
    check_times(call, field(call, "st"), field(call, "se"))?;
    let letter = match service {
        Service::Blob => 'b',
        Service::Queue => 'q',
        Service::Table => 't',
        Service::Documents => return Err(SERVICE_MISMATCH.into()),
    };
    if !field(call, "ss").contains(letter) {
        return Err(SERVICE_MISMATCH.into());
    }
    Ok(Grant {
        permissions: field(call, "sp").to_owned(),
        classes: Some(field(call, "srt").to_owned()),
        whole: true,
        keys: None,
    })
}

fn for_resource(
    account: &Account,
    service: Service,
    call: &Call,
    policies: Policies<'_>,
) -> Result<Grant, Fault> {
    let (container, object) = call.resource.split_once('/').unwrap_or((&call.resource, ""));
    let name = match service {
        Service::Table => field(call, "tn").to_lowercase(),
        _ => container.to_owned(),
    };
    let kind = match service {
        Service::Blob => "blob",
        Service::Queue => "queue",
        Service::Table => "table",
        Service::Documents => return Err(SERVICE_MISMATCH.into()),
    };
    let mut resource = format!("/{kind}/{}/{name}", account.name());
    let mut whole = true;
    if service == Service::Blob && field(call, "sr") != "c" {
        resource = format!("{resource}/{object}");
        whole = false;
    }
    check_signature(account, call, &resource_texts(service, call, &resource))?;

    let scope = Scope { account: account.name().to_owned(), name: name.clone() };
    let policy = match call.query.get("si") {
        None => None,
        Some(id) => {
            let found = policies(&scope)?.into_iter().find(|policy| policy.id == id);
            Some(found.ok_or_else(|| failed(format!("The stored access policy '{id}' does not exist.")))?)
        }
    };
    // What the policy states cannot be restated in the token; what it leaves out the token must state.
    let either = |query: &'static str, stored: Option<&String>| {
        call.query.get(query).map(str::to_owned).or_else(|| stored.cloned()).unwrap_or_default()
    };
    let start = either("st", policy.as_ref().and_then(|policy| policy.start.as_ref()));
    let expiry = either("se", policy.as_ref().and_then(|policy| policy.expiry.as_ref()));
    check_times(call, &start, &expiry)?;
    let permissions = either("sp", policy.as_ref().and_then(|policy| policy.permission.as_ref()));
    let bound = |name: &str| call.query.get(name).map(str::to_owned);
    let keys = (service == Service::Table)
        .then(|| KeyBounds { start: (bound("spk"), bound("srk")), end: (bound("epk"), bound("erk")) });
    if service == Service::Table {
        // The token names its table; the request must be for that table.
        let asked = container.split('(').next().unwrap_or("");
        if asked != "$batch" && !asked.eq_ignore_ascii_case(&name) {
            return Err(failed("The signature was issued for another table.".to_owned()));
        }
    }
    Ok(Grant { permissions, classes: None, whole, keys })
}

/// The string to sign of each generation that could have made this token.
fn resource_texts(service: Service, call: &Call, resource: &str) -> Vec<String> {
    let version = field(call, "sv");
    let fields = |names: &[&str]| names.iter().map(|name| field(call, name)).collect::<Vec<_>>();
    let mut lines = fields(&["sp", "st", "se"]);
    lines.push(resource);
    lines.extend(fields(&["si", "sip", "spr", "sv"]));
    match service {
        Service::Blob => {
            if version >= "2018-11-09" {
                lines.push(field(call, "sr"));
                // The snapshot's time.
                lines.push(if field(call, "sr") == "bs" { field(call, "snapshot") } else { "" });
            }
            if version >= "2020-12-06" {
                lines.push(field(call, "ses"));
            }
            lines.extend(fields(&["rscc", "rscd", "rsce", "rscl", "rsct"]));
        }
        Service::Table => lines.extend(fields(&["spk", "srk", "epk", "erk"])),
        Service::Queue | Service::Documents => {}
    }
    vec![lines.join("\n")]
}

fn check_signature(account: &Account, call: &Call, texts: &[String]) -> Result<(), Fault> {
    let signature = field(call, "sig");
    if texts.iter().any(|text| account.verifies(text, signature)) {
        return Ok(());
    }
    let used = texts.first().map_or("", String::as_str);
    Err(failed(format!("Signature did not match. String to sign used was {used}")))
}

fn check_times(call: &Call, start: &str, expiry: &str) -> Result<(), Fault> {
    let read = |name: &str, text: &str| {
        parse_iso(text).ok_or_else(|| failed(format!("Signed {name} '{text}' is missing or not a time.")))
    };
    let now = call.now;
    let end = read("expiry time", expiry)?;
    let begun = start.is_empty() || read("start time", start)? <= now;
    if begun && now < end {
        return Ok(());
    }
    let shown = crate::protocol::dates::rfc1123(now);
    Err(failed(format!(
        "Signature not valid in the specified time frame: Start [{start}] - Expiry [{expiry}] - Current [{shown}]"
    )))
}

fn check_address(call: &Call) -> Result<(), Fault> {
    let range = field(call, "sip");
    // In-process callers have no address to compare.
    let (false, Some(peer)) = (range.is_empty(), call.peer) else { return Ok(()) };
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    match (first.parse::<IpAddr>(), last.parse::<IpAddr>()) {
        (Ok(first), Ok(last)) if (first..=last).contains(&peer) => Ok(()),
        _ => Err(SOURCE_IP_MISMATCH.into()),
    }
}

fn field<'a>(call: &'a Call, name: &str) -> &'a str {
    call.query.get(name).unwrap_or("")
}

fn failed(detail: String) -> Fault {
    AUTHENTICATION_FAILED.detail("AuthenticationErrorDetail", detail)
}
