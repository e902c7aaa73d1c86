use super::Failed;
use std::process::ExitCode;
pub(super) fn run(_: &[String]) -> Result<ExitCode, Failed> {
    Ok(ExitCode::SUCCESS)
}
pub(super) fn help(_: &[&str]) -> Result<ExitCode, Failed> {
    Ok(ExitCode::SUCCESS)
}
