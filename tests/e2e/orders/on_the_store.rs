//! The embedded store, on sockets.

use horus_test_support::EmbeddedStore as Services;

use super::{Counterpart, World};

#[path = "cases.rs"]
mod cases;
