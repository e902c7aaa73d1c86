use super::conditions::Conditions;
use super::crc64::Crc64;
use super::lease::{Lease, On, State, Term};
use super::read::Range;
use crate::Service;
use crate::engine::Timestamp;
use crate::probe::{Probe, Reply};
use crate::protocol::Fault;
use std::time::Duration;

const A: &str = "aaaaaaaa-0000-0000-0000-000000000000";
const B: &str = "bbbbbbbb-0000-0000-0000-000000000000";

#[test]
fn crc64_has_the_published_check_value() {
    let mut sum = Crc64::new();
    sum.update(b"123456789");
    assert_eq!(u64::from_le_bytes(sum.finish()), 0xAE8B_1486_0A79_9888);
    let mut pieces = Crc64::new();
    pieces.update(b"123");
    pieces.update(b"456789");
    assert_eq!(pieces.finish(), sum.finish());
}

#[test]
fn ranges_are_cut_to_the_blob() {
    let within = |text: &str, length| {
        Range::parse(text).map(|range| range.within(length).map_err(|fault| fault.status))
    };
    assert_eq!(within("bytes=0-9", 100), Some(Ok((0, 10))));
    assert_eq!(within("bytes=90-200", 100), Some(Ok((90, 100))));
    assert_eq!(within("bytes=5-", 100), Some(Ok((5, 100))));
    assert_eq!(within("bytes=100-", 100), Some(Err(416)));
    assert_eq!(within("bytes=0-", 0), Some(Err(416)));
    assert_eq!(within("bytes=-5", 100), None);
    assert_eq!(within("bytes=9-3", 100), None);
}

/// One lease in each state, as seen at second 100.
fn states() -> [(State, Lease); 5] {
    let held = |until: i64| Lease::Held { id: A.to_owned(), term: Term::Seconds(30), until };
    [
        (State::Available, Lease::Available),
        (State::Leased, held(120_000)),
        (State::Expired, held(90_000)),
        (State::Breaking, Lease::Breaking { id: A.to_owned(), until: 120_000 }),
        (State::Broken, Lease::Broken { id: A.to_owned() }),
    ]
}

const NOW: Timestamp = Timestamp(100_000);

fn outcome(result: Result<Lease, Fault>) -> String {
    match result {
        Ok(lease) => lease.state(NOW).name().to_owned(),
        Err(fault) => fault.code.into_owned(),
    }
}

/// The documented table of lease actions by state, for the holder (A) and for a stranger (B).
#[test]
fn the_lease_state_machine() {
    type Action = fn(&Lease, &str) -> Result<Lease, Fault>;
    let acquire: Action = |lease, id| lease.acquire(NOW, id.to_owned(), Term::Infinite);
    let renew: Action = |lease, id| lease.renew(NOW, id);
    let change: Action = |lease, id| lease.change(NOW, id, "cccccccc-0000-0000-0000-000000000000".to_owned());
    let release: Action = |lease, id| lease.release(id);
    let break_now: Action = |lease, _| lease.break_in(NOW, Some(0)).map(|(lease, _)| lease);
    let break_later: Action = |lease, _| lease.break_in(NOW, Some(10)).map(|(lease, _)| lease);
    let mismatch = "LeaseIdMismatchWithLeaseOperation";
    let absent = "LeaseNotPresentWithLeaseOperation";
    let present = "LeaseAlreadyPresent";
    let breaking = "LeaseIsBreakingAndCannotBeAcquired";
    let broken = "LeaseIsBrokenAndCannotBeRenewed";
    // Columns: available, leased, expired, breaking, broken.
    for (name, action, id, expected) in [
        ("acquire A", acquire, A, ["leased", "leased", "leased", breaking, "leased"]),
        ("acquire B", acquire, B, ["leased", present, "leased", present, "leased"]),
        ("renew A", renew, A, [mismatch, "leased", "leased", broken, broken]),
        ("renew B", renew, B, [mismatch, mismatch, mismatch, mismatch, mismatch]),
        ("change A", change, A, [absent, "leased", absent, "LeaseIsBreakingAndCannotBeChanged", absent]),
        ("change B", change, B, [absent, mismatch, absent, mismatch, absent]),
        ("release A", release, A, [mismatch, "available", "available", "available", "available"]),
        ("release B", release, B, [mismatch, mismatch, mismatch, mismatch, mismatch]),
        ("break at once", break_now, A, [absent, "broken", "broken", "broken", "broken"]),
        ("break later", break_later, A, [absent, "breaking", "broken", "breaking", "broken"]),
    ] {
        for ((state, lease), expected) in states().into_iter().zip(expected) {
            assert_eq!(lease.state(NOW), state);
            assert_eq!(outcome(action(&lease, id)), expected, "{name} while {state:?}");
        }
    }
}

/// Changing a leased blob, by state, with no id, the right one and a wrong one.
#[test]
fn a_lease_guards_changes() {
    let missing = "LeaseIdMissing";
    let mismatch = "LeaseIdMismatchWithBlobOperation";
    let absent = "LeaseNotPresentWithBlobOperation";
    for (given, expected) in [
        (None, ["available", missing, "available", missing, "available"]),
        (Some(A), [absent, "leased", "LeaseLost", "breaking", absent]),
        (Some(B), [absent, mismatch, absent, mismatch, absent]),
    ] {
        for ((state, lease), expected) in states().into_iter().zip(expected) {
            let found = outcome(lease.on_change(NOW, given, On::Blob));
            assert_eq!(found, expected, "{given:?} while {state:?}");
        }
    }
}

#[test]
fn breaking_takes_the_shorter_time() {
    let (_, leased) = states()[1].clone();
    assert_eq!(leased.break_in(NOW, None).unwrap().1, 20);
    assert_eq!(leased.break_in(NOW, Some(60)).unwrap().1, 20);
    assert_eq!(leased.break_in(NOW, Some(5)).unwrap().1, 5);
    let infinite = Lease::Available.acquire(NOW, A.to_owned(), Term::Infinite).unwrap();
    assert_eq!(infinite.break_in(NOW, None).unwrap().1, 0);
    assert_eq!(infinite.break_in(NOW, Some(60)).unwrap().1, 60);
}

#[test]
fn no_conditions_hold_for_anything() {
    assert!(Conditions::default().for_read("\"1\"", NOW).is_ok());
    assert!(Conditions::default().for_change(None).is_ok());
}

async fn call(probe: &Probe, line: &str, headers: &[&str], content: &str) -> Reply {
    probe.call(Service::Blob, line, headers, content).await
}

const BLOCK: &str = "x-ms-blob-type: BlockBlob";

async fn with_container() -> Probe {
    let probe = Probe::new();
    assert_eq!(call(&probe, "PUT /box?restype=container", &[], "").await.status, 201);
    probe
}

#[tokio::test]
async fn stated_checksums_are_compared() {
    let probe = with_container().await;
    for (header, status, code) in [
        ("content-md5: XUFAKrxLKna5cZ2REBfFkg==", 201, ""),
        ("content-md5: AAAAAAAAAAAAAAAAAAAAAA==", 400, "Md5Mismatch"),
        ("content-md5: short", 400, "InvalidMd5"),
        ("x-ms-content-crc64: AAAAAAAAAAA=", 400, "Crc64Mismatch"),
        ("x-ms-blob-content-md5: AAAAAAAAAAAAAAAAAAAAAA==", 400, "Md5Mismatch"),
    ] {
        let reply = call(&probe, "PUT /box/b", &[BLOCK, header], "hello").await;
        assert_eq!((reply.status, reply.code()), (status, code), "{header}");
    }
}

#[tokio::test]
async fn a_lease_runs_out_by_itself() {
    let probe = with_container().await;
    call(&probe, "PUT /box/b", &[BLOCK], "1").await;
    let acquire = ["x-ms-lease-action: acquire", "x-ms-lease-duration: 15"];
    let leased = call(&probe, "PUT /box/b?comp=lease", &acquire, "").await;
    assert_eq!(leased.status, 201);
    assert_eq!(call(&probe, "PUT /box/b", &[BLOCK], "2").await.code(), "LeaseIdMissing");
    probe.store.engine().clock().advance(Duration::from_secs(16));
    assert_eq!(call(&probe, "HEAD /box/b", &[], "").await.header("x-ms-lease-state"), "expired");
    let id = format!("x-ms-lease-id: {}", leased.header("x-ms-lease-id"));
    let renewed = call(&probe, "PUT /box/b?comp=lease", &["x-ms-lease-action: renew", &id], "").await;
    assert_eq!(renewed.status, 200, "an expired lease that nobody took can be renewed");
    probe.store.engine().clock().advance(Duration::from_secs(16));
    assert_eq!(call(&probe, "PUT /box/b", &[BLOCK], "2").await.status, 201);
    let late = call(&probe, "PUT /box/b?comp=lease", &["x-ms-lease-action: renew", &id], "").await;
    assert_eq!(late.code(), "LeaseIdMismatchWithLeaseOperation");
}

#[tokio::test]
async fn a_listing_survives_markers_inside_prefixes() {
    let probe = with_container().await;
    for name in ["a/1", "a/2", "b", "c/1", "c/2", "d"] {
        call(&probe, &format!("PUT /box/{name}"), &[BLOCK], "x").await;
    }
    let mut names = Vec::new();
    let mut marker = String::new();
    loop {
        let line = format!("GET /box?restype=container&comp=list&delimiter=%2F&maxresults=1&marker={marker}");
        let page = call(&probe, &line, &[], "").await;
        names.push(page.element("Name").to_owned());
        marker = page.element("NextMarker").to_owned();
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a/", "b", "c/", "d"]);
    let bad = call(&probe, "GET /box?restype=container&comp=list&marker=!", &[], "").await;
    assert_eq!(bad.code(), "InvalidQueryParameterValue");
}

/// Bodies above the inline limit lie in files: they are shared by copies, and go when nobody refers to them.
#[tokio::test]
async fn files_live_as_long_as_somebody_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::Store::open(crate::Options::in_folder(folder.path())).unwrap();
    let probe = Probe { store };
    let files = || {
        let shelves = std::fs::read_dir(folder.path().join("blobs")).unwrap();
        shelves.map(|shelf| std::fs::read_dir(shelf.unwrap().path()).unwrap().count()).sum::<usize>()
    };
    call(&probe, "PUT /box?restype=container", &[], "").await;
    let content = "0123456789".repeat(20_000);
    call(&probe, "PUT /box/one", &[BLOCK], &content).await;
    let source = "x-ms-copy-source: http://127.0.0.1:10000/devstoreaccount1/box/one";
    assert_eq!(call(&probe, "PUT /box/two", &[source], "").await.status, 202);
    assert_eq!(files(), 1);
    assert_eq!(call(&probe, "DELETE /box/one", &[], "").await.status, 202);
    let rest = call(&probe, "GET /box/two", &["range: bytes=100000-100009"], "").await;
    assert_eq!((rest.status, rest.body.as_str()), (206, "0123456789"));
    probe.store.engine().clock().advance(Duration::from_secs(3600));
    probe.store.tidy().await.unwrap();
    assert_eq!(files(), 1);
    assert_eq!(call(&probe, "DELETE /box?restype=container", &[], "").await.status, 202);
    probe.store.tidy().await.unwrap();
    probe.store.engine().clock().advance(Duration::from_secs(3600));
    probe.store.tidy().await.unwrap();
    assert_eq!(files(), 0);
    // A refused upload leaves no file either.
    assert_eq!(call(&probe, "PUT /box/one", &[BLOCK], &content).await.code(), "ContainerNotFound");
    assert_eq!(files(), 0);
}
