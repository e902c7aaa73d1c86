//! Colours, only on a terminal (spec cli.md §4.5).

use std::io::IsTerminal as _;

use horus_app::log::Level;

/// Whether and how text is coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    enabled: bool,
}

/// SGR codes of the platform's tools.
pub(crate) const DARK_GRAY: u8 = 90;
pub(crate) const BRIGHT_RED: u8 = 91;
pub(crate) const DARK_YELLOW: u8 = 33;
pub(crate) const DARK_CYAN: u8 = 36;
pub(crate) const DARK_GREEN: u8 = 32;

impl Style {
    /// Colours for standard output.
    pub(crate) fn stdout() -> Self {
        Self { enabled: std::io::stdout().is_terminal() && is_wanted() }
    }

    /// Colours for standard error.
    pub(crate) fn stderr() -> Self {
        Self { enabled: std::io::stderr().is_terminal() && is_wanted() }
    }

    /// Never any colour.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { enabled: false }
    }

    /// `text` in `code`, or as it is.
    pub(crate) fn paint(self, code: u8, text: &str) -> String {
        if self.enabled { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The colour of a level; `None` is the terminal's own.
    pub(crate) fn of(level: Level) -> Option<u8> {
        match level {
            Level::Error => Some(BRIGHT_RED),
            Level::Warning => Some(DARK_YELLOW),
            Level::Information => Some(DARK_CYAN),
            Level::Debug | Level::Trace => Some(DARK_GREEN),
            Level::Critical | Level::None => None,
        }
    }

    /// Whether anything is coloured.
    pub(crate) fn is_enabled(self) -> bool {
        self.enabled
    }
}

/// Any text in `NO_COLOR` switches colours off (<https://no-color.org>).
fn is_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
