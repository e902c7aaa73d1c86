//! All routes of an app.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::{Methods, Template};
use crate::BindError;

/// One entry of a [`Table`].
#[derive(Debug, Clone)]
pub struct Route<T> {
    /// Where it is, the route prefix included.
    pub template: Template,
    /// Which verbs it answers to.
    pub methods: Methods,
    /// What it leads to.
    pub target: T,
}

/// A match in a [`Table`].
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'a, T> {
    /// What the route leads to.
    pub target: &'a T,
    /// Route values, decoded.
    pub params: Vec<(String, String)>,
}

/// The routes of an app in the order in which they were registered. The first that fits wins, whatever is more
/// specific; verbs are constraints, so a mismatch falls through to the next (spec host.md §3.3).
///
/// A path is compared only with routes that have its own segment behind the prefix, or a parameter there: the cost
/// of a lookup does not grow with the number of functions.
#[derive(Debug)]
pub struct Table<T> {
    routes: Vec<Route<T>>,
    /// Number of segments of the route prefix.
    depth: usize,
    /// Routes by the hash of the literal behind the prefix, lower-case; ascending.
    literal: HashMap<u64, Vec<u32>, BuildHasherDefault<Identity>>,
    /// Routes without a plain literal there; ascending.
    other: Vec<u32>,
}

impl<T> Table<T> {
    /// A table of `routes`, already in registration order (the order of function names), all beneath `prefix`.
    pub fn new(prefix: &str, routes: Vec<Route<T>>) -> Self {
        let depth = prefix.split('/').filter(|segment| !segment.is_empty()).count();
        let mut literal: HashMap<u64, Vec<u32>, _> = HashMap::default();
        let mut other = Vec::new();
        for (index, route) in (0_u32..).zip(&routes) {
            match route.template.literal(depth) {
                Some(text) if text.is_ascii() => literal.entry(hash(text)).or_default().push(index),
                _ => other.push(index),
            }
        }
        Self { routes, depth, literal, other }
    }

    /// The routes, in order.
    pub fn routes(&self) -> &[Route<T>] {
        &self.routes
    }

    /// The function for `method` and `path` (decoded, see [`super::path::decode`]).
    pub fn find<'a>(&'a self, method: &str, path: &str) -> Option<Found<'a, T>> {
        let key = path.strip_prefix('/').unwrap_or(path).split('/').nth(self.depth);
        let mut literal = key.and_then(|key| self.literal.get(&hash(key))).map_or(&[][..], Vec::as_slice);
        let mut other = self.other.as_slice();
        loop {
            // Both lists ascend: take the smaller head, as if there was one list.
            let index = match (literal.split_first(), other.split_first()) {
                (Some((first, rest)), second) if second.is_none_or(|(second, _)| first < second) => {
                    literal = rest;
                    *first
                }
                (_, Some((second, rest))) => {
                    other = rest;
                    *second
                }
                _ => return None,
            };
            let route = &self.routes[index as usize];
            if route.methods.allow(method) && route.template.fits(path) {
                return Some(Found { target: &route.target, params: route.template.values(path) });
            }
        }
    }
}

/// FNV-1a over the lower-case bytes. A collision costs a comparison, never a wrong answer.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The keys are hashes already.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// Who claimed which route: the conflict check of spec host.md §3.3.
#[derive(Debug, Default)]
pub struct Claims(Vec<(String, Methods, String)>);

impl Claims {
    /// Claims `route` (without prefix) for `function`. Only the same text, ignoring case, with a verb in common is
    /// a conflict; the earlier function keeps the route.
    pub fn claim(&mut self, function: &str, route: &str, methods: &Methods) -> Result<(), BindError> {
        let route = route.trim_matches('/').to_lowercase();
        match self.0.iter().find(|(known, verbs, _)| *known == route && verbs.overlap(methods)) {
            Some((_, _, owner)) => Err(BindError::new(format!(
                "The route specified conflicts with the route defined by function '{owner}'."
            ))),
            None => {
                self.0.push((route, methods.clone(), function.to_owned()));
                Ok(())
            }
        }
    }
}
