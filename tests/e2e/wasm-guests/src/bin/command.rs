//! A command of WASI 0.2 for tests: it answers with what it was given, its name and its environment, and fails when the
//! event says so.

use std::io::Read;

fn main() {
    let mut event = String::new();
    std::io::stdin().read_to_string(&mut event).expect("a text");
    if event.contains("please fail") {
        eprintln!("as you wish");
        std::process::exit(3);
    }
    if event.contains("please panic") {
        panic!("no way");
    }
    let name = std::env::args().next().unwrap_or_default();
    let variables: Vec<String> = std::env::vars().map(|(name, value)| format!("{name}={value}")).collect();
    let entries = std::fs::read_dir("/").map_or(0, Iterator::count);
    let has_member = event.contains("\"Metadata\"");
    println!(
        "{{\"Outputs\":{{\"res\":{{\"body\":\"{name} {} {entries} {has_member}\"}},\"nope\":\"x\"}}}}",
        variables.join(",")
    );
}
