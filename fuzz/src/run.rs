//! A run: one input after the other until one fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::Target;

/// Attempts to make a failing input smaller.
const SHRINKS: usize = 2000;
/// How long they may take.
const SHRINK_TIME: Duration = Duration::from_secs(20);

/// When a run ends by itself.
#[derive(Debug, Clone, Copy)]
pub enum Budget {
    /// After this many inputs.
    Inputs(u64),
    /// After this time.
    Time(Duration),
}

/// An input that should not have failed.
#[derive(Debug)]
pub struct Finding {
    /// Which it was.
    pub number: u64,
    /// The input, as small as it could be made.
    pub input: Vec<u8>,
    /// What the panic said.
    pub message: String,
}

/// Tries inputs; how many, or the first that panics.
pub fn run(target: &dyn Target, seed: u64, budget: Budget) -> Result<u64, Box<Finding>> {
    let (stock, began) = (target.stock(), Instant::now());
    let mut number = 0;
    loop {
        let is_over = match budget {
            Budget::Inputs(inputs) => number >= inputs,
            Budget::Time(time) => began.elapsed() >= time,
        };
        if is_over {
            return Ok(number);
        }
        let input = stock.input(seed, number);
        if let Err(message) = attempt(target, &input) {
            let (input, message) = shrunk(target, input, message);
            return Err(Box::new(Finding { number, input, message }));
        }
        number += 1;
    }
}

/// Tries one input; what the panic said, if it did.
pub fn attempt(target: &dyn Target, input: &[u8]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| target.attempt(input))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)").to_owned()
    })
}

/// Leaves pieces out, large ones first, as long as it still fails.
fn shrunk(target: &dyn Target, mut input: Vec<u8>, mut message: String) -> (Vec<u8>, String) {
    let (mut attempts, began) = (0, Instant::now());
    let mut size = input.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < input.len() {
            if attempts == SHRINKS || began.elapsed() > SHRINK_TIME {
                return (input, message);
            }
            attempts += 1;
            let mut smaller = input.clone();
            drop(smaller.drain(at..(at + size).min(input.len())));
            match attempt(target, &smaller) {
                Err(same) => (input, message) = (smaller, same),
                Ok(()) => at += size,
            }
        }
        size /= 2;
    }
    (input, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutate::Stock;

    /// Fails for inputs that hold `!` after `{`.
    struct Planted;

    impl Target for Planted {
        fn name(&self) -> &'static str {
            "planted"
        }

        fn about(&self) -> &'static str {
            "a bug to be found"
        }

        fn stock(&self) -> Stock {
            Stock {
                corpus: vec![b"{\"harmless\": \"value\"}".to_vec()],
                words: vec![b"!".to_vec()],
                grown: None,
            }
        }

        fn attempt(&self, input: &[u8]) {
            let brace = input.iter().position(|byte| *byte == b'{');
            let found = brace.is_some_and(|at| input[at..].contains(&b'!'));
            assert!(!found, "planted");
        }
    }

    #[test]
    fn a_planted_bug_is_found_and_made_small() {
        let finding = run(&Planted, 1, Budget::Inputs(10_000)).expect_err("it must be found");
        assert_eq!((finding.input.as_slice(), finding.message.as_str()), (&b"{!"[..], "planted"));
        assert!(attempt(&Planted, &Planted.stock().input(1, finding.number)).is_err(), "it can be had again");
    }
}
