//! The emulators.

use super::{Counterpart, Emulators as Services, World};

#[path = "cases.rs"]
mod cases;
