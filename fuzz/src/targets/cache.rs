//! Files in the folder of compiled code.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use horus_wasm::{Engine, EngineOptions, GuestOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::module::{ECHO, Nobody, binary};
use crate::Target;
use crate::mutate::Stock;

/// Extensions of the files, by what is done to them: the first byte of an input chooses one.
const FILES: [&str; 3] = ["cwasm", "sum", "seen"];

pub(super) struct Cache {
    runtime: Runtime,
    folder: TempDir,
    /// What was last found whole, to begin from.
    whole: Vec<(PathBuf, Vec<u8>)>,
}

impl Cache {
    pub(super) fn new() -> anyhow::Result<Self> {
        let mut target = Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            folder: tempfile::tempdir()?,
            whole: Vec::new(),
        };
        std::fs::write(target.script(), binary(ECHO))?;
        anyhow::ensure!(target.start(), "a first start compiles");
        for entry in std::fs::read_dir(target.code())? {
            let path = entry?.path();
            target.whole.push((path.clone(), std::fs::read(path)?));
        }
        Ok(target)
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("guest.wasm")
    }

    fn code(&self) -> PathBuf {
        self.folder.path().join("code")
    }

    /// Starts as a new process does and calls the guest; tells whether it was compiled.
    fn start(&self) -> bool {
        let cache = horus_wasm::Cache::open(&self.code()).expect("the folder is this user's");
        let options = EngineOptions { instances: 1, cache: Some(cache), ..EngineOptions::default() };
        let engine = Engine::new(options).expect("an engine");
        let compiled = Cell::new(false);
        let guest = engine
            .load(&self.script(), GuestOptions::default(), |_| compiled.set(true))
            .unwrap_or_else(|error| panic!("a cache must never keep a guest from loading: {error}"));
        let call = guest.call_command(Bytes::from_static(b"ping"), Arc::new(Nobody));
        let done = self.runtime.block_on(call).unwrap_or_else(|error| panic!("the guest failed: {error}"));
        assert_eq!(done.stdout, "ping");
        compiled.get()
    }
}

impl Target for Cache {
    fn name(&self) -> &'static str {
        "cache"
    }

    fn about(&self) -> &'static str {
        "however the cache is damaged, the guest that runs is the one in the script file"
    }

    fn stock(&self) -> Stock {
        let marked = |(path, bytes): &(PathBuf, Vec<u8>)| {
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            let place = FILES.iter().position(|known| *known == extension)?;
            let mut input = vec![u8::try_from(place).ok()?];
            input.extend_from_slice(bytes);
            Some(input)
        };
        let words = ["\n", "-", "component\n", "module\n", "../", "\u{7f}ELF", "0000000000", " 0", "48"];
        Stock {
            corpus: self.whole.iter().filter_map(marked).collect(),
            words: words.iter().map(|word| word.as_bytes().to_vec()).collect(),
            grown: None,
        }
    }

    fn attempt(&self, input: &[u8]) {
        let (place, bytes) =
            input.split_first().map_or((0, &[][..]), |(first, rest)| (usize::from(*first), rest));
        let extension = FILES[place % FILES.len()];
        let mut is_damaged = false;
        for (path, whole) in &self.whole {
            let is_chosen = path.extension().is_some_and(|found| found == extension);
            let content = if is_chosen { bytes } else { whole };
            is_damaged |= is_chosen && extension == "cwasm" && content != whole;
            std::fs::write(path, content).expect("the folder can be written to");
        }
        assert!(self.start() || !is_damaged, "damaged code was used");
        assert!(!self.start(), "what was compiled again is there now");
    }
}
