//! Tokens that the platform's own tools send instead of the master key (spec host.md §3.4): HS256, signed with the
//! site's encryption key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use horus_app::Settings;
use serde::Deserialize;
use sha2::Sha256;

/// How far clocks may be apart, as in the platform's own validation.
const SKEW: i64 = 300;

/// Checks platform tokens; only sites with an encryption key have one.
pub(super) struct Tokens {
    key: Vec<u8>,
    issuers: [String; 2],
    audiences: [String; 2],
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Tokens {
    /// A check for the site that `settings` describe; `None` unless it has both a name and a key of 32 bytes.
    pub(super) fn from_settings(settings: &Settings) -> Option<Self> {
        let key = ["WEBSITE_AUTH_ENCRYPTION_KEY", "AzureWebEncryptionKey"]
            .iter()
            .find_map(|name| settings.text(name))?;
        let key = hex(key).or_else(|| STANDARD.decode(key).ok()).filter(|key| key.len() == 32)?;
        let site = settings.text("WEBSITE_SITE_NAME")?.to_lowercase();
        let home = format!("https://{site}.azurewebsites.net");
        Some(Self {
            key,
            issuers: [home.clone(), format!("https://{site}.scm.azurewebsites.net")],
            audiences: [home.clone(), format!("{home}/azurefunctions")],
        })
    }

    /// Whether `token` is signed by this site, for this site, and valid at `now` (seconds since 1970).
    pub(super) fn accepts(&self, token: &str, now: i64) -> bool {
        self.claims(token).is_some_and(|claims| {
            let audience = |text: &String| self.audiences.iter().any(|known| same(known, text));
            self.issuers.iter().any(|known| same(known, &claims.iss))
                && match &claims.aud {
                    Audience::One(one) => audience(one),
                    Audience::Many(many) => many.iter().any(audience),
                }
                && claims.exp.saturating_add(SKEW) > now
                && claims.nbf.is_none_or(|from| from.saturating_sub(SKEW) <= now)
        })
    }

    /// The claims, once the signature is found to be right.
    fn claims(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let header: Header = serde_json::from_slice(&part(header)?).ok()?;
        if header.alg != "HS256" {
            return None;
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(signed.as_bytes());
        mac.verify_slice(&part(signature)?).ok()?;
        serde_json::from_slice(&part(claims)?).ok()
    }
}

fn same(known: &str, text: &str) -> bool {
    known.eq_ignore_ascii_case(text.trim_end_matches('/'))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Tokens {
        let pairs =
            [("WEBSITE_AUTH_ENCRYPTION_KEY", "0f".repeat(32)), ("WEBSITE_SITE_NAME", "Orders".into())];
        Tokens::from_settings(&Settings::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value))))
            .unwrap()
    }

    fn token(key: &[u8], header: &str, claims: &serde_json::Value) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encode(header), encode(&claims.to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// host.md §3.4: signature, issuer, audience and time must all be right.
    #[test]
    fn tokens_need_signature_issuer_audience_and_time() {
        const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
        let claims = |iss: &str, aud: &str, exp: i64| serde_json::json!({"iss": iss, "aud": aud, "exp": exp, "nbf": 0});
        let (home, scm) = ("https://orders.azurewebsites.net", "https://orders.scm.azurewebsites.net");
        let good = claims(scm, "https://orders.azurewebsites.net/azurefunctions", 1000);
        let site = site();
        assert!(site.accepts(&token(&site.key, HEADER, &good), 900));
        assert!(site.accepts(&token(&site.key, HEADER, &claims(home, home, 1000)), 1200));
        assert!(!site.accepts(&token(&site.key, HEADER, &good), 1301), "expired");
        assert!(!site.accepts(&token(&[1; 32], HEADER, &good), 900), "another key");
        assert!(!site.accepts(&token(&site.key, r#"{"alg":"none"}"#, &good), 900), "no algorithm");
        assert!(!site.accepts(&token(&site.key, HEADER, &claims("https://evil", home, 1000)), 900));
        assert!(!site.accepts(&token(&site.key, HEADER, &claims(home, "https://evil", 1000)), 900));
        assert!(!site.accepts("a.b", 900));
    }
}
