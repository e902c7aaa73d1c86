//! Functions in WebAssembly, beside a bare server and beside the engine's own server for the same component.

pub(super) mod http;
pub(super) mod idle;
pub(super) mod ready;
pub(super) mod start;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::arguments::Arguments;
use crate::load::Target;
use crate::process::{Process, free_address};

/// What all subjects are asked for; the components answer any path.
const PATH: &str = "/api/hello";

/// The guest of a sample, which bench/run has built.
fn guest(arguments: &Arguments, language: &str) -> PathBuf {
    arguments.target.join(format!("wasm-guests/{language}.wasm"))
}

/// How the engine's own server treats instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Instances {
    /// A new one for each request, without any flag.
    AsShipped,
    /// A new one for each request, out of a pool.
    Fresh,
    /// One for many requests, one after the other.
    Reused,
}

/// `wasmtime serve`, which bench/run has installed, with the flags that made it fastest, on code that it has compiled
/// for itself before.
struct Wasmtime {
    program: PathBuf,
    folder: tempfile::TempDir,
}

impl Wasmtime {
    /// A pool, pages kept between requests, and a system call that finds the few that a request has touched: together
    /// half as fast again as the defaults.
    const FLAGS: [&str; 5] = [
        "-Opooling-allocator=y",
        "-Opooling-memory-keep-resident=1048576",
        "-Opooling-table-keep-resident=65536",
        "-Opooling-async-stack-keep-resident=65536",
        "-Opooling-pagemap-scan=auto",
    ];

    fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let program = arguments.target.join("bench-tools/bin/wasmtime");
        anyhow::ensure!(program.is_file(), "{} is missing; bench/run installs it", program.display());
        Ok(Self { program, folder: tempfile::tempdir()? })
    }

    /// Compiles `guest`.
    fn compile(&self, guest: &Path) -> anyhow::Result<PathBuf> {
        let name = guest.file_stem().context("a file has a name")?;
        let code = self.folder.path().join(name).with_extension("cwasm");
        let done = Command::new(&self.program).arg("compile").arg("-o").arg(&code).arg(guest).output()?;
        let said = String::from_utf8_lossy(&done.stderr);
        anyhow::ensure!(done.status.success(), "wasmtime compile failed: {said}");
        Ok(code)
    }

    /// Serves compiled code.
    fn serve(&self, code: &Path, instances: Instances) -> anyhow::Result<(Process, Target)> {
        let address = free_address()?;
        let mut command = Command::new(&self.program);
        command.arg("serve");
        if instances != Instances::AsShipped {
            command.args(Self::FLAGS);
        }
        command.args(["-Scli=y", "--allow-precompiled", "--addr", &address.to_string()]);
        if instances == Instances::Reused {
            command.args(["--max-instance-reuse-count", "1000000"]);
        }
        let process = Process::start(command.arg(code), &self.folder.path().join("log"))?;
        Ok((process, Target { address, path: PATH.into() }))
    }
}
