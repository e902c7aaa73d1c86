//! What a function app *is*: host.json, function.json, settings and connections, validated into one [`App`].
//!
//! This crate reads files and nothing else: no sockets, no processes, no clock. Everything that depends only
//! on the app is worked out here, once, so that nothing has to be looked up again per invocation.

pub mod app;
pub mod bundle;
pub mod connection;
pub mod dotenv;
pub mod function;
pub mod host_id;
pub mod host_json;
pub mod index;
pub mod json;
pub mod local_settings;
pub mod log;
pub mod options;
pub mod retry;
pub mod sanitize;
pub mod secret;
pub mod settings;
pub mod timespan;

pub use app::{App, AppError};
pub use connection::{Connection, ConnectionError, ConnectionString};
pub use function::{
    Binding, Cardinality, DataType, Direction, Function, FunctionError, FunctionSource, RetryPolicy,
};
pub use host_id::host_id;
pub use host_json::{HostJson, HostJsonError};
pub use index::Index;
pub use local_settings::LocalSettings;
pub use secret::Secret;
pub use settings::{ExpandError, Settings};
