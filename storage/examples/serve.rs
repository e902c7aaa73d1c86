//! Runs the store alone on the usual local ports: `cargo run --example serve -- [FOLDER] [--ports BLOB,QUEUE,TABLE]`.
//!
//! Without a folder everything stays in memory. Stops at Ctrl-C after the requests in progress.

use horus_storage::{Listeners, Options, Service, Store};
use std::net::{Ipv4Addr, SocketAddr};

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut folder = None;
    let mut ports = [Service::Blob, Service::Queue, Service::Table].map(Service::usual_port);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--ports" {
            let list = arguments.next().unwrap_or_default();
            for (port, text) in ports.iter_mut().zip(list.split(',')) {
                *port = text.parse()?;
            }
        } else {
            folder = Some(argument);
        }
    }
    let store = Store::open(folder.map_or_else(Options::in_memory, Options::in_folder))?;
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listeners = Listeners::none()
        .with(Service::Blob, at(ports[0]))
        .await?
        .with(Service::Queue, at(ports[1]))
        .await?
        .with(Service::Table, at(ports[2]))
        .await?;
    for service in [Service::Blob, Service::Queue, Service::Table] {
        if let Some(address) = listeners.address(service) {
            #[allow(clippy::print_stdout, reason = "where to connect is this program's only output")]
            {
                println!("{service:?} http://{address}");
            }
        }
    }
    store
        .serve(listeners, async {
            // Without a signal handler there is nothing to wait for but the end of the process.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    store.close().await;
    Ok(())
}
