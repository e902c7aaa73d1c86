//! The Cosmos DB emulator, in a thread of the test.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running emulator on a port of its own. Ends with its value.
#[derive(Debug)]
pub struct CosmosEmulator {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl CosmosEmulator {
    /// Starts an empty account.
    pub fn start() -> Self {
        let (end, ended) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        // A thread and a runtime of its own: it serves whatever the test does with its clock.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime for the emulator");
            runtime.block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
                let address = listener.local_addr().expect("a bound socket has an address");
                ready.send(address).expect("the test waits for the address");
                tokio::select! {
                    result = horus_cosmos_emulator::serve(listener) => result.expect("the emulator serves"),
                    _ = ended => {}
                }
            });
        });
        let address = address.recv().expect("the emulator starts");
        Self { address, end: Some(end), thread: Some(thread) }
    }

    /// Connection string of its account.
    pub fn connection_string(&self) -> String {
        horus_cosmos_emulator::connection_string(self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for CosmosEmulator {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
