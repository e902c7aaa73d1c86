//! A worker's answer to `FunctionsMetadataRequest`, in the app's terms (spec host.md §2.7).

use std::time::Duration;

use horus_app::RetryPolicy;
use horus_app::index::WorkerFunction;
use horus_worker_protocol as rpc;
use rpc::rpc_retry_options::RetryStrategy;

/// The functions that a worker found.
pub(crate) fn functions(response: rpc::FunctionMetadataResponse) -> Vec<WorkerFunction> {
    response.function_metadata_results.into_iter().map(function).collect()
}

fn function(found: rpc::RpcFunctionMetadata) -> WorkerFunction {
    WorkerFunction {
        retry: found.retry_options.as_ref().map(retry),
        name: found.name,
        id: found.function_id,
        directory: found.directory,
        script_file: found.script_file,
        entry_point: found.entry_point,
        raw_bindings: found.raw_bindings,
        properties: found.properties.into_iter().collect(),
    }
}

fn retry(options: &rpc::RpcRetryOptions) -> RetryPolicy {
    let max_retries = u32::try_from(options.max_retry_count).ok();
    let span = |span: &Option<rpc::Duration>| {
        span.as_ref().map_or(Duration::ZERO, |span| {
            Duration::new(
                u64::try_from(span.seconds).unwrap_or_default(),
                u32::try_from(span.nanos).unwrap_or_default(),
            )
        })
    };
    match options.retry_strategy() {
        RetryStrategy::FixedDelay => {
            RetryPolicy::FixedDelay { max_retries, delay: span(&options.delay_interval) }
        }
        RetryStrategy::ExponentialBackoff => RetryPolicy::ExponentialBackoff {
            max_retries,
            minimum: span(&options.minimum_interval),
            maximum: span(&options.maximum_interval),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// worker-protocol.md §10: a negative count is for ever, and each strategy uses its own intervals.
    #[test]
    fn retry_options_become_policies() {
        let seconds = |seconds| Some(rpc::Duration { seconds, nanos: 0 });
        let mut options = rpc::RpcRetryOptions {
            max_retry_count: -1,
            delay_interval: seconds(5),
            minimum_interval: seconds(1),
            maximum_interval: seconds(9),
            ..Default::default()
        };
        assert_eq!(
            retry(&options),
            RetryPolicy::ExponentialBackoff {
                max_retries: None,
                minimum: Duration::from_secs(1),
                maximum: Duration::from_secs(9)
            }
        );
        options.set_retry_strategy(RetryStrategy::FixedDelay);
        options.max_retry_count = 3;
        assert_eq!(
            retry(&options),
            RetryPolicy::FixedDelay { max_retries: Some(3), delay: Duration::from_secs(5) }
        );
    }
}
