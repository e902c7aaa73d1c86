//! Who is asking: shared keys and shared access signatures, really verified.

mod accounts;
mod principal;
mod sas;
mod shared_key;

#[cfg(test)]
mod tests;

pub use accounts::{Account, AccountError, Accounts, WELL_KNOWN_ACCOUNT};
pub(crate) use principal::{Class, Grant, Principal};
pub(crate) use sas::Scope;

use crate::protocol::fault::{ACCOUNT_UNKNOWN, AUTHENTICATION_FAILED, INVALID_AUTHENTICATION};
use crate::protocol::{Call, Fault, Policy};
use crate::server::Service;

/// Finds the stored access policies of the resource a service SAS was issued for.
pub(crate) type Policies<'a> = &'a dyn Fn(&Scope) -> Result<Vec<Policy>, Fault>;

/// Establishes who sent `call`, or refuses it.
pub(crate) fn verify(
    accounts: &Accounts,
    service: Service,
    call: &Call,
    policies: Policies<'_>,
) -> Result<Principal, Fault> {
    let account = accounts.get(&call.account).ok_or_else(|| Fault::from(ACCOUNT_UNKNOWN))?;
    if let Some(authorization) = call.header("authorization")? {
        let (scheme, credential) =
            authorization.split_once(' ').ok_or_else(|| Fault::from(INVALID_AUTHENTICATION))?;
        return match scheme {
            "SharedKey" | "SharedKeyLite" => {
                shared_key::verify(account, service, call, scheme == "SharedKeyLite", credential.trim())?;
                Ok(Principal::Owner)
            }
            "Bearer" => Err(AUTHENTICATION_FAILED.because(
                "This store verifies shared keys and shared access signatures; it knows no Entra ID tokens.",
            )),
            _ => Err(INVALID_AUTHENTICATION.into()),
        };
    }
    if call.query.get("sig").is_some() {
        return sas::verify(account, service, call, policies).map(Principal::Sas);
    }
    Ok(Principal::Anonymous)
}
