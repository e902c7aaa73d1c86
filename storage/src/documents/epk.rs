//! Effective partition keys: where a partition key lies on the ring that feed ranges and `x-ms-start-epk` cut up.
//!
//! The same hash as the service's, so that ranges computed by a client select the same documents here.

use super::partition::{Component, PartitionKey};

/// How a container spreads its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// Hash version 1: at most 101 characters of a text count.
    HashV1,
    /// Hash version 2: 128 bits over the whole key.
    HashV2,
    /// Hierarchical keys: version 2 per level, so that a prefix is a range.
    Multi,
}

/// Half-open range of effective partition keys in upper-case hexadecimal; `("", "FF")` is everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EpkRange {
    pub(super) min: String,
    pub(super) max: String,
}

impl EpkRange {
    /// Whether no key is excluded, so that hashing can be saved.
    pub(super) fn is_everything(&self) -> bool {
        self.min.is_empty() && self.max == "FF"
    }

    /// Whether `key` lies inside. Equal ends mean that one key.
    pub(super) fn contains(&self, key: &str) -> bool {
        key == self.min || (self.min.as_str() < key && key < self.max.as_str())
    }
}

/// The effective partition key of `key`, in upper-case hexadecimal.
pub(super) fn of(key: &PartitionKey, spread: Spread) -> String {
    match spread {
        Spread::HashV1 => version1(&key.0),
        Spread::HashV2 => version2(&key.0),
        Spread::Multi => key.0.iter().map(|component| version2(std::slice::from_ref(component))).collect(),
    }
}

fn version2(components: &[Component]) -> String {
    let mut bytes = Vec::new();
    for component in components {
        write_for_hashing(component, 0xFF, &mut bytes);
    }
    let mut hash = murmur3_128(&bytes).to_be_bytes();
    // The two top bits stay clear: "FF" is past the end of the ring.
    hash[0] &= 0x3F;
    hexadecimal(&hash)
}

fn version1(components: &[Component]) -> String {
    let short: Vec<Component> = components
        .iter()
        .map(|component| match component {
            Component::Text(text) => Component::Text(text.chars().take(100).collect()),
            other => other.clone(),
        })
        .collect();
    let mut bytes = Vec::new();
    for component in &short {
        write_for_hashing(component, 0, &mut bytes);
    }
    let mut encoded = Vec::new();
    write_sortable(&Component::Number(f64::from(murmur3_32(&bytes))), &mut encoded);
    for component in &short {
        write_sortable(component, &mut encoded);
    }
    hexadecimal(&encoded)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        _ = write!(text, "{byte:02X}");
    }
    text
}

const UNDEFINED: u8 = 0;
const NULL: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const NUMBER: u8 = 5;
const TEXT: u8 = 8;

fn write_for_hashing(component: &Component, text_end: u8, out: &mut Vec<u8>) {
    match component {
        Component::Undefined => out.push(UNDEFINED),
        Component::Null => out.push(NULL),
        Component::Bool(false) => out.push(FALSE),
        Component::Bool(true) => out.push(TRUE),
        Component::Number(number) => {
            out.push(NUMBER);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Component::Text(text) => {
            out.push(TEXT);
            out.extend_from_slice(text.as_bytes());
            out.push(text_end);
        }
    }
}

/// Version 1's encoding, in which byte order is value order.
fn write_sortable(component: &Component, out: &mut Vec<u8>) {
    match component {
        Component::Number(number) => {
            out.push(NUMBER);
            let bits = number.to_bits();
            let mut payload = if bits >> 63 == 0 { bits ^ (1 << 63) } else { (!bits).wrapping_add(1) };
            // Eight bits first, then seven at a time, each followed by a 1 while more come.
            out.push((payload >> 56) as u8);
            payload <<= 8;
            let mut last = 0;
            let mut first = true;
            while payload != 0 {
                if !first {
                    out.push(last);
                }
                first = false;
                last = (payload >> 56) as u8 | 1;
                payload <<= 7;
            }
            out.push(last & 0xFE);
        }
        Component::Text(text) => {
            const MOST: usize = 100;
            out.push(TEXT);
            let bytes = text.as_bytes();
            out.extend(bytes.iter().take(MOST + 1).map(|byte| byte.wrapping_add(1)));
            if bytes.len() <= MOST {
                out.push(0);
            }
        }
        other => write_for_hashing(other, 0, out),
    }
}

/// MurmurHash3, 32 bits, seed 0 (public domain algorithm).
fn murmur3_32(data: &[u8]) -> u32 {
    let mix = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = 0u32;
    let blocks = data.chunks_exact(4);
    let tail = blocks.remainder();
    for block in blocks {
        hash ^= mix(u32::from_le_bytes(block.try_into().expect("chunks of 4")));
        hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash ^= mix(u32::from_le_bytes(last));
    }
    hash ^= data.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

/// MurmurHash3, 128 bits (x64 form), seed 0 (public domain algorithm). High half is the second lane.
fn murmur3_128(data: &[u8]) -> u128 {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let mix1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mix2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let lanes = |block: &[u8]| {
        let mut whole = [0; 16];
        whole[..block.len()].copy_from_slice(block);
        let both = u128::from_le_bytes(whole);
        (both as u64, (both >> 64) as u64)
    };
    let (mut h1, mut h2) = (0u64, 0u64);
    let blocks = data.chunks_exact(16);
    let tail = blocks.remainder();
    for block in blocks {
        let (k1, k2) = lanes(block);
        h1 = (h1 ^ mix1(k1)).rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ mix2(k2)).rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    if !tail.is_empty() {
        let (k1, k2) = lanes(tail);
        h1 ^= mix1(k1);
        h2 ^= mix2(k2);
    }
    let finish = |mut k: u64| {
        k = (k ^ k >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        k = (k ^ k >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        k ^ k >> 33
    };
    h1 ^= data.len() as u64;
    h2 ^= data.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    u128::from(h2) << 64 | u128::from(h1)
}
