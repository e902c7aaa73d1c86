//! What a person sees: log lines with a time, colours on a terminal, and a filter that keeps the noise out.

mod filter;
mod sink;
mod style;

pub(crate) use filter::{Filter, FilterOptions};
pub(crate) use sink::{Console, JsonOutput};
pub(crate) use style::{BRIGHT_RED, DARK_CYAN, DARK_GRAY, DARK_YELLOW, Style};

use std::io::Write as _;

/// Says something on standard error before there is a console.
pub(crate) fn warn(style: Style, message: &str) {
    let _ = writeln!(std::io::stderr(), "{}", style.paint(DARK_YELLOW, message));
}
