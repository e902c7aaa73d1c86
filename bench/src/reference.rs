//! The references that are this program itself, started again as a server.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

use crate::queue_double;

/// The bare server: what an HTTP function cannot be faster than.
pub(crate) fn hello() -> Router {
    Router::new().route("/api/hello", get(|| async { "hello" }))
}

/// `serve axum` or `serve queue MICROSECONDS`: prints its port and runs until it is ended.
pub(crate) fn serve(words: &[String]) -> anyhow::Result<()> {
    let router = match words.first().map(String::as_str) {
        Some("axum") => hello(),
        Some("queue") => {
            let delay = words.get(1).context("serve queue needs a delay in microseconds")?.parse()?;
            queue_double::router(Duration::from_micros(delay))
        }
        _ => bail!("serve what? axum or queue"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut out = std::io::stdout();
        writeln!(out, "{}", listener.local_addr()?.port())?;
        out.flush()?;
        // Answers are small and wait for nothing; failing to say so only costs latency.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        axum::serve(listener, router).await?;
        Ok(())
    })
}
