//! Custom sections of a binary, found without reading the rest of it.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::Kind;

/// Most bytes taken from one file; what is written by hand is far shorter.
const LARGEST: u64 = 4 << 20;
/// How deep modules and components lie in each other at most.
const DEPTH: usize = 8;

/// The contents of the custom sections called `name` in `file`, in their order: its own and those of the modules and
/// components inside of it, since linkers leave a program's sections in the innermost module. A file that is no
/// WebAssembly has none.
///
/// # Errors
/// When the file cannot be read, breaks off in the middle of a section, or has more than 4 MiB under that name.
pub fn sections(file: &Path, name: &str) -> io::Result<Vec<Vec<u8>>> {
    let mut input = BufReader::new(File::open(file)?);
    let end = input.get_ref().metadata()?.len();
    let mut found = Found { name, sections: Vec::new(), left: LARGEST };
    found.walk(&mut input, end, 0)?;
    Ok(found.sections)
}

struct Found<'a> {
    name: &'a str,
    sections: Vec<Vec<u8>>,
    left: u64,
}

impl Found<'_> {
    /// Goes through one module or component that reaches to `end`.
    fn walk<R: Read + Seek>(&mut self, input: &mut R, end: u64, depth: usize) -> io::Result<()> {
        let mut preamble = [0; 8];
        if end.saturating_sub(input.stream_position()?) < 8 {
            return Ok(());
        }
        input.read_exact(&mut preamble)?;
        let Ok(kind) = Kind::of(&preamble) else { return Ok(()) };
        while input.stream_position()? < end {
            let mut id = [0];
            input.read_exact(&mut id)?;
            let size = u64::from(number(input)?);
            let start = input.stream_position()?;
            let stop = start.checked_add(size).filter(|stop| *stop <= end).ok_or_else(broken)?;
            match (kind, id[0]) {
                (_, 0) => self.custom(input, stop)?,
                // A module or a component.
                (Kind::Component, 1 | 4) if depth < DEPTH => self.walk(input, stop, depth + 1)?,
                _ => {}
            }
            input.seek(SeekFrom::Start(stop))?;
        }
        Ok(())
    }

    fn custom<R: Read + Seek>(&mut self, input: &mut R, stop: u64) -> io::Result<()> {
        let length = u64::from(number(input)?);
        let start = input.stream_position()?;
        let content = start.checked_add(length).filter(|content| *content <= stop).ok_or_else(broken)?;
        if length != self.name.len() as u64 {
            return Ok(());
        }
        let mut name = vec![0; self.name.len()];
        input.read_exact(&mut name)?;
        if name != self.name.as_bytes() {
            return Ok(());
        }
        let size = stop - content;
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("more than {LARGEST} bytes in '{}'", self.name),
            )
        })?;
        let mut bytes = Vec::new();
        input.by_ref().take(size).read_to_end(&mut bytes)?;
        self.sections.push(bytes);
        Ok(())
    }
}

/// An unsigned LEB128 number of up to 32 bits.
fn number<R: Read>(input: &mut R) -> io::Result<u32> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return u32::try_from(number).map_err(|_| broken());
        }
    }
    Err(broken())
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file breaks off in the middle of a section")
}
