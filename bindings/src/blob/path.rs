//! Which blob is meant: `container/name`, or the address of a blob.

use std::fmt;

use url::Url;

/// Longest blob name the service takes, in characters.
const LONGEST_NAME: usize = 1024;

/// A blob, or a whole container when the name is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct BlobPath {
    pub(super) container: String,
    pub(super) name: String,
}

impl fmt::Display for BlobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.is_empty() {
            true => f.write_str(&self.container),
            false => write!(f, "{}/{}", self.container, self.name),
        }
    }
}

impl BlobPath {
    /// Reads `text`, a path or the absolute address of a blob; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let path = match address(text) {
            Some(url) => from_address(&url)
                .ok_or_else(|| format!("'{}' is not the address of a blob.", without_query(&url)))?,
            None => {
                let (container, name) = text.split_once('/').unwrap_or((text, ""));
                Self { container: container.to_owned(), name: name.to_owned() }
            }
        };
        let container = container_name(&path.container)?;
        match path.name.chars().count() {
            length if length > LONGEST_NAME => Err(format!(
                "A blob name in container '{container}' has {length} characters; {LONGEST_NAME} are allowed."
            )),
            _ => Ok(Self { container, name: path.name }),
        }
    }

    /// As [`BlobPath::parse`], for what must name a blob.
    pub(super) fn parse_blob(text: &str) -> Result<Self, String> {
        let path = Self::parse(text)?;
        match path.name.is_empty() {
            true => Err(format!(
                "'{text}' names a container only. A blob path has the form 'container/blob name'."
            )),
            false => Ok(path),
        }
    }
}

fn address(text: &str) -> Option<Url> {
    let is_address = text.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
        || text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
    is_address.then(|| Url::parse(text).ok()).flatten()
}

/// The path of the address, decoded; where the host is not an account's, the account comes first.
fn from_address(url: &Url) -> Option<BlobPath> {
    let path = percent_decode(url.path());
    let path = path.trim_start_matches('/');
    let path = match url.domain() {
        Some(domain) if domain.contains('.') => path,
        _ => path.split_once('/')?.1,
    };
    let (container, name) = path.split_once('/').unwrap_or((path, ""));
    (!container.is_empty()).then(|| BlobPath { container: container.to_owned(), name: name.to_owned() })
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let decoded = (*first == b'%')
            .then(|| after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// For errors: the query may hold a signature.
fn without_query(url: &Url) -> String {
    let mut plain = url.clone();
    plain.set_query(None);
    plain.into()
}

/// `name` in lower case, if a container may be called that: 3 to 63 letters, digits and single inner dashes, or one of
/// the service's own
/// (<https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>).
pub(super) fn container_name(name: &str) -> Result<String, String> {
    let name = name.to_ascii_lowercase();
    if matches!(name.as_str(), "$root" | "$logs" | "$web") {
        return Ok(name);
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let problem = if !(3..=63).contains(&name.len()) {
        "it must be 3 to 63 characters long"
    } else if !name.bytes().all(allowed) {
        "it may hold only letters, digits and dashes"
    } else if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        "dashes must stand alone between letters or digits"
    } else {
        return Ok(name);
    };
    Err(format!("'{name}' is not a valid container name: {problem}."))
}
