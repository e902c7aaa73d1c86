use std::collections::HashMap;

use super::*;
use crate::{FunctionLoadResponseCollection, RpcException};

fn result(status: status_result::Status) -> Option<StatusResult> {
    Some(StatusResult { status: status.into(), ..Default::default() })
}

fn ready() -> Channel<u32> {
    let mut channel = Channel::default();
    let capabilities = HashMap::from([("WorkerStatus".to_owned(), "WorkerStatus".to_owned())]);
    let init = WorkerInitResponse {
        result: result(status_result::Status::Success),
        capabilities,
        ..Default::default()
    };
    assert!(matches!(channel.on(Content::WorkerInitResponse(init)), Step::Initialized(_)));
    channel
}

fn answer(id: &str) -> Content {
    Content::InvocationResponse(InvocationResponse { invocation_id: id.to_owned(), ..Default::default() })
}

/// worker-protocol.md §6 and §19.9: any non-empty value switches a capability on, whatever it says.
#[test]
fn capabilities_are_on_when_not_empty() {
    let channel = ready();
    assert!(channel.capabilities().worker_status);
    assert!(!channel.capabilities().typed_data_collection);
    let announced = HashMap::from([("HttpUri".to_owned(), String::new())]);
    assert_eq!(Capabilities::of(&announced).http_uri, None);
}

/// worker-protocol.md §19.1: the zero status is Failure, and so is a missing result.
#[test]
fn absent_results_are_failures() {
    assert!(outcome(None).is_err());
    assert!(outcome(Some(&StatusResult::default())).is_err());
    assert_eq!(outcome(result(status_result::Status::Success).as_ref()), Ok(()));
    let failed = StatusResult {
        exception: Some(RpcException {
            message: "boom".into(),
            stack_trace: "at a.js:1".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(outcome(Some(&failed)), Err("Result: Failure\nException: boom\nStack: at a.js:1".to_owned()));
}

#[test]
fn a_failed_init_is_reported_with_its_text() {
    let mut channel = Channel::<u32>::default();
    let init = WorkerInitResponse { result: None, ..Default::default() };
    assert!(matches!(channel.on(Content::WorkerInitResponse(init)), Step::InitFailed(_)));
    assert_eq!(channel.phase(), Phase::Initializing);
}

/// host.md §6.6: an answer to an unknown invocation is ignored, so a worker that answers twice harms nobody.
#[test]
fn a_second_answer_is_ignored() {
    let mut channel = ready();
    channel.begin("a".into(), 7).unwrap();
    assert!(channel.owns("a"));
    assert!(matches!(channel.on(answer("a")), Step::Completed(7, _)));
    assert!(matches!(channel.on(answer("a")), Step::Late(_)));
    assert!(matches!(channel.on(answer("never sent")), Step::Late(_)));
}

#[test]
fn an_abandoned_invocation_is_forgotten() {
    let mut channel = ready();
    channel.begin("a".into(), 7).unwrap();
    assert_eq!(channel.forget("a"), Some(7));
    assert!(matches!(channel.on(answer("a")), Step::Late(_)));
    assert_eq!(channel.in_flight(), 0);
}

#[test]
fn closing_gives_every_waiter_back_and_takes_no_more() {
    let mut channel = ready();
    channel.begin("a".into(), 1).unwrap();
    channel.begin("b".into(), 2).unwrap();
    let mut lost = channel.close();
    lost.sort_unstable();
    assert_eq!(lost, [1, 2]);
    assert_eq!(channel.begin("c".into(), 3), Err(3));
}

/// host.md W05 and W06: loads are counted one by one or as a collection, and a failure is remembered.
#[test]
fn loads_are_counted_and_failures_remembered() {
    let mut channel = ready();
    for id in ["a", "b", "c"] {
        channel.loading(id);
    }
    let loaded = |id: &str, ok: bool| FunctionLoadResponse {
        function_id: id.into(),
        result: if ok { result(status_result::Status::Success) } else { None },
        ..Default::default()
    };
    assert!(matches!(channel.on(Content::FunctionLoadResponse(loaded("a", true))), Step::Loaded(false)));
    assert_eq!(channel.load("b"), None);
    // Twice the same answer does not count twice.
    assert!(matches!(channel.on(Content::FunctionLoadResponse(loaded("a", true))), Step::Loaded(false)));
    let rest = FunctionLoadResponseCollection {
        function_load_responses: vec![loaded("b", false), loaded("c", true), loaded("unknown", true)],
    };
    assert!(matches!(channel.on(Content::FunctionLoadResponseCollection(rest)), Step::Loaded(true)));
    assert!(matches!(channel.load("b"), Some(Err(_))));
    assert_eq!(channel.load("c"), Some(&Ok(())));
}
