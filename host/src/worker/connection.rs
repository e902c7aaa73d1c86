//! One worker's open stream: invocations go out, answers and logs come in.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use horus_app::log::{Level, Log};
use horus_worker_protocol as rpc;
use parking_lot::Mutex;
use rpc::streaming_message::Content;
use rpc::{
    Capabilities, Channel, FunctionLoadRequest, FunctionLoadRequestCollection, FunctionMetadataResponse,
    InvocationRequest, InvocationResponse, Step, StreamingMessage, WorkerInitRequest, WorkerInitResponse,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::server::Stream;
use super::shared_memory::Room;
use super::{logs, shared_memory};
use crate::process::output::Recent;

/// Answers of the start-up that the supervisor waits for; a worker that sends more of them is ignored.
const SIGNALS: usize = 16;

/// What happens once in a worker's life.
#[derive(Debug)]
pub(super) enum Signal {
    Initialized(Box<WorkerInitResponse>),
    InitFailed(String),
    Indexed(Box<FunctionMetadataResponse>),
    Loaded,
}

/// Whoever waits for an invocation's answer.
#[derive(Debug)]
struct Waiter {
    done: oneshot::Sender<InvocationResponse>,
    /// `Function.{name}.User`.
    category: Arc<str>,
}

/// Whose stream it is.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) worker_id: String,
    /// Process id.
    pub(super) process: Option<u32>,
    pub(super) recent: Recent,
    /// Its part of the shared memory folders, where the settings ask for one.
    pub(super) room: Option<Arc<Room>>,
}

/// The host's side of one worker's stream. Shared by everybody who invokes.
#[derive(Debug)]
pub struct Connection {
    origin: Origin,
    /// Resident memory when last looked at, in bytes.
    pub(super) memory: AtomicU64,
    /// Invocations that have chosen this worker, sent or not.
    pub(super) holders: AtomicUsize,
    outbox: mpsc::Sender<Result<StreamingMessage, Status>>,
    channel: Mutex<Channel<Waiter>>,
    /// Fixed once the worker is initialised.
    capabilities: OnceLock<Capabilities>,
    /// Why open invocations were lost.
    loss: OnceLock<String>,
    /// A status request was answered.
    answered: Notify,
    /// The stream has ended.
    pub(super) ended: CancellationToken,
    /// Somebody wants the process gone.
    pub(super) unwanted: CancellationToken,
    log: Log,
    system: String,
}

/// Why an invocation could not be handed to the worker.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The function's load failed, with the text to replay.
    LoadFailed(String),
    /// This worker does not have the function.
    NotLoaded,
    /// The worker is gone.
    Gone,
}

impl Connection {
    /// Takes over a stream; the returned future pumps it and must be polled by its owner.
    pub(super) fn open(
        origin: Origin,
        language: &str,
        stream: Stream,
        log: &Log,
    ) -> (Arc<Self>, mpsc::Receiver<Signal>, impl Future<Output = ()> + Send + use<>) {
        let (signal, signals) = mpsc::channel(SIGNALS);
        let connection = Arc::new(Self {
            system: format!("Worker.LanguageWorkerChannel.{language}.{}", origin.worker_id),
            origin,
            memory: AtomicU64::new(0),
            holders: AtomicUsize::new(0),
            outbox: stream.outbox,
            channel: Mutex::default(),
            capabilities: OnceLock::new(),
            loss: OnceLock::new(),
            answered: Notify::new(),
            ended: CancellationToken::new(),
            unwanted: CancellationToken::new(),
            log: log.clone(),
        });
        let pump = connection.clone().pump(stream.inbox, signal);
        (connection, signals, pump)
    }

    /// The worker's id.
    pub fn worker_id(&self) -> &str {
        &self.origin.worker_id
    }

    /// What the worker can do; everything off until it is initialised.
    pub fn capabilities(&self) -> &Capabilities {
        static NONE: OnceLock<Capabilities> = OnceLock::new();
        self.capabilities.get().unwrap_or_else(|| NONE.get_or_init(Capabilities::default))
    }

    /// Process id of the worker.
    pub(super) fn process(&self) -> Option<u32> {
        self.origin.process
    }

    /// What the worker said last.
    pub(super) fn recent(&self) -> &Recent {
        &self.origin.recent
    }

    /// Where large values may travel, if both sides want that.
    pub(super) fn room(&self) -> Option<&Arc<Room>> {
        self.origin.room.as_ref().filter(|_| self.capabilities().shared_memory_data_transfer)
    }

    /// Tells the worker that the host has read its regions. Never waits: a worker that does not read its stream loses
    /// the files at once.
    pub(super) fn release(&self, map_names: Vec<String>) {
        if map_names.is_empty() {
            return;
        }
        let request = rpc::CloseSharedMemoryResourcesRequest { map_names: map_names.clone() };
        let content = Some(Content::CloseSharedMemoryResourcesRequest(request));
        let message = StreamingMessage { request_id: String::new(), content };
        if self.outbox.try_send(Ok(message)).is_err()
            && let Some(room) = &self.origin.room
        {
            room.discard(&map_names);
        }
    }

    /// Invocations without an answer.
    pub fn in_flight(&self) -> usize {
        self.channel.lock().in_flight()
    }

    pub(super) fn owns(&self, invocation: &str) -> bool {
        self.channel.lock().owns(invocation)
    }

    pub(super) async fn initialize(&self, host_version: &str, worker_directory: &str, root: &str) {
        self.send(Content::WorkerInitRequest(WorkerInitRequest {
            host_version: host_version.to_owned(),
            capabilities: HashMap::new(),
            log_categories: HashMap::new(),
            worker_directory: worker_directory.to_owned(),
            function_app_directory: root.to_owned(),
        }))
        .await;
    }

    pub(super) async fn request_index(&self, root: &str) {
        self.send(Content::FunctionsMetadataRequest(rpc::FunctionsMetadataRequest {
            function_app_directory: root.to_owned(),
        }))
        .await;
    }

    /// Sends every load request: one collection where the worker takes it, one message each otherwise.
    pub(super) async fn load(&self, requests: &[FunctionLoadRequest]) {
        {
            let mut channel = self.channel.lock();
            for request in requests {
                channel.loading(&request.function_id);
            }
        }
        if self.capabilities().supports_load_response_collection {
            let function_load_requests = requests.to_vec();
            self.send(Content::FunctionLoadRequestCollection(FunctionLoadRequestCollection {
                function_load_requests,
            }))
            .await;
        } else {
            for request in requests {
                self.send(Content::FunctionLoadRequest(request.clone())).await;
            }
        }
    }

    /// Hands one invocation over. The receiver fails when the worker is lost; see [`Connection::loss`].
    pub(super) async fn invoke(
        self: &Arc<Self>,
        request: InvocationRequest,
        category: Arc<str>,
    ) -> Result<Ticket, Refusal> {
        let id = request.invocation_id.clone();
        let (done, answer) = oneshot::channel();
        {
            let mut channel = self.channel.lock();
            match channel.load(&request.function_id) {
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(Refusal::LoadFailed(error.clone())),
                None => return Err(Refusal::NotLoaded),
            }
            channel.begin(id.clone(), Waiter { done, category }).map_err(|_| Refusal::Gone)?;
        }
        let ticket = Ticket { connection: self.clone(), id, answer };
        if !self.send(Content::InvocationRequest(request)).await {
            return Err(Refusal::Gone);
        }
        Ok(ticket)
    }

    /// Resolves when the worker has answered a status request.
    pub(super) async fn status(&self) {
        let answered = self.answered.notified();
        self.send(Content::WorkerStatusRequest(rpc::WorkerStatusRequest {})).await;
        answered.await;
    }

    pub(super) async fn cancel(&self, invocation: &str) {
        self.send(Content::InvocationCancel(rpc::InvocationCancel {
            invocation_id: invocation.to_owned(),
            ..Default::default()
        }))
        .await;
    }

    pub(super) async fn terminate(&self, grace: Duration) {
        let grace_period = prost_duration(grace);
        self.send(Content::WorkerTerminate(rpc::WorkerTerminate { grace_period: Some(grace_period) })).await;
    }

    /// Ends every open invocation, saying why.
    pub(super) fn lose(&self, why: &str) {
        let _ = self.loss.set(why.to_owned());
        drop(self.channel.lock().close());
    }

    /// Why open invocations were lost.
    pub(super) fn loss(&self) -> String {
        self.loss.get().cloned().unwrap_or_else(|| "the language worker is gone".to_owned())
    }

    async fn send(&self, content: Content) -> bool {
        let message = StreamingMessage { request_id: String::new(), content: Some(content) };
        self.outbox.send(Ok(message)).await.is_ok()
    }

    async fn pump(
        self: Arc<Self>,
        mut inbox: tonic::Streaming<StreamingMessage>,
        signal: mpsc::Sender<Signal>,
    ) {
        loop {
            match inbox.message().await {
                Ok(Some(StreamingMessage { content: Some(content), .. })) => self.take(content, &signal),
                Ok(Some(StreamingMessage { content: None, .. })) => {}
                Ok(None) => break,
                Err(status) => {
                    // A frame that is not a message ends the stream: nothing after it can be trusted.
                    if !self.unwanted.is_cancelled() {
                        let text =
                            format!("The stream of worker {} broke: {}", self.worker_id(), status.message());
                        self.log.write(Level::Debug, &self.system, &text);
                    }
                    break;
                }
            }
        }
        self.ended.cancel();
    }

    fn take(&self, content: Content, signal: &mpsc::Sender<Signal>) {
        let step = self.channel.lock().on(content);
        match step {
            // The waiter may have gone; then nobody wants the answer.
            Step::Completed(waiter, response) => {
                if let Err(response) = waiter.done.send(*response) {
                    self.release(shared_memory::named(&response));
                }
            }
            Step::Late(response) => {
                self.release(shared_memory::named(&response));
                self.log.debug(&self.system, || {
                    format!(
                        "Ignored an answer to invocation '{}', which is not open.",
                        response.invocation_id
                    )
                });
            }
            Step::Log(entry) => {
                self.origin.recent.note(&entry.message);
                let category = self.user_category(&entry.invocation_id);
                logs::write(&self.log, &entry, category.as_deref(), &self.system);
            }
            Step::Initialized(response) => {
                let _ = self.capabilities.set(Capabilities::of(&response.capabilities));
                let _ = signal.try_send(Signal::Initialized(Box::new(response)));
            }
            Step::InitFailed(error) => drop(signal.try_send(Signal::InitFailed(error))),
            Step::Indexed(response) => drop(signal.try_send(Signal::Indexed(Box::new(response)))),
            Step::Loaded(true) => drop(signal.try_send(Signal::Loaded)),
            Step::Status => self.answered.notify_waiters(),
            Step::Loaded(false) => {}
            Step::Ignored(why) => {
                self.log.debug(&self.system, || format!("Ignored {why}."));
            }
        }
    }

    fn user_category(&self, invocation: &str) -> Option<Arc<str>> {
        if invocation.is_empty() {
            return None;
        }
        self.channel.lock().waiter(invocation).map(|waiter| waiter.category.clone())
    }
}

/// An invocation on its way; dropping it forgets the invocation, and a late answer is ignored.
#[derive(Debug)]
pub(super) struct Ticket {
    connection: Arc<Connection>,
    id: String,
    answer: oneshot::Receiver<InvocationResponse>,
}

impl Ticket {
    /// The worker's answer, or `None` when the worker is lost.
    pub(super) async fn answer(&mut self) -> Option<InvocationResponse> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connection.channel.lock().forget(&self.id);
        // An answer that came at the very moment when nobody wanted it any more.
        if let Ok(response) = self.answer.try_recv() {
            self.connection.release(shared_memory::named(&response));
        }
    }
}

fn prost_duration(span: Duration) -> rpc::Duration {
    rpc::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}
