//! Names for contents and for engines.

use std::hash::{Hash, Hasher};
use std::io::Read;

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

/// Files are read in pieces of this many bytes.
const PIECE: usize = 256 << 10;

/// The name of `bytes`: the same for equal bytes only, also where somebody tries to make it otherwise.
pub(crate) fn of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..16])
}

/// The name of everything that `reader` has left, and the first bytes of it: how many there are, and which.
pub(crate) fn of_reader(mut reader: impl Read) -> std::io::Result<(String, usize, [u8; 8])> {
    let (mut hasher, mut head, mut known) = (Sha256::new(), [0; 8], 0);
    let mut piece = vec![0; PIECE];
    loop {
        let count = reader.read(&mut piece)?;
        if count == 0 {
            return Ok((hex(&hasher.finalize()[..16]), known, head));
        }
        let missing = (head.len() - known).min(count);
        head[known..known + missing].copy_from_slice(&piece[..missing]);
        known += missing;
        hasher.update(&piece[..count]);
    }
}

/// Engine version, settings and CPU features, as one short text.
pub(crate) fn compatibility(engine: &Engine) -> String {
    let mut hasher = Fingerprint(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex(&hasher.0.finalize()[..8])
}

/// A hasher whose result stays the same between runs and between compilers.
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        u64::from_le_bytes(digest[..8].try_into().expect("a digest is 32 bytes long"))
    }
}

/// Two digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
