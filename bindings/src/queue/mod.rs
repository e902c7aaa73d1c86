//! Storage queues: `queueTrigger` and the `queue` output (spec bindings.md §4).

mod wakers;

pub use wakers::Wakers;
