//! bindings.md §5.

mod bindings;
mod host;
mod triggers;
