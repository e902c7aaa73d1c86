//! One worker's life on its stream.

use std::collections::HashMap;
use std::sync::Arc;

use horus_worker_protocol as rpc;
use rpc::streaming_message::Content;
use rpc::{
    FunctionLoadRequest, FunctionLoadResponse, FunctionLoadResponseCollection, FunctionMetadataResponse,
    InvocationRequest, RpcException, RpcFunctionMetadata, RpcRetryOptions, StatusResult, WorkerInitResponse,
    WorkerMetadata, WorkerStatusResponse, rpc_retry_options, status_result,
};
use tokio::sync::Notify;

use crate::handler::{Invocation, print, response_of};
use crate::record::Record;
use crate::script::{Function, Index, Init, Script, Start, Step};
use crate::stream::{Outbox, open};
use crate::{http, json};

/// Launch arguments that this worker reads (spec worker-protocol.md §2.1); all others are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// `host:port` of the host.
    pub authority: String,
    /// The id the host gave out.
    pub worker_id: String,
}

impl Arguments {
    /// Reads them from a command line without its program.
    ///
    /// # Errors
    /// When one is missing.
    pub fn from_command_line(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut uri, mut worker_id) = (None, None);
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--functions-uri" => uri = words.next(),
                "--functions-worker-id" => worker_id = words.next(),
                _ => {}
            }
        }
        let uri = uri.ok_or("--functions-uri is missing")?;
        let authority = uri.strip_prefix("http://").unwrap_or(&uri).trim_end_matches('/').to_owned();
        Ok(Self { authority, worker_id: worker_id.ok_or("--functions-worker-id is missing")? })
    }
}

struct Worker {
    script: Script,
    outbox: Outbox,
    record: Record,
    /// Names by id, from load requests.
    names: HashMap<String, String>,
    /// Open invocations by id.
    open: HashMap<String, Arc<Notify>>,
}

/// Runs a worker until the host ends the stream; gives its exit code.
///
/// # Errors
/// When there is no host, or it speaks nonsense.
pub async fn run(script: Script, arguments: &Arguments) -> Result<u8, String> {
    let record = Record::new(script.record.clone());
    record.note_start();
    script.print.iter().for_each(|line| print(&mut std::io::stdout(), line));
    script.print_error.iter().for_each(|line| print(&mut std::io::stderr(), line));
    if script.forks {
        let child =
            std::process::Command::new("sleep").arg("600").stdout(std::process::Stdio::null()).spawn();
        child.map_err(|error| format!("sleep: {error}"))?;
    }
    match script.start {
        Start::Connect => {}
        Start::Exit(code) => return Ok(code),
        Start::Silent => return std::future::pending().await,
        Start::AsStrangerFirst => {
            let refused = open(&arguments.authority, "00000000-0000-0000-0000-000000000000").await;
            record.note("stranger", &serde_json::json!({ "accepted": refused.is_ok() }));
        }
    }
    let (outbox, mut inbox) = open(&arguments.authority, &arguments.worker_id).await?;
    let mut worker = Worker { script, outbox, record, names: HashMap::new(), open: HashMap::new() };
    let stubborn = worker.script.stubborn;
    loop {
        let message = match inbox.next().await {
            Ok(Some(message)) => message,
            // Nothing but a signal ends it.
            _ if stubborn => return std::future::pending().await,
            Ok(None) => break,
            Err(error) => return Err(error),
        };
        let Some(content) = message.content else { continue };
        if worker.record.is_on() {
            let (kind, what) = json::message(&content);
            worker.record.note(kind, &what);
        }
        if let Some(code) = worker.take(content).await {
            return Ok(code);
        }
    }
    Ok(0)
}

impl Worker {
    /// Answers one message; gives an exit code when it is the last.
    async fn take(&mut self, content: Content) -> Option<u8> {
        match content {
            Content::WorkerInitRequest(_) => return self.init().await,
            Content::FunctionsMetadataRequest(_) => {
                let answer = self.index();
                self.outbox.send(Content::FunctionMetadataResponse(answer)).await;
            }
            Content::FunctionLoadRequest(request) => {
                let answer = self.load(&request);
                self.outbox.send(Content::FunctionLoadResponse(answer)).await;
            }
            Content::FunctionLoadRequestCollection(all) => {
                let function_load_responses =
                    all.function_load_requests.iter().map(|request| self.load(request)).collect();
                let answer = FunctionLoadResponseCollection { function_load_responses };
                self.outbox.send(Content::FunctionLoadResponseCollection(answer)).await;
            }
            Content::InvocationRequest(request) => self.invoke(request).await,
            Content::InvocationCancel(cancel) => {
                if let Some(invocation) = self.open.get(&cancel.invocation_id) {
                    invocation.notify_one();
                }
            }
            Content::WorkerStatusRequest(_) => {
                self.outbox.send(Content::WorkerStatusResponse(WorkerStatusResponse {})).await;
            }
            Content::WorkerTerminate(_) if self.script.stubborn => {}
            Content::WorkerTerminate(_) => return Some(0),
            _ => {}
        }
        None
    }

    async fn init(&self) -> Option<u8> {
        let result = match &self.script.init {
            Init::Succeed => succeeded(),
            Init::Fail(message) => failed(message),
            Init::Exit(code) => return Some(*code),
            Init::Silent => return None,
        };
        let mut capabilities: HashMap<String, String> =
            self.script.capabilities.clone().into_iter().collect();
        if let Some(server) = &self.script.http {
            match http::serve(server).await {
                Ok(address) => drop(capabilities.insert("HttpUri".into(), format!("http://{address}"))),
                Err(error) => print(&mut std::io::stderr(), &format!("error: {error}")),
            }
        }
        let worker_metadata = WorkerMetadata {
            runtime_name: "stub".into(),
            worker_version: env!("CARGO_PKG_VERSION").into(),
            ..Default::default()
        };
        let answer = WorkerInitResponse {
            capabilities,
            result: Some(result),
            worker_metadata: Some(worker_metadata),
            ..Default::default()
        };
        self.outbox.send(Content::WorkerInitResponse(answer)).await;
        None
    }

    fn index(&self) -> FunctionMetadataResponse {
        match &self.script.index {
            Index::Default => FunctionMetadataResponse {
                use_default_metadata_indexing: true,
                result: Some(succeeded()),
                ..Default::default()
            },
            Index::Functions(functions) => FunctionMetadataResponse {
                function_metadata_results: functions.iter().map(metadata).collect(),
                result: Some(succeeded()),
                ..Default::default()
            },
            Index::Fail(message) => {
                FunctionMetadataResponse { result: Some(failed(message)), ..Default::default() }
            }
        }
    }

    fn load(&mut self, request: &FunctionLoadRequest) -> FunctionLoadResponse {
        let name = request.metadata.as_ref().map(|metadata| metadata.name.clone()).unwrap_or_default();
        let result = match self.script.load_failures.get(&name) {
            Some(message) => failed(message),
            None => succeeded(),
        };
        self.names.insert(request.function_id.clone(), name);
        FunctionLoadResponse {
            function_id: request.function_id.clone(),
            result: Some(result),
            ..Default::default()
        }
    }

    async fn invoke(&mut self, request: InvocationRequest) {
        let steps = self.names.get(&request.function_id).and_then(|name| self.script.functions.get(name));
        // The benchmarks' way: no task, no clone.
        if let Some([Step::Respond(response)]) = steps.map(Vec::as_slice) {
            let answer = response_of(&request.invocation_id, response);
            return self.outbox.send(Content::InvocationResponse(answer)).await;
        }
        let steps = steps.cloned().unwrap_or_else(|| vec![Step::Echo]);
        let cancelled = Arc::new(Notify::new());
        self.open.insert(request.invocation_id.clone(), cancelled.clone());
        let invocation = Invocation { request, outbox: self.outbox.clone(), cancelled };
        // Ends with the process at the latest; scripts may never answer on purpose.
        tokio::spawn(async move { invocation.run(&steps).await });
    }
}

fn metadata(function: &Function) -> RpcFunctionMetadata {
    RpcFunctionMetadata {
        name: function.name.clone(),
        function_id: function.name.clone(),
        script_file: "stub".into(),
        raw_bindings: function.bindings.iter().map(ToString::to_string).collect(),
        retry_options: function.retry.as_ref().map(|retry| RpcRetryOptions {
            max_retry_count: retry.count,
            delay_interval: Some(rpc::Duration { seconds: retry.seconds, nanos: 0 }),
            retry_strategy: rpc_retry_options::RetryStrategy::FixedDelay.into(),
            ..Default::default()
        }),
        properties: function.properties.clone().into_iter().collect(),
        ..Default::default()
    }
}

fn succeeded() -> StatusResult {
    StatusResult { status: status_result::Status::Success.into(), ..Default::default() }
}

/// A failure with an exception.
pub(crate) fn failed(message: &str) -> StatusResult {
    StatusResult {
        status: status_result::Status::Failure.into(),
        exception: Some(RpcException {
            message: message.to_owned(),
            stack_trace: "at stub".into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}
