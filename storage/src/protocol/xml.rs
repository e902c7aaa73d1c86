//! The little XML the protocols need: a writer that escapes, and a tree for request bodies.

use super::fault::{Fault, INVALID_XML};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Elements deeper than this are refused; no request body comes near.
const DEEPEST: usize = 16;

/// An element of a request body. Attributes and comments carry no meaning in these protocols and are dropped.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// All text directly inside, never trimmed: spaces in a message belong to the message.
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

impl Element {
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// Writes the element back; text is kept only where there are no children.
    pub(crate) fn write(&self, out: &mut Writer) {
        if self.children.is_empty() {
            out.text(&self.name, &self.text);
        } else {
            out.open(&self.name);
            self.children.iter().for_each(|child| child.write(out));
            out.close(&self.name);
        }
    }
}

/// Reads a request body whose root must be `root`.
pub(crate) fn parse(body: &[u8], root: &str) -> Result<Element, Fault> {
    let element = read(body)?;
    if element.name == root {
        Ok(element)
    } else {
        Err(INVALID_XML.because(format!(
            "XML specified is not syntactically valid: expected <{root}>, found <{}>.",
            element.name
        )))
    }
}

fn read(body: &[u8]) -> Result<Element, Fault> {
    let invalid =
        |reason: String| INVALID_XML.because(format!("XML specified is not syntactically valid: {reason}."));
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|_| invalid("it is not UTF-8".to_owned()))?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| invalid(error.to_string()))? {
            Event::Start(start) => {
                if open.len() == DEEPEST {
                    return Err(invalid("it is nested too deeply".to_owned()));
                }
                open.push(Element { name: name_of(&start)?, ..Element::default() });
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(|| invalid("an end tag has no start".to_owned()))?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok(done),
                }
            }
            Event::Text(text) => {
                let text = text.xml_content().map_err(|error| invalid(error.to_string()))?;
                match open.last_mut() {
                    Some(element) => element.text.push_str(&text),
                    None if text.trim().is_empty() => {}
                    None => return Err(invalid("there is text outside the root".to_owned())),
                }
            }
            Event::CData(data) => {
                let data = data.decode().map_err(|error| invalid(error.to_string()))?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&data);
                }
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|error| invalid(error.to_string()))?;
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(character)) => character,
                    Ok(None) => quick_xml::escape::resolve_predefined_entity(&name)
                        .and_then(|text| text.chars().next())
                        .ok_or_else(|| invalid(format!("the entity '{name}' is not defined")))?,
                    Err(error) => return Err(invalid(error.to_string())),
                };
                if let Some(element) = open.last_mut() {
                    element.text.push(resolved);
                }
            }
            // A document type could define entities; none of the protocols has one.
            Event::DocType(_) => return Err(invalid("a document type is not allowed".to_owned())),
            Event::Eof => return Err(invalid("it ends early or is empty".to_owned())),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::Empty(_) => {}
        }
    }
}

fn name_of(start: &BytesStart<'_>) -> Result<String, Fault> {
    let name = start.local_name();
    String::from_utf8(name.as_ref().to_vec()).map_err(|_| INVALID_XML.into())
}

/// Builds a response body.
#[derive(Debug)]
pub(crate) struct Writer(String);

impl Writer {
    /// Starts with the declaration.
    pub(crate) fn new() -> Self {
        Self(String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>"))
    }

    /// Makes room for so many more bytes.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    pub(crate) fn open(&mut self, name: &str) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
    }

    /// Opens an element with attributes.
    pub(crate) fn open_with(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.escape(value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    pub(crate) fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// `<name>text</name>`; `<name />` when there is none.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        if text.is_empty() {
            self.0.push('<');
            self.0.push_str(name);
            self.0.push_str(" />");
        } else {
            self.open(name);
            self.escape(text);
            self.close(name);
        }
    }

    /// Writes the element only when there is a value.
    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn escape(&mut self, text: &str) {
        // Nearly all text is clean, and looking at all of it without a branch is many bytes at a time.
        let special = |byte: u8| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\r');
        if !text.bytes().fold(false, |found, byte| found | special(byte)) {
            self.0.push_str(text);
            return;
        }
        let mut clean = 0;
        for (at, byte) in text.bytes().enumerate() {
            let replacement = match byte {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                // A reader would turn a bare carriage return into a line feed.
                b'\r' => "&#xD;",
                _ => continue,
            };
            self.0.push_str(&text[clean..at]);
            self.0.push_str(replacement);
            clean = at + 1;
        }
        self.0.push_str(&text[clean..]);
    }
}
