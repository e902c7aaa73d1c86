//! `steps.txt`, read.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::RequestBuilder;

use crate::support::Func;

/// One step.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) name: String,
    models: Vec<String>,
    pub(crate) request: Option<Request>,
    pub(crate) commands: Vec<Command>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    body: String,
    /// The blank line between headers and body has come.
    is_body: bool,
}

/// What else there is to do.
#[derive(Debug)]
pub(crate) enum Command {
    Put(String, Vec<u8>),
    Take(String),
    Drain(String),
    Count(String),
    Logs,
    Blob(String, String),
    Functions,
}

impl Step {
    /// All steps of a text; what stands before the first is for readers.
    pub(crate) fn parse(text: &str) -> Vec<Self> {
        let mut steps: Vec<Self> = Vec::new();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("### ") {
                let (name, models) = title.split_once(" [").unwrap_or((title, ""));
                let models = models.trim_end_matches(']').split_whitespace().map(str::to_owned).collect();
                steps.push(Self { name: name.to_owned(), models, ..Self::default() });
                continue;
            }
            let Some(step) = steps.last_mut() else { continue };
            if let Some(command) = line.strip_prefix("> ") {
                step.commands.push(Command::parse(command));
                continue;
            }
            match &mut step.request {
                Some(request) => request.add(line),
                None => {
                    step.request = line.split_once(' ').map(|(method, path)| Request {
                        method: method.to_owned(),
                        path: path.to_owned(),
                        headers: Vec::new(),
                        body: String::new(),
                        is_body: false,
                    });
                }
            }
        }
        steps
    }

    pub(crate) fn is_for(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|only| only == model)
    }
}

impl Command {
    fn parse(text: &str) -> Self {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match verb {
            "put" => {
                let (queue, message) = rest.split_once(' ').expect("put QUEUE TEXT");
                let bytes = match message.strip_prefix("base64:") {
                    Some(code) => BASE64_STANDARD.decode(code).expect("base64"),
                    None => message.as_bytes().to_vec(),
                };
                Self::Put(queue.to_owned(), bytes)
            }
            "take" => Self::Take(rest.to_owned()),
            "drain" => Self::Drain(rest.to_owned()),
            "count" => Self::Count(rest.to_owned()),
            "logs" => Self::Logs,
            "blob" => {
                let (path, content) = rest.split_once(' ').expect("blob PATH TEXT");
                Self::Blob(path.to_owned(), content.to_owned())
            }
            "functions" => Self::Functions,
            other => panic!("steps.txt: no command {other:?}"),
        }
    }
}

impl Request {
    fn add(&mut self, line: &str) {
        if self.is_body {
            self.body.push_str(line);
            self.body.push('\n');
        } else if line.is_empty() {
            self.is_body = true;
        } else {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line}"));
            self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }

    /// The request to `func`.
    pub(crate) fn build(&self, func: &Func) -> RequestBuilder {
        let mut request = func.request(&self.method, &self.path);
        let mut body = self.body.trim_end_matches('\n').as_bytes().to_vec();
        for (name, value) in &self.headers {
            match name.as_str() {
                "body-hex" => {
                    body = value
                        .as_bytes()
                        .chunks(2)
                        .map(|pair| {
                            let pair = std::str::from_utf8(pair).expect("hex");
                            u8::from_str_radix(pair, 16).expect("hex")
                        })
                        .collect();
                }
                "body-crlf" => body = (self.body.trim_end().replace('\n', "\r\n") + "\r\n").into_bytes(),
                _ => request = request.header(name, value),
            }
        }
        if !body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            request = request.body(body);
        }
        request
    }
}
