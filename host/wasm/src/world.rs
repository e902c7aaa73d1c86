//! The world `horus:functions` of `workers/wit`, generated, and its part on the host's side.

use wasmtime::component::{HasSelf, Linker};

use self::generated::horus::functions::logging;
use crate::Level;
use crate::state::State;

#[allow(missing_docs, unreachable_pub, reason = "generated; the WIT has the documentation")]
mod generated {
    wasmtime::component::bindgen!({
        path: "../../workers/wit",
        world: "functions",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
        require_store_data_send: true,
    });
}

pub(crate) use generated::horus::functions::types;
pub(crate) use generated::{Functions, FunctionsPre};

/// Its package, as imports and exports name it.
pub(crate) const PACKAGE: &str = "horus:functions/";
/// What its components export.
pub(crate) const HANDLER: &str = "horus:functions/handler";
/// What they may import.
pub(crate) const LOGGING: &str = "horus:functions/logging@";
/// What they import without knowing: the types of the other two.
pub(crate) const TYPES: &str = "horus:functions/types@";
/// The version that is provided. Components of the same major version that are not newer fit.
pub(crate) const VERSION: &str = "1.0.0";

/// Whether a component made for `version` runs here.
pub(crate) fn fits(version: &str) -> bool {
    let numbers = |text: &str| -> Option<(u64, u64)> {
        let mut parts = text.split(['.', '-', '+']).map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    let plain = version.split(['-', '+']).next() == Some(version);
    match (numbers(version), numbers(VERSION)) {
        (Some((major, minor)), Some((own, newest))) => plain && major == own && minor <= newest,
        _ => false,
    }
}

impl types::Host for State {}

impl logging::Host for State {
    fn log(&mut self, level: logging::Level, category: String, message: String) {
        self.say(Level::from(level), &category, &message);
    }
}

impl From<logging::Level> for Level {
    fn from(level: logging::Level) -> Self {
        match level {
            logging::Level::Trace => Self::Trace,
            logging::Level::Debug => Self::Debug,
            logging::Level::Information => Self::Information,
            logging::Level::Warning => Self::Warning,
            logging::Level::Error => Self::Error,
            logging::Level::Critical => Self::Critical,
        }
    }
}

/// Provides what the world imports.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    logging::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}
