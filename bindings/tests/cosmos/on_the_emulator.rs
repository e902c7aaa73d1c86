//! The emulator of the official driver.

use crate::CosmosEmulator as Service;

#[path = "cases.rs"]
mod cases;
