//! Tables for schedules and the monitor; the loop runs on a paused clock.

mod cron;
mod listener;
mod monitor;
