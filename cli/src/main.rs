//! `func`: runs an Azure Functions app.

mod args;
mod commands;
mod console;
mod port;
mod store;
mod tls;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Two providers are in the dependency graph, so rustls cannot choose one by itself.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let tokens: Vec<String> =
        std::env::args_os().skip(1).map(|token| token.to_string_lossy().into_owned()).collect();
    commands::run(&tokens)
}
