//! `horus-stub-worker --functions-uri URI --functions-worker-id ID …`: started by a host like any language worker.

use std::process::ExitCode;

use horus_stub_worker::{Arguments, SCRIPT_VARIABLE, Script, run};

// One thread: a benchmark measures the host, not how this process is scheduled.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let script = match std::env::var_os(SCRIPT_VARIABLE) {
        Some(path) => Script::read(path.as_ref()),
        None => Ok(Script::default()),
    };
    let arguments = Arguments::from_command_line(std::env::args().skip(1));
    let ended = match (script, arguments) {
        (Ok(script), Ok(arguments)) => run(script, &arguments).await,
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
