use super::*;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

const DATA: Space = Space::new("test.data");

fn open(folder: &Path) -> Engine {
    Engine::open(EngineOptions::in_folder(folder)).unwrap()
}

async fn put(engine: &Engine, key: &'static [u8], value: &'static [u8]) {
    engine.write(move |tx| tx.put(DATA, key, value)).await.unwrap();
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    put(&engine, b"a", b"1").await;
    drop(engine);
    let engine = open(folder.path());
    assert_eq!(engine.read(|view| view.get(DATA, b"a")).unwrap().unwrap(), b"1");
}

#[tokio::test]
async fn a_failed_request_is_undone_and_its_neighbours_stand() {
    let engine = Engine::open(EngineOptions::in_memory()).unwrap();
    put(&engine, b"kept", b"old").await;
    let failing = engine.write(|tx| {
        tx.put(DATA, b"kept", b"new")?;
        tx.put(DATA, b"extra", b"x")?;
        tx.delete(DATA, b"kept")?;
        Err::<(), _>(StoreError::Full)
    });
    let panicking = engine.write(|tx| {
        tx.put(DATA, b"panicked", b"x")?;
        if tx.contains(DATA, b"panicked")? {
            panic!("on purpose");
        }
        Ok::<_, StoreError>(())
    });
    let passing = engine.write(|tx| tx.put(DATA, b"other", b"y"));
    let (failed, panicked, passed) = tokio::join!(failing, panicking, passing);
    assert!(matches!(failed, Err(StoreError::Full)));
    assert!(matches!(panicked, Err(StoreError::Panicked(text)) if text == "on purpose"));
    passed.unwrap();
    let all = engine.read(|view| view.list(DATA, &KeyRange::prefix(b""), 10)).unwrap();
    assert_eq!(all, [(b"kept".to_vec(), b"old".to_vec()), (b"other".to_vec(), b"y".to_vec())]);
}

#[tokio::test]
async fn ids_are_never_handed_out_twice() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let first = engine.write(|tx| tx.next_id()).await.unwrap();
    let second = engine.write(|tx| tx.next_id()).await.unwrap();
    drop(engine);
    let third = open(folder.path()).write(|tx| tx.next_id()).await.unwrap();
    assert!(first < second && second < third);
}

#[tokio::test]
async fn a_second_opener_is_told_who_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let error = Engine::open(EngineOptions::in_folder(folder.path())).unwrap_err();
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(engine);
    open(folder.path());
}

/// Writes enough that the file has pages worth damaging, then closes it cleanly.
async fn filled(folder: &Path) {
    let engine = open(folder);
    engine
        .write(|tx| {
            for number in 0u32..5000 {
                tx.put(DATA, &number.to_be_bytes(), &[7; 100])?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_alone() {
    type Damage = fn(&mut std::fs::File);
    let damages: [(&str, Damage); 4] = [
        ("emptied", |file| file.set_len(0).unwrap()),
        ("header overwritten", |file| file.write_all(&[0xAA; 512]).unwrap()),
        ("cut short", |file| file.set_len(20_000).unwrap()),
        ("a page flipped", |file| {
            let length = file.metadata().unwrap().len();
            for offset in (65_536..length.min(400_000)).step_by(4096) {
                file.seek(SeekFrom::Start(offset + 100)).unwrap();
                file.write_all(&[0x55; 64]).unwrap();
            }
        }),
    ];
    for (name, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path()).await;
        let path = folder.path().join("store.redb");
        damage(&mut std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap());
        let mut before = Vec::new();
        std::fs::File::open(&path).unwrap().read_to_end(&mut before).unwrap();
        let error = Engine::open(EngineOptions::in_folder(folder.path())).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{name}: {error}");
        assert!(error.to_string().contains("store.redb"), "{name}: {error}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), before.len() as u64, "{name}");
    }
}

#[tokio::test]
async fn a_missing_data_file_is_damage_not_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    std::fs::remove_file(folder.path().join("store.redb")).unwrap();
    let error = Engine::open(EngineOptions::in_folder(folder.path())).unwrap_err();
    assert!(error.to_string().contains("it is missing"), "{error}");
    assert!(!folder.path().join("store.redb").exists());
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    std::fs::write(folder.path().join("format"), "99\n").unwrap();
    let error = Engine::open(EngineOptions::in_folder(folder.path())).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
}

/// Issue 3, bad input: full disk.
#[tokio::test]
async fn with_too_little_space_writes_are_refused_and_reads_work() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    put(&engine, b"a", b"1").await;
    drop(engine);
    let options = EngineOptions { reserve: u64::MAX, ..EngineOptions::in_folder(folder.path()) };
    let engine = Engine::open(options).unwrap();
    let refused = engine.write(|tx| tx.put(DATA, b"b", b"2")).await;
    assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    assert_eq!(engine.read(|view| view.get(DATA, b"a")).unwrap().unwrap(), b"1");
}

#[tokio::test]
async fn many_writers_share_commits_and_lose_nothing() {
    let engine = Engine::open(EngineOptions::in_memory()).unwrap();
    let writers = (0..64u32).map(|writer| {
        let engine = engine.clone();
        async move {
            for number in 0..50u32 {
                let key = [writer.to_be_bytes(), number.to_be_bytes()].concat();
                engine.write(move |tx| tx.put(DATA, &key, &[])).await.unwrap();
            }
        }
    });
    futures::future::join_all(writers).await;
    let all = engine.read(|view| view.list(DATA, &KeyRange::prefix(b""), usize::MAX)).unwrap();
    assert_eq!(all.len(), 64 * 50);
}

#[tokio::test]
async fn a_closed_store_refuses_writes_and_still_reads() {
    let engine = Engine::open(EngineOptions::in_memory()).unwrap();
    put(&engine, b"a", b"1").await;
    engine.close().await;
    assert!(matches!(engine.write(|tx| tx.put(DATA, b"b", b"")).await, Err(StoreError::Closed)));
    assert!(engine.read(|view| view.contains(DATA, b"a")).unwrap());
}

#[tokio::test]
async fn discarded_rows_disappear_step_by_step() {
    let engine = Engine::open(EngineOptions::in_memory()).unwrap();
    engine
        .write(|tx| {
            for number in 0u32..600 {
                tx.put(DATA, &[b"dead", &number.to_be_bytes()[..]].concat(), b"x")?;
            }
            tx.put(DATA, b"alive", b"x")?;
            tx.discard_prefix(DATA, b"dead")
        })
        .await
        .unwrap();
    let mut steps = 0;
    while engine.sweep(&[DATA]).await.unwrap() {
        steps += 1;
    }
    assert!(steps >= 3, "{steps}");
    let left = engine.read(|view| view.list(DATA, &KeyRange::prefix(b""), 10)).unwrap();
    assert_eq!(left.len(), 1);
}

#[test]
fn ranges_cover_what_they_say() {
    assert_eq!(after_prefix(b"ab"), Some(b"ac".to_vec()));
    assert_eq!(after_prefix(&[1, 255, 255]), Some(vec![2]));
    assert_eq!(after_prefix(&[255]), None);
}

#[tokio::test]
async fn scans_run_both_ways_and_survive_empty_ranges() {
    let engine = Engine::open(EngineOptions::in_memory()).unwrap();
    for key in [b"a", b"b", b"c"] {
        put(&engine, key, b"").await;
    }
    let keys = |range: KeyRange| {
        let rows = engine.read(|view| view.list(DATA, &range, 10)).unwrap();
        rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect::<String>()
    };
    assert_eq!(keys(KeyRange::between("a", "c")), "ab");
    assert_eq!(keys(KeyRange::prefix("").after("a")), "bc");
    assert_eq!(keys(KeyRange::prefix("").from("b").descending()), "cb");
    assert_eq!(keys(KeyRange::between("c", "a")), "");
}

#[test]
fn a_clock_can_be_moved() {
    let clock = Clock::system();
    let before = clock.now();
    clock.clone().advance(Duration::from_secs(3600));
    assert!(clock.now().since(before) >= Duration::from_secs(3600));
    assert_eq!(Timestamp::from_key(before.to_key()), before);
}
