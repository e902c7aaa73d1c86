//! Timers: `timerTrigger` (spec bindings.md §3, host.md §2.8).
//!
//! [`Schedule`] and [`monitor`] decide as values; [`Timer`] waits, takes the lock that lets one instance fire, and
//! keeps the schedule status where the reference host keeps it.

mod cron;
mod extension;
mod lease;
mod listener;
pub mod monitor;
mod schedule;
mod status;
mod zone;

pub use extension::Extension;
pub use listener::Timer;
pub use schedule::Schedule;
pub use status::Status;
pub use zone::Zone;

#[cfg(test)]
mod tests;
