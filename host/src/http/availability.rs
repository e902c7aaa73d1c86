//! Waiting for the host to be ready (spec host.md §3.2).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::{Job, State, Status};

/// How long a request waits for a host that starts or restarts.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Why no function can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unavailable {
    /// Failed, or still not ready after the wait.
    NotRunning,
    /// The app has taken itself offline.
    Offline,
}

/// What a state means for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prospect {
    Ready,
    Wait,
    Refuse(Unavailable),
}

fn prospect(state: State) -> Prospect {
    match state {
        State::Initialized | State::Running => Prospect::Ready,
        State::Default | State::Starting | State::Stopping | State::Stopped => Prospect::Wait,
        State::Error => Prospect::Refuse(Unavailable::NotRunning),
        State::Offline => Prospect::Refuse(Unavailable::Offline),
    }
}

/// The job as soon as it can answer: usually at once, and then without waiting or waking anything.
pub(super) async fn ready(status: &watch::Receiver<Status>) -> Result<Arc<Job>, Unavailable> {
    if let Some(outcome) = outcome(&status.borrow()) {
        return outcome;
    }
    let mut status = status.clone();
    let waited = tokio::time::timeout(PATIENCE, status.wait_for(|status| outcome(status).is_some())).await;
    match waited {
        Ok(Ok(status)) => outcome(&status).unwrap_or(Err(Unavailable::NotRunning)),
        _ => Err(Unavailable::NotRunning),
    }
}

fn outcome(status: &Status) -> Option<Result<Arc<Job>, Unavailable>> {
    match prospect(status.state) {
        Prospect::Ready => status.job.clone().map(Ok),
        Prospect::Wait => None,
        Prospect::Refuse(why) => Some(Err(why)),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// host.md C03 and H30: an error is told at once, a start is waited for, but not for ever.
    #[tokio::test(start_paused = true)]
    async fn h30_c03_starts_are_waited_for_and_errors_are_not() {
        let (sender, status) = watch::channel(Status::of(State::Error));
        let began = Instant::now();
        assert_eq!(ready(&status).await.unwrap_err(), Unavailable::NotRunning);
        assert_eq!(began.elapsed(), Duration::ZERO);

        sender.send_replace(Status::of(State::Starting));
        assert_eq!(ready(&status).await.unwrap_err(), Unavailable::NotRunning);
        assert_eq!(began.elapsed(), PATIENCE);

        let waiting = tokio::spawn({
            let status = status.clone();
            async move { ready(&status).await.map(|_| ()) }
        });
        tokio::task::yield_now().await;
        sender.send_replace(Status::of(State::Error));
        assert_eq!(waiting.await.unwrap(), Err(Unavailable::NotRunning));
        assert_eq!(began.elapsed(), PATIENCE, "the wait ends with the error");
    }

    /// host.md H31: offline is told at once.
    #[tokio::test(start_paused = true)]
    async fn h31_offline_is_told_at_once() {
        let (_sender, status) = watch::channel(Status::of(State::Offline));
        assert_eq!(ready(&status).await.unwrap_err(), Unavailable::Offline);
    }

    /// The host's end ends the wait.
    #[tokio::test(start_paused = true)]
    async fn a_host_that_is_gone_is_not_waited_for() {
        let (sender, status) = watch::channel(Status::of(State::Stopped));
        drop(sender);
        let began = Instant::now();
        assert_eq!(ready(&status).await.unwrap_err(), Unavailable::NotRunning);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
