//! `func storage blob put|get|list|delete`.

use std::io::{Read, Write};

use azure_core::http::Method;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures::TryStreamExt as _;
use horus_storage::Service;

use super::client::{Ask, Client, Reply};
use super::{eprint_hint, say, xml};
use crate::args::Given;
use crate::commands::Failed;

/// Larger content is sent in blocks of this size, in bytes, so that memory stays constant.
const BLOCK: usize = 8 << 20;

/// `container/name` in its parts; the name may have slashes of its own.
fn parts(place: &str) -> Result<(&str, Vec<&str>), Failed> {
    match place.split_once('/') {
        Some((container, name)) if !container.is_empty() && !name.is_empty() => {
            Ok((container, std::iter::once(container).chain(name.split('/')).collect()))
        }
        _ => Err(Failed::new(format!("'{place}' names no blob. Expected CONTAINER/NAME."))),
    }
}

/// Uploads a file or standard input, and makes the container where it is missing.
pub(super) async fn put(given: &Given, place: &str, file: Option<&str>) -> Result<(), Failed> {
    let (container, path) = parts(place)?;
    // Nothing else waits for this thread, so plain reads will do.
    let mut source: Box<dyn Read> = match file {
        None | Some("-") => Box::new(std::io::stdin().lock()),
        Some(file) => {
            Box::new(std::fs::File::open(file).map_err(|error| Failed::new(format!("{file}: {error}")))?)
        }
    };
    let client = Client::open(given, Service::Blob, true).await?;
    let what = format!("blob '{place}'");
    let created = client.send(Ask::new(Method::Put, &[container]).query("restype", "container")).await?;
    if created.status != 409 {
        created.good(&format!("container '{container}'"))?;
    }
    let mut total = 0;
    let mut blocks = Vec::new();
    loop {
        let block = next_block(&mut source)?;
        total += block.len();
        let is_last = block.len() < BLOCK;
        if is_last && blocks.is_empty() {
            let ask = Ask::new(Method::Put, &path).header("x-ms-blob-type", "BlockBlob").body(block);
            client.send(ask).await?.good(&what)?;
            break;
        }
        if !block.is_empty() {
            let id = BASE64_STANDARD.encode(format!("{:06}", blocks.len()));
            let ask = Ask::new(Method::Put, &path).query("comp", "block").query("blockid", &id).body(block);
            client.send(ask).await?.good(&what)?;
            blocks.push(id);
        }
        if is_last {
            let list: String = blocks.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
            let body = format!("<BlockList>{list}</BlockList>");
            let ask = Ask::new(Method::Put, &path).query("comp", "blocklist").body(body);
            client.send(ask).await?.good(&what)?;
            break;
        }
    }
    client.close().await;
    eprint_hint(&format!("{total} bytes in {what}"));
    Ok(())
}

/// A whole block, or what is left.
fn next_block(source: &mut impl Read) -> Result<Bytes, Failed> {
    let mut block = Vec::new();
    source.take(BLOCK as u64).read_to_end(&mut block)?;
    Ok(block.into())
}

/// Downloads to a file or to standard output, as it comes.
pub(super) async fn get(given: &Given, place: &str, file: Option<&str>) -> Result<(), Failed> {
    let (_, path) = parts(place)?;
    let client = Client::open(given, Service::Blob, false).await?;
    let answer = client.stream(Ask::new(Method::Get, &path)).await?;
    let status: u16 = answer.status().into();
    let broken = |error: azure_core::Error| Failed::new(format!("blob '{place}' broke off: {error}"));
    let mut body = answer.into_body();
    if status != 200 {
        let parts: Vec<Bytes> = body.try_collect().await.map_err(broken)?;
        let text = String::from_utf8_lossy(&parts.concat()).into_owned();
        return Err(
            Reply { status, text, continuation: None, count: None }.failed(&format!("blob '{place}'"))
        );
    }
    let mut target: Box<dyn Write> = match file {
        None | Some("-") => Box::new(std::io::stdout().lock()),
        Some(file) => {
            Box::new(std::fs::File::create(file).map_err(|error| Failed::new(format!("{file}: {error}")))?)
        }
    };
    while let Some(part) = body.try_next().await.map_err(broken)? {
        target.write_all(&part)?;
    }
    target.flush()?;
    client.close().await;
    Ok(())
}

/// Lists containers, or the blobs of one with their sizes.
pub(super) async fn list(given: &Given, place: &str) -> Result<(), Failed> {
    let (container, prefix) = place.split_once('/').unwrap_or((place, ""));
    let client = Client::open(given, Service::Blob, false).await?;
    let path: Vec<&str> = [container].into_iter().filter(|name| !name.is_empty()).collect();
    let mut marker = String::new();
    loop {
        let mut ask = Ask::new(Method::Get, &path).query("comp", "list");
        if !container.is_empty() {
            ask = ask.query("restype", "container").query("prefix", prefix);
        }
        if !marker.is_empty() {
            ask = ask.query("marker", &marker);
        }
        let what =
            if container.is_empty() { "containers".into() } else { format!("container '{container}'") };
        let reply = client.send(ask).await?.good(&what)?;
        match container.is_empty() {
            true => {
                for row in xml::rows(&reply.text, "Container", &["Name"]) {
                    say(&row[0])?;
                }
            }
            false => {
                for row in xml::rows(&reply.text, "Blob", &["Name", "Content-Length", "Last-Modified"]) {
                    say(&format!("{:>12}  {}  {}", row[1], row[2], row[0]))?;
                }
            }
        }
        marker = xml::text(&reply.text, "EnumerationResults", "NextMarker");
        if marker.is_empty() {
            break;
        }
    }
    client.close().await;
    Ok(())
}

/// Deletes a blob with its snapshots.
pub(super) async fn delete(given: &Given, place: &str) -> Result<(), Failed> {
    let (_, path) = parts(place)?;
    let client = Client::open(given, Service::Blob, false).await?;
    let ask = Ask::new(Method::Delete, &path).header("x-ms-delete-snapshots", "include");
    client.send(ask).await?.good(&format!("blob '{place}'"))?;
    client.close().await;
    Ok(())
}
