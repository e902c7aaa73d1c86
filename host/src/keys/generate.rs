//! Key values that secret scanners recognise (spec host.md §5.3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use horus_app::Secret;

/// Length of a key before encoding.
const KEY_BYTES: usize = 40;
/// The checksum covers everything before its own four bytes.
const CHECKED_BYTES: usize = KEY_BYTES - 4;
/// Where the three bytes stand that every key's text shows as [`SIGNATURE`].
const SIGNATURE_AT: usize = 33;
/// Tells scanners which product a leaked key opens.
const SIGNATURE: &str = "AzFu";

/// What a key is for; part of its checksum, so that a key of one kind is not taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The master key.
    Master,
    /// An extension's key.
    System,
    /// A key of one function or of all.
    Function,
}

impl Kind {
    fn seed(self) -> u64 {
        match self {
            Self::Master => 0x4d61_7374_6572_3030,
            Self::System => 0x5379_7374_656d_3030,
            Self::Function => 0x4675_6e63_7469_3030,
        }
    }
}

/// A new random key.
pub(crate) fn generate(kind: Kind) -> Secret {
    let mut key: [u8; KEY_BYTES] = rand::random();
    let signature = URL_SAFE.decode(SIGNATURE).expect("the signature is base64");
    key[SIGNATURE_AT..CHECKED_BYTES].copy_from_slice(&signature);
    let checksum = marvin32(kind.seed(), &key[..CHECKED_BYTES]);
    key[CHECKED_BYTES..].copy_from_slice(&checksum.to_le_bytes());
    Secret::new(URL_SAFE.encode(key))
}

/// Whether `key` has the signature and the checksum of a generated key of this kind.
#[cfg(test)]
pub(crate) fn is_generated(kind: Kind, key: &str) -> bool {
    let Ok(bytes) = URL_SAFE.decode(key) else { return false };
    bytes.len() == KEY_BYTES
        && key[44..48] == *SIGNATURE
        && marvin32(kind.seed(), &bytes[..CHECKED_BYTES]).to_le_bytes() == bytes[CHECKED_BYTES..]
}

/// Marvin32, folded to 32 bits: the hash that the platform's key format uses as its checksum.
fn marvin32(seed: u64, data: &[u8]) -> u32 {
    let (low, high) = marvin(seed, data);
    low ^ high
}

/// Both halves of Marvin32's state after `data`.
fn marvin(seed: u64, data: &[u8]) -> (u32, u32) {
    let mut state = (seed as u32, (seed >> 32) as u32);
    let words = data.chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        state.0 = state.0.wrapping_add(u32::from_le_bytes(word.try_into().expect("chunks of four")));
        state = mixed(state);
    }
    // What is left is closed with a single set bit, as in other hashes of this family.
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    state.0 = state.0.wrapping_add(u32::from_le_bytes(last));
    mixed(mixed(state))
}

fn mixed((mut a, mut b): (u32, u32)) -> (u32, u32) {
    b ^= a;
    a = a.rotate_left(20).wrapping_add(b);
    b = b.rotate_left(9) ^ a;
    a = a.rotate_left(27).wrapping_add(b);
    b = b.rotate_left(19);
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test vectors of Marvin32.
    #[test]
    fn the_hash_agrees_with_its_published_vectors() {
        const SEED: u64 = 0x004f_b61a_001b_dbcc;
        for (data, hash) in [
            (&[][..], 0x30ed_35c1_00cd_3c7d_u64),
            (&[0xaf][..], 0x48e7_3fc7_7d75_ddc1),
            (&[0xe7, 0x0f][..], 0xb5f6_e1fc_485d_bff8),
            (&[0x37, 0xf4, 0x95][..], 0xf0b0_7c78_9b8c_f7e8),
            (&[0x86, 0x42, 0xdc, 0x59][..], 0x7008_f2e8_7e9c_f556),
        ] {
            let (low, high) = marvin(SEED, data);
            assert_eq!(u64::from(high) << 32 | u64::from(low), hash, "{data:02x?}");
        }
    }

    /// host.md A11: pattern of §5.3, and the function seed validates where the master seed does not.
    #[test]
    fn a11_generated_keys_match_the_pattern_and_their_own_seed_only() {
        let pattern = regex::Regex::new("^[A-Za-z0-9_-]{44}AzFu[A-Za-z0-9_-]{5}[AQgw]==$").unwrap();
        for kind in [Kind::Master, Kind::System, Kind::Function] {
            for _ in 0..200 {
                let key = generate(kind);
                assert!(pattern.is_match(key.reveal()), "{}", key.reveal());
                assert_eq!(key.reveal().len(), 56);
                for other in [Kind::Master, Kind::System, Kind::Function] {
                    assert_eq!(is_generated(other, key.reveal()), other == kind);
                }
            }
        }
        assert_ne!(generate(Kind::Master), generate(Kind::Master));
    }
}
