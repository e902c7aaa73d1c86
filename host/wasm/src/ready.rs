//! Instances that nobody calls: for measuring how long it takes to have one.

use std::fmt;
use std::sync::Arc;

use crate::call::store;
use crate::guest::Pre;
use crate::limits::Meter;
use crate::state::{CoreState, State};
use crate::{CallError, Guest, Level, Sink, Source};

/// A new instance that could be called now. Its memory goes back to the pool with its value.
pub struct Ready {
    /// Only there to be dropped.
    _kept: Box<dyn Send>,
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ready")
    }
}

impl Guest {
    /// Makes an instance as a call does, without calling it. A guest whose instances are used again may give one of
    /// those.
    pub async fn ready(&self) -> Result<Ready, CallError> {
        let _turn = self.turn().await?;
        let (sink, deadline) = (Arc::new(Nobody), self.deadline());
        let kept: Box<dyn Send> = match &self.pre {
            Pre::Typed(served) => Box::new(served.instance(self, sink, deadline).await?),
            Pre::Http(served) => Box::new(served.instance(self, sink, deadline).await?),
            Pre::Command(pre) => {
                let slot = self.slot().await?;
                let (meter, output) = (Meter::new(&self.limits), self.limits.output);
                let wasi = self.context()?.build();
                let state = State::new(wasi, self.grants.clone(), sink, meter, deadline, output);
                let mut store = store(self, state);
                pre.instantiate_async(&mut store).await.map_err(|error| self.failure(&error, ""))?;
                Box::new((store, slot))
            }
            Pre::Core(pre) => {
                let slot = self.slot().await?;
                let (wasi, meter) = (self.context()?.build_p1(), Meter::new(&self.limits));
                let mut store = store(self, CoreState { wasi, meter, deadline });
                pre.instantiate_async(&mut store).await.map_err(|error| self.failure(&error, ""))?;
                Box::new((store, slot))
            }
        };
        Ok(Ready { _kept: kept })
    }
}

/// Hears nothing: nobody is called.
struct Nobody;

impl Sink for Nobody {
    fn line(&self, _source: Source, _line: &str) {}

    fn record(&self, _level: Level, _category: &str, _message: &str) {}

    fn denied(&self, _authority: &str) {}
}
