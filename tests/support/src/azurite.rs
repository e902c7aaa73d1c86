//! The storage emulator, one process per test.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const HOST: &str = "127.0.0.1";
const ACCOUNT: &str = "devstoreaccount1";
/// The emulator's public key (<https://learn.microsoft.com/azure/storage/common/storage-use-azurite>).
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running Azurite on ports of its own. Ends with its value.
#[derive(Debug)]
pub struct Azurite {
    /// Ports of blob, queue and table service.
    ports: [u16; 3],
    /// Where it keeps its data; `None` is in memory.
    folder: Option<TempDir>,
    /// Whether requests of any service version are taken, even newer ones than it knows.
    any_version: bool,
    process: Option<Child>,
}

impl Azurite {
    /// One that forgets everything when it ends.
    pub fn in_memory() -> Self {
        Self::start(None, false)
    }

    /// As [`Azurite::in_memory`], for clients that are newer than it.
    pub fn for_any_client() -> Self {
        Self::start(None, true)
    }

    /// One that can be stopped and started again with its data.
    pub fn on_disk() -> Self {
        Self::start(Some(tempfile::tempdir().expect("a temporary folder")), false)
    }

    /// As [`Azurite::on_disk`], for clients that are newer than it.
    pub fn on_disk_for_any_client() -> Self {
        Self::start(Some(tempfile::tempdir().expect("a temporary folder")), true)
    }

    fn start(folder: Option<TempDir>, any_version: bool) -> Self {
        let mut azurite = Self { ports: free_ports(), folder, any_version, process: None };
        azurite.start_again();
        azurite
    }

    /// Ports of its blob, queue and table service.
    pub fn ports(&self) -> [u16; 3] {
        self.ports
    }

    /// Connection string with explicit endpoints for all three services.
    pub fn connection_string(&self) -> String {
        storage_connection_string(self.ports)
    }

    /// Ends it in order; the ports stay reserved for [`Azurite::start_again`].
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        // Asked to end, it saves what it holds; killed, it may not.
        let asked = Command::new("kill").arg(process.id().to_string()).status();
        let limit = Instant::now() + Duration::from_secs(10);
        while asked.as_ref().is_ok_and(std::process::ExitStatus::success) && Instant::now() < limit {
            if matches!(process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = process.kill();
        let _ = process.wait();
    }

    /// Starts it on its ports and waits until it answers.
    pub fn start_again(&mut self) {
        self.stop();
        let [blob, queue, table] = self.ports.map(|port| port.to_string());
        let mut command = Command::new("node");
        command
            .arg(program())
            .args(["--silent", "--disableTelemetry"])
            .args(["--blobHost", HOST, "--queueHost", HOST, "--tableHost", HOST])
            .args(["--blobPort", &blob, "--queuePort", &queue, "--tablePort", &table])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        if self.any_version {
            command.arg("--skipApiVersionCheck");
        }
        match &self.folder {
            Some(folder) => command.arg("--location").arg(folder.path()),
            None => command.arg("--inMemoryPersistence"),
        };
        let mut process = command.spawn().expect("node must be installed to run the storage emulator");
        let started = Instant::now();
        for port in self.ports {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
                if let Ok(Some(status)) = process.try_wait() {
                    panic!("Azurite ended at its start with {status}");
                }
                if started.elapsed() > START_LIMIT {
                    let _ = process.kill();
                    panic!("Azurite did not answer on port {port} within {START_LIMIT:?}");
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.process = Some(process);
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Connection string of the well-known account at these ports for blobs, queues and tables.
pub(crate) fn storage_connection_string([blob, queue, table]: [u16; 3]) -> String {
    format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};\
         BlobEndpoint=http://{HOST}:{blob}/{ACCOUNT};QueueEndpoint=http://{HOST}:{queue}/{ACCOUNT};\
         TableEndpoint=http://{HOST}:{table}/{ACCOUNT};"
    )
}

/// Three ports nobody uses right now.
fn free_ports() -> [u16; 3] {
    let listeners: [TcpListener; 3] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("a bound socket has an address").port())
}

/// The emulator's entry file; its packages are installed when they are missing.
fn program() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../emulators");
    let program = folder.join("node_modules/azurite/dist/src/azurite.js");
    // Tests run in many processes at once; one of them installs.
    let lock = File::create(std::env::temp_dir().join("horus-emulators.lock")).expect("a lock file");
    lock.lock().expect("the lock of the emulators");
    if !program.exists() {
        let status = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .status()
            .expect("npm must be installed to fetch the storage emulator");
        assert!(status.success(), "`npm ci` in tests/emulators failed with {status}");
    }
    program
}
