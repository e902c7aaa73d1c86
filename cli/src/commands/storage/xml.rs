//! What the verbs need of the services' XML: the texts of elements.

use quick_xml::Reader;
use quick_xml::events::Event;

/// For each element called `item`, the text of its descendant with each of the `names`; empty where there is none.
pub(super) fn rows(xml: &str, item: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut reader = Reader::from_str(xml.trim_start_matches('\u{feff}'));
    let mut rows = Vec::new();
    let mut row: Option<Vec<String>> = None;
    let mut column = None;
    // What follows a broken part is of no use.
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => {
                let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
                if name == item {
                    row = Some(vec![String::new(); names.len()]);
                }
                column = names.iter().position(|known| *known == name);
            }
            Event::End(end) => {
                if end.local_name().as_ref() == item.as_bytes() {
                    rows.extend(row.take());
                }
                column = None;
            }
            Event::Text(text) => {
                if let (Some(row), Some(column), Ok(text)) = (&mut row, column, text.xml_content()) {
                    row[column].push_str(&text);
                }
            }
            Event::CData(text) => {
                if let (Some(row), Some(column), Ok(text)) = (&mut row, column, text.decode()) {
                    row[column].push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character.to_string()),
                    _ => reference.decode().ok().and_then(|name| {
                        quick_xml::escape::resolve_predefined_entity(&name).map(str::to_owned)
                    }),
                };
                if let (Some(row), Some(column), Some(text)) = (&mut row, column, resolved) {
                    row[column].push_str(&text);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    rows
}

/// The text of the first element called `name`; empty where there is none.
pub(super) fn text(xml: &str, root: &str, name: &str) -> String {
    rows(xml, root, &[name]).into_iter().flatten().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_and_unescaped() {
        let xml = "\u{feff}<?xml version=\"1.0\"?><E><Qs><Q><Name>a&amp;b</Name><X><Deep>1</Deep></X></Q><Q><Name>c</Name></Q></Qs><NextMarker /></E>";
        assert_eq!(rows(xml, "Q", &["Name", "Deep"]), [["a&b", "1"], ["c", ""]]);
        assert_eq!(text("<E><NextMarker>m&#x41;</NextMarker></E>", "E", "NextMarker"), "mA");
        assert_eq!(text(xml, "E", "NextMarker"), "");
        assert!(rows("not xml", "Q", &["Name"]).is_empty());
    }
}
