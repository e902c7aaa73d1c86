//! The paths of the admin API.

use http::Method;

use crate::keys::Scope;

/// One operation of the admin API (spec host.md §4). Names are as the caller spelled them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    Ping,
    Warmup,
    Health,
    Status,
    Processes,
    Config,
    Drain,
    DrainStatus,
    Resume,
    Restart,
    State,
    Log,
    Debug,
    SyncTriggers,
    ScaleStatus,
    Extensions,
    ChangeExtensions,
    Bundle,
    Functions,
    Function(&'a str),
    FunctionStatus(&'a str),
    Invoke(&'a str),
    ChangeFunction,
    Keys(Scope<'a>),
    Key(Scope<'a>, &'a str),
    MakeKey(Scope<'a>, &'a str),
    PutKey(Scope<'a>, &'a str),
    DeleteKey(Scope<'a>, &'a str),
}

impl Endpoint<'_> {
    /// Whether anybody may call it.
    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self, Self::Ping | Self::Warmup | Self::Health)
    }
}

/// The operation of `method` on `path` (decoded, beginning with `/admin`).
pub(super) fn route<'a>(method: &Method, path: &'a str) -> Option<Endpoint<'a>> {
    let segments: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let (area, rest) = segments.split_first()?;
    let is = |text: &str, known: &str| text.eq_ignore_ascii_case(known);
    let get = method == Method::GET;
    let post = method == Method::POST;
    if is(area, "warmup") {
        return (get && rest.is_empty()).then_some(Endpoint::Warmup);
    }
    if is(area, "instance") {
        return (get && rest.len() == 1 && is(rest[0], "http-health")).then_some(Endpoint::Health);
    }
    if is(area, "functions") {
        return match *rest {
            [] => get.then_some(Endpoint::Functions),
            [name] if get => Some(Endpoint::Function(name)),
            [name] if post => Some(Endpoint::Invoke(name)),
            [_] if method == Method::PUT || method == Method::DELETE => Some(Endpoint::ChangeFunction),
            [name, what] if get && is(what, "status") => Some(Endpoint::FunctionStatus(name)),
            [name, what, ref key @ ..] if is(what, "keys") => keys(method, Scope::Function(name), key),
            _ => None,
        };
    }
    if !is(area, "host") {
        return None;
    }
    let (what, rest) = rest.split_first()?;
    // Alias of each other (spec host.md §4.3).
    if is(what, "keys") || is(what, "functionkeys") {
        return keys(method, Scope::Host, rest);
    }
    if is(what, "systemkeys") {
        return keys(method, Scope::System, rest);
    }
    let endpoint = match (what.to_ascii_lowercase().as_str(), rest) {
        ("ping", []) if get || post => Endpoint::Ping,
        ("status", []) if get => Endpoint::Status,
        ("processes", []) if get => Endpoint::Processes,
        ("config", []) if get => Endpoint::Config,
        ("drain", []) if post => Endpoint::Drain,
        ("drain", [status]) if get && is(status, "status") => Endpoint::DrainStatus,
        ("resume", []) if post => Endpoint::Resume,
        ("restart", []) if post => Endpoint::Restart,
        ("state", []) if method == Method::PUT => Endpoint::State,
        ("log", []) if post => Endpoint::Log,
        ("debug", []) if post => Endpoint::Debug,
        ("synctriggers", []) if post => Endpoint::SyncTriggers,
        ("scale", [status]) if post && is(status, "status") => Endpoint::ScaleStatus,
        ("extensions", []) if get => Endpoint::Extensions,
        ("extensions", []) if post || method == Method::PUT => Endpoint::ChangeExtensions,
        ("extensions", [_]) if method == Method::DELETE => Endpoint::ChangeExtensions,
        ("extensionbundle", [_, _]) if get => Endpoint::Bundle,
        _ => return None,
    };
    Some(endpoint)
}

fn keys<'a>(method: &Method, scope: Scope<'a>, rest: &[&'a str]) -> Option<Endpoint<'a>> {
    match (method.as_str(), rest) {
        ("GET", []) => Some(Endpoint::Keys(scope)),
        ("GET", [name]) => Some(Endpoint::Key(scope, name)),
        ("POST", [name]) => Some(Endpoint::MakeKey(scope, name)),
        ("PUT", [name]) => Some(Endpoint::PutKey(scope, name)),
        ("DELETE", [name]) => Some(Endpoint::DeleteKey(scope, name)),
        _ => None,
    }
}
