//! Guests of the world `horus:functions`: typed invocations in, typed outputs out.

use std::sync::Arc;

use crate::call::{SharedSink, Sink};
use crate::guest::Pre;
pub use crate::world::types::{
    Failure, HttpRequest, HttpResponse, Invocation, NamedOutput, NamedPayload, Outcome, Output, PayloadParam,
    PayloadResult, RetryContext, TraceContext, Trigger,
};
use crate::{CallError, Guest};

impl Guest {
    /// Runs one function. What the guest says goes to `sink`. A [`Failure`] is the guest's own word; everything else
    /// that goes wrong is a [`CallError`]. Dropping the future ends the instance.
    pub async fn call_typed(
        &self,
        call: Invocation<'_>,
        sink: Arc<dyn Sink>,
    ) -> Result<Result<Outcome, Failure>, CallError> {
        self.timed(self.typed(call, sink)).await
    }

    async fn typed(
        &self,
        call: Invocation<'_>,
        sink: SharedSink,
    ) -> Result<Result<Outcome, Failure>, CallError> {
        let Pre::Typed(served) = &self.pre else { return Err(CallError::Contract) };
        let deadline = self.deadline();
        let _turn = self.turn().await?;
        let mut instance = served.instance(self, sink, deadline).await?;
        let ended = instance.exports.horus_functions_handler().call_invoke(&mut instance.store, call).await;
        self.saw(instance.peak());
        match ended {
            Ok(answer) => {
                served.put_back(self, instance);
                Ok(answer)
            }
            Err(error) => Err(self.failure(&error, &instance.said.last_words())),
        }
    }
}
