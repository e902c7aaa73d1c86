//! Bundles `js/**/*.js` into `$OUT_DIR/worker.js`: each file becomes a function in a table, and every relative
//! `require` becomes a look-up in that table. Node's own modules stay `require`d.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

const ENTRY: &str = "main.js";

fn main() {
    println!("cargo::rerun-if-changed=js");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("js");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("worker.js");
    let mut sources = BTreeMap::new();
    collect(&root, "", &mut sources);
    fs::write(&out, bundle(&sources)).unwrap_or_else(|e| panic!("cannot write {}: {e}", out.display()));
}

/// Reads every script below `directory`, keyed by its path from the root with forward slashes.
fn collect(directory: &Path, prefix: &str, sources: &mut BTreeMap<String, String>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("cannot list {}: {e}", directory.display()));
    for entry in entries.map(|entry| entry.expect("listing goes on")) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), sources);
        } else if name.ends_with(".js") {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|e| panic!("cannot read {name}: {e}"));
            sources.insert(name, text);
        }
    }
}

fn bundle(sources: &BTreeMap<String, String>) -> String {
    let mut out = String::from(
        "'use strict';\n// The Horus worker for Node.js. Bundled: edit workers/node/js instead.\nconst files = {\n",
    );
    for (name, text) in sources {
        let body = link(name, text.trim_start_matches("'use strict';"), sources);
        out.push_str(&format!("'{name}': (module) => {{{body}}},\n"));
    }
    out.push_str("};\nconst loaded = {};\nfunction load(name) {\n  if (!loaded[name]) files[name]((loaded[name] = { exports: {} }));\n");
    out.push_str(&format!("  return loaded[name].exports;\n}}\nload('{ENTRY}');\n"));
    out
}

/// Replaces `require('./x.js')` and `require('../x.js')` in the file `name`; panics when the target does not exist.
fn link(name: &str, text: &str, sources: &BTreeMap<String, String>) -> String {
    let mut parts = text.split("require('.");
    let mut out = parts.next().expect("split yields at least one part").to_owned();
    for part in parts {
        let (path, rest) = part.split_once("')").unwrap_or_else(|| panic!("{name}: unclosed require"));
        let target = resolve(name, &format!(".{path}"));
        assert!(sources.contains_key(&target), "{name} requires {target}, which does not exist");
        out.push_str(&format!("load('{target}')"));
        out.push_str(rest);
    }
    out
}

/// `resolve("wire/codec.js", "../log.js")` is `log.js`.
fn resolve(from: &str, path: &str) -> String {
    let mut segments: Vec<&str> = from.split('/').collect();
    segments.pop();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    segments.join("/")
}
