//! Two functions in one component of the typed world. It says itself which functions it has, so the app needs no
//! function.json.

use exports::horus::functions::handler::{Failure, Guest, Invocation, Outcome};
use horus::functions::logging::{Level, log};
use horus::functions::types::{HttpRequest, HttpResponse, NamedOutput, Output, Payload, Trigger};

wit_bindgen::generate!({ world: "functions", path: "../../../workers/wit" });

/// What the host reads instead of function.json files.
#[unsafe(link_section = "horus:functions")]
pub static FUNCTIONS: [u8; include_bytes!("../functions.json").len()] = *include_bytes!("../functions.json");

struct Functions;

export!(Functions);

impl Guest for Functions {
    fn invoke(call: Invocation) -> Result<Outcome, Failure> {
        match (call.function.as_str(), call.trigger) {
            ("HelloTyped", Trigger::Http(request)) => Ok(hello(&request)),
            ("ShoutTyped", Trigger::Text(message)) => Ok(shout(&message)),
            (name, _) => Err(Failure { message: format!("There is no function '{name}' for such an event.") }),
        }
    }
}

fn hello(request: &HttpRequest) -> Outcome {
    let name = request.query.iter().find(|(key, _)| key == "name").map_or("world", |(_, name)| name.as_str());
    let response = HttpResponse {
        status: 200,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: Payload::Text(format!("Hello, {name}, from typed Rust!")),
    };
    Outcome { outputs: Vec::new(), return_value: Output::Http(response) }
}

fn shout(message: &str) -> Outcome {
    log(Level::Information, "", "shouted");
    let loud = Output::Text(format!("{} FROM TYPED RUST!", message.to_uppercase()));
    let outputs = vec![NamedOutput { name: "loud".to_owned(), value: loud }];
    Outcome { outputs, return_value: Output::None }
}
