//! The worker pool as an [`Invoker`].

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use horus_bindings::Value;
use horus_worker_protocol as rpc;
use rpc::channel::outcome;
use rpc::parameter_binding::RpcData;
use rpc::{Capabilities, InvocationRequest, InvocationResponse, ParameterBinding, TypedData};

use super::connection::Refusal;
use super::pool::{Callee, NO_WORKERS, Pool};
use super::{Connection, codec, request, shared_memory};
use crate::http::{ForwardError, forward};
use crate::invoke::{Exchange, Invocation, Invoker, Loaded, Outcome, Outputs, RetryContext};

#[async_trait]
impl Invoker for Pool {
    fn streams_http(&self, _function: &Loaded) -> bool {
        self.capabilities().http_uri.is_some()
    }

    async fn invoke(&self, function: &Loaded, mut invocation: Invocation) -> Outcome {
        let Some(callee) = self.functions.get().and_then(|all| all.callees.get(function.index)) else {
            return Outcome::Failed(format!("Function:{} is not loaded.", function.function.name));
        };
        let Some(connection) = self.pick().await else {
            return Outcome::Lost(NO_WORKERS.into());
        };
        let capabilities = connection.capabilities();
        let cancellable = capabilities.handles_invocation_cancel_message;
        let cancel = invocation.cancel.clone();
        if cancel.is_cancelled() && !(cancellable && self.options.send_canceled_invocations) {
            return Outcome::Cancelled(format!(
                "Cancelling invocation '{}' due to cancellation token being signaled. This invocation was not sent to the worker. Read more about this here: https://aka.ms/azure-functions-cancellations",
                invocation.id
            ));
        }
        let exchange = invocation.exchange.take();
        let id = invocation.id.clone();
        let mut request = encode(invocation, function, callee, capabilities, exchange.is_some());
        // Kept until the worker has answered, or is not waited for any more.
        let _regions = match connection.room() {
            Some(room) => room.share(&mut request.input_data).await,
            None => Vec::new(),
        };
        let forwarding = exchange.zip(capabilities.http_uri.clone());
        let answer = self.exchange(&connection, request, callee, cancellable.then_some(&cancel));
        match forwarding {
            None => answer.await,
            Some((exchange, uri)) => self.forwarded(&id, exchange, &uri, answer).await,
        }
    }

    async fn abandon(&self, invocation: &str) {
        self.end_owner(invocation);
    }
}

impl Pool {
    /// Sends one request and awaits its answer; a cancellation is passed on once.
    async fn exchange(
        &self,
        connection: &Arc<Connection>,
        request: InvocationRequest,
        callee: &Callee,
        cancel: Option<&tokio_util::sync::CancellationToken>,
    ) -> Outcome {
        let id = request.invocation_id.clone();
        let name = request.function_id.clone();
        let mut ticket = match connection.invoke(request, callee.user_category.clone()).await {
            Ok(ticket) => ticket,
            Err(Refusal::LoadFailed(error)) => return Outcome::Failed(error),
            Err(Refusal::NotLoaded) => {
                let worker = connection.worker_id();
                return Outcome::Failed(format!(
                    "Function:{name} is not loaded by the language worker: {worker}"
                ));
            }
            Err(Refusal::Gone) => return Outcome::Lost(connection.loss()),
        };
        let response = match cancel {
            None => ticket.answer().await,
            Some(cancel) => tokio::select! {
                response = ticket.answer() => response,
                () = cancel.cancelled() => {
                    connection.cancel(&id).await;
                    ticket.answer().await
                }
            },
        };
        match response {
            Some(mut response) => {
                let names = shared_memory::named(&response);
                let fetched = fetch(connection, &mut response).await;
                connection.release(names);
                match fetched {
                    Ok(()) => decode(response),
                    Err(error) => Outcome::Failed(error),
                }
            }
            None => Outcome::Lost(connection.loss()),
        }
    }

    /// Forwards the client's request to the worker's own HTTP server while the invocation runs; both must end.
    async fn forwarded(
        &self,
        id: &str,
        exchange: Exchange,
        uri: &str,
        answer: impl Future<Output = Outcome>,
    ) -> Outcome {
        let Exchange { request, respond } = exchange;
        let forwarded = async {
            let uri = uri.parse().map_err(|_| ForwardError::Address(uri.to_owned()))?;
            let response = forward(&self.client, &uri, id, request).await?;
            // The client may have gone; the invocation goes on.
            let _ = respond.send(response);
            Ok::<(), ForwardError>(())
        };
        tokio::pin!(forwarded, answer);
        tokio::select! {
            head = &mut forwarded => match head {
                Ok(()) => answer.await,
                Err(error) => Outcome::Failed(error.to_string()),
            },
            outcome = &mut answer => match outcome {
                Outcome::Completed(outputs) => match forwarded.await {
                    Ok(()) => Outcome::Completed(outputs),
                    Err(error) => Outcome::Failed(error.to_string()),
                },
                // A failed invocation may never answer over HTTP: dropping the forward aborts it.
                failed => failed,
            },
        }
    }
}

fn encode(
    invocation: Invocation,
    function: &Loaded,
    callee: &Callee,
    capabilities: &Capabilities,
    forwarded: bool,
) -> InvocationRequest {
    let Invocation { id, trigger, inputs, data, trace, retry, .. } = invocation;
    let mut trigger_metadata = BTreeMap::new();
    for (name, value) in data.into_entries() {
        if !value.is_null() && name != "sys" && !matches!(value, Value::HttpRequest(_)) {
            trigger_metadata.insert(name.into_owned(), codec::encode(value, capabilities));
        }
    }
    let trigger = match &trigger {
        Value::HttpRequest(request) if forwarded => {
            let http = request::encode_forwarded(request, capabilities);
            TypedData { data: Some(rpc::typed_data::Data::Http(Box::new(http))) }
        }
        _ => codec::encode(trigger, capabilities),
    };
    if matches!(trigger.data, Some(rpc::typed_data::Data::Http(_)))
        && !capabilities.rpc_http_trigger_metadata_removed
    {
        trigger_metadata.insert("$request".to_owned(), trigger.clone());
        trigger_metadata.insert(callee.trigger.clone(), trigger.clone());
    }
    let mut input_data = Vec::with_capacity(1 + inputs.len());
    input_data.push(parameter(&callee.trigger, trigger));
    for (name, value) in callee.inputs.iter().zip(inputs) {
        input_data.push(parameter(name, codec::encode(value, capabilities)));
    }
    InvocationRequest {
        invocation_id: id,
        function_id: function.function.id.clone(),
        input_data,
        trigger_metadata,
        trace_context: Some(rpc::RpcTraceContext {
            trace_parent: trace.parent,
            trace_state: trace.state,
            ..Default::default()
        }),
        retry_context: retry.map(retry_context),
    }
}

fn parameter(name: &str, data: TypedData) -> ParameterBinding {
    ParameterBinding { name: name.to_owned(), rpc_data: Some(RpcData::Data(data)) }
}

fn retry_context(retry: RetryContext) -> rpc::RetryContext {
    rpc::RetryContext {
        retry_count: i32::try_from(retry.count).unwrap_or(i32::MAX),
        max_retry_count: retry.max.map_or(-1, |max| i32::try_from(max).unwrap_or(i32::MAX)),
        exception: retry.exception.map(|message| rpc::RpcException { message, ..Default::default() }),
    }
}

/// Puts the content of the worker's regions where they are named.
async fn fetch(connection: &Connection, response: &mut InvocationResponse) -> Result<(), String> {
    for output in &mut response.output_data {
        let Some(RpcData::RpcSharedMemory(memory)) = &mut output.rpc_data else { continue };
        let Some(room) = connection.room() else {
            return Err(format!(
                "output '{}': the worker used shared memory, which is not enabled",
                output.name
            ));
        };
        let value = room.read(std::mem::take(memory)).await;
        let value = value.map_err(|error| format!("output '{}': {error}", output.name))?;
        output.rpc_data = Some(RpcData::Data(value));
    }
    Ok(())
}

fn decode(response: InvocationResponse) -> Outcome {
    if let Err(error) = outcome(response.result.as_ref()) {
        return Outcome::Failed(error);
    }
    let mut outputs = Outputs::default();
    for output in response.output_data {
        let Some(RpcData::Data(data)) = output.rpc_data else { continue };
        match codec::decode(data) {
            Ok(value) => outputs.values.push((output.name, value)),
            Err(error) => return Outcome::Failed(format!("output '{}': {error}", output.name)),
        }
    }
    match response.return_value.map(codec::decode) {
        Some(Ok(value)) => outputs.return_value = value,
        Some(Err(error)) => return Outcome::Failed(format!("return value: {error}")),
        None => {}
    }
    Outcome::Completed(outputs)
}
