//! `Set-Cookie` texts.

use std::fmt::Write;

use crate::BindingError;
use crate::dotnet::date::Stamp;
use crate::http::{Cookie, SameSite};

/// The text for `cookie`, attributes in the reference host's spelling and order. The value is escaped; the path is
/// `/` unless the function gives one.
pub(super) fn set(cookie: &Cookie) -> Result<String, BindingError> {
    let token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
    if cookie.name.is_empty() || !cookie.name.bytes().all(token) {
        return Err(BindingError::new(format!(
            "The cookie name '{}' is not valid.",
            cookie.name.escape_debug()
        )));
    }
    let mut text = String::with_capacity(cookie.name.len() + cookie.value.len() + 48);
    text.push_str(&cookie.name);
    text.push('=');
    escape(&mut text, &cookie.value);
    if let Some(expires) = cookie.expires {
        let date = Stamp::from(expires).format("r").expect("'r' is a standard format");
        let _ = write!(text, "; expires={date}");
    }
    if let Some(seconds) = cookie.max_age.filter(|seconds| seconds.is_finite()) {
        let _ = write!(text, "; max-age={:.0}", seconds.trunc());
    }
    attribute(&mut text, "domain", cookie.domain.as_deref().unwrap_or_default())?;
    attribute(&mut text, "path", cookie.path.as_deref().unwrap_or("/"))?;
    if cookie.secure == Some(true) {
        text.push_str("; secure");
    }
    text.push_str(match cookie.same_site {
        SameSite::Unspecified => "",
        SameSite::Lax => "; samesite=lax",
        SameSite::Strict => "; samesite=strict",
        SameSite::None => "; samesite=none",
    });
    if cookie.http_only == Some(true) {
        text.push_str("; httponly");
    }
    Ok(text)
}

fn attribute(text: &mut String, name: &str, value: &str) -> Result<(), BindingError> {
    if value.bytes().any(|byte| byte == b';' || byte.is_ascii_control()) {
        return Err(BindingError::new(format!(
            "The {name} of a cookie is not valid: '{}'.",
            value.escape_debug()
        )));
    }
    if !value.is_empty() {
        let _ = write!(text, "; {name}={value}");
    }
    Ok(())
}

/// Everything but unreserved characters as percent escapes of its UTF-8.
fn escape(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}
