//! Files that claim to be WebAssembly.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use horus_wasm::{Contract, Engine, EngineOptions, GuestOptions, Level, Limits, Sink, Source};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::Target;
use crate::mutate::Stock;
use crate::random::Random;

/// A command that copies its input to its output.
pub(super) const ECHO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (block $end
      (loop $more
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 4096))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
        (br_if $end (i32.eqz (i32.load (i32.const 16))))
        (i32.store (i32.const 4) (i32.load (i32.const 16)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
        (br $more)))))"#;
/// Tables, globals, data, a start function, floats, indirect calls.
const PARTS: &str = r#"(module
  (type $f (func (param i32) (result i32)))
  (memory (export "memory") 1 8)
  (table $t 4 16 funcref)
  (global $g (mut i64) (i64.const -1))
  (data (i32.const 8) "data\00\ff")
  (elem (i32.const 1) $twice)
  (func $twice (type $f) (i32.mul (local.get 0) (i32.const 2)))
  (func $init (global.set $g (i64.extend_i32_u (call_indirect $t (type $f) (i32.const 4) (i32.const 1)))))
  (func (export "_start")
    (local $x f64)
    (local.set $x (f64.sqrt (f64.convert_i64_s (global.get $g))))
    (if (f64.gt (local.get $x) (f64.const 1)) (then (drop (memory.grow (i32.const 1)))) (else (unreachable))))
  (start $init))"#;
/// A component that is a command.
const COMPONENT: &str = r#"(component
  (core module $m (func (export "run") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $exported (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $exported)))"#;

pub(super) struct Module {
    engine: Arc<Engine>,
    runtime: Runtime,
    folder: TempDir,
}

impl Module {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            engine: Engine::new(EngineOptions { instances: 2, ..EngineOptions::default() })?,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            folder: tempfile::tempdir()?,
        })
    }
}

pub(super) fn binary(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("valid text")
}

impl Target for Module {
    fn name(&self) -> &'static str {
        "module"
    }

    fn about(&self) -> &'static str {
        "files are loaded or refused by name; what loads runs within its limits or fails"
    }

    fn stock(&self) -> Stock {
        let words: [&[u8]; 16] = [
            b"\0asm\x01\0\0\0",
            b"\0asm\x0d\0\x01\0",
            b"\xff\xff\xff\xff\x0f",
            b"\x80\x80\x80\x80\x10",
            b"\x80\0",
            b"\x7f\x7f",
            b"\x70\0",
            b"\x60\0\0",
            b"\x0b",
            b"\x00\x0b",
            b"\x03\x40\x0c\0\x0b",
            b"\x10\0",
            b"\x40\0",
            b"_start\0",
            b"memory\x02",
            b"wasi:http/incoming-handler@0.2.0",
        ];
        Stock {
            corpus: [ECHO, PARTS, COMPONENT, "(module)", "(component)"].map(binary).to_vec(),
            words: words.map(<[u8]>::to_vec).to_vec(),
            grown: Some(grown),
        }
    }

    fn attempt(&self, input: &[u8]) {
        let file = self.folder.path().join("guest.wasm");
        std::fs::write(&file, input).expect("the folder can be written to");
        let limits = Limits {
            memory: 16 << 20,
            table_elements: 1000,
            time: Some(Duration::from_millis(50)),
            instances: 1,
            output: 64 << 10,
            ..Limits::default()
        };
        let options = GuestOptions { name: "guest".into(), limits, ..GuestOptions::default() };
        let guest = match self.engine.load(&file, options, |_| {}) {
            Ok(guest) => guest,
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("guest.wasm"), "an error must name the file: {error}");
                return;
            }
        };
        if guest.contract() == Contract::Command {
            // However it ends, it ends.
            let ended = self.runtime.block_on(async {
                let call = guest.call_command(Bytes::from_static(b"ping"), Arc::new(Nobody));
                tokio::time::timeout(Duration::from_secs(20), call).await
            });
            assert!(ended.is_ok(), "the guest's time limit has no effect");
        }
        assert_eq!(guest.usage().running, 0, "its instance is still there");
    }
}

/// A file of sections that are as long as they say, in any order and with anything inside.
fn grown(random: &mut Random) -> Vec<u8> {
    let is_component = random.below(3) == 0;
    let mut bytes = b"\0asm".to_vec();
    bytes.extend_from_slice(if is_component { &[0x0d, 0, 1, 0] } else { &[1, 0, 0, 0] });
    if random.below(8) == 0 {
        // Another version, or another layer.
        let at = 4 + random.below(4);
        bytes[at] = u8::try_from(random.below(16)).expect("below 16");
    }
    let mut section = 0;
    for _ in 0..random.below(8) {
        // Mostly in order, which is what modules have to be in.
        section = if random.below(5) == 0 { random.below(14) } else { (section + random.below(4)).min(13) };
        let length = random.below(40);
        bytes.push(u8::try_from(section).expect("below 14"));
        bytes.push(u8::try_from(length).expect("below 40"));
        bytes.extend((0..length).map(|_| match random.below(3) {
            0 => random.byte(),
            1 => u8::try_from(random.below(4)).expect("below 4"),
            _ => *random.pick(&[0x60, 0x7f, 0x7e, 0x70, 0x0b, 0x41, 0x10, 0x01]).expect("eight of them"),
        }));
    }
    bytes
}

/// Hears nothing.
pub(super) struct Nobody;

impl Sink for Nobody {
    fn line(&self, _source: Source, _line: &str) {}

    fn record(&self, _level: Level, _category: &str, _message: &str) {}

    fn denied(&self, _authority: &str) {}
}
