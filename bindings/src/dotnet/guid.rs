//! Identifiers in the formats `N D B P X`.

use uuid::Uuid;

/// `id` in `format`, one of `N D B P X` in any case; an empty format is `D`. `None` for any other.
pub fn format(id: &Uuid, format: &str) -> Option<String> {
    let kind = match format.as_bytes() {
        [] => b'D',
        [kind] => kind.to_ascii_uppercase(),
        _ => return None,
    };
    Some(match kind {
        b'N' => id.simple().to_string(),
        b'D' => id.hyphenated().to_string(),
        b'B' => id.braced().to_string(),
        b'P' => format!("({})", id.hyphenated()),
        b'X' => {
            let (a, b, c, rest) = id.as_fields();
            let rest = rest.map(|byte| format!("0x{byte:02x}")).join(",");
            format!("{{0x{a:08x},0x{b:04x},0x{c:04x},{{{rest}}}}}")
        }
        _ => return None,
    })
}

/// The identifier in `text`, in any of the formats `N D B P` (case ignored).
pub fn parse(text: &str) -> Option<Uuid> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let inner = match (bytes.first(), bytes.last()) {
        (Some(b'{'), Some(b'}')) | (Some(b'('), Some(b')')) => text.get(1..text.len() - 1)?,
        _ => text,
    };
    let enclosed = inner.len() != text.len();
    match inner.len() {
        36 => Uuid::try_parse(inner).ok(),
        32 if !enclosed => Uuid::try_parse(inner).ok(),
        _ => None,
    }
}
