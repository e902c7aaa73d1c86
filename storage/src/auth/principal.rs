//! What the sender may do.

use crate::protocol::Fault;
use crate::protocol::fault::{NO_AUTHENTICATION, PERMISSION_MISMATCH, RESOURCE_TYPE_MISMATCH};

/// The level of a resource, as an account SAS names it in `srt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// `s`: the account's service.
    Service,
    /// `c`: a queue, container or table.
    Container,
    /// `o`: a message, blob or entity.
    Object,
}

/// The sender, once verified.
#[derive(Debug, Clone)]
pub(crate) enum Principal {
    /// Holds the account key (or calls in-process): everything is allowed.
    Owner,
    /// Holds a shared access signature.
    Sas(Grant),
    /// Showed nothing. Only public blobs are for them.
    Anonymous,
}

/// What a shared access signature allows.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// The permission letters.
    pub(crate) permissions: String,
    /// The `srt` letters of an account SAS; `None` for a service SAS, which is bound to one resource.
    pub(crate) classes: Option<String>,
    /// Whether the service SAS covers a whole queue, container or table (and so may list it).
    pub(crate) whole: bool,
    /// First and last partition and row key of a table SAS.
    pub(crate) keys: Option<KeyBounds>,
}

/// `spk`, `srk`, `epk`, `erk`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyBounds {
    pub(crate) start: (Option<String>, Option<String>),
    pub(crate) end: (Option<String>, Option<String>),
}

impl KeyBounds {
    /// Whether an entity lies inside.
    pub(crate) fn contain(&self, partition: &str, row: &str) -> bool {
        let above = match &self.start {
            (Some(start), Some(row_start)) => (partition, row) >= (start.as_str(), row_start.as_str()),
            (Some(start), None) => partition >= start.as_str(),
            _ => true,
        };
        let below = match &self.end {
            (Some(end), Some(row_end)) => (partition, row) <= (end.as_str(), row_end.as_str()),
            (Some(end), None) => partition <= end.as_str(),
            _ => true,
        };
        above && below
    }
}

impl Principal {
    /// Refuses unless one of the letters in `any_of` is granted for `class`.
    ///
    /// `listing` marks the one container-level operation a service SAS can carry.
    pub(crate) fn may(&self, class: Class, any_of: &str) -> Result<(), Fault> {
        self.check(class, any_of, false)
    }

    /// [`Principal::may`] for listing the content of a container or asking for a queue's metadata.
    pub(crate) fn may_list(&self, any_of: &str) -> Result<(), Fault> {
        self.check(Class::Container, any_of, true)
    }

    fn check(&self, class: Class, any_of: &str, listing: bool) -> Result<(), Fault> {
        let grant = match self {
            Self::Owner => return Ok(()),
            Self::Anonymous => return Err(Self::nobody()),
            Self::Sas(grant) => grant,
        };
        let class_allowed = match &grant.classes {
            Some(classes) => classes.contains(match class {
                Class::Service => 's',
                Class::Container => 'c',
                Class::Object => 'o',
            }),
            None => class == Class::Object || (listing && grant.whole),
        };
        if !class_allowed {
            return Err(if grant.classes.is_some() {
                RESOURCE_TYPE_MISMATCH.into()
            } else {
                PERMISSION_MISMATCH.into()
            });
        }
        if grant.permissions.chars().any(|granted| any_of.contains(granted)) {
            Ok(())
        } else {
            Err(PERMISSION_MISMATCH.into())
        }
    }

    /// Only the account key opens this (access policies, for instance).
    pub(crate) fn must_own(&self) -> Result<(), Fault> {
        match self {
            Self::Owner => Ok(()),
            Self::Anonymous => Err(Self::nobody()),
            Self::Sas(_) => Err(PERMISSION_MISMATCH.into()),
        }
    }

    /// The key range of a table SAS.
    pub(crate) fn keys(&self) -> Option<&KeyBounds> {
        match self {
            Self::Sas(grant) => grant.keys.as_ref(),
            _ => None,
        }
    }

    /// The refusal for someone who showed nothing.
    pub(crate) fn nobody() -> Fault {
        Fault::from(NO_AUTHENTICATION).header("www-authenticate", "SharedKey")
    }
}
