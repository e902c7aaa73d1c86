//! Compiled code, ready to run. The only module of the repository with `unsafe` in it.

#![allow(
    unsafe_code,
    reason = "the engine cannot check machine code; who may call these functions is argued below"
)]

use std::path::Path;

use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::Kind;

/// Compiled code of one file.
pub(crate) enum Code {
    Module(Module),
    Component(Component),
}

impl Code {
    /// Loads what the compiler of this process has just made.
    pub(crate) fn from_compiler(engine: &Engine, compiled: &[u8], kind: Kind) -> wasmtime::Result<Self> {
        // SAFETY: `compiled` is what `Engine::precompile_module` or `precompile_component` of this very engine has
        // returned, never touched since: the only caller, `Engine::code`, passes it on directly.
        unsafe {
            Ok(match kind {
                Kind::Module => Self::Module(Module::deserialize(engine, compiled)?),
                Kind::Component => Self::Component(Component::deserialize(engine, compiled)?),
            })
        }
    }

    /// Loads a file of the cache, mapped into memory.
    pub(crate) fn from_cache(engine: &Engine, file: &Path, kind: Kind) -> wasmtime::Result<Self> {
        // SAFETY: machine code is only as trustworthy as the file it is in. The only callers, `Cache::load` and
        // `Cache::load_seen`, have made sure that the folder and the file belong to this user or to root, that nobody
        // else can write to them, and that length and checksum are those recorded when the host wrote the file, or
        // were when the file was last looked at and has not changed since; files are written under another name and
        // renamed, never changed in place. The engine itself refuses files of other versions, settings and CPU
        // features.
        unsafe {
            Ok(match kind {
                Kind::Module => Self::Module(Module::deserialize_file(engine, file)?),
                Kind::Component => Self::Component(Component::deserialize_file(engine, file)?),
            })
        }
    }
}
