//! What the app says about its guests, and what guests say about themselves.

mod describe;
mod options;
mod typed;
