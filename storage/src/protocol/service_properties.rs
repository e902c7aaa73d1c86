//! Get/Set Service Properties: kept and given back; CORS rules are also obeyed.

use super::fault::{CORS_FAILED, Fault, INVALID_XML};
use super::xml::{Element, Writer, parse};
use super::{Answer, Call};
use crate::engine::{Engine, Space, View};

const PROPERTIES: Space = Space::new("service.properties");

fn key(service: &str, account: &str) -> Vec<u8> {
    format!("{service}\0{account}").into_bytes()
}

/// The sections a service knows, with what it answers before anyone set them.
fn defaults(service: &str) -> &'static str {
    const METRICS: &str = "<HourMetrics><Version>1.0</Version><Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></HourMetrics>\
        <MinuteMetrics><Version>1.0</Version><Enabled>false</Enabled><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></MinuteMetrics><Cors></Cors>";
    const LOGGING: &str = "<StorageServiceProperties><Logging><Version>1.0</Version><Delete>false</Delete><Read>false</Read><Write>false</Write><RetentionPolicy><Enabled>false</Enabled></RetentionPolicy></Logging>";
    const BLOB_ONLY: &str = "<DeleteRetentionPolicy><Enabled>false</Enabled></DeleteRetentionPolicy><StaticWebsite><Enabled>false</Enabled></StaticWebsite>";
    static BLOB: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    static OTHER: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    const END: &str = "</StorageServiceProperties>";
    match service {
        "blob" => BLOB.get_or_init(|| format!("{LOGGING}{METRICS}{BLOB_ONLY}{END}")),
        _ => OTHER.get_or_init(|| format!("{LOGGING}{METRICS}{END}")),
    }
}

fn stored(view: &dyn View, service: &str, account: &str) -> Result<Element, Fault> {
    let text = view.get(PROPERTIES, &key(service, account))?;
    let text = text.as_deref().unwrap_or(defaults(service).as_bytes());
    parse(text, "StorageServiceProperties")
}

/// `GET ?restype=service&comp=properties`.
pub(crate) fn get(engine: &Engine, service: &'static str, call: &Call) -> Result<Answer, Fault> {
    let properties = engine.read(|view| stored(view, service, &call.account))?;
    let mut xml = Writer::new();
    properties.write(&mut xml);
    Ok(Answer::xml(200, xml))
}

/// `PUT ?restype=service&comp=properties`: the sections sent replace those stored, the others stay.
pub(crate) async fn set(
    engine: &Engine,
    service: &'static str,
    call: &Call,
    body: &[u8],
) -> Result<Answer, Fault> {
    let sent = parse(body, "StorageServiceProperties")?;
    let known = parse(defaults(service).as_bytes(), "StorageServiceProperties")?;
    if let Some(unknown) = sent
        .children
        .iter()
        .find(|section| known.child(&section.name).is_none() && section.name != "DefaultServiceVersion")
    {
        return Err(INVALID_XML.because(format!(
            "XML specified is not syntactically valid: <{}> is not a service property.",
            unknown.name
        )));
    }
    let account = call.account.clone();
    engine
        .write(move |tx| {
            let mut properties = stored(tx, service, &account)?;
            for section in sent.children {
                match properties.children.iter_mut().find(|old| old.name == section.name) {
                    Some(old) => *old = section,
                    None => properties.children.push(section),
                }
            }
            let mut xml = Writer::new();
            properties.write(&mut xml);
            tx.put(PROPERTIES, &key(service, &account), xml.finish().as_bytes())?;
            Ok::<_, Fault>(Answer::new(202))
        })
        .await
}

/// `GET ?restype=service&comp=stats`: there is no second region, so replication is always live.
pub(crate) fn stats(call: &Call) -> Answer {
    let mut xml = Writer::new();
    xml.open("StorageServiceStats");
    xml.open("GeoReplication");
    xml.text("Status", "live");
    xml.text("LastSyncTime", &super::dates::rfc1123(call.now));
    xml.close("GeoReplication");
    xml.close("StorageServiceStats");
    Answer::xml(200, xml)
}

/// The CORS rule for a browser's request, if one matches.
fn rule_for(properties: &Element, origin: &str, method: &str) -> Option<Element> {
    let rules = &properties.child("Cors")?.children;
    let lists = |rule: &Element, name: &str, wanted: &str| {
        rule.child_text(name)
            .is_some_and(|list| list.split(',').any(|one| one.trim() == "*" || one.trim() == wanted))
    };
    rules
        .iter()
        .find(|rule| lists(rule, "AllowedOrigins", origin) && lists(rule, "AllowedMethods", method))
        .cloned()
}

/// Answers `OPTIONS`.
pub(crate) fn preflight(engine: &Engine, service: &'static str, call: &Call) -> Result<Answer, Fault> {
    let origin = call.required_header("origin")?;
    let method = call.required_header("access-control-request-method")?;
    let properties = engine.read(|view| stored(view, service, &call.account))?;
    let rule = rule_for(&properties, origin, method).ok_or_else(|| Fault::from(CORS_FAILED))?;
    let asked = call.header("access-control-request-headers")?;
    Ok(Answer::new(200)
        .header("access-control-allow-origin", origin)
        .header("access-control-allow-methods", method)
        .optional("access-control-allow-headers", asked)
        .optional("access-control-max-age", rule.child_text("MaxAgeInSeconds"))
        .header("access-control-allow-credentials", "true"))
}

/// Adds the CORS headers of an ordinary request that carries `Origin`.
pub(crate) fn with_cors(engine: &Engine, service: &'static str, call: &Call, answer: Answer) -> Answer {
    let Ok(Some(origin)) = call.header("origin") else { return answer };
    let Ok(properties) = engine.read(|view| stored(view, service, &call.account)) else { return answer };
    match rule_for(&properties, origin, call.method.as_str()) {
        Some(rule) => answer
            .header("access-control-allow-origin", origin)
            .header("access-control-allow-credentials", "true")
            .optional("access-control-expose-headers", rule.child_text("ExposedHeaders")),
        None => answer,
    }
}
