//! The embedded store on a socket.

use crate::OnSocket as Service;

#[path = "cases.rs"]
mod cases;
