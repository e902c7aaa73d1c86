//! From valid inputs to broken ones.

use crate::random::Random;

/// Inputs do not grow beyond this many bytes.
const LONGEST: usize = 256 << 10;
/// Changes per input, at most.
const CHANGES: usize = 8;
/// Longest piece that is copied or removed at once.
const PIECE: usize = 64;

/// What inputs are made from.
#[derive(Debug)]
pub struct Stock {
    /// Valid inputs.
    pub corpus: Vec<Vec<u8>>,
    /// Words that mean something to the format.
    pub words: Vec<Vec<u8>>,
    /// Makes a valid input, for formats whose rules few changed inputs keep.
    pub grown: Option<fn(&mut Random) -> Vec<u8>>,
}

impl Stock {
    /// Input `number` of a run with `seed`; the corpus itself comes first, unchanged.
    pub fn input(&self, seed: u64, number: u64) -> Vec<u8> {
        if let Some(whole) = usize::try_from(number).ok().and_then(|number| self.corpus.get(number)) {
            return whole.clone();
        }
        let mut random = Random::of(seed, number);
        let mut input = match self.grown.filter(|_| random.below(2) == 0) {
            Some(grown) => grown(&mut random),
            None => random.pick(&self.corpus).cloned().unwrap_or_default(),
        };
        // What was grown is different already; some of it stays valid.
        let least = usize::from(self.grown.is_none());
        for _ in 0..least + random.below(CHANGES) {
            self.change(&mut input, &mut random);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(input.len() + 1);
        let end = (at + 1 + random.below(PIECE)).min(input.len());
        match random.below(10) {
            0 => input.truncate(at),
            1 => flip(input, at, random),
            2 => replace(input, at, random.byte()),
            // Lengths, counts and offsets break at their limits.
            3 => replace(input, at, *random.pick(&[0, 1, 0x7f, 0x80, 0xfe, 0xff]).expect("six of them")),
            4 => drop(input.drain(at.min(end)..end)),
            5 => {
                let piece = input[at.min(end)..end].to_vec();
                for _ in 0..=random.below(4) {
                    insert(input, at, &piece);
                }
            }
            6 => {
                let other = random.pick(&self.corpus).map_or(&[][..], Vec::as_slice);
                let from = random.below(other.len() + 1);
                insert(input, at, &other[from..(from + PIECE).min(other.len())]);
            }
            7 => {
                // The head of this one, the tail of another.
                let other = random.pick(&self.corpus).map_or(&[][..], Vec::as_slice);
                input.truncate(at);
                input.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            8 => {
                let word = random.pick(&self.words).map_or(&[][..], Vec::as_slice);
                insert(input, at, word);
            }
            _ => {
                let word = random.pick(&self.words).map_or(&[][..], Vec::as_slice);
                let count = word.len().min(input.len() - at);
                input[at..at + count].copy_from_slice(&word[..count]);
            }
        }
    }
}

fn flip(input: &mut [u8], at: usize, random: &mut Random) {
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << random.below(8);
    }
}

fn replace(input: &mut [u8], at: usize, with: u8) {
    if let Some(byte) = input.get_mut(at) {
        *byte = with;
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    if input.len() + piece.len() <= LONGEST {
        drop(input.splice(at..at, piece.iter().copied()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_can_be_had_again_and_differ() {
        let stock =
            Stock { corpus: vec![b"{\"a\": [1, 2]}".to_vec()], words: vec![b"null".to_vec()], grown: None };
        let many: Vec<_> = (0..1000).map(|number| stock.input(7, number)).collect();
        assert_eq!(many[0], stock.corpus[0], "the corpus comes first");
        assert_eq!(many, (0..1000).map(|number| stock.input(7, number)).collect::<Vec<_>>());
        let mut distinct = many.clone();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 700, "{}", distinct.len());
        assert!(many.iter().any(|input| input.windows(4).any(|window| window == b"null")));
        assert_ne!(many[1..], (0..1000).map(|number| stock.input(8, number)).collect::<Vec<_>>()[1..]);
    }
}
