//! What the worker is told to do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything one worker process does, from its start to its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Script {
    /// How it begins.
    pub start: Start,
    /// Lines for standard output before anything else.
    pub print: Vec<String>,
    /// Lines for standard error before anything else.
    pub print_error: Vec<String>,
    /// What it announces in its init response.
    pub capabilities: BTreeMap<String, String>,
    /// How it answers `WorkerInitRequest`.
    pub init: Init,
    /// How it answers `FunctionsMetadataRequest`.
    pub index: Index,
    /// Functions by name that it refuses to load, and why.
    pub load_failures: BTreeMap<String, String>,
    /// What invocations do, by function name; a function that is not here echoes.
    pub functions: BTreeMap<String, Vec<Step>>,
    /// An HTTP server to announce as `HttpUri`.
    pub http: Option<HttpServer>,
    /// It takes no notice of `WorkerTerminate` nor of the end of its stream.
    pub stubborn: bool,
    /// A child of its own, which only waits.
    pub forks: bool,
    /// File that gets one JSON line for the start and for each message received.
    pub record: Option<PathBuf>,
}

/// How a worker begins.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Start {
    /// It opens its stream.
    #[default]
    Connect,
    /// It ends with this code before it connects.
    Exit(u8),
    /// It runs and never connects.
    Silent,
    /// It first opens a stream under an id that no host gave out.
    AsStrangerFirst,
}

/// How a worker answers the init request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Init {
    /// Well.
    #[default]
    Succeed,
    /// With a failure of this text.
    Fail(String),
    /// Not: it ends with this code.
    Exit(u8),
    /// Never.
    Silent,
}

/// How a worker answers the question for its functions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Index {
    /// The host is to read function.json files.
    #[default]
    Default,
    /// With these functions.
    Functions(Vec<Function>),
    /// With a failure of this text.
    Fail(String),
}

/// One function of the index; its id is its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Function {
    /// Name.
    pub name: String,
    /// Bindings as in function.json.
    pub bindings: Vec<Value>,
    /// Its retry policy.
    pub retry: Option<Retry>,
    /// Properties to get back in load requests.
    pub properties: BTreeMap<String, String>,
}

/// A retry policy with a fixed delay.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retry {
    /// How often at most.
    pub count: i32,
    /// Seconds between attempts.
    pub seconds: i64,
}

/// One thing that an invocation does; the steps of a function run in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Answers with the received request as JSON over HTTP.
    Echo,
    /// Answers.
    Respond(Box<Response>),
    /// Answers with a failure of this text.
    Fail(String),
    /// Waits this many milliseconds.
    Delay(u64),
    /// Waits until the file exists.
    AwaitFile(PathBuf),
    /// Waits until the host cancels the invocation.
    AwaitCancel,
    /// Blocks the whole worker for good: it answers nothing any more.
    Block,
    /// Sends a log entry.
    Log(Log),
    /// Prints a line to standard output.
    Print(String),
    /// Prints a line to standard error.
    PrintError(String),
    /// Ends the process with this code.
    Exit(u8),
    /// Sends a frame that holds these bytes instead of a message.
    Malformed(Vec<u8>),
    /// Announces a frame of this many bytes and never sends them.
    Oversized(u32),
    /// Creates the file.
    Touch(PathBuf),
    /// Does the steps only where the file does not exist yet, and creates it.
    Once(PathBuf, Vec<Step>),
}

/// What an invocation gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Response {
    /// How it went.
    pub status: Status,
    /// The return value.
    pub value: Data,
    /// Outputs by binding name.
    pub outputs: BTreeMap<String, Data>,
}

/// How an invocation went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Well.
    #[default]
    Success,
    /// It was cancelled.
    Cancelled,
    /// The result is left out.
    Missing,
}

/// A value on the wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Data {
    /// Nothing, not even an empty `TypedData`.
    #[default]
    Absent,
    /// A `TypedData` without a member.
    Unset,
    /// `string`.
    String(String),
    /// `json`, as text.
    Json(String),
    /// `bytes`.
    Bytes(Vec<u8>),
    /// `bytes`: this many zeros.
    Zeros(usize),
    /// `int`.
    Int(i64),
    /// `double`.
    Double(f64),
    /// `collection_string`.
    Strings(Vec<String>),
    /// `http`.
    Http(Box<Http>),
}

/// An HTTP response on the wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Http {
    /// `status_code`, which is text.
    pub status: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The body; [`Data::Absent`] leaves the field out.
    pub body: Data,
    /// Cookies.
    pub cookies: Vec<Cookie>,
    /// `enable_content_negotiation`.
    pub negotiate: bool,
}

/// A cookie on the wire.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cookie {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
    /// `same_site`: 0 to 3.
    pub same_site: i32,
    /// Seconds.
    pub max_age: Option<f64>,
}

/// A log entry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Log {
    /// Whose it is.
    pub category: LogCategory,
    /// How bad.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// An id other than the running invocation's.
    pub invocation: Option<String>,
}

/// Whose a log entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogCategory {
    /// The function's.
    #[default]
    User,
    /// The worker's.
    System,
    /// A metric.
    CustomMetric,
}

/// Severity of a log entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// Debug.
    Debug,
    /// Information.
    #[default]
    Information,
    /// Warning.
    Warning,
    /// Error.
    Error,
}

/// The HTTP server of a worker that wants requests forwarded. It answers with what it received as JSON, except
/// `…/redirect`, which is a 302 to `/elsewhere`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpServer {
    /// Milliseconds that it refuses connections after it was announced.
    pub refuse: u64,
}

impl Script {
    /// Reads a script from its JSON file.
    ///
    /// # Errors
    /// When the file cannot be read or is no script; says where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}
