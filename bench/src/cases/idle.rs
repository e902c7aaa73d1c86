//! What the host needs when nothing happens: memory, and room on the disk.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::Case;
use crate::app::{self, App, hello};
use crate::arguments::Arguments;
use crate::load::first_answer;
use crate::process::{Process, free_address};
use crate::report::{Aim, Report};

pub(super) const CASE: Case =
    Case { name: "idle", about: "memory of the idle host, and the size of its binary", run };

/// Long enough for listeners to have polled and for buffers of the start to be gone.
const SETTLE: Duration = Duration::from_secs(3);
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn run(arguments: &Arguments, runtime: &Runtime) -> anyhow::Result<Report> {
    let mut report = Report::new(CASE.name);
    let native = App::stub(arguments, &[hello()])?;
    let (mut process, target) = native.start(arguments)?;
    runtime.block_on(first_answer(&mut process, &target))?;
    settle(&mut report, "one HTTP function, native worker", &process);
    crate::load::run(&target, 32, arguments.round)?;
    settle(&mut report, "the same after load", &process);
    drop(process);

    let logs = tempfile::tempdir()?;
    match storage(arguments, &logs)? {
        None => report
            .note("samples/orders was not measured: run `npm ci` in tests/emulators first; bench/run does"),
        Some((_azurite, connection)) => {
            let environment = BTreeMap::from([("AzureWebJobsStorage".to_owned(), connection)]);
            let folder = arguments.repository.join("samples/orders");
            let (mut process, mut target) =
                app::start(arguments, &folder, &environment, &logs.path().join("func.log"))?;
            target.path = "/admin/host/ping".into();
            runtime.block_on(first_answer(&mut process, &target))?;
            target.path = "/admin/functions".into();
            runtime.block_on(first_answer(&mut process, &target))?;
            let rss = settle(&mut report, "samples/orders", &process);
            report.goal("idle host with samples/orders, MiB", vec![rss], Aim::AtMost(20.0));
        }
    }
    let size = std::fs::metadata(&arguments.func)?.len() as f64 / 1e6;
    report.goal("size of func, MB", vec![size], Aim::AtMost(40.0));
    report.note("built without its default features, func has no Wasm in it and is 19 MB smaller");
    Ok(report)
}

/// Waits, and reports the host's memory; returns the resident part in MiB.
fn settle(report: &mut Report, subject: &str, process: &Process) -> f64 {
    std::thread::sleep(SETTLE);
    let rss = process.rss_mib();
    report.figure(subject, "host RSS MiB", &[rss]);
    report.figure(subject, "of it its own", &[process.own_mib()]);
    rss
}

/// The storage emulator of the tests, when it is installed.
fn storage(arguments: &Arguments, logs: &TempDir) -> anyhow::Result<Option<(Process, String)>> {
    let program = arguments.repository.join("tests/emulators/node_modules/azurite/dist/src/azurite.js");
    if !program.is_file() || !arguments.repository.join("samples/orders/node_modules").is_dir() {
        return Ok(None);
    }
    let addresses = [free_address()?, free_address()?, free_address()?];
    let [blob, queue, table] = addresses.map(|address| address.port().to_string());
    let mut command = Command::new("node");
    command
        .arg(program)
        .args(["--silent", "--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck"])
        .args(["--blobPort", &blob, "--queuePort", &queue, "--tablePort", &table]);
    let mut process = Process::start(&mut command, &logs.path().join("azurite.log"))?;
    for address in addresses {
        while TcpStream::connect(address).is_err() {
            process.check()?;
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint=http://127.0.0.1:{blob}/{ACCOUNT};QueueEndpoint=http://127.0.0.1:{queue}/{ACCOUNT};TableEndpoint=http://127.0.0.1:{table}/{ACCOUNT};"
    );
    Ok(Some((process, connection)))
}
