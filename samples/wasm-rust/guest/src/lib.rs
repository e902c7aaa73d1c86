//! Two functions in one component. Requests for the HTTP function arrive as they are; messages from the queue arrive as
//! `POST /ShoutRust` with the event as JSON, and are answered with JSON.

use std::io::{Read, Write};

use serde_json::{Value, json};
use wasi::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

wasi::http::proxy::export!(Guest);

struct Guest;

impl wasi::exports::http::incoming_handler::Guest for Guest {
    fn handle(request: IncomingRequest, respond: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (kind, text) = match (request.method(), path.as_str()) {
            (Method::Post, "/ShoutRust") => ("application/json", shout(&body(&request))),
            _ => ("text/plain", hello(&path)),
        };
        let headers = Fields::from_list(&[("content-type".into(), kind.into())]).expect("a valid header");
        let response = OutgoingResponse::new(headers);
        let body = response.body().expect("the first body");
        ResponseOutparam::set(respond, Ok(response));
        let mut stream = body.write().expect("the first stream");
        stream.write_all(text.as_bytes()).expect("whoever asks listens");
        drop(stream);
        OutgoingBody::finish(body, None).expect("the whole body");
    }
}

fn hello(path: &str) -> String {
    let name = path.split_once("name=").map_or("world", |(_, name)| name.split('&').next().unwrap_or(name));
    format!("Hello, {name}, from Rust!")
}

fn shout(event: &[u8]) -> String {
    let event: Value = serde_json::from_slice(event).expect("the host sends JSON");
    // A queue message is JSON inside a JSON string.
    let message = event["Data"]["message"].as_str().unwrap_or_default();
    let text = serde_json::from_str::<String>(message).unwrap_or_else(|_| message.to_owned());
    json!({ "Outputs": { "loud": format!("{} FROM RUST!", text.to_uppercase()) }, "Logs": ["shouted"] }).to_string()
}

fn body(request: &IncomingRequest) -> Vec<u8> {
    let mut bytes = Vec::new();
    let body = request.consume().expect("nobody else reads it");
    body.stream().expect("the first stream").read_to_end(&mut bytes).expect("a whole body");
    bytes
}
