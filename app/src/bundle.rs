//! `extensionBundle`: a declaration of which binding types and which property dialect an app uses. Bindings are
//! native here, so nothing is looked up or downloaded (spec host.md §13).

use crate::function::Binding;

/// Newest major version of the bundles there is.
const NEWEST_MAJOR: u32 = 4;

/// The bundle that the app declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionBundle {
    /// For example `Microsoft.Azure.Functions.ExtensionBundle`.
    pub id: String,
    /// Version range as written, for example `[4.*, 5.0.0)`.
    pub version: String,
    range: Range,
}

impl ExtensionBundle {
    /// The bundle of that id and version range; `None` when the range cannot be read.
    pub fn new(id: &str, version: &str) -> Option<Self> {
        let range = Range::parse(version)?;
        Some(Self { id: id.to_owned(), version: version.to_owned(), range })
    }

    /// Whether `id` can be the id of a bundle.
    pub fn is_id(id: &str) -> bool {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        !id.is_empty() && id.bytes().all(valid)
    }

    /// Newest major version that the range allows: it decides the property dialect. `None` for a range that
    /// holds none of the published majors (1 to 4).
    pub fn major(&self) -> Option<u32> {
        (1..=NEWEST_MAJOR).rev().find(|major| self.range.meets(*major))
    }

    /// Whether the bundle uses the 3.x names of the Cosmos DB binding (`collectionName`, spec host.md §13.2).
    pub fn has_legacy_cosmos_dialect(&self) -> bool {
        self.major().is_some_and(|major| major < 4)
    }
}

/// Property names of the 3.x Cosmos DB dialect with their current names (spec bindings.md §1.2).
const COSMOS_ALIASES: [(&str, &str); 6] = [
    ("collectionName", "containerName"),
    ("connectionStringSetting", "connection"),
    ("leaseCollectionName", "leaseContainerName"),
    ("createLeaseCollectionIfNotExists", "createLeaseContainerIfNotExists"),
    ("leaseCollectionPrefix", "leaseContainerPrefix"),
    ("collectionThroughput", "containerThroughput"),
];

/// Gives `binding` the current names for properties it has under old ones; a property that exists under both
/// keeps its current one.
pub fn modernize(binding: &mut Binding) {
    let aliases: &[(&str, &str)] = match binding.kind.to_ascii_lowercase() {
        kind if kind.starts_with("cosmosdb") => &COSMOS_ALIASES,
        kind if kind.starts_with("eventhub") => &[("path", "eventHubName")],
        _ => &[],
    };
    for (old, current) in aliases {
        if binding.property(current).is_none()
            && let Some(value) = binding.property(old).cloned()
        {
            binding.raw.insert((*current).to_owned(), value);
        }
    }
}

type Version = [u32; 3];

/// A NuGet version range: `[4.*, 5.0.0)`, `[3.3.0, 4.0.0)`, `4.0.0` (at least), `[4.1.2]` (exactly).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    least: Option<(Version, bool)>,
    most: Option<(Version, bool)>,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some(first @ ('[' | '(')) = text.chars().next() else {
            return Some(Self { least: Some((version(text)?, true)), most: None });
        };
        let last = text.chars().next_back().filter(|last| matches!(last, ']' | ')'))?;
        let inner = text.get(1..text.len() - 1)?;
        let Some((least, most)) = inner.split_once(',') else {
            let exact = version(inner)?;
            return (first == '[' && last == ']')
                .then_some(Self { least: Some((exact, true)), most: Some((exact, true)) });
        };
        let bound = |text: &str, inclusive: bool| match text.trim() {
            "" => Some(None),
            text => Some(Some((version(text)?, inclusive))),
        };
        let range = Self { least: bound(least, first == '[')?, most: bound(most, last == ']')? };
        match (range.least, range.most) {
            (None, None) => None,
            (Some((least, _)), Some((most, _))) if least > most => None,
            _ => Some(range),
        }
    }

    /// Whether any version of `major` is in the range.
    fn meets(&self, major: u32) -> bool {
        let (first, last) = ([major, 0, 0], [major, u32::MAX, u32::MAX]);
        let above = self.least.is_none_or(|(least, inclusive)| last > least || (inclusive && last == least));
        let below = self.most.is_none_or(|(most, inclusive)| first < most || (inclusive && first == most));
        above && below
    }
}

/// `4`, `4.1`, `4.1.2`, `4.*`, `4.1.2-preview`; a star is the lowest version it stands for.
fn version(text: &str) -> Option<Version> {
    let text = text.trim();
    let (numbers, _label) = text.split_once('-').unwrap_or((text, ""));
    let mut version = [0; 3];
    let parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() > 4 || parts[0] == "*" && parts.len() > 1 {
        return None;
    }
    for (place, part) in parts.iter().enumerate() {
        let number = match *part {
            "*" if place + 1 == parts.len() => 0,
            part if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => {
                part.parse().ok()?
            }
            _ => return None,
        };
        if let Some(slot) = version.get_mut(place) {
            *slot = number;
        }
    }
    Some(version)
}

#[cfg(test)]
mod tests;
