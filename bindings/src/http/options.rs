//! The `extensions.http` section of host.json (spec host.md §1.3).

use std::time::Duration;

use serde_json::Value;

use crate::dotnet::span;
use crate::{BindError, HostSection};

/// Settings of the HTTP front end. Keys are read ignoring case; numbers and flags may be text, since overrides from
/// the environment are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// First segments of every route; may be empty.
    pub route_prefix: String,
    /// Most requests queued and running together; `None` is without limit.
    pub max_outstanding_requests: Option<usize>,
    /// Most requests running at once; `None` is without limit.
    pub max_concurrent_requests: Option<usize>,
    /// Whether to refuse requests when the platform's counters are exceeded; there are none outside of it.
    pub dynamic_throttles_enabled: bool,
    /// `Strict-Transport-Security` on replies over HTTPS.
    pub hsts: Hsts,
    /// Added to every reply that does not have the header already.
    pub custom_headers: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            route_prefix: "api".into(),
            max_outstanding_requests: None,
            max_concurrent_requests: None,
            dynamic_throttles_enabled: false,
            hsts: Hsts::default(),
            custom_headers: Vec::new(),
        }
    }
}

/// `hsts` of the section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hsts {
    /// Whether the header is sent.
    pub is_enabled: bool,
    /// How long browsers remember.
    pub max_age: Duration,
    /// `includeSubDomains`.
    pub include_sub_domains: bool,
    /// `preload`.
    pub preload: bool,
    /// Host names that never get it.
    pub excluded_hosts: Vec<String>,
}

impl Default for Hsts {
    fn default() -> Self {
        Self {
            is_enabled: false,
            max_age: Duration::from_secs(30 * 86_400),
            include_sub_domains: false,
            preload: false,
            excluded_hosts: ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec(),
        }
    }
}

impl Options {
    /// Reads the section; an error names the key and what it holds.
    pub fn parse(section: HostSection<'_>) -> Result<Self, BindError> {
        let root = Keys { path: format!("extensions.{}", section.name), value: section.value };
        root.object()?;
        let mut options = Self::default();
        if let Some(prefix) = root.text("routePrefix")? {
            options.route_prefix = prefix.trim_matches('/').to_owned();
        }
        options.max_outstanding_requests = root.limit("maxOutstandingRequests")?;
        options.max_concurrent_requests = root.limit("maxConcurrentRequests")?;
        options.dynamic_throttles_enabled = root.flag("dynamicThrottlesEnabled")?.unwrap_or(false);
        if let Some(hsts) = root.section("hsts")? {
            options.hsts.read(&hsts)?;
        }
        if let Some(headers) = root.section("customHeaders")? {
            for (name, _) in headers.object()?.into_iter().flatten() {
                let value = headers.text(name)?.unwrap_or_default();
                options.custom_headers.push((name.clone(), value));
            }
        }
        Ok(options)
    }
}

impl Hsts {
    /// The `Strict-Transport-Security` text for replies to `host` (without port) over HTTPS; `None` when it gets none.
    pub fn header(&self, host: &str) -> Option<String> {
        if !self.is_enabled || self.excluded_hosts.iter().any(|excluded| excluded.eq_ignore_ascii_case(host))
        {
            return None;
        }
        let sub_domains = if self.include_sub_domains { "; includeSubDomains" } else { "" };
        let preload = if self.preload { "; preload" } else { "" };
        Some(format!("max-age={}{sub_domains}{preload}", self.max_age.as_secs()))
    }

    fn read(&mut self, keys: &Keys<'_>) -> Result<(), BindError> {
        self.is_enabled = keys.flag("isEnabled")?.unwrap_or(self.is_enabled);
        self.include_sub_domains = keys.flag("includeSubDomains")?.unwrap_or(self.include_sub_domains);
        self.preload = keys.flag("preload")?.unwrap_or(self.preload);
        if let Some(text) = keys.text("maxAge")? {
            self.max_age =
                span::parse(&text).ok_or_else(|| keys.wrong("maxAge", "a time span such as 30.00:00:00"))?;
        }
        match keys.get("excludedHosts") {
            None | Some(Value::Null) => {}
            Some(Value::Array(hosts)) => {
                for host in hosts {
                    let host =
                        host.as_str().ok_or_else(|| keys.wrong("excludedHosts", "a list of host names"))?;
                    self.excluded_hosts.push(host.to_owned());
                }
            }
            Some(_) => return Err(keys.wrong("excludedHosts", "a list of host names")),
        }
        Ok(())
    }
}

/// An object of host.json together with where it is, for error texts.
struct Keys<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Keys<'a> {
    fn object(&self) -> Result<Option<&'a serde_json::Map<String, Value>>, BindError> {
        match self.value {
            Value::Null => Ok(None),
            Value::Object(members) => Ok(Some(members)),
            other => {
                Err(BindError::new(format!("host.json: '{}' must be an object, not {other}.", self.path)))
            }
        }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        let members = self.value.as_object()?;
        members.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }

    fn section(&self, key: &str) -> Result<Option<Keys<'a>>, BindError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let keys = Keys { path: format!("{}.{key}", self.path), value };
        keys.object()?;
        Ok(Some(keys))
    }

    fn text(&self, key: &str) -> Result<Option<String>, BindError> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
            Some(_) => Err(self.wrong(key, "text")),
        }
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, BindError> {
        match self.text(key)?.map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// A positive number, or -1 for no limit.
    fn limit(&self, key: &str) -> Result<Option<usize>, BindError> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        match text.trim().parse::<i64>() {
            Ok(-1) => Ok(None),
            Ok(number) if number > 0 => Ok(usize::try_from(number).ok()),
            _ => Err(self.wrong(key, "a number above 0, or -1 for no limit")),
        }
    }

    fn wrong(&self, key: &str, expected: &str) -> BindError {
        let found = self.get(key).map(Value::to_string).unwrap_or_default();
        BindError::new(format!("host.json: '{}.{key}' must be {expected}, not {found}.", self.path))
    }
}
