//! The embedded store without sockets: there are no outages, and signatures in addresses have no meaning.

use crate::InProcess as Service;

#[allow(dead_code, reason = "only outages look at the log")]
#[path = "app.rs"]
mod app;
#[path = "blobs/mod.rs"]
mod blobs;
#[path = "queues.rs"]
mod queues;
#[path = "state.rs"]
mod state;
