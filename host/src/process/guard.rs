//! Programs that do not notice when the host dies, killed all the same.

use std::process::Stdio;

use rustix::process::Pid;
use tokio::process::{Child, Command};

/// Waits for the end of its input, which comes with the end of the host, and kills the group it was given.
const SCRIPT: &str = "read -r _; kill -9 \"-$0\"";

/// A tiny process beside another one: when the host ends without stopping its children (killed, out of memory), the
/// guard ends the group it watches. Language workers have one, too: some live on when their stream ends, and what
/// they have forked does not notice at all.
#[derive(Debug)]
pub(super) struct Guard {
    /// Its input is a pipe that only this process holds open.
    _shell: Child,
}

impl Guard {
    /// Watches over `group`; goes with its value. `None` where there is no shell: then nobody watches.
    pub(super) fn over(group: Pid) -> Option<Self> {
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT, &group.as_raw_nonzero().to_string()])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        Some(Self { _shell: command.spawn().ok()? })
    }
}
