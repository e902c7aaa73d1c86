//! Guests that are commands: they read standard input, write standard output and end.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use wasmtime::InstancePre;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;

use crate::call::{Limited as _, SharedSink, Sink, store};
use crate::guest::Pre;
use crate::limits::Meter;
use crate::output::{Kept, Lines, Writer};
use crate::state::{CoreState, State};
use crate::{CallError, Guest, Source};

/// A command that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Everything it wrote to standard output.
    pub stdout: Bytes,
    /// The end of what it wrote to standard error; its lines went to the sink as they were written.
    pub last_words: String,
    /// Its exit code; 0 is success.
    pub exit: i32,
}

impl Guest {
    /// Runs the command with `stdin`. Lines on standard error go to `sink`. Dropping the future ends the guest.
    pub async fn call_command(&self, stdin: Bytes, sink: Arc<dyn Sink>) -> Result<Finished, CallError> {
        self.timed(self.command(stdin, sink)).await
    }

    async fn command(&self, stdin: Bytes, sink: SharedSink) -> Result<Finished, CallError> {
        let deadline = self.deadline();
        let _turn = self.turn().await?;
        let _slot = self.slot().await?;
        let stdout = Kept::new(self.limits.output);
        let stderr = Lines::new(sink.clone(), Source::Stderr, self.limits.output);
        let mut context = self.context()?;
        context
            .stdin(MemoryInputPipe::new(stdin))
            .stdout(Writer(stdout.clone()))
            .stderr(Writer(stderr.clone()));
        let meter = Meter::new(&self.limits);
        let ended = match &self.pre {
            Pre::Core(pre) => self.core(pre, CoreState { wasi: context.build_p1(), meter, deadline }).await,
            Pre::Command(pre) => {
                let state = State::new(
                    context.build(),
                    self.grants.clone(),
                    sink,
                    meter,
                    deadline,
                    self.limits.output,
                );
                self.component(pre, state).await
            }
            Pre::Http(_) | Pre::Typed(_) => return Err(CallError::Contract),
        };
        let exit = match ended {
            Ok(exit) => exit,
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(exit) => exit.0,
                None => return Err(self.failure(&error, &stderr.last_words())),
            },
        };
        Ok(Finished { stdout: stdout.take_all(), last_words: stderr.last_words(), exit })
    }

    async fn core(&self, pre: &InstancePre<CoreState>, state: CoreState) -> wasmtime::Result<i32> {
        let mut store = store(self, state);
        let started = Instant::now();
        let ended = async {
            let instance = pre.instantiate_async(&mut store).await?;
            self.starts.note(started.elapsed());
            let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
            start.call_async(&mut store, ()).await
        }
        .await;
        self.saw(store.data_mut().meter().peak);
        ended.map(|()| 0)
    }

    async fn component(&self, pre: &CommandPre<State>, state: State) -> wasmtime::Result<i32> {
        let mut store = store(self, state);
        let started = Instant::now();
        let ended = async {
            let command = pre.instantiate_async(&mut store).await?;
            self.starts.note(started.elapsed());
            command.wasi_cli_run().call_run(&mut store).await
        }
        .await;
        self.saw(store.data_mut().meter().peak);
        // `run` itself knows only success and failure.
        Ok(i32::from(ended?.is_err()))
    }
}
