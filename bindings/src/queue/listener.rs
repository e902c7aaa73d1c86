//! The loop of one `queueTrigger`, and the way of one message through it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use horus_app::log::Log;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::convert::{self, Shape};
use super::options::ListenerOptions;
use super::poll::{Backoff, Outage, may_receive};
use super::settle::{INVISIBLE, Losses, RENEWAL, Rules, Settlement, is_gone, renewal_retry};
use super::{CATEGORY, Wakers, output};
use crate::storage::{Queue, ReceivedMessage, StorageError};
use crate::{Backlog, BindError, Dispatch, Drain, Event, ListenError, Trigger, Verdict};

/// First and longest pause before a message is settled again that could not be settled.
const SETTLE_RETRY: Duration = Duration::from_secs(1);
const SETTLE_RETRY_LONGEST: Duration = Duration::from_secs(15);

/// How long the end waits for an answer of the service to a receive. What it may still bring reappears by itself.
const LAST_RECEIVE: Duration = Duration::from_secs(5);

/// Resolves a while after `drain` started.
async fn overdue(drain: &Drain) {
    drain.draining().await;
    sleep(LAST_RECEIVE).await;
}

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) function: Arc<str>,
    pub(super) shape: Shape,
    pub(super) reason: Arc<str>,
    pub(super) queue: Queue,
    pub(super) poison: Option<Queue>,
    pub(super) options: ListenerOptions,
    pub(super) wakers: Wakers,
    pub(super) log: Log,
    pub(super) losses: Losses,
}

#[async_trait]
impl Trigger for Listener {
    async fn listen(self: Arc<Self>, dispatch: Dispatch, drain: Drain) -> Result<(), ListenError> {
        let wake = self.wakers.subscribe(self.queue.key());
        let mut running = JoinSet::new();
        let mut backoff = Backoff::new(self.options.max_polling_interval);
        let mut outage = Outage::default();
        while !drain.is_draining() {
            let messages = tokio::select! {
                biased;
                messages = self.receive(&mut outage) => messages,
                () = overdue(&drain) => break,
            };
            if messages.is_empty() {
                let pause = backoff.next(rand::random_range(0.8..=1.2));
                self.rest(pause, &wake, &drain, &mut backoff).await;
            } else {
                backoff.reset();
                self.start(messages, &dispatch, &drain, &mut running).await;
            }
            self.make_room(&mut running, &drain).await;
        }
        while let Some(ended) = running.join_next().await {
            self.check(ended);
        }
        Ok(())
    }

    fn manual_event(&self, input: Option<String>) -> Result<Event, BindError> {
        let message = convert::made_up(Utc::now());
        let body = Bytes::from(input.unwrap_or_default());
        Ok(convert::event(&message, body, self.shape, &self.reason))
    }

    async fn backlog(&self) -> Option<Backlog> {
        match self.queue.approximate_count().await {
            Ok(count) => Some(Backlog { length: count.unwrap_or_default() }),
            Err(error) => {
                self.log.debug(CATEGORY, || format!("The backlog cannot be read: {error}"));
                None
            }
        }
    }
}

impl Listener {
    /// The next batch. Nothing when the queue does not exist or its service is away, which is logged when it
    /// begins and when it ends.
    async fn receive(&self, outage: &mut Outage) -> Vec<ReceivedMessage> {
        let received = match self.queue.receive(self.options.batch_size, INVISIBLE).await {
            Err(error) if error.is_not_found() || error.code() == Some("QueueDisabled") => Ok(Vec::new()),
            received => received,
        };
        match received {
            Ok(messages) => {
                if outage.answered() {
                    self.log.info(
                        CATEGORY,
                        format!("Function '{}' polls {} again.", self.function, self.queue.key()),
                    );
                }
                messages
            }
            Err(error) => {
                if outage.failed() {
                    self.log.warning(
                        CATEGORY,
                        format!(
                            "Function '{}' cannot poll its queue and keeps trying: {error}.",
                            self.function
                        ),
                    );
                }
                Vec::new()
            }
        }
    }

    /// Waits out a pause, unless a message is known to have come or the listener ends.
    async fn rest(&self, pause: Duration, wake: &Notify, drain: &Drain, backoff: &mut Backoff) {
        tokio::select! {
            () = sleep(pause) => {}
            () = wake.notified() => backoff.reset(),
            () = drain.draining() => {}
        }
    }

    /// Processes each message in a task of its own. What arrives after the end was announced goes back.
    async fn start(
        self: &Arc<Self>,
        messages: Vec<ReceivedMessage>,
        dispatch: &Dispatch,
        drain: &Drain,
        running: &mut JoinSet<()>,
    ) {
        if drain.is_draining() {
            let back = messages
                .iter()
                .map(|message| self.queue.hide(&message.id, &message.pop_receipt, Duration::ZERO));
            futures::future::join_all(back).await;
            return;
        }
        for message in messages {
            let (listener, dispatch, drain) = (self.clone(), dispatch.clone(), drain.clone());
            running.spawn(async move { listener.process(message, &dispatch, &drain).await });
        }
    }

    /// Waits until the next batch may be received.
    async fn make_room(&self, running: &mut JoinSet<()>, drain: &Drain) {
        while let Some(ended) = running.try_join_next() {
            self.check(ended);
        }
        while !may_receive(running.len(), self.options.new_batch_threshold) {
            tokio::select! {
                Some(ended) = running.join_next() => self.check(ended),
                () = drain.draining() => return,
            }
        }
    }

    fn check(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended {
            self.log
                .error(CATEGORY, format!("Function '{}': a message was not settled: {error}", self.function));
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            max_dequeue_count: self.options.max_dequeue_count,
            visibility_timeout: self.options.visibility_timeout,
            has_poison_queue: self.poison.is_some(),
        }
    }

    /// The way of one message.
    async fn process(&self, message: ReceivedMessage, dispatch: &Dispatch, drain: &Drain) {
        let rules = self.rules();
        let count = self.losses.discount(&message.id, message.dequeue_count, rules.max_dequeue_count);
        if let Some(settlement) = rules.before(count) {
            return self.settle(settlement, &message, &message.pop_receipt, drain).await;
        }
        let Some(body) = self.options.encoding.decode(&message.text) else {
            self.log.warning(
                CATEGORY,
                format!("Message '{}' of queue '{}' is not valid base64.", message.id, self.queue.name()),
            );
            return self.settle(rules.given_up(), &message, &message.pop_receipt, drain).await;
        };
        let mut event = convert::event(&message, body, self.shape, &self.reason);
        event.cancel = drain.cancellation().child_token();
        let ended = CancellationToken::new();
        let invocation = async {
            let verdict = dispatch.invoke(event).await;
            ended.cancel();
            verdict
        };
        // Joined, not raced: a renewal under way when the function ends brings the receipt that settling needs.
        let (verdict, receipt) = tokio::join!(invocation, self.keep_hidden(&message, &ended));
        if matches!(verdict, Verdict::Lost(_)) {
            self.losses.add(&message.id);
        }
        self.settle(rules.after(&verdict, count), &message, &receipt, drain).await;
    }

    /// Keeps a message from others until the function `ended`; returns the last pop receipt.
    async fn keep_hidden(&self, message: &ReceivedMessage, ended: &CancellationToken) -> String {
        let mut receipt = message.pop_receipt.clone();
        let mut visible = Instant::now() + INVISIBLE;
        let mut pause = RENEWAL;
        loop {
            tokio::select! {
                biased;
                () = ended.cancelled() => return receipt,
                () = sleep(pause) => {}
            }
            match self.queue.hide(&message.id, &receipt, INVISIBLE).await {
                Ok(renewed) => {
                    receipt = renewed;
                    visible = Instant::now() + INVISIBLE;
                    pause = RENEWAL;
                }
                Err(error) if is_gone(&error) => {
                    self.log.warning(
                        CATEGORY,
                        format!(
                            "Message '{}' of queue '{}' is no longer ours.",
                            message.id,
                            self.queue.name()
                        ),
                    );
                    ended.cancelled().await;
                    return receipt;
                }
                Err(_) => pause = renewal_retry(visible.saturating_duration_since(Instant::now())),
            }
        }
    }

    /// Does what was decided, and keeps trying while the service is away: until the message would reappear by
    /// itself, or the listener ends. Either way the message is not lost.
    async fn settle(&self, settlement: Settlement, message: &ReceivedMessage, receipt: &str, drain: &Drain) {
        let deadline = Instant::now() + RENEWAL;
        let mut pause = SETTLE_RETRY;
        let mut copied = false;
        loop {
            let error = match self.try_settle(settlement, message, receipt, &mut copied).await {
                Err(error) if !is_gone(&error) => error,
                _ => break,
            };
            if !error.is_transient() || drain.is_draining() || Instant::now() + pause > deadline {
                self.log.error(
                    CATEGORY,
                    format!("Message '{}' could not be settled and will be seen again: {error}.", message.id),
                );
                return;
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = drain.draining() => {}
            }
            pause = (pause * 2).min(SETTLE_RETRY_LONGEST);
        }
        if matches!(settlement, Settlement::Delete | Settlement::Poison) {
            self.losses.forget(&message.id);
        }
    }

    async fn try_settle(
        &self,
        settlement: Settlement,
        message: &ReceivedMessage,
        receipt: &str,
        copied: &mut bool,
    ) -> Result<(), StorageError> {
        match (settlement, &self.poison) {
            (Settlement::Delete, _) => self.queue.delete(&message.id, receipt).await,
            (Settlement::Release(after), _) => self.queue.hide(&message.id, receipt, after).await.map(drop),
            (Settlement::Poison, Some(poison)) => {
                if !*copied {
                    self.log.warning(
                        CATEGORY,
                        format!(
                            "Message has reached MaxDequeueCount of {}. Moving message to queue '{}'.",
                            self.options.max_dequeue_count,
                            poison.name()
                        ),
                    );
                    output::send(poison, message.text.clone()).await?;
                    *copied = true;
                    self.wakers.notify(poison.key());
                }
                self.queue.delete(&message.id, receipt).await
            }
            (Settlement::Poison | Settlement::Leave, _) => Ok(()),
        }
    }
}
