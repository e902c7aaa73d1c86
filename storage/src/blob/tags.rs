//! Blob tags: kept and shown. (Finding blobs by tag is not offered.)

use super::Context;
use super::codes::INVALID_TAGS;
use super::lease::On;
use super::record;
use super::small_body;
use super::upload::Target;
use crate::body::Body;
use crate::protocol::xml::{self, Writer};
use crate::protocol::{Answer, Call, Fault};

const MOST: usize = 10;

fn checked(tags: Vec<(String, String)>) -> Result<Vec<(String, String)>, Fault> {
    let allowed = |text: &str| {
        text.chars().all(|one| {
            one.is_ascii_alphanumeric() || matches!(one, ' ' | '+' | '-' | '.' | '/' | ':' | '=' | '_')
        })
    };
    let valid = tags.len() <= MOST
        && tags.iter().all(|(key, value)| {
            (1..=128).contains(&key.len()) && value.len() <= 256 && allowed(key) && allowed(value)
        });
    let unique =
        tags.iter().enumerate().all(|(at, (key, _))| tags[..at].iter().all(|(known, _)| known != key));
    if valid && unique { Ok(tags) } else { Err(INVALID_TAGS.into()) }
}

/// `x-ms-tags: a=1&b=2`
pub(super) fn from_header(call: &Call) -> Result<Vec<(String, String)>, Fault> {
    let Some(text) = call.header("x-ms-tags")? else { return Ok(Vec::new()) };
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_encoding::percent_decode_str(&text).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| Fault::from(INVALID_TAGS))
    };
    let mut tags = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        tags.push((decode(key)?, decode(value)?));
    }
    checked(tags)
}

/// `GET ?comp=tags`
pub(super) fn get(cx: &Context<'_>) -> Result<Answer, Fault> {
    let blob = cx.engine.read(|view| {
        let container = record::container(view, &cx.call.account, cx.container)?.id;
        let blob = record::blob(view, container, cx.blob, cx.call.query.get("snapshot"))?;
        blob.lease.on_read(cx.call.now, cx.call.header("x-ms-lease-id")?, On::Blob)?;
        Ok::<_, Fault>(blob)
    })?;
    let mut xml = Writer::new();
    xml.open("Tags");
    write(&mut xml, &blob.tags);
    xml.close("Tags");
    Ok(Answer::xml(200, xml))
}

/// The `<TagSet>` element.
pub(super) fn write(xml: &mut Writer, tags: &[(String, String)]) {
    xml.open("TagSet");
    for (key, value) in tags {
        xml.open("Tag");
        xml.text("Key", key);
        xml.text("Value", value);
        xml.close("Tag");
    }
    xml.close("TagSet");
}

/// `PUT ?comp=tags`: replaces all tags; ETag and Last-Modified stay.
pub(super) async fn set(cx: &Context<'_>, body: Body) -> Result<Answer, Fault> {
    let root = xml::parse(&small_body(body).await?, "Tags")?;
    let set = root.child("TagSet").ok_or_else(|| Fault::from(INVALID_TAGS))?;
    let tags = set.children.iter().map(|tag| {
        let text = |name: &str| tag.child_text(name).map(str::to_owned).unwrap_or_default();
        (text("Key"), text("Value"))
    });
    let tags = checked(tags.collect())?;
    let target = Target::of(cx)?;
    let now = cx.call.now;
    cx.engine
        .write(move |tx| {
            let container = record::container(tx, &target.account, &target.container)?.id;
            let mut blob = record::blob(tx, container, &target.blob, None)?;
            blob.lease.on_read(now, target.lease.as_deref(), On::Blob)?;
            blob.tags = tags;
            record::save(tx, container, &target.blob, None, &blob)?;
            Ok(Answer::new(204))
        })
        .await
}
