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
async fn a_missing_journal_is_damage_too() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    std::fs::remove_file(folder.path().join("store.journal")).unwrap();
    let error = Engine::open(EngineOptions::in_folder(folder.path())).unwrap_err();
    assert!(error.to_string().contains("store.journal' is damaged (it is missing)"), "{error}");
    assert!(!folder.path().join("store.journal").exists());
}

/// What a process that is killed now would leave behind.
fn image(folder: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    for file in ["store.redb", "store.journal", "format"] {
        std::fs::copy(folder.join(file), image.path().join(file)).unwrap();
    }
    image
}

fn all(engine: &Engine) -> Vec<Row> {
    engine.read(|view| view.list(DATA, &KeyRange::prefix(b""), usize::MAX)).unwrap()
}

#[tokio::test]
async fn a_damaged_journal_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    for key in [b"a", b"b", b"c"] {
        put(&engine, key, b"").await;
    }
    let image = image(folder.path());
    let path = image.path().join("store.journal");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4096 + 30] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let error = Engine::open(EngineOptions::in_folder(image.path())).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("store.journal"), "{error}");
    assert!(std::fs::read(&path).unwrap() == bytes);
}

/// Issue 3, durability: a crash right after any acknowledgement, with the journal at every stage of its laps: just
/// appended, full, settled in the data file and still holding the old records, begun again over them, grown.
#[tokio::test]
async fn a_crash_after_any_acknowledgement_loses_nothing_and_brings_nothing_back() {
    for journal in [8 << 10, 32 << 10, 512 << 10] {
        let folder = tempfile::tempdir().unwrap();
        let options = EngineOptions { journal, ..EngineOptions::in_folder(folder.path()) };
        let engine = Engine::open(options.clone()).unwrap();
        let mut model = std::collections::BTreeMap::new();
        let mut images = 0;
        for step in 0u32..150 {
            let key = (rand::random::<u32>() % 20).to_be_bytes();
            // From nothing to more than the smallest journal holds.
            let value = vec![u8::try_from(step).unwrap(); 1 << (rand::random::<u32>() % 15)];
            if step % 3 == 2 {
                model.remove(&key[..]);
                engine.write(move |tx| tx.delete(DATA, &key)).await.unwrap();
            } else {
                model.insert(key.to_vec(), value.clone());
                engine.write(move |tx| tx.put(DATA, &key, &value)).await.unwrap();
            }
            if step % 5 == 0 {
                let image = image(folder.path());
                let left = Engine::open(EngineOptions { journal, ..EngineOptions::in_folder(image.path()) })
                    .unwrap();
                assert_eq!(all(&left), model.clone().into_iter().collect::<Vec<_>>(), "step {step}");
                images += 1;
            }
        }
        assert_eq!(images, 30);
        drop(engine);
        let engine = Engine::open(options).unwrap();
        assert_eq!(all(&engine), model.into_iter().collect::<Vec<_>>());
    }
}

/// A start that is itself killed, again and again, before it settled anything.
#[tokio::test]
async fn replaying_twice_is_replaying_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    put(&engine, b"a", b"1").await;
    engine.write(|tx| tx.delete(DATA, b"a")).await.unwrap();
    put(&engine, b"b", b"2").await;
    let mut folder = image(folder.path());
    for round in 0..5u8 {
        let engine = open(folder.path());
        assert_eq!(all(&engine).len(), 1 + usize::from(round));
        engine.write(move |tx| tx.put(DATA, &[round], b"")).await.unwrap();
        let next = image(folder.path());
        drop(engine);
        folder = next;
    }
}

#[tokio::test]
async fn a_folder_without_a_journal_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    {
        let database = redb::Database::create(folder.path().join("store.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(DATA.definition()).unwrap().insert(&b"old"[..], &b"1"[..]).unwrap();
        transaction.commit().unwrap();
    }
    std::fs::write(folder.path().join("format"), "1\n").unwrap();
    // Left by a start that was killed before the format was written.
    std::fs::write(folder.path().join("store.journal"), [1; 5000]).unwrap();
    let engine = open(folder.path());
    put(&engine, b"new", b"2").await;
    let image = image(folder.path());
    assert_eq!(std::fs::read_to_string(image.path().join("format")).unwrap(), "2\n");
    assert_eq!(all(&open(image.path())).len(), 2);
}

/// The disk refuses a flush: the caller is told, its change is gone for readers and for the next start.
#[tokio::test]
async fn a_journal_that_cannot_be_flushed_costs_only_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    put(&engine, b"a", b"1").await;
    engine.0.file.journal.lock().as_mut().unwrap().fail_next();
    let refused = engine.write(|tx| tx.put(DATA, b"b", b"2")).await;
    assert!(matches!(refused, Err(StoreError::Io(_))), "{refused:?}");
    assert_eq!(all(&engine).len(), 1);
    put(&engine, b"c", b"3").await;
    put(&engine, b"d", b"4").await;
    let image = image(folder.path());
    let keys: Vec<_> = all(&open(image.path())).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [b"a", b"c", b"d"]);
}

/// The data file has to be opened again while the journal holds what it has not.
#[tokio::test]
async fn reopening_after_a_disk_error_brings_back_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    put(&engine, b"a", b"1").await;
    *engine.0.file.database.write() = None;
    engine.read(|view| view.get(DATA, b"a")).unwrap_err();
    // Whoever writes first opens it, or the writer itself after a while.
    let _ = engine.write(|tx| tx.put(DATA, b"b", b"2")).await;
    put(&engine, b"c", b"3").await;
    assert!(engine.read(|view| view.contains(DATA, b"a")).unwrap());
    assert!(all(&open(image(folder.path()).path())).len() >= 2);
}

#[tokio::test]
async fn a_closed_store_has_nothing_left_in_its_journal() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    put(&engine, b"a", b"1").await;
    assert!(engine.0.file.is_unsettled());
    engine.close().await;
    assert!(!engine.0.file.is_unsettled());
    drop(engine);
    let engine = open(folder.path());
    put(&engine, b"b", b"2").await;
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while engine.0.file.is_unsettled() {
        assert!(std::time::Instant::now() < end, "an idle store settles by itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
