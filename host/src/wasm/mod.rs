//! Functions that run inside the host: script files ending in `.wasm` (see `docs/wasm.md`).
//!
//! [`describe`] finds the functions that guests carry with them. [`load()`] makes the engine, once there is a function for
//! it, and links every guest; [`invoker`] calls them: requests as they are where function and guest both speak HTTP,
//! values as records where the guest is of the typed world ([`typed`]), and [`crate::envelope`] messages otherwise.

pub(crate) mod build;
pub(crate) mod describe;
mod invoker;
mod load;
mod options;
#[cfg(test)]
mod tests;
mod typed;

pub(crate) use load::{Parts, load};
pub(crate) use options::Options;
