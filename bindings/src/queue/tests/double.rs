//! A queue service in memory, behind the transport seam: it runs on the test's clock, which may be paused.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::request::{Body, Request};
use azure_core::http::{AsyncRawResponse, HttpClient, Method, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;

#[derive(Debug)]
struct Message {
    id: u64,
    text: String,
    receipt: u64,
    count: i64,
    visible: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    queues: HashMap<String, Vec<Message>>,
    serial: u64,
    /// Verb, queue, and when; in order.
    calls: Vec<(&'static str, String, Instant)>,
    away: bool,
    silent: bool,
}

/// The service. Queue names are the last part of the path before `messages`.
#[derive(Debug, Default)]
pub(super) struct Double(Mutex<Inner>);

impl Double {
    /// Creates `queue` and puts `text` into it.
    pub(super) fn put(&self, queue: &str, text: &str) {
        let mut inner = self.0.lock();
        inner.serial += 1;
        let id = inner.serial;
        let message = Message { id, text: text.to_owned(), receipt: 0, count: 0, visible: Instant::now() };
        inner.queues.entry(queue.to_owned()).or_default().push(message);
    }

    /// Texts in `queue`; `None` when it does not exist.
    pub(super) fn texts(&self, queue: &str) -> Option<Vec<String>> {
        Some(self.0.lock().queues.get(queue)?.iter().map(|message| message.text.clone()).collect())
    }

    /// When calls of this kind reached `queue`, in seconds after `since`.
    pub(super) fn times(&self, verb: &str, queue: &str, since: Instant) -> Vec<f64> {
        let inner = self.0.lock();
        let matching = inner.calls.iter().filter(|(called, at, _)| *called == verb && at == queue);
        matching.map(|(_, _, time)| (*time - since).as_secs_f64()).collect()
    }

    /// Whether the next calls find nobody.
    pub(super) fn set_away(&self, away: bool) {
        self.0.lock().away = away;
    }

    /// From now on requests are taken and never answered.
    pub(super) fn set_silent(&self) {
        self.0.lock().silent = true;
    }

    /// As if another client received everything in `queue` now, for an hour.
    pub(super) fn steal(&self, queue: &str) {
        for message in self.0.lock().queues.get_mut(queue).into_iter().flatten() {
            message.receipt += 1_000_000;
            message.visible = Instant::now() + Duration::from_secs(3600);
        }
    }
}

impl Inner {
    fn answer(&mut self, request: &Request) -> (u16, Headers, String) {
        let url = request.url();
        let segments: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
        let query =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let number = |name: &str| query(name).and_then(|text| text.parse::<u64>().ok());
        let now = Instant::now();
        let (name, rest) = (segments[1].to_owned(), &segments[2..]);
        let verb = match (request.method(), rest) {
            (Method::Put, []) => "create",
            (Method::Get, ["messages"]) => "receive",
            (Method::Post, ["messages"]) => "send",
            (Method::Put, ["messages", _]) => "update",
            (Method::Delete, ["messages", _]) => "delete",
            other => panic!("the double does not know {other:?}"),
        };
        self.calls.push((verb, name.clone(), now));
        if verb == "create" {
            self.queues.entry(name).or_default();
            return (201, Headers::new(), String::new());
        }
        self.serial += 1;
        let serial = self.serial;
        let Some(queue) = self.queues.get_mut(&name) else { return refusal(404, "QueueNotFound") };
        match verb {
            "send" => {
                let Body::Bytes(body) = request.body() else { panic!("a body of bytes") };
                let body = String::from_utf8(body.to_vec()).expect("XML is text");
                let start = body.find("<MessageText>").expect("a text") + "<MessageText>".len();
                let text = body[start..body.find("</MessageText>").expect("an end")].to_owned();
                queue.push(Message { id: serial, text, receipt: serial, count: 0, visible: now });
                (201, Headers::new(), "<QueueMessagesList></QueueMessagesList>".to_owned())
            }
            "receive" => {
                let hidden = Duration::from_secs(number("visibilitytimeout").expect("a visibility timeout"));
                let mut answer = "<QueueMessagesList>".to_owned();
                let count = number("numofmessages").expect("a count") as usize;
                for message in queue.iter_mut().filter(|message| message.visible <= now).take(count) {
                    message.count += 1;
                    message.receipt = serial;
                    message.visible = now + hidden;
                    let _ = write!(
                        answer,
                        "<QueueMessage><MessageId>{}</MessageId><PopReceipt>{}</PopReceipt>\
                         <DequeueCount>{}</DequeueCount><MessageText>{}</MessageText></QueueMessage>",
                        message.id, message.receipt, message.count, message.text
                    );
                }
                (200, Headers::new(), answer + "</QueueMessagesList>")
            }
            _ => {
                let id = rest[1].parse::<u64>().expect("ids are numbers");
                let Some(place) = queue.iter().position(|message| message.id == id) else {
                    return refusal(404, "MessageNotFound");
                };
                if number("popreceipt") != Some(queue[place].receipt) {
                    return refusal(400, "PopReceiptMismatch");
                }
                if verb == "delete" {
                    queue.remove(place);
                    return (204, Headers::new(), String::new());
                }
                queue[place].receipt = serial;
                queue[place].visible =
                    now + Duration::from_secs(number("visibilitytimeout").expect("a timeout"));
                let mut headers = Headers::new();
                headers.insert(HeaderName::from_static("x-ms-popreceipt"), serial.to_string());
                (204, headers, String::new())
            }
        }
    }
}

fn refusal(status: u16, code: &'static str) -> (u16, Headers, String) {
    let mut headers = Headers::new();
    headers.insert(HeaderName::from_static("x-ms-error-code"), code);
    (status, headers, format!("<Error><Code>{code}</Code></Error>"))
}

#[async_trait]
impl HttpClient for Double {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if self.0.lock().silent {
            std::future::pending::<()>().await;
        }
        let mut inner = self.0.lock();
        if inner.away {
            return Err(Error::with_message(ErrorKind::Connection, "connection refused"));
        }
        let (status, headers, body) = inner.answer(request);
        Ok(AsyncRawResponse::from_bytes(StatusCode::from(status), headers, body))
    }
}
