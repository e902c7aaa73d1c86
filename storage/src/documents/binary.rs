//! The binary form of JSON that some clients send. Answers are always text, which every client accepts.
//!
//! A buffer is [`PREAMBLE`] and one value; a value is a marker byte and what the marker calls for, little-endian.
//! Clients write plain strings, numbers, arrays and objects; the compressed strings and typed arrays that only the
//! cloud's own storage produces are refused by name.

use serde_json::{Map, Number, Value};

/// First byte of a buffer. No JSON text begins with it.
pub(super) const PREAMBLE: u8 = 0x80;

/// Deepest nesting, as for JSON text.
const DEEPEST: usize = 128;

/// Strings with a marker of their own, `0x20` being the first.
const SYSTEM_STRINGS: [&str; 32] = [
    "$s",
    "$t",
    "$v",
    "_attachments",
    "_etag",
    "_rid",
    "_self",
    "_ts",
    "attachments/",
    "coordinates",
    "geometry",
    "GeometryCollection",
    "id",
    "url",
    "Value",
    "label",
    "LineString",
    "link",
    "MultiLineString",
    "MultiPoint",
    "MultiPolygon",
    "name",
    "Name",
    "Type",
    "Point",
    "Polygon",
    "properties",
    "type",
    "value",
    "Feature",
    "FeatureCollection",
    "_id",
];

/// Why a buffer is no JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BinaryError {
    #[error("the binary JSON ends too early or contradicts itself at byte {0}")]
    Malformed(usize),
    #[error("the binary JSON nests deeper than {DEEPEST} levels")]
    TooDeep,
    #[error(
        "the binary JSON marker 0x{0:02X} is not supported; turn binary encoding off in the client's options"
    )]
    Unsupported(u8),
}

/// Reads a whole buffer, [`PREAMBLE`] included.
pub(super) fn decode(buffer: &[u8]) -> Result<Value, BinaryError> {
    let mut reader = Reader { buffer, at: 1 };
    let value = reader.value(0)?;
    if reader.at == buffer.len() { Ok(value) } else { Err(reader.malformed()) }
}

struct Reader<'b> {
    buffer: &'b [u8],
    at: usize,
}

impl<'b> Reader<'b> {
    fn malformed(&self) -> BinaryError {
        BinaryError::Malformed(self.at)
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], BinaryError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.buffer.len());
        let taken = &self.buffer[self.at..end.ok_or_else(|| self.malformed())?];
        self.at += count;
        Ok(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], BinaryError> {
        Ok(self.take(N)?.try_into().expect("N bytes were taken"))
    }

    /// An unsigned number of `width` bytes.
    fn count(&mut self, width: usize) -> Result<usize, BinaryError> {
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(self.take(width)?);
        usize::try_from(u64::from_le_bytes(bytes)).map_err(|_| self.malformed())
    }

    fn value(&mut self, depth: usize) -> Result<Value, BinaryError> {
        if depth > DEEPEST {
            return Err(BinaryError::TooDeep);
        }
        let [marker] = self.bytes()?;
        Ok(match marker {
            0x00..=0x1F => marker.into(),
            0xC7 => u64::from_le_bytes(self.bytes()?).into(),
            0xC8 | 0xD7 => self.bytes::<1>()?[0].into(),
            0xC9 | 0xD9 => i16::from_le_bytes(self.bytes()?).into(),
            0xCA | 0xDA => i32::from_le_bytes(self.bytes()?).into(),
            0xCB | 0xDB => i64::from_le_bytes(self.bytes()?).into(),
            0xCC | 0xCE => float(f64::from_le_bytes(self.bytes()?)),
            0xCD => float(f32::from_le_bytes(self.bytes()?).into()),
            0xD0 => Value::Null,
            0xD1 => false.into(),
            0xD2 => true.into(),
            0xD8 => i8::from_le_bytes(self.bytes()?).into(),
            0xDC => u32::from_le_bytes(self.bytes()?).into(),
            0xE0 => Value::Array(Vec::new()),
            0xE1 => Value::Array(vec![self.value(depth + 1)?]),
            0xE2..=0xE7 => self.array(marker, depth)?,
            0xE8 => Value::Object(Map::new()),
            0xE9 => {
                let mut object = Map::new();
                self.property(&mut object, depth)?;
                Value::Object(object)
            }
            0xEA..=0xEF => self.object(marker, depth)?,
            string => self.string(string)?.into(),
        })
    }

    /// Where the container behind `marker` ends: L1, L2, L4, then the same with a count of its items.
    fn end(&mut self, first: u8, marker: u8) -> Result<usize, BinaryError> {
        let form = marker - first;
        let width = 1usize << (form % 3);
        let length = self.count(width)?;
        if form >= 3 {
            self.take(width)?;
        }
        let end = self.at.checked_add(length).filter(|end| *end <= self.buffer.len());
        end.ok_or_else(|| self.malformed())
    }

    fn array(&mut self, marker: u8, depth: usize) -> Result<Value, BinaryError> {
        let end = self.end(0xE2, marker)?;
        let mut items = Vec::new();
        while self.at < end {
            items.push(self.value(depth + 1)?);
        }
        if self.at == end { Ok(Value::Array(items)) } else { Err(self.malformed()) }
    }

    fn object(&mut self, marker: u8, depth: usize) -> Result<Value, BinaryError> {
        let end = self.end(0xEA, marker)?;
        let mut object = Map::new();
        while self.at < end {
            self.property(&mut object, depth)?;
        }
        if self.at == end { Ok(Value::Object(object)) } else { Err(self.malformed()) }
    }

    fn property(&mut self, object: &mut Map<String, Value>, depth: usize) -> Result<(), BinaryError> {
        let [marker] = self.bytes()?;
        let name = self.string(marker)?;
        object.insert(name, self.value(depth + 1)?);
        Ok(())
    }

    fn string(&mut self, marker: u8) -> Result<String, BinaryError> {
        let length = match marker {
            0x20..=0x3F => return Ok(SYSTEM_STRINGS[usize::from(marker - 0x20)].to_owned()),
            0x80..=0xBF => usize::from(marker & 0x3F),
            0xC0 => self.count(1)?,
            0xC1 => self.count(2)?,
            0xC2 => self.count(4)?,
            0xC3..=0xC6 => return self.referenced(usize::from(marker - 0xC2)),
            other => return Err(BinaryError::Unsupported(other)),
        };
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| self.malformed())
    }

    /// A string written earlier, named by its place in the buffer. A reference to a reference is malformed.
    fn referenced(&mut self, width: usize) -> Result<String, BinaryError> {
        let at = self.count(width)?;
        match self.buffer.get(at) {
            Some(0xC3..=0xC6) | None => Err(self.malformed()),
            Some(marker) => Reader { buffer: self.buffer, at: at + 1 }.string(*marker),
        }
    }
}

fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
