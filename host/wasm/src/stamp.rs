//! Whether a file is still what was read: told from its place, size and times, without reading it again.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// A file that changed less than this ago may change once more without its times showing it: file systems keep them
/// in steps of up to two seconds.
const SETTLED: Duration = Duration::from_secs(2);

/// The state of a file. Equal stamps mean equal contents: the system itself sets the time of the last change (`ctime`),
/// whatever a program that writes, copies or unpacks the file says about its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp(String);

impl Stamp {
    /// The state that `meta` tells; `None` where it tells too little.
    #[cfg(unix)]
    pub(crate) fn of(meta: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Some(Self(format!(
            "{} {} {} {}.{:09} {}.{:09}",
            meta.dev(),
            meta.ino(),
            meta.size(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec()
        )))
    }

    /// The state that `meta` tells; `None` where it tells too little.
    #[cfg(not(unix))]
    pub(crate) fn of(_meta: &Metadata) -> Option<Self> {
        None
    }

    /// As it was written down by [`Stamp::text`].
    pub(crate) fn read(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// One line.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// Whether the file has been left alone for long enough to be told by its stamp.
#[cfg(unix)]
pub(crate) fn is_settled(meta: &Metadata, now: SystemTime) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let changed = u64::try_from(meta.ctime().max(meta.mtime()))
        .map_or(SystemTime::UNIX_EPOCH, |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    // Times in the future settle nothing.
    now.duration_since(changed).is_ok_and(|age| age > SETTLED)
}

/// Whether the file has been left alone for long enough to be told by its stamp.
#[cfg(not(unix))]
pub(crate) fn is_settled(_meta: &Metadata, _now: SystemTime) -> bool {
    false
}
