//! The state of one worker's channel as a pure value: the shell feeds it what arrives and does what it says.

use std::collections::HashMap;

use crate::streaming_message::Content;
use crate::{
    Capabilities, FunctionLoadResponse, FunctionMetadataResponse, InvocationResponse, RpcLog, StatusResult,
    WorkerInitResponse, status_result,
};

/// Where a channel stands (spec worker-protocol.md §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `WorkerInitRequest` was sent.
    Initializing,
    /// The worker answers: it may be indexed, loaded and invoked.
    Initialized,
    /// The stream is gone.
    Closed,
}

/// What the shell has to do about one message.
#[derive(Debug)]
pub enum Step<W> {
    /// The worker is initialised.
    Initialized(WorkerInitResponse),
    /// The worker could not initialise, and why.
    InitFailed(String),
    /// The worker's index arrived.
    Indexed(FunctionMetadataResponse),
    /// Functions were loaded; `true` when no load is outstanding any more.
    Loaded(bool),
    /// An invocation is over: wake its waiter.
    Completed(W, Box<InvocationResponse>),
    /// An answer to an invocation that is not open, or not any more.
    Late(Box<InvocationResponse>),
    /// Log it.
    Log(Box<RpcLog>),
    /// The answer to a status request.
    Status,
    /// Nothing to do, and why.
    Ignored(&'static str),
}

/// One worker's channel; `W` is whatever wakes the caller of an invocation.
#[derive(Debug)]
pub struct Channel<W> {
    phase: Phase,
    capabilities: Capabilities,
    /// By function id: `None` while the answer is outstanding.
    loads: HashMap<String, Option<Result<(), String>>>,
    outstanding: usize,
    open: HashMap<String, W>,
}

impl<W> Default for Channel<W> {
    fn default() -> Self {
        Self {
            phase: Phase::Initializing,
            capabilities: Capabilities::default(),
            loads: HashMap::new(),
            outstanding: 0,
            open: HashMap::new(),
        }
    }
}

impl<W> Channel<W> {
    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the worker announced.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Notes that a load request for `function_id` is sent.
    pub fn loading(&mut self, function_id: &str) {
        if self.loads.insert(function_id.to_owned(), None).is_none_or(|before| before.is_some()) {
            self.outstanding += 1;
        }
    }

    /// How loading went: `None` while unknown or never asked for. A failure is remembered and replayed for every
    /// invocation of the function.
    pub fn load(&self, function_id: &str) -> Option<&Result<(), String>> {
        self.loads.get(function_id)?.as_ref()
    }

    /// Notes that an invocation is sent. Returns the waiter again when the channel is closed.
    pub fn begin(&mut self, invocation_id: String, waiter: W) -> Result<(), W> {
        if self.phase == Phase::Closed {
            return Err(waiter);
        }
        self.open.insert(invocation_id, waiter);
        Ok(())
    }

    /// Forgets an invocation that nobody waits for any more; a late answer is ignored.
    pub fn forget(&mut self, invocation_id: &str) -> Option<W> {
        self.open.remove(invocation_id)
    }

    /// Whoever waits for the invocation.
    pub fn waiter(&self, invocation_id: &str) -> Option<&W> {
        self.open.get(invocation_id)
    }

    /// Whether the invocation runs on this channel.
    pub fn owns(&self, invocation_id: &str) -> bool {
        self.open.contains_key(invocation_id)
    }

    /// Invocations without an answer.
    pub fn in_flight(&self) -> usize {
        self.open.len()
    }

    /// The stream ended: every open invocation is lost.
    pub fn close(&mut self) -> Vec<W> {
        self.phase = Phase::Closed;
        self.open.drain().map(|(_, waiter)| waiter).collect()
    }

    /// Takes one message from the worker.
    pub fn on(&mut self, content: Content) -> Step<W> {
        match content {
            Content::RpcLog(log) => Step::Log(Box::new(log)),
            Content::InvocationResponse(response) => match self.open.remove(&response.invocation_id) {
                Some(waiter) => Step::Completed(waiter, Box::new(response)),
                None => Step::Late(Box::new(response)),
            },
            Content::WorkerInitResponse(response) => self.on_init(response),
            Content::FunctionMetadataResponse(response) if self.phase == Phase::Initialized => {
                Step::Indexed(response)
            }
            Content::FunctionLoadResponse(response) => self.on_loaded([response]),
            Content::FunctionLoadResponseCollection(all) => self.on_loaded(all.function_load_responses),
            Content::WorkerStatusResponse(_) => Step::Status,
            Content::StartStream(_) => Step::Ignored("a second StartStream on an open stream"),
            _ => Step::Ignored("a message the host does not use"),
        }
    }

    fn on_init(&mut self, response: WorkerInitResponse) -> Step<W> {
        if self.phase != Phase::Initializing {
            return Step::Ignored("a second WorkerInitResponse");
        }
        match outcome(response.result.as_ref()) {
            Ok(()) => {
                self.phase = Phase::Initialized;
                self.capabilities = Capabilities::of(&response.capabilities);
                Step::Initialized(response)
            }
            Err(error) => Step::InitFailed(error),
        }
    }

    fn on_loaded(&mut self, responses: impl IntoIterator<Item = FunctionLoadResponse>) -> Step<W> {
        for response in responses {
            if let Some(load) = self.loads.get_mut(&response.function_id)
                && load.replace(outcome(response.result.as_ref())).is_none()
            {
                self.outstanding -= 1;
            }
        }
        Step::Loaded(self.outstanding == 0)
    }
}

/// Reads a result: absent and zero both mean failure (spec worker-protocol.md §14), and the text is the one that
/// the platform shows.
pub fn outcome(result: Option<&StatusResult>) -> Result<(), String> {
    let Some(result) = result else { return Err("Result: Failure\nException: \nStack: ".to_owned()) };
    let status = result.status();
    if status == status_result::Status::Success {
        return Ok(());
    }
    let exception = result.exception.as_ref();
    Err(format!(
        "Result: {}\nException: {}\nStack: {}",
        status.as_str_name(),
        exception.map_or(result.result.as_str(), |exception| exception.message.as_str()),
        exception.map_or("", |exception| exception.stack_trace.as_str()),
    ))
}

#[cfg(test)]
mod tests;
