//! What inputs are thrown at.

mod cache;
mod choices;
mod module;
mod reply;
mod request;
mod shapes;

use std::hash::{BuildHasher as _, RandomState};

use crate::Target;

/// All targets.
///
/// # Errors
/// When a target cannot get what it needs, such as a folder for files.
pub fn all() -> anyhow::Result<Vec<Box<dyn Target>>> {
    Ok(vec![
        Box::new(reply::Reply::new()),
        Box::new(request::Request::new()),
        Box::new(module::Module::new()?),
        Box::new(cache::Cache::new()?),
    ])
}

/// A seed that is another one each time.
pub fn any_seed() -> u64 {
    RandomState::new().hash_one("seed")
}
