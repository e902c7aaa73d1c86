//! Leases and small state in blobs (host.md §10.2, bindings.md §1.13).

use std::time::Duration;

use bytes::Bytes;
use horus_app::log::Log;
use horus_bindings::Drain;
use horus_bindings::HostState;
use horus_bindings::state::PrimaryLock;
use horus_test_support::eventually;
use serde_json::json;

use super::Service;
use super::app::App;

const PERIOD: Duration = Duration::from_secs(15);

fn instance(app: &App) -> HostState {
    let connection = app.settings.storage_connection(None).unwrap();
    HostState::blobs(app.storage.blobs(&connection).unwrap())
}

#[tokio::test]
async fn content_is_shared_between_instances() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({}));
    let (a, b) = (instance(&app), instance(&app));
    let path = "timers/tests/Host.Functions.Tick/status";
    assert_eq!(a.read(path).await.unwrap(), None, "no container yet");
    a.write(path, Bytes::from_static(b"{\"Last\":1}")).await.unwrap();
    assert_eq!(b.read(path).await.unwrap().as_deref(), Some(&b"{\"Last\":1}"[..]));
    b.write(path, Bytes::new()).await.unwrap();
    assert_eq!(a.read(path).await.unwrap().as_deref(), Some(&b""[..]));
}

/// host.md §10.2: one holder at a time; a lock that is given back or lapses goes to the next.
#[tokio::test]
async fn a_lease_is_held_by_one_and_taken_over() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({}));
    let (a, b) = (instance(&app), instance(&app));
    let path = "locks/tests/Host.Functions.Tick.Listener";
    let lease = a.acquire(path, PERIOD, "instance-a").await.unwrap().expect("free");
    assert!(b.acquire(path, PERIOD, "instance-b").await.unwrap().is_none());
    lease.renew().await.expect("still ours");
    lease.release().await;
    let second = b.acquire(path, PERIOD, "instance-b").await.unwrap().expect("given back");

    // Instance b dies without a word: its lease lapses after its period, not before.
    let taken = std::time::Instant::now();
    drop(second);
    let third =
        eventually("the lease lapses", || async { a.acquire(path, PERIOD, "instance-a").await.unwrap() })
            .await;
    assert!(taken.elapsed() > PERIOD - Duration::from_secs(2), "took only {:?}", taken.elapsed());
    third.release().await;
}

/// host.md §10.2: one instance is primary; when it ends another one becomes it.
#[tokio::test]
async fn the_primary_lock_moves_when_its_holder_ends() {
    let service = Service::in_memory();
    let app = App::new(&service, json!({}));
    let a = PrimaryLock::new(instance(&app), "tests", "a", Log::discard());
    let b = PrimaryLock::new(instance(&app), "tests", "b", Log::discard());
    let (end_a, end_b) = (Drain::new(), Drain::new());
    tokio::join!(
        async {
            a.run(&end_a).await;
            assert!(!a.is_primary());
        },
        async {
            eventually("a is primary", || async { a.is_primary().then_some(()) }).await;
            tokio::join!(b.run(&end_b), async {
                end_a.start();
                eventually("b is primary", || async { b.is_primary().then_some(()) }).await;
                assert!(!a.is_primary());
                end_b.start();
            });
        }
    );
}
