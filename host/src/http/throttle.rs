//! How many requests may run and wait (spec host.md §3.9).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds of `extensions.http`: `maxOutstandingRequests` over everything that waits or runs, and
/// `maxConcurrentRequests` over what runs. What cannot even wait is refused at once.
#[derive(Debug)]
pub(super) struct Throttle {
    outstanding: Option<Bound>,
    concurrent: Option<Bound>,
}

#[derive(Debug)]
struct Bound {
    limit: usize,
    places: Arc<Semaphore>,
}

/// The right to run; give it back by dropping it, once the function has ended.
#[derive(Debug, Default)]
pub(super) struct Permit {
    _outstanding: Option<OwnedSemaphorePermit>,
    _concurrent: Option<OwnedSemaphorePermit>,
}

/// There is no place left; carries the limit that was reached.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) usize);

impl Throttle {
    /// Bounds for the two options; `None` is unbounded.
    pub(super) fn new(outstanding: Option<usize>, concurrent: Option<usize>) -> Self {
        let bound = |limit: usize| {
            let limit = limit.min(Semaphore::MAX_PERMITS);
            Bound { limit, places: Arc::new(Semaphore::new(limit)) }
        };
        Self { outstanding: outstanding.map(bound), concurrent: concurrent.map(bound) }
    }

    /// Waits until the request may run.
    pub(super) async fn enter(&self) -> Result<Permit, Refused> {
        let outstanding = match &self.outstanding {
            Some(bound) => Some(bound.places.clone().try_acquire_owned().map_err(|_| Refused(bound.limit))?),
            None => None,
        };
        let concurrent = match &self.concurrent {
            Some(bound) => {
                Some(bound.places.clone().acquire_owned().await.map_err(|_| Refused(bound.limit))?)
            }
            None => None,
        };
        Ok(Permit { _outstanding: outstanding, _concurrent: concurrent })
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// host.md H29: one may run and none may wait.
    #[tokio::test]
    async fn h29_the_second_of_two_is_refused() {
        let throttle = Throttle::new(Some(1), Some(1));
        let first = throttle.enter().await.unwrap();
        assert_eq!(throttle.enter().await.unwrap_err(), Refused(1));
        drop(first);
        assert!(throttle.enter().await.is_ok());
    }

    /// host.md §3.9: what may wait runs as soon as something ends; what may not is refused at once.
    #[tokio::test]
    async fn waiting_requests_run_in_turn() {
        let throttle = Throttle::new(Some(2), Some(1));
        let first = throttle.enter().await.unwrap();
        let mut second = Box::pin(throttle.enter());
        assert!(second.as_mut().now_or_never().is_none(), "one runs already");
        assert_eq!(throttle.enter().await.unwrap_err(), Refused(2));
        drop(first);
        assert!(second.await.is_ok());
    }

    /// A request whose client goes away while it waits gives its place back.
    #[tokio::test]
    async fn abandoned_waiters_give_their_place_back() {
        let throttle = Throttle::new(Some(2), Some(1));
        let first = throttle.enter().await.unwrap();
        let mut second = Box::pin(throttle.enter());
        assert!(second.as_mut().now_or_never().is_none());
        drop(second);
        drop(first);
        let _one = throttle.enter().await.unwrap();
        let mut two = Box::pin(throttle.enter());
        assert!(two.as_mut().now_or_never().is_none(), "it waits rather than being refused");
    }

    /// host.md §1.3: -1 (`None`) is unbounded.
    #[tokio::test]
    async fn without_limits_everything_enters() {
        let throttle = Throttle::new(None, None);
        let mut permits = Vec::new();
        for _ in 0..10_000 {
            permits.push(throttle.enter().await.unwrap());
        }
    }
}
