//! `func storage queue put|peek|list|clear`.

use azure_core::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use horus_storage::Service;
use serde_json::Value;

use super::client::{Ask, Client};
use super::{eprint_hint, say, xml};
use crate::args::Given;
use crate::commands::{Failed, folder};

/// Most messages that one peek shows.
const MOST: u32 = 32;

/// How texts are kept in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Base64,
    None,
}

impl Encoding {
    fn of(given: &Given) -> Result<Self, Failed> {
        match given.value("encoding").map(str::to_ascii_lowercase).as_deref() {
            Some("base64") => Ok(Self::Base64),
            Some("none") => Ok(Self::None),
            Some(other) => {
                Err(Failed::new(format!("Invalid --encoding value '{other}'. Expected base64 or none.")))
            }
            None => Ok(Self::of_app(given)),
        }
    }

    /// What the app's functions expect: host.json `extensions.queues.messageEncoding`.
    fn of_app(given: &Given) -> Self {
        let file = folder::given(given).ok().and_then(|here| folder::app_root(&here));
        let text = file.and_then(|root| std::fs::read_to_string(root.join("host.json")).ok());
        let json: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        match json["extensions"]["queues"]["messageEncoding"].as_str() {
            Some(encoding) if encoding.eq_ignore_ascii_case("none") => Self::None,
            _ => Self::Base64,
        }
    }
}

/// Puts `text` and makes the queue where it is missing.
pub(super) async fn put(given: &Given, name: &str, text: &str) -> Result<(), Failed> {
    let encoding = Encoding::of(given)?;
    let client = Client::open(given, Service::Queue, true).await?;
    let stored = match encoding {
        Encoding::Base64 => BASE64_STANDARD.encode(text),
        Encoding::None => quick_xml::escape::escape(text).into_owned(),
    };
    let what = format!("queue '{name}'");
    // Where it is there already the answer is 204, or 409 when it has metadata.
    let created = client.send(Ask::new(Method::Put, &[name])).await?;
    if created.status != 409 {
        created.good(&what)?;
    }
    let body = format!("<QueueMessage><MessageText>{stored}</MessageText></QueueMessage>");
    let ask =
        Ask::new(Method::Post, &[name, "messages"]).header("content-type", "application/xml").body(body);
    client.send(ask).await?.good(&what)?;
    client.close().await;
    eprint_hint(&format!("1 message in {what}"));
    Ok(())
}

/// Shows the next messages: when each was put, how often it was taken, its text.
pub(super) async fn peek(given: &Given, name: &str) -> Result<(), Failed> {
    let encoding = Encoding::of(given)?;
    let count = match given.value("count") {
        None => MOST,
        Some(text) => text.parse().ok().filter(|count| (1..=MOST).contains(count)).ok_or_else(|| {
            Failed::new(format!("Invalid --count value '{text}'. Expected a number from 1 to {MOST}."))
        })?,
    };
    let client = Client::open(given, Service::Queue, false).await?;
    let ask = Ask::new(Method::Get, &[name, "messages"])
        .query("peekonly", "true")
        .query("numofmessages", count.to_string());
    let reply = client.send(ask).await?.good(&format!("queue '{name}'"))?;
    client.close().await;
    for row in xml::rows(&reply.text, "QueueMessage", &["InsertionTime", "DequeueCount", "MessageText"]) {
        say(&format!("{}  taken {}x  {}", row[0], row[1], decoded(&row[2], encoding)))?;
    }
    Ok(())
}

/// The text that was put; a message that somebody stored otherwise is shown as it is.
fn decoded(text: &str, encoding: Encoding) -> String {
    let bytes = match encoding {
        Encoding::Base64 => BASE64_STANDARD.decode(text).ok(),
        Encoding::None => None,
    };
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
}

/// Lists queues that start with `prefix`, each with about how many messages it has.
pub(super) async fn list(given: &Given, prefix: &str) -> Result<(), Failed> {
    let client = Client::open(given, Service::Queue, false).await?;
    let mut marker = String::new();
    loop {
        let mut ask = Ask::new(Method::Get, &[]).query("comp", "list").query("prefix", prefix);
        if !marker.is_empty() {
            ask = ask.query("marker", &marker);
        }
        let reply = client.send(ask).await?.good("queues")?;
        for row in xml::rows(&reply.text, "Queue", &["Name"]) {
            let ask = Ask::new(Method::Get, &[&row[0]]).query("comp", "metadata");
            let count = client.send(ask).await?.count.unwrap_or_else(|| "?".to_owned());
            say(&format!("{:<40} {count}", row[0]))?;
        }
        marker = xml::text(&reply.text, "EnumerationResults", "NextMarker");
        if marker.is_empty() {
            break;
        }
    }
    client.close().await;
    Ok(())
}

/// Deletes all messages.
pub(super) async fn clear(given: &Given, name: &str) -> Result<(), Failed> {
    let client = Client::open(given, Service::Queue, false).await?;
    client.send(Ask::new(Method::Delete, &[name, "messages"])).await?.good(&format!("queue '{name}'"))?;
    client.close().await;
    eprint_hint(&format!("queue '{name}' is empty"));
    Ok(())
}
