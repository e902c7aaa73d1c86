//! Descriptions inside of files.

use super::Lab;
use crate::sections;

fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    let mut section = vec![0, u8::try_from(1 + name.len() + content.len()).expect("short")];
    section.push(u8::try_from(name.len()).expect("short"));
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    section
}

#[test]
fn sections_are_found_at_any_depth() {
    let lab = Lab::new();
    let mut module = wat::parse_str("(module (memory 1) (func))").expect("valid");
    module.extend(custom("other", b"x"));
    module.extend(custom("mine", b"inner"));
    let mut component = wat::parse_str("(component)").expect("valid");
    component.extend(custom("mine", b"first"));
    component.push(1);
    component.push(u8::try_from(module.len()).expect("short"));
    component.extend_from_slice(&module);
    component.extend(custom("mine", b"last"));
    let file = lab.file("nested.wasm", &component);
    assert_eq!(sections(&file, "mine").expect("read"), [&b"first"[..], b"inner", b"last"]);
    assert_eq!(sections(&file, "none").expect("read"), Vec::<Vec<u8>>::new());

    // However it breaks off, reading comes back; nothing is made up.
    for length in 0..component.len() {
        let file = lab.file("cut.wasm", &component[..length]);
        if let Ok(found) = sections(&file, "mine") {
            assert!(found.iter().all(|text| [&b"first"[..], b"inner", b"last"].contains(&text.as_slice())));
        }
    }
    let file = lab.file("text.wasm", "this is not WebAssembly");
    assert_eq!(sections(&file, "mine").expect("read"), Vec::<Vec<u8>>::new());
}

#[test]
fn lengths_that_lie_are_refused() {
    let lab = Lab::new();
    let start = wat::parse_str("(module)").expect("valid");
    for lie in [&b"\0\xff\xff\xff\xff\x0f"[..], b"\0\xff\xff\xff\xff\xff\xff\x01", b"\0\x02\x7fa", b"\0\x00"]
    {
        let file = lab.file("lie.wasm", [&start[..], lie].concat());
        assert!(sections(&file, "mine").is_err(), "{lie:?}");
    }
}
