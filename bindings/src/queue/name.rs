//! What a queue may be called, and what its poison queue is called.

/// Longest name the service takes.
const LONGEST: usize = 63;
const POISON: &str = "-poison";

/// `name` in lower case, if it is a valid queue name: 3 to 63 letters, digits and single inner dashes
/// (<https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata>).
pub(super) fn validate(name: &str) -> Result<String, String> {
    let name = name.to_ascii_lowercase();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let problem = if !(3..=LONGEST).contains(&name.len()) {
        "it must be 3 to 63 characters long"
    } else if !name.bytes().all(allowed) {
        "it may hold only letters, digits and dashes"
    } else if name.starts_with('-') || name.ends_with('-') {
        "it must begin and end with a letter or digit"
    } else if name.contains("--") {
        "it may not hold two dashes in a row"
    } else {
        return Ok(name);
    };
    Err(format!("'{name}' is not a valid queue name: {problem}."))
}

/// Where messages of queue `name` go that fail for good. `None` for queues that are such a place themselves and
/// for names that have no room for the suffix: their messages stay where they are.
pub(super) fn poison(name: &str) -> Option<String> {
    let poison = format!("{name}{POISON}");
    (!name.ends_with(POISON) && poison.len() <= LONGEST).then_some(poison)
}
