//! One invocation: inputs → invoker → outputs → verdict.

mod activity;
pub mod invoker;
mod lines;
mod retry;
mod runner;

#[cfg(test)]
mod tests;

pub use activity::Activity;
pub use invoker::{Exchange, Invocation, Invoker, LoadError, Loaded, Outcome, Outputs, RetryContext};
pub(crate) use retry::{policy as retry_policy, warning as retry_warning};
pub use runner::{Failure, Runner, RunnerParts};
