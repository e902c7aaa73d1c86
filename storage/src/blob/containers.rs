//! Operations on containers.

use super::conditions::Conditions;
use super::lease::On;
use super::lease_action::Action;
use super::record::{
    self, CONTAINERS, Container, PublicAccess, container_key, container_prefix, save_container, stamped,
};
use super::{DELETED, small_body};
use crate::auth::{Class, Principal, Scope};
use crate::body::Body;
use crate::engine::{Engine, View};
use crate::protocol::fault::{INVALID_RESOURCE_NAME, INVALID_URI, NAME_LENGTH};
use crate::protocol::{Answer, Call, Fault, Policy, metadata_from, policies_from_xml, policies_to_xml};
use http::Method;

/// Routes `restype=container`.
pub(super) async fn handle(
    engine: &Engine,
    call: &Call,
    principal: &Principal,
    name: &str,
    body: Body,
) -> Result<Answer, Fault> {
    check_name(name)?;
    match (&call.method, call.comp()) {
        (&Method::PUT, "") => {
            principal.may(Class::Container, "cw")?;
            create(engine, call, name).await
        }
        (&Method::DELETE, "") => {
            principal.may(Class::Container, "d")?;
            delete(engine, call, name).await
        }
        (&Method::GET | &Method::HEAD, "" | "metadata") => {
            match principal {
                Principal::Anonymous => may_browse(engine, call, name)?,
                known => known.may(Class::Container, "r")?,
            }
            properties(engine, call, name)
        }
        (&Method::PUT, "metadata") => {
            principal.may(Class::Container, "w")?;
            set_metadata(engine, call, name).await
        }
        (&Method::GET | &Method::HEAD, "acl") => {
            principal.must_own()?;
            let container = engine.read(|view| record::container(view, &call.account, name))?;
            container.lease.on_read(call.now, call.header("x-ms-lease-id")?, On::Container)?;
            let answer = Answer::xml(200, policies_to_xml(&container.policies))
                .optional("x-ms-blob-public-access", container.access.name());
            Ok(stamped(answer, &container.etag(), container.modified()))
        }
        (&Method::PUT, "acl") => {
            principal.must_own()?;
            let policies = policies_from_xml(&small_body(body).await?)?;
            set_policies(engine, call, name, policies).await
        }
        (&Method::PUT, "lease") => {
            principal.may(Class::Container, "wd")?;
            lease(engine, call, name).await
        }
        (&Method::GET | &Method::HEAD | &Method::PUT | &Method::DELETE, _) => Err(INVALID_URI.into()),
        _ => Err(call.unsupported_verb()),
    }
}

/// Lets somebody without a signature in if the container is public as a whole.
pub(super) fn may_browse(engine: &Engine, call: &Call, name: &str) -> Result<(), Fault> {
    match engine.read(|view| record::container(view, &call.account, name)) {
        Ok(container) if container.access == PublicAccess::Container => Ok(()),
        _ => Err(Principal::nobody()),
    }
}

/// 3 to 63 lower-case letters, digits and single hyphens; `$root`, `$logs` and `$web` besides.
pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    if matches!(name, "$root" | "$logs" | "$web") {
        return Ok(());
    }
    if !(3..=63).contains(&name.len()) {
        return Err(NAME_LENGTH.into());
    }
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !letters || name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        return Err(INVALID_RESOURCE_NAME.into());
    }
    Ok(())
}

async fn create(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let metadata = metadata_from(&call.headers)?;
    let access = PublicAccess::of(call)?;
    let (account, name, now) = (call.account.clone(), name.to_owned(), call.now);
    engine
        .write(move |tx| {
            if tx.contains(CONTAINERS, &container_key(&account, &name))? {
                return Err(super::codes::CONTAINER_EXISTS.into());
            }
            let id = tx.next_id()?;
            let container = Container {
                id,
                modified: now.0,
                etag: id,
                access,
                metadata,
                policies: Vec::new(),
                lease: Default::default(),
            };
            save_container(tx, &account, &name, &container)?;
            Ok(stamped(Answer::new(201), &container.etag(), container.modified()))
        })
        .await
}

async fn delete(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let given = call.header("x-ms-lease-id")?.map(str::to_owned);
    let conditions = Conditions::of(call)?;
    let (account, name, now) = (call.account.clone(), name.to_owned(), call.now);
    engine
        .write(move |tx| {
            let container = record::container(tx, &account, &name)?;
            conditions.for_change(Some((&container.etag(), container.modified())))?;
            container.lease.on_change(now, given.as_deref(), On::Container)?;
            tx.delete(CONTAINERS, &container_key(&account, &name))?;
            // The blobs are out of reach from here on; their rows and bytes follow in the background.
            tx.put(DELETED, &container_prefix(container.id), &[])?;
            Ok(Answer::new(202))
        })
        .await
}

fn properties(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let container = engine.read(|view| record::container(view, &call.account, name))?;
    container.lease.on_read(call.now, call.header("x-ms-lease-id")?, On::Container)?;
    let answer = stamped(Answer::new(200), &container.etag(), container.modified())
        .optional("x-ms-blob-public-access", container.access.name())
        .header("x-ms-has-immutability-policy", "false")
        .header("x-ms-has-legal-hold", "false")
        .header("x-ms-immutable-storage-with-versioning-enabled", "false")
        .header("x-ms-default-encryption-scope", "$account-encryption-key")
        .header("x-ms-deny-encryption-scope-override", "false");
    Ok(container.metadata.on(container.lease.on(call.now, answer)))
}

/// Loads the container, lets `change` alter it and answers with the new stamp.
async fn alter(
    engine: &Engine,
    call: &Call,
    name: &str,
    change: impl FnOnce(&mut Container) + Send + 'static,
) -> Result<Answer, Fault> {
    let given = call.header("x-ms-lease-id")?.map(str::to_owned);
    let conditions = Conditions::of(call)?;
    let (account, name, now) = (call.account.clone(), name.to_owned(), call.now);
    engine
        .write(move |tx| {
            let mut container = record::container(tx, &account, &name)?;
            conditions.for_change(Some((&container.etag(), container.modified())))?;
            container.lease.on_read(now, given.as_deref(), On::Container)?;
            change(&mut container);
            container.touch(tx, now)?;
            save_container(tx, &account, &name, &container)?;
            Ok(stamped(Answer::new(200), &container.etag(), container.modified()))
        })
        .await
}

async fn set_metadata(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let metadata = metadata_from(&call.headers)?;
    alter(engine, call, name, |container| container.metadata = metadata).await
}

async fn set_policies(
    engine: &Engine,
    call: &Call,
    name: &str,
    policies: Vec<Policy>,
) -> Result<Answer, Fault> {
    let access = PublicAccess::of(call)?;
    alter(engine, call, name, move |container| {
        container.policies = policies;
        container.access = access;
    })
    .await
}

async fn lease(engine: &Engine, call: &Call, name: &str) -> Result<Answer, Fault> {
    let action = Action::of(call)?;
    let conditions = Conditions::of(call)?;
    let (account, name, now) = (call.account.clone(), name.to_owned(), call.now);
    engine
        .write(move |tx| {
            let mut container = record::container(tx, &account, &name)?;
            conditions.for_change(Some((&container.etag(), container.modified())))?;
            let (lease, answer) = action.apply(&container.lease, now)?;
            container.lease = lease;
            save_container(tx, &account, &name, &container)?;
            Ok(stamped(answer, &container.etag(), container.modified()))
        })
        .await
}

/// The stored access policies a service SAS may refer to.
pub(crate) fn policies_of(engine: &Engine, scope: &Scope) -> Result<Vec<Policy>, Fault> {
    Ok(engine.read(|view| record::container(view, &scope.account, &scope.name))?.policies)
}
