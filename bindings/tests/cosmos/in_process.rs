//! The embedded store without a socket.

use crate::InProcess as Service;

#[path = "cases.rs"]
mod cases;
