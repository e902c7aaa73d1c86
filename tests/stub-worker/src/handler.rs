//! What one invocation does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use horus_worker_protocol as rpc;
use rpc::parameter_binding::RpcData;
use rpc::streaming_message::Content;
use rpc::typed_data::Data as Wire;
use rpc::{InvocationRequest, InvocationResponse, ParameterBinding, StatusResult, TypedData, status_result};
use tokio::sync::Notify;

use crate::json;
use crate::script::{Cookie, Data, Http, Log, LogCategory, LogLevel, Response, Status, Step};
use crate::stream::Outbox;

/// How often a condition in the file system is looked at.
const POLL: Duration = Duration::from_millis(5);

/// One running invocation.
pub(crate) struct Invocation {
    pub(crate) request: InvocationRequest,
    pub(crate) outbox: Outbox,
    /// Told when the host cancels the invocation.
    pub(crate) cancelled: Arc<Notify>,
}

impl Invocation {
    /// Does the steps in order.
    pub(crate) async fn run(&self, steps: &[Step]) {
        for step in steps {
            // Nested steps make this recursive.
            Box::pin(self.step(step)).await;
        }
    }

    async fn step(&self, step: &Step) {
        match step {
            Step::Echo => self.answer(echo(&self.request)).await,
            Step::Respond(response) => self.answer(response_of(&self.request.invocation_id, response)).await,
            Step::Fail(message) => self.answer(failure(&self.request.invocation_id, message)).await,
            Step::Delay(millis) => tokio::time::sleep(Duration::from_millis(*millis)).await,
            Step::AwaitFile(path) => {
                while !path.exists() {
                    tokio::time::sleep(POLL).await;
                }
            }
            Step::AwaitCancel => self.cancelled.notified().await,
            Step::Block => loop {
                std::thread::park();
            },
            Step::Log(log) => self.outbox.send(Content::RpcLog(self.log(log))).await,
            Step::Print(line) => print(&mut std::io::stdout(), line),
            Step::PrintError(line) => print(&mut std::io::stderr(), line),
            Step::Exit(code) => std::process::exit(i32::from(*code)),
            Step::Malformed(payload) => self.outbox.send_payload(payload).await,
            Step::Oversized(length) => self.outbox.announce(*length).await,
            Step::Touch(path) => touch(path),
            Step::Once(marker, steps) => {
                if !marker.exists() {
                    touch(marker);
                    Box::pin(self.run(steps)).await;
                }
            }
        }
    }

    async fn answer(&self, response: InvocationResponse) {
        self.outbox.send(Content::InvocationResponse(response)).await;
    }

    fn log(&self, log: &Log) -> rpc::RpcLog {
        let level = match log.level {
            LogLevel::Debug => rpc::rpc_log::Level::Debug,
            LogLevel::Information => rpc::rpc_log::Level::Information,
            LogLevel::Warning => rpc::rpc_log::Level::Warning,
            LogLevel::Error => rpc::rpc_log::Level::Error,
        };
        let category = match log.category {
            LogCategory::User => rpc::rpc_log::RpcLogCategory::User,
            LogCategory::System => rpc::rpc_log::RpcLogCategory::System,
            LogCategory::CustomMetric => rpc::rpc_log::RpcLogCategory::CustomMetric,
        };
        rpc::RpcLog {
            invocation_id: log.invocation.clone().unwrap_or_else(|| self.request.invocation_id.clone()),
            level: level.into(),
            log_category: category.into(),
            message: log.message.clone(),
            ..Default::default()
        }
    }
}

/// Prints a line at once, whatever the stream is connected to.
pub(crate) fn print(to: &mut impl std::io::Write, line: &str) {
    let _ = writeln!(to, "{line}");
    let _ = to.flush();
}

fn touch(path: &Path) {
    if let Err(error) = std::fs::write(path, "") {
        print(&mut std::io::stderr(), &format!("error: {}: {error}", path.display()));
    }
}

/// The answer that `response` describes.
pub(crate) fn response_of(invocation: &str, response: &Response) -> InvocationResponse {
    let status = match response.status {
        Status::Success => Some(status_result::Status::Success),
        Status::Cancelled => Some(status_result::Status::Cancelled),
        Status::Missing => None,
    };
    InvocationResponse {
        invocation_id: invocation.to_owned(),
        result: status.map(|status| StatusResult { status: status.into(), ..Default::default() }),
        return_value: data(&response.value),
        output_data: response
            .outputs
            .iter()
            .filter_map(|(name, value)| {
                Some(ParameterBinding { name: name.clone(), rpc_data: Some(RpcData::Data(data(value)?)) })
            })
            .collect(),
        ..Default::default()
    }
}

fn failure(invocation: &str, message: &str) -> InvocationResponse {
    InvocationResponse {
        invocation_id: invocation.to_owned(),
        result: Some(crate::worker::failed(message)),
        ..Default::default()
    }
}

/// The request itself, for whichever way the function answers.
fn echo(request: &InvocationRequest) -> InvocationResponse {
    let http = Data::Http(Box::new(Http {
        status: "200".into(),
        headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
        body: Data::String(json::invocation(request).to_string()),
        ..Http::default()
    }));
    let response =
        Response { value: http.clone(), outputs: [("res".to_owned(), http)].into(), ..Response::default() };
    response_of(&request.invocation_id, &response)
}

fn data(value: &Data) -> Option<TypedData> {
    let data = match value {
        Data::Absent => return None,
        Data::Unset => None,
        Data::String(text) => Some(Wire::String(text.clone())),
        Data::Json(text) => Some(Wire::Json(text.clone())),
        Data::Bytes(bytes) => Some(Wire::Bytes(Bytes::from(bytes.clone()))),
        Data::Zeros(count) => Some(Wire::Bytes(Bytes::from(vec![0; *count]))),
        Data::Int(number) => Some(Wire::Int(*number)),
        Data::Double(number) => Some(Wire::Double(*number)),
        Data::Strings(all) => Some(Wire::CollectionString(rpc::CollectionString { string: all.clone() })),
        Data::Http(response) => Some(Wire::Http(Box::new(http(response)))),
    };
    Some(TypedData { data })
}

fn http(response: &Http) -> rpc::RpcHttp {
    rpc::RpcHttp {
        status_code: response.status.clone(),
        headers: response.headers.clone().into_iter().collect(),
        body: data(&response.body).map(Box::new),
        cookies: response.cookies.iter().map(cookie).collect(),
        enable_content_negotiation: response.negotiate,
        ..Default::default()
    }
}

fn cookie(cookie: &Cookie) -> rpc::RpcHttpCookie {
    rpc::RpcHttpCookie {
        name: cookie.name.clone(),
        value: cookie.value.clone(),
        same_site: cookie.same_site,
        max_age: cookie.max_age.map(|seconds| rpc::NullableDouble {
            double: Some(rpc::nullable_double::Double::Value(seconds)),
        }),
        ..Default::default()
    }
}
