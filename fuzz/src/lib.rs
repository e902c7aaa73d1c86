//! Inputs that nobody would write, for everything that reads bytes from strangers (see README.md).

pub mod mutate;
pub mod random;
pub mod run;
pub mod targets;

use mutate::Stock;

/// Something that takes bytes and must never panic.
pub trait Target {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// What must hold.
    fn about(&self) -> &'static str;
    /// What inputs are made from.
    fn stock(&self) -> Stock;
    /// Takes one input. Panics if something does not hold.
    fn attempt(&self, input: &[u8]);
}
