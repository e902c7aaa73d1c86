//! What a group of writes looks like in the journal: the rows it put and removed, in order, sealed with a checksum.
//!
//! A record begins at a multiple of [`BLOCK`] and fills whole blocks, so that writing one never touches the bytes of
//! another, not even when the disk tears a block in two:
//!
//! ```text
//! magic u32 · payload length u32 · sequence u64 · checksum u32 · 0 u32 · payload · zeros up to the next block
//! payload: 0 · name length u16 · name                               the space after the last one named
//!          1 · space u16 · key length u32 · value length u32 · key · value      put
//!          2 · space u16 · key length u32 · key                                 remove
//! ```
//!
//! Numbers are little-endian. The checksum begins with the journal's secret salt, so that bytes a client chose are
//! never taken for a record.

use super::super::Space;

/// Records begin at multiples of this: what disks and file systems write as a whole.
pub(in crate::engine) const BLOCK: usize = 4096;
pub(super) const HEADER: usize = 24;
const MAGIC: u32 = u32::from_le_bytes(*b"HJ1\n");

const NAME: u8 = 0;
const PUT: u8 = 1;
const REMOVE: u8 = 2;

/// The record being written. Keep one and [`Redo::clear`] it: the buffer stays.
#[derive(Debug)]
pub(in crate::engine) struct Redo {
    bytes: Vec<u8>,
    spaces: Vec<Space>,
}

/// A place to go back to.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Mark {
    bytes: usize,
    spaces: usize,
}

impl Redo {
    /// A buffer larger than this is given back after its group.
    const KEPT: usize = 1 << 20;

    pub(in crate::engine) fn new() -> Self {
        Self { bytes: vec![0; HEADER], spaces: Vec::new() }
    }

    pub(in crate::engine) fn clear(&mut self) {
        if self.bytes.capacity() > Self::KEPT {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.bytes.resize(HEADER, 0);
        self.spaces.clear();
    }

    pub(in crate::engine) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), spaces: self.spaces.len() }
    }

    /// Forgets everything recorded since `mark`.
    pub(in crate::engine) fn back_to(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.spaces.truncate(mark.spaces);
    }

    pub(in crate::engine) fn put(&mut self, space: Space, key: &[u8], value: &[u8]) {
        let space = self.space(space);
        self.bytes.push(PUT);
        self.bytes.extend_from_slice(&space.to_le_bytes());
        self.length(key.len());
        self.length(value.len());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
    }

    pub(in crate::engine) fn remove(&mut self, space: Space, key: &[u8]) {
        let space = self.space(space);
        self.bytes.push(REMOVE);
        self.bytes.extend_from_slice(&space.to_le_bytes());
        self.length(key.len());
        self.bytes.extend_from_slice(key);
    }

    fn length(&mut self, length: usize) {
        let length = u32::try_from(length).expect("keys and values are far below 4 GiB");
        self.bytes.extend_from_slice(&length.to_le_bytes());
    }

    fn space(&mut self, space: Space) -> u16 {
        let known = self.spaces.iter().position(|known| *known == space);
        let index = known.unwrap_or_else(|| {
            let name = space.name();
            let length = u16::try_from(name.len()).expect("space names are short");
            self.bytes.push(NAME);
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(name.as_bytes());
            self.spaces.push(space);
            self.spaces.len() - 1
        });
        u16::try_from(index).expect("there are a few dozen spaces")
    }

    /// The finished record, a whole number of blocks.
    pub(in crate::engine) fn seal(&mut self, sequence: u64, salt: u64) -> &[u8] {
        let length = u32::try_from(self.bytes.len() - HEADER).expect("a group is far below 4 GiB");
        let checksum = checksum(salt, length, sequence, &self.bytes[HEADER..]);
        let header = &mut self.bytes[..HEADER];
        header[..4].copy_from_slice(&MAGIC.to_le_bytes());
        header[4..8].copy_from_slice(&length.to_le_bytes());
        header[8..16].copy_from_slice(&sequence.to_le_bytes());
        header[16..20].copy_from_slice(&checksum.to_le_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
        &self.bytes
    }
}

fn checksum(salt: u64, length: u32, sequence: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// What the first bytes of a block say, if they are those of a record. Nothing is verified yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) length: usize,
    pub(super) sequence: u64,
    checksum: u32,
}

impl Header {
    pub(super) fn read(bytes: &[u8; HEADER]) -> Option<Self> {
        let word = |at: usize| {
            u32::from_le_bytes(bytes[at..at + 4].try_into().expect("the slice is four bytes long"))
        };
        let header = Self {
            length: usize::try_from(word(4)).ok()?,
            sequence: u64::from(word(8)) | u64::from(word(12)) << 32,
            checksum: word(16),
        };
        (word(0) == MAGIC && word(20) == 0).then_some(header)
    }

    /// Bytes of the whole record in the file.
    pub(super) fn size(self) -> usize {
        (HEADER + self.length).next_multiple_of(BLOCK)
    }

    pub(super) fn fits(self, payload: &[u8], salt: u64) -> bool {
        u32::try_from(self.length)
            .is_ok_and(|length| checksum(salt, length, self.sequence, payload) == self.checksum)
    }
}

/// One step of a record.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum Step<'a> {
    Put { space: &'a str, key: &'a [u8], value: &'a [u8] },
    Remove { space: &'a str, key: &'a [u8] },
}

/// The steps in a verified payload, in order; an `Err(())` ends them if it does not parse.
pub(in crate::engine) fn steps(payload: &[u8]) -> impl Iterator<Item = Result<Step<'_>, Unreadable>> {
    let mut names = Vec::new();
    let mut rest = payload;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            match step(&mut rest, &mut names) {
                Some(Some(step)) => return Some(Ok(step)),
                Some(None) => {}
                None => {
                    rest = &[];
                    return Some(Err(Unreadable));
                }
            }
        }
        None
    })
}

/// A record whose checksum is right and whose content makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) struct Unreadable;

/// `None`: unreadable; `Some(None)`: a name.
fn step<'a>(rest: &mut &'a [u8], names: &mut Vec<&'a str>) -> Option<Option<Step<'a>>> {
    let kind = *rest.split_off_first()?;
    let number = short(rest)?;
    if kind == NAME {
        names.push(std::str::from_utf8(rest.split_off(..number)?).ok()?);
        return Some(None);
    }
    let space = *names.get(number)?;
    let key = long(rest)?;
    Some(Some(match kind {
        PUT => {
            let value = long(rest)?;
            Step::Put { space, key: rest.split_off(..key)?, value: rest.split_off(..value)? }
        }
        REMOVE => Step::Remove { space, key: rest.split_off(..key)? },
        _ => return None,
    }))
}

fn short(rest: &mut &[u8]) -> Option<usize> {
    let bytes = rest.split_off(..2)?;
    Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
}

fn long(rest: &mut &[u8]) -> Option<usize> {
    let bytes = rest.split_off(..4)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}
