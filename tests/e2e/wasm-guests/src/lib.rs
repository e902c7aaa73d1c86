//! A `wasi:http` component for tests. What it does is the last part of the path: `echo` streams the body back, `fetch`
//! asks the host that the query names, anything else says how often this instance was called.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
};

wasi::http::proxy::export!(Guest);

static CALLS: AtomicU32 = AtomicU32::new(0);

struct Guest;

impl wasi::exports::http::incoming_handler::Guest for Guest {
    fn handle(request: IncomingRequest, respond: ResponseOutparam) {
        let calls = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        match path.rsplit('/').next() {
            Some("echo") => echo(&request, respond),
            Some("fetch") => say(respond, &fetch(query)),
            _ => say(respond, &calls.to_string()),
        }
    }
}

fn echo(request: &IncomingRequest, respond: ResponseOutparam) {
    let body = request.consume().expect("nobody else reads it");
    let input = body.stream().expect("the first stream");
    let response = OutgoingResponse::new(Fields::new());
    let out = response.body().expect("the first body");
    ResponseOutparam::set(respond, Ok(response));
    let output = out.write().expect("the first stream");
    while let Ok(chunk) = input.blocking_read(64 << 10) {
        for piece in chunk.chunks(4096) {
            output.blocking_write_and_flush(piece).expect("whoever asks listens");
        }
    }
    drop(output);
    OutgoingBody::finish(out, None).expect("the whole body");
}

fn fetch(authority: &str) -> String {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some("/api/count")).expect("a path");
    let future = match outgoing_handler::handle(request, None) {
        Ok(future) => future,
        Err(error) => return format!("error {error:?}"),
    };
    future.subscribe().block();
    match future.get().expect("it is there").expect("taken once") {
        Ok(response) => format!("status {}", response.status()),
        Err(error) => format!("error {error:?}"),
    }
}

fn say(respond: ResponseOutparam, text: &str) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the first body");
    ResponseOutparam::set(respond, Ok(response));
    let mut stream = body.write().expect("the first stream");
    stream.write_all(text.as_bytes()).expect("whoever asks listens");
    drop(stream);
    OutgoingBody::finish(body, None).expect("the whole body");
}
