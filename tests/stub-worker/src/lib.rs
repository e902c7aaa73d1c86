//! A language worker that does what a script says: well-behaved, slow, broken or hostile.
//!
//! Tests of the host and benchmarks use it where a real language would get in the way: it starts in a millisecond,
//! shows exactly what reached it, and can send bytes that no honest worker would send.

mod handler;
mod http;
mod json;
mod record;
mod script;
mod stream;
mod worker;

pub use script::{
    Cookie, Data, Function, Http, HttpServer, Index, Init, Log, LogCategory, LogLevel, Response, Retry,
    Script, Start, Status, Step,
};
pub use worker::{Arguments, run};

/// Names the file with the [`Script`]; without it every function echoes.
pub const SCRIPT_VARIABLE: &str = "STUB_SCRIPT";
