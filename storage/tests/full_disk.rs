//! Issue 3, bad input: a disk that is really full. A small file system of memory is mounted for the test alone, in a
//! mount namespace of a child process, and filled: writes are refused with 507 or 503, everything acknowledged stays
//! readable, and once there is space again writes work without a restart.
//!
//! Linux only. Where no namespace can be made the test says so on its standard error and proves nothing.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test stops at the first surprise")]

use bytes::Bytes;
use horus_storage::{Options, Service, Store, Trust, body};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FOLDER: &str = "HORUS_FULL_DISK_FOLDER";
const RESERVE: &str = "HORUS_FULL_DISK_RESERVE";
/// The child got its file system; what fails after this is a failure.
const MOUNTED: &str = "mounted";
/// Of the whole file system, in MiB.
const SIZE: u64 = 48;
/// Somebody else's file, removed to make space again.
const BALLAST: usize = 16 << 20;

async fn call(
    store: &Store,
    service: Service,
    method: Method,
    path: &str,
    content: Vec<u8>,
) -> (StatusCode, Bytes) {
    let mut request = Request::builder().method(method).uri(format!("/devstoreaccount1/{path}"));
    if service == Service::Blob {
        request = request.header("x-ms-blob-type", "BlockBlob");
    }
    let response = store.call(service, request.body(body::full(content)).unwrap(), Trust::Trusted).await;
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}

/// Content of the message or blob of that number: in the data file, beside a message, or in a file of its own.
fn content(number: usize) -> Vec<u8> {
    let size = [300, 20_000, 150_000][number % 3];
    format!("{number} ").into_bytes().into_iter().cycle().take(size).collect()
}

async fn put(store: &Store, number: usize) -> StatusCode {
    if number % 3 == 2 {
        return call(store, Service::Blob, Method::PUT, &format!("box/{number}"), content(number)).await.0;
    }
    let text = String::from_utf8(content(number)).unwrap();
    let xml = format!("<QueueMessage><MessageText>{text}</MessageText></QueueMessage>");
    call(store, Service::Queue, Method::POST, "line/messages", xml.into_bytes()).await.0
}

/// Puts until everybody is refused; returns what was acknowledged.
async fn fill(store: &Store, first: usize) -> BTreeSet<usize> {
    let workers = (0..8).map(|worker| async move {
        let mut acknowledged = Vec::new();
        let mut refusals = 0;
        for number in (first + worker..).step_by(8) {
            match put(store, number).await {
                StatusCode::CREATED => acknowledged.push(number),
                StatusCode::INSUFFICIENT_STORAGE | StatusCode::SERVICE_UNAVAILABLE => refusals += 1,
                other => panic!("{number}: {other}"),
            }
            if refusals == 20 {
                break;
            }
        }
        acknowledged
    });
    futures::future::join_all(workers).await.into_iter().flatten().collect()
}

/// Blobs are compared byte by byte; messages are counted, without taking them.
async fn check_readable(store: &Store, acknowledged: &BTreeSet<usize>, exactly: bool) {
    for number in acknowledged.iter().filter(|number| *number % 3 == 2) {
        let (status, found) =
            call(store, Service::Blob, Method::GET, &format!("box/{number}"), Vec::new()).await;
        assert_eq!(status, StatusCode::OK, "blob {number}: {}", String::from_utf8_lossy(&found));
        assert!(found == content(*number), "blob {number} has other bytes");
    }
    let (status, peeked) =
        call(store, Service::Queue, Method::GET, "line/messages?peekonly=true&numofmessages=32", Vec::new())
            .await;
    assert_eq!(status, StatusCode::OK);
    assert!(String::from_utf8_lossy(&peeked).contains("<MessageText>"));
    if exactly {
        let mut left: BTreeSet<usize> =
            acknowledged.iter().copied().filter(|number| number % 3 != 2).collect();
        loop {
            let path = "line/messages?numofmessages=32&visibilitytimeout=3600";
            let (status, answer) = call(store, Service::Queue, Method::GET, path, Vec::new()).await;
            assert_eq!(status, StatusCode::OK);
            let answer = String::from_utf8(answer.to_vec()).unwrap();
            let texts: Vec<_> = answer.split("<MessageText>").skip(1).collect();
            if texts.is_empty() {
                break;
            }
            for text in texts {
                let text = text.split("</MessageText>").next().unwrap();
                let number: usize = text.split(' ').next().unwrap().parse().unwrap();
                assert!(text.as_bytes() == content(number), "message {number} has another text");
                // One that was refused may be there: the outcome of a failed request is unknown.
                left.remove(&number);
            }
        }
        assert!(left.is_empty(), "acknowledged and gone: {left:?}");
    }
}

/// The child: alone with its file system.
#[test]
#[ignore = "started by the tests below, in a mount namespace"]
fn full_disk_child() {
    let (Ok(folder), Ok(reserve)) = (std::env::var(FOLDER), std::env::var(RESERVE)) else { return };
    let folder = Path::new(&folder);
    let size = format!("size={SIZE}m");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(folder).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return;
    }
    std::fs::write(folder.with_extension(MOUNTED), "").unwrap();
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1; BALLAST]).unwrap();
    let options = || {
        let mut options = Options::in_folder(folder.join("data"));
        options.engine.reserve = reserve.parse().unwrap();
        // Settles often, so that the full disk is met at every stage.
        options.engine.journal = 1 << 20;
        options
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(options()).unwrap();
        assert_eq!(
            call(&store, Service::Queue, Method::PUT, "line", Vec::new()).await.0,
            StatusCode::CREATED
        );
        let container = "box?restype=container";
        assert_eq!(
            call(&store, Service::Blob, Method::PUT, container, Vec::new()).await.0,
            StatusCode::CREATED
        );
        let mut acknowledged = fill(&store, 0).await;
        assert!(acknowledged.len() > 50, "{}", acknowledged.len());
        check_readable(&store, &acknowledged, false).await;
        // Still full a moment later, and still readable.
        let more = fill(&store, 100_000).await;
        acknowledged.extend(more);
        check_readable(&store, &acknowledged, false).await;

        std::fs::remove_file(&ballast).unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        let mut number = 200_000;
        while put(&store, number).await != StatusCode::CREATED {
            assert!(Instant::now() < end, "there is space again, but writes are still refused");
            tokio::time::sleep(Duration::from_millis(50)).await;
            number += 1;
        }
        acknowledged.insert(number);
        for number in 300_000..300_030 {
            assert_eq!(put(&store, number).await, StatusCode::CREATED);
            acknowledged.insert(number);
        }
        store.close().await;
        drop(store);
        let store = Store::open(options()).unwrap();
        check_readable(&store, &acknowledged, true).await;
    });
    std::fs::write(folder.with_extension("done"), "").unwrap();
}

fn run(reserve: u64) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("disk");
    std::fs::create_dir(&folder).unwrap();
    let child = |arguments: &[&str]| {
        Command::new("unshare")
            .args(arguments)
            .arg(std::env::current_exe().unwrap())
            .args(["full_disk_child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
            .env(FOLDER, &folder)
            .env(RESERVE, reserve.to_string())
            .stdin(Stdio::null())
            .output()
    };
    for arguments in [&["--mount"][..], &["--mount", "--map-root-user"]] {
        let output = child(arguments);
        if folder.with_extension(MOUNTED).exists() {
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && folder.with_extension("done").exists(), "{said}");
            return;
        }
    }
    eprintln!("SKIPPED: no mount namespace can be made here, so a full disk was not tested");
}

/// The engine stops in time.
#[test]
fn a_disk_that_fills_up_to_the_reserve_refuses_writes_and_recovers() {
    run(8 << 20);
}

/// The system refuses: somebody else took the reserve.
#[test]
fn a_disk_without_a_single_free_block_refuses_writes_and_recovers() {
    run(0);
}
