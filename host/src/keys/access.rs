//! Who a key makes its bearer, and what that lets them do (spec host.md §3.4).

use std::sync::Arc;

use horus_bindings::http::Identity;
use subtle::ConstantTimeEq;

use super::{HostKeys, Key};

/// Type of the claim that carries the level.
const LEVEL_CLAIM: &str = "http://schemas.microsoft.com/2017/07/functions/claims/authlevel";
/// Type of the claim that names the key.
const KEY_CLAIM: &str = "http://schemas.microsoft.com/2017/07/functions/claims/keyid";
/// Authentication type of identities that the host itself establishes.
const AUTHENTICATION_TYPE: &str = "WebJobsAuthLevel";
/// Claim types that the platform's identities name by default.
const NAME_CLAIM_TYPE: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const ROLE_CLAIM_TYPE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

/// What a caller may be, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No key, or none that is known here.
    Anonymous,
    /// A signed-in user; no key grants it.
    User,
    /// Holds a key of the function, or a host key for all functions.
    Function,
    /// Holds a system key: the webhook of one extension.
    System,
    /// Holds the master key or a platform token.
    Admin,
}

impl Level {
    /// The platform's spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::User => "User",
            Self::Function => "Function",
            Self::System => "System",
            Self::Admin => "Admin",
        }
    }
}

/// What a request has proven about its sender.
#[derive(Debug, Clone)]
pub struct Access {
    /// Their level.
    pub level: Level,
    /// Name of the key they hold.
    pub key: Option<Arc<str>>,
    /// Whether a platform token was shown rather than a key.
    pub is_platform: bool,
}

impl Access {
    /// Nobody in particular.
    pub const ANONYMOUS: Self = Self { level: Level::Anonymous, key: None, is_platform: false };
    /// Everybody, when keys are not checked.
    pub const OPEN: Self = Self { level: Level::Admin, key: None, is_platform: false };
    /// The bearer of a platform token.
    pub(crate) const PLATFORM: Self = Self { level: Level::Admin, key: None, is_platform: true };

    fn by(level: Level, key: &Key) -> Self {
        Self { level, key: Some(key.name.clone()), is_platform: false }
    }

    /// Whether a function that asks for `required` may run. A system key does not open a function of level
    /// `function`, and nothing but the master key satisfies `user`.
    pub fn opens(&self, required: Level) -> bool {
        match required {
            Level::Anonymous => true,
            Level::Function => matches!(self.level, Level::Function | Level::Admin),
            Level::System => matches!(self.level, Level::System | Level::Admin),
            Level::User | Level::Admin => self.level == Level::Admin,
        }
    }

    /// Whether the webhook of `extension` may be called: its own system key, or the master key.
    pub fn opens_webhook(&self, extension: &str) -> bool {
        match self.level {
            Level::Admin => true,
            Level::System => self.key.as_deref().is_some_and(|name| {
                let suffix =
                    name.len().checked_sub("_extension".len()).and_then(|at| name.split_at_checked(at));
                suffix.is_some_and(|(start, end)| {
                    start.eq_ignore_ascii_case(extension) && end.eq_ignore_ascii_case("_extension")
                })
            }),
            _ => false,
        }
    }

    /// The identity that functions see; nobody in particular has none.
    pub fn identity(&self) -> Option<Identity> {
        if self.level == Level::Anonymous {
            return None;
        }
        let mut claims = Vec::with_capacity(2);
        claims.push((LEVEL_CLAIM.to_owned(), self.level.as_str().to_owned()));
        if let Some(key) = &self.key {
            claims.push((KEY_CLAIM.to_owned(), key.to_string()));
        }
        Some(Identity {
            authentication_type: Some(AUTHENTICATION_TYPE.to_owned()),
            name_claim_type: Some(NAME_CLAIM_TYPE.to_owned()),
            role_claim_type: Some(ROLE_CLAIM_TYPE.to_owned()),
            claims,
        })
    }
}

/// What becomes of a request to the admin API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go on.
    Granted,
    /// 401: nothing valid was shown.
    Unauthorized,
    /// 403: what was shown is valid, but not enough.
    Forbidden,
}

impl Admission {
    /// The admin API's answer to `access`; `isolated` is `FUNCTIONS_ADMIN_ISOLATION_ENABLED=1`.
    pub fn of(access: &Access, isolated: bool) -> Self {
        match access.level {
            Level::Anonymous => Self::Unauthorized,
            Level::Admin if !isolated || access.is_platform => Self::Granted,
            _ => Self::Forbidden,
        }
    }
}

/// Whether the key presented is this one. Takes as long for a wrong key as for a right one of the same length.
fn is(key: &Key, presented: &str) -> bool {
    !presented.is_empty() && bool::from(key.value.reveal().as_bytes().ct_eq(presented.as_bytes()))
}

fn find<'a>(keys: &'a [Key], presented: &str) -> Option<&'a Key> {
    keys.iter().find(|key| is(key, presented))
}

/// What `presented` grants among the host's keys.
pub(super) fn by_host_key(keys: &HostKeys, presented: &str) -> Option<Access> {
    if is(&keys.master, presented) {
        return Some(Access::by(Level::Admin, &keys.master));
    }
    let system = find(&keys.systems, presented).map(|key| Access::by(Level::System, key));
    system.or_else(|| find(&keys.functions, presented).map(|key| Access::by(Level::Function, key)))
}

/// What `presented` grants among one function's keys.
pub(super) fn by_function_key(keys: &[Key], presented: &str) -> Option<Access> {
    find(keys, presented).map(|key| Access::by(Level::Function, key))
}
