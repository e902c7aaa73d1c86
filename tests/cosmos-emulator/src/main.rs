//! `horus-cosmos-emulator [PORT]`: serves an empty account on 127.0.0.1, by default on the emulator's port 8081, and
//! prints its connection string once it answers.

use std::io::Write;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

const PORT: u16 = 8081;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = match std::env::args().nth(1) {
        Some(text) => text.parse().map_err(std::io::Error::other)?,
        None => PORT,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "{}", horus_cosmos_emulator::connection_string(address))?;
    horus_cosmos_emulator::serve(listener).await
}
