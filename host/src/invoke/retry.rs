//! When a failed invocation is run again (spec host.md §8): pure, so that its table reads like the documentation.

use std::time::Duration;

use horus_app::{Function, HostJson, RetryPolicy};

/// The policy of `function`: its own, or the one that host.json has for all.
pub(crate) fn policy(function: &Function, host: &HostJson) -> Option<RetryPolicy> {
    function.retry.clone().or_else(|| host.retry.clone())
}

/// Triggers for which the platform goes on to support retry policies.
const SUPPORTED: [&str; 4] = ["timerTrigger", "cosmosDBTrigger", "eventHubTrigger", "kafkaTrigger"];

/// What the platform says about a policy on any other trigger, though it still honours it (spec host.md §8.1).
pub(crate) fn warning(function: &Function) -> Option<String> {
    let trigger = function.trigger();
    (!SUPPORTED.iter().any(|kind| trigger.is(kind))).then(|| {
        format!(
            "Soon retries will not be supported for function '{}'. For more information, please visit http://aka.ms/func-retry-policies.",
            function.name
        )
    })
}

/// Further attempts that the policy allows after the first; `None` is for ever.
pub(super) fn max_retries(policy: &RetryPolicy) -> Option<u32> {
    match policy {
        RetryPolicy::FixedDelay { max_retries, .. } | RetryPolicy::ExponentialBackoff { max_retries, .. } => {
            *max_retries
        }
    }
}

/// The pause before retry number `retry` (1 is the first), or `None` when the policy is exhausted.
///
/// `spread` in 0.0–1.0 randomises the exponential pause between 0.8 and 1.2 times its nominal length.
pub(super) fn pause(policy: &RetryPolicy, retry: u32, spread: f64) -> Option<Duration> {
    if max_retries(policy).is_some_and(|max| retry > max) {
        return None;
    }
    Some(match policy {
        RetryPolicy::FixedDelay { delay, .. } => *delay,
        RetryPolicy::ExponentialBackoff { minimum, maximum, .. } => {
            let doubled = minimum.as_secs_f64() * 2f64.powi(retry.saturating_sub(1).min(62) as i32);
            let spread = doubled * (0.8 + 0.4 * spread);
            Duration::from_secs_f64(spread.clamp(minimum.as_secs_f64(), maximum.as_secs_f64()))
        }
    })
}
