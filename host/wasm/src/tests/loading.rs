//! Files that are no guests.

use super::{Lab, echo};
use crate::{EngineOptions, Kind, Limits, LoadError};

#[test]
fn bytes_tell_modules_from_components() {
    assert_eq!(Kind::of(&wat::parse_str("(module)").expect("valid")), Ok(Kind::Module));
    assert_eq!(Kind::of(&wat::parse_str("(component)").expect("valid")), Ok(Kind::Component));
    for bytes in [
        &b""[..],
        b"\0asm",
        b"\x7fELF\x01\0\0\0",
        b"\0asm\x02\0\0\0",
        b"\0asm\x0a\0\x01\0",
        b"\0asm\x01\0\x07\0",
    ] {
        assert!(Kind::of(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn truncated_and_damaged_modules_are_refused_by_name() {
    let lab = Lab::with(EngineOptions { instances: 1, ..EngineOptions::default() });
    let whole = wat::parse_str(echo(0)).expect("valid");
    let mut refused = 0;
    for length in 0..whole.len() {
        let file = lab.file("cut.wasm", &whole[..length]);
        if let Err(error) = lab.load(&file, Limits::default()) {
            assert!(error.to_string().contains("cut.wasm"), "{error}");
            refused += 1;
        }
    }
    // Data and names come last and may be absent altogether: two cuts leave a whole module behind.
    assert_eq!(whole.len() - refused, 2, "every other cut must be noticed");
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..4 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = 8 + (seed as usize) % (bytes.len() - 8);
            bytes[at] = (seed >> 32) as u8;
        }
        let file = lab.file("damaged.wasm", &bytes);
        // Valid or not, loading must come back; a panic fails the test.
        let _ = lab.load(&file, Limits::default());
    }
}

#[test]
fn missing_imports_are_named() {
    let lab = Lab::new();
    let module =
        r#"(module (import "env" "magic" (func)) (memory (export "memory") 1) (func (export "_start")))"#;
    let error = lab.guest(module, Limits::default()).expect_err("must fail");
    assert!(matches!(&error, LoadError::Imports { imports, .. } if imports == &["env.magic"]), "{error}");
    let component = r#"(component (import "acme:shop/stock@1.0.0" (instance (export "f" (func)))))"#;
    let error = lab.guest(component, Limits::default()).expect_err("must fail").to_string();
    assert!(error.contains("acme:shop/stock@1.0.0") && error.contains("no grant supplies it"), "{error}");
    let newer = r#"(component (import "wasi:http/types@0.9.0" (instance)))"#;
    let error = lab.guest(newer, Limits::default()).expect_err("must fail").to_string();
    assert!(error.contains("wasi:http/types@0.9.0") && error.contains("version 0.2"), "{error}");
}

#[test]
fn guests_without_an_entry_point_are_told_what_to_export() {
    let lab = Lab::new();
    let error = lab.guest(r#"(module (func (export "add")))"#, Limits::default()).expect_err("must fail");
    let error = error.to_string();
    assert!(error.contains("exports add") && error.contains("'_start'"), "{error}");
    let error = lab.guest("(component)", Limits::default()).expect_err("must fail").to_string();
    assert!(error.contains("exports nothing") && error.contains("incoming-handler"), "{error}");
}

#[test]
fn modules_beyond_the_limits_of_the_engine_are_refused() {
    let lab = Lab::with(EngineOptions { instances: 1, largest_memory: 16 << 20, ..EngineOptions::default() });
    let huge = r#"(module (memory (export "memory") 60000) (func (export "_start")))"#;
    let error = lab.guest(huge, Limits::default()).expect_err("must fail");
    assert!(matches!(error, LoadError::Invalid { .. }), "{error}");
}

#[test]
fn unreadable_files_are_named() {
    let lab = Lab::new();
    let error = lab.load(&lab.folder.path().join("none.wasm"), Limits::default()).expect_err("must fail");
    assert!(matches!(error, LoadError::Read { .. }) && error.to_string().contains("none.wasm"), "{error}");
}
