//! Apps on disk, each a folder of its own that goes with its value.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// An app's folder, with room beside it for what must not restart the host.
#[derive(Debug)]
pub(crate) struct App {
    folder: TempDir,
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("cli/ is in the repository").to_owned()
}

impl App {
    /// A folder without any file.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("horus-e2e-").tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("app")).expect("a folder can be made");
        Self { folder }
    }

    /// A folder with a host.json that says nothing special.
    pub(crate) fn new() -> Self {
        Self::empty().file("host.json", r#"{"version": "2.0"}"#)
    }

    /// A copy of a folder of the repository, without its `node_modules`.
    pub(crate) fn copy(path: &str) -> Self {
        let app = Self::empty();
        copy(&repository().join(path), &app.root());
        app
    }

    /// Adds a file.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.write(name, text);
        self
    }

    /// Adds a function in the function.json model with the stub's script file beside it.
    pub(crate) fn function_json(self, name: &str, text: &str) -> Self {
        self.file(&format!("{name}/function.json"), text).file(&format!("{name}/run.stub"), "")
    }

    /// The app's root.
    pub(crate) fn root(&self) -> PathBuf {
        // What processes report as their working directory has no symbolic links.
        self.folder.path().canonicalize().expect("it exists").join("app")
    }

    /// A path outside the app's root.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().expect("it exists").join(name)
    }

    /// Writes a file below the root.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().expect("it is below the root")).expect("folders can be made");
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Reads a file below the root.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.root().join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

fn copy(from: &Path, to: &Path) {
    let entries = std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries {
        let entry = entry.expect("a folder can be read");
        let target = to.join(entry.file_name());
        if entry.file_name() == "node_modules" {
            continue;
        }
        if entry.file_type().expect("a known type").is_dir() {
            std::fs::create_dir_all(&target).expect("folders can be made");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("files can be copied");
        }
    }
}

/// Puts the public Functions library within reach of `app`: Node looks for packages in parent folders.
pub(crate) fn with_node_library(app: &App) {
    let link = app.beside("node_modules");
    std::os::unix::fs::symlink(node_modules("tests/cases"), link).expect("a link can be made");
}

/// The packages of `folder`, installed when they are missing.
pub(crate) fn node_modules(folder: &str) -> PathBuf {
    static LOCK: OnceLock<std::sync::Mutex<()>> = OnceLock::new();
    let folder = repository().join(folder);
    let modules = folder.join("node_modules");
    let stamp = modules.join(".package-lock.json");
    let _turn = LOCK.get_or_init(Default::default).lock().expect("nobody panics while installing");
    // Tests run in many processes at once; one of them installs.
    let lock = std::fs::File::create(std::env::temp_dir().join("horus-e2e-npm.lock")).expect("a lock file");
    lock.lock().expect("the lock of the packages");
    if !stamp.exists() {
        let status = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .stdout(std::process::Stdio::null())
            .status()
            .expect("npm must be installed");
        assert!(status.success(), "`npm ci` in {} failed with {status}", folder.display());
    }
    modules
}
