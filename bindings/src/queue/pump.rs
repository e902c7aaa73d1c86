//! The loop over one queue, and the way of one message through it. Who works on the messages is a [`Consumer`]: a
//! `queueTrigger`, or whoever else keeps its events in a queue.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use horus_app::log::Log;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::options::ListenerOptions;
use super::poll::{Backoff, Outage, may_receive};
use super::settle::{INVISIBLE, Losses, RENEWAL, Rules, Settlement, is_gone, renewal_retry};
use super::{CATEGORY, Wakers};
use crate::storage::{Queue, ReceivedMessage, StorageError};
use crate::{Drain, Verdict};

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

/// Who works on the messages of a queue.
#[async_trait]
pub(crate) trait Consumer: Send + Sync {
    /// Works on one message, whose decoded content is `body`; `cancel` fires when nobody wants the result any more.
    async fn consume(&self, message: &ReceivedMessage, body: Bytes, cancel: CancellationToken) -> Verdict;

    /// Name of the queue for messages that fail for good; `None` leaves them where they are.
    fn poison(&self) -> Option<&str>;

    /// Puts a copy of the message into that queue.
    async fn bury(&self, message: &ReceivedMessage) -> Result<(), StorageError>;
}

/// The loop over one queue.
#[derive(Debug)]
pub(crate) struct Pump {
    /// Whose messages they are, for logs: `Function 'X'`.
    pub(crate) who: Arc<str>,
    pub(crate) queue: Queue,
    pub(crate) options: ListenerOptions,
    pub(crate) wakers: Wakers,
    pub(crate) log: Log,
    pub(crate) losses: Losses,
}

impl Pump {
    /// Receives messages and lets `consumer` work on them until `drain` starts, then lets those at work settle.
    pub(crate) async fn run(self: &Arc<Self>, consumer: Arc<dyn Consumer>, drain: &Drain) {
        let wake = self.wakers.subscribe(self.queue.key());
        let mut running = JoinSet::new();
        let mut backoff = Backoff::new(self.options.max_polling_interval);
        let mut outage = Outage::default();
        while !drain.is_draining() {
            let messages = tokio::select! {
                biased;
                messages = self.receive(&mut outage) => messages,
                () = overdue(drain) => break,
            };
            if messages.is_empty() {
                let pause = backoff.next(rand::random_range(0.8..=1.2));
                self.rest(pause, &wake, drain, &mut backoff).await;
            } else {
                backoff.reset();
                self.start(messages, &consumer, drain, &mut running).await;
            }
            self.make_room(&mut running, drain).await;
        }
        while let Some(ended) = running.join_next().await {
            self.check(ended);
        }
    }

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
                    self.log.info(CATEGORY, format!("{} polls {} again.", self.who, self.queue.key()));
                }
                messages
            }
            Err(error) => {
                if outage.failed() {
                    self.log.warning(
                        CATEGORY,
                        format!("{} cannot poll its queue and keeps trying: {error}.", self.who),
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
        consumer: &Arc<dyn Consumer>,
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
            let (pump, consumer, drain) = (self.clone(), consumer.clone(), drain.clone());
            running.spawn(async move { pump.process(message, &*consumer, &drain).await });
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
            self.log.error(CATEGORY, format!("{}: a message was not settled: {error}", self.who));
        }
    }

    fn rules(&self, consumer: &dyn Consumer) -> Rules {
        Rules {
            max_dequeue_count: self.options.max_dequeue_count,
            visibility_timeout: self.options.visibility_timeout,
            has_poison_queue: consumer.poison().is_some(),
        }
    }

    /// The way of one message.
    async fn process(&self, message: ReceivedMessage, consumer: &dyn Consumer, drain: &Drain) {
        let rules = self.rules(consumer);
        let count = self.losses.discount(&message.id, message.dequeue_count, rules.max_dequeue_count);
        if let Some(settlement) = rules.before(count) {
            return self.settle(settlement, &message, &message.pop_receipt, consumer, drain).await;
        }
        let Some(body) = self.options.encoding.decode(&message.text) else {
            self.log.warning(
                CATEGORY,
                format!("Message '{}' of queue '{}' is not valid base64.", message.id, self.queue.name()),
            );
            let receipt = &message.pop_receipt;
            return self.settle(rules.given_up(), &message, receipt, consumer, drain).await;
        };
        let cancel = drain.cancellation().child_token();
        let ended = CancellationToken::new();
        let invocation = async {
            let verdict = consumer.consume(&message, body, cancel).await;
            ended.cancel();
            verdict
        };
        // Joined, not raced: a renewal under way when the function ends brings the receipt that settling needs.
        let (verdict, receipt) = tokio::join!(invocation, self.keep_hidden(&message, &ended));
        if matches!(verdict, Verdict::Lost(_)) {
            self.losses.add(&message.id);
        }
        self.settle(rules.after(&verdict, count), &message, &receipt, consumer, drain).await;
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
    async fn settle(
        &self,
        settlement: Settlement,
        message: &ReceivedMessage,
        receipt: &str,
        consumer: &dyn Consumer,
        drain: &Drain,
    ) {
        let deadline = Instant::now() + RENEWAL;
        let mut pause = SETTLE_RETRY;
        let mut copied = false;
        loop {
            let error = match self.try_settle(settlement, message, receipt, consumer, &mut copied).await {
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
        consumer: &dyn Consumer,
        copied: &mut bool,
    ) -> Result<(), StorageError> {
        match (settlement, consumer.poison()) {
            (Settlement::Delete, _) => self.queue.delete(&message.id, receipt).await,
            (Settlement::Release(after), _) => self.queue.hide(&message.id, receipt, after).await.map(drop),
            (Settlement::Poison, Some(poison)) => {
                if !*copied {
                    self.log.warning(
                        CATEGORY,
                        format!(
                            "Message has reached MaxDequeueCount of {}. Moving message to queue '{}'.",
                            self.options.max_dequeue_count, poison
                        ),
                    );
                    consumer.bury(message).await?;
                    *copied = true;
                }
                self.queue.delete(&message.id, receipt).await
            }
            (Settlement::Poison | Settlement::Leave, _) => Ok(()),
        }
    }
}
