//! Tables for schedules and the monitor; the loop runs on a paused clock.

mod cron;
mod double;
mod listener;
mod monitor;
