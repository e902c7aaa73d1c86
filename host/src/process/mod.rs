//! Child processes: how they are started, what they print, how they end. Language workers and custom handlers are
//! both run from here; what they are told and how they answer is theirs.

pub(crate) mod budget;
mod guard;
pub(crate) mod memory;
pub(crate) mod output;

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use horus_app::log::Log;
use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use guard::Guard;
use output::{Pipe, Reader, Recent};

/// How long the pipes of a dead process may still hold text (a grandchild can keep them open).
const PIPE_GRACE: Duration = Duration::from_millis(500);
/// How long a killed process may take to be gone.
const KILL_GRACE: Duration = Duration::from_secs(1);

/// A running child process, leader of a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pipes: JoinSet<()>,
    recent: Recent,
    program: String,
    guard: Option<Guard>,
}

/// Where a process's output goes.
pub(crate) struct Output<'a> {
    pub(crate) log: &'a Log,
    /// Category of its own lines, those with the platform's prefix.
    pub(crate) category: &'a str,
    /// Whether every line on stderr is an error unless it says "warn".
    pub(crate) stderr_is_errors: bool,
}

impl Process {
    /// Starts `command`, the program of which is called `program` in messages. Nothing is read from standard input;
    /// both outputs are logged.
    pub(crate) fn start(mut command: Command, program: &str, output: &Output<'_>) -> std::io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that children of the process end with it and Ctrl+C reaches the host alone.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let recent = Recent::default();
        let mut pipes = JoinSet::new();
        if let Some(out) = child.stdout.take() {
            pipes.spawn(Reader::new(output, Pipe::Out, &recent).run(out));
        }
        if let Some(err) = child.stderr.take() {
            pipes.spawn(Reader::new(output, Pipe::Err, &recent).run(err));
        }
        Ok(Self { child, pipes, recent, program: program.to_owned(), guard: None })
    }

    /// Sees to it that the process and its children end with the host, however the host ends. Many would not notice.
    pub(crate) fn guard(&mut self) {
        self.guard = self.group().and_then(Guard::over);
    }

    /// Process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it said last.
    pub(crate) fn recent(&self) -> Recent {
        self.recent.clone()
    }

    /// Resolves when the process has ended and its output is read.
    /// Children that it has left behind are killed: nobody else would end them.
    pub(crate) async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        let group = self.group();
        let status = self.child.wait().await?;
        self.guard = None;
        signal(group, Signal::KILL);
        let pipes = async { while self.pipes.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(PIPE_GRACE, pipes).await;
        Ok(status)
    }

    /// What the platform says about an exit: program, code and the last error lines.
    pub(crate) fn exit_text(&self, status: ExitStatus) -> String {
        let mut text = match status.code() {
            Some(code) => format!("{} exited with code {code} (0x{code:X})", self.program),
            None => format!("{} was ended by a signal ({status})", self.program),
        };
        self.recent.append_errors_to(&mut text);
        text
    }

    /// Asks the process and its children to end, and kills what is left after `grace`.
    pub(crate) async fn terminate(&mut self, grace: Duration) {
        signal(self.group(), Signal::TERM);
        let _ = tokio::time::timeout(grace, self.ended()).await;
        self.kill().await;
    }

    /// Kills the process with its children and waits for it to be gone.
    pub(crate) async fn kill(&mut self) {
        signal(self.group(), Signal::KILL);
        let _ = self.child.start_kill();
        let _ = tokio::time::timeout(KILL_GRACE, self.child.wait()).await;
        self.guard = None;
    }

    /// Its process group, until it has been waited for: the number may be somebody else's after that.
    fn group(&self) -> Option<Pid> {
        self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // Fails only when the group is gone already.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        signal(self.group(), Signal::KILL);
    }
}
