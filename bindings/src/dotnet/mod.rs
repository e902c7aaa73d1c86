//! How the platform writes numbers, dates, spans and identifiers.
//!
//! Apps meet these texts in paths, messages and status files, and the format strings of binding expressions are
//! .NET's (spec bindings.md §1.4). Everything here is culture-invariant.

pub mod date;
pub mod guid;
pub mod number;
pub mod span;

#[cfg(test)]
mod tests;
