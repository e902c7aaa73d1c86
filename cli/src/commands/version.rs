//! `func --version`.

use std::io::Write as _;
use std::process::ExitCode;

use super::Failed;

/// Version of this tool. Editors choose the project format by its major, which is the platform's (spec cli.md §1.2).
pub(crate) const TOOL: &str = env!("CARGO_PKG_VERSION");

/// The commit it was built from, where the build says so: set `HORUS_COMMIT` for releases.
pub(crate) const COMMIT: Option<&str> = option_env!("HORUS_COMMIT");

/// Version that the host reports to workers, tools and `/admin/host/status`.
pub(crate) const HOST: &str = "4.1052.200.0";

pub(super) fn print() -> Result<ExitCode, Failed> {
    writeln!(std::io::stdout(), "{TOOL}")?;
    Ok(ExitCode::SUCCESS)
}
