use std::time::Duration;

use bytes::Bytes;

use super::HostState;

const PERIOD: Duration = Duration::from_secs(15);

/// spec host.md §10.2: without storage, locks are this process's own.
#[tokio::test(start_paused = true)]
async fn a_lock_in_memory_is_held_until_released_or_lapsed() {
    let state = HostState::in_memory();
    let first = state.acquire("locks/h/x", PERIOD, "a").await.unwrap().expect("free");
    assert!(state.acquire("locks/h/x", PERIOD, "b").await.unwrap().is_none());
    assert!(state.acquire("locks/h/y", PERIOD, "b").await.unwrap().is_some(), "another lock");

    tokio::time::advance(PERIOD - Duration::from_secs(1)).await;
    first.renew().await.unwrap();
    tokio::time::advance(PERIOD - Duration::from_secs(1)).await;
    assert!(state.acquire("locks/h/x", PERIOD, "b").await.unwrap().is_none(), "renewed");

    tokio::time::advance(Duration::from_secs(2)).await;
    let second = state.acquire("locks/h/x", PERIOD, "b").await.unwrap().expect("lapsed");
    assert!(first.renew().await.is_err(), "somebody else has it now");
    first.release().await;
    assert!(
        state.acquire("locks/h/x", PERIOD, "a").await.unwrap().is_none(),
        "a late release takes nothing away"
    );
    second.release().await;
    assert!(state.acquire("locks/h/x", PERIOD, "a").await.unwrap().is_some());
}

#[tokio::test]
async fn content_in_memory_is_what_was_written_last() {
    let state = HostState::in_memory();
    assert_eq!(state.read("timers/h/f/status").await.unwrap(), None);
    state.write("timers/h/f/status", Bytes::from_static(b"1")).await.unwrap();
    state.clone().write("timers/h/f/status", Bytes::from_static(b"2")).await.unwrap();
    assert_eq!(state.read("timers/h/f/status").await.unwrap(), Some(Bytes::from_static(b"2")));
}
