use super::super::Space;
use super::record::Unreadable;
use super::*;

const SALT: u64 = 7;
const MOST: u64 = 1 << 20;
const ONE: Space = Space::new("test.one");
const TWO: Space = Space::new("test.two");

fn settled(sequence: u64) -> Settled {
    Settled { sequence, salt: SALT, capacity: Journal::first_capacity(MOST) }
}

/// A group of its own content and about `size` bytes.
fn group(number: u8, size: usize) -> Redo {
    let mut redo = Redo::new();
    redo.put(ONE, &[number], &vec![number; size]);
    redo
}

fn replayed(journal: &mut Journal, from: u64) -> Result<Vec<u8>, ReplayError> {
    let mut numbers = Vec::new();
    journal.replay(from, &mut |payload| {
        for step in steps(payload) {
            match step.unwrap() {
                Step::Put { key, .. } => numbers.push(key[0]),
                Step::Remove { .. } => {}
            }
        }
        Ok(())
    })?;
    Ok(numbers)
}

#[test]
fn a_record_says_what_was_put_and_removed_in_order() {
    let mut redo = Redo::new();
    redo.put(ONE, b"a", b"1");
    let mark = redo.mark();
    redo.put(TWO, b"undone", b"x");
    redo.back_to(mark);
    redo.remove(TWO, b"b");
    redo.put(ONE, b"", &[9; 5000]);
    let record = redo.seal(3, SALT).to_vec();
    assert_eq!(record.len() % BLOCK, 0);
    let header = Header::read(record.first_chunk().unwrap()).unwrap();
    assert_eq!((header.sequence, header.size()), (3, record.len()));
    let payload = &record[HEADER..HEADER + header.length];
    assert!(header.fits(payload, SALT));
    assert!(!header.fits(payload, SALT + 1), "another journal's salt must not fit");
    let found: Vec<_> = steps(payload).map(Result::unwrap).collect();
    let long = [9; 5000];
    assert_eq!(
        found,
        [
            Step::Put { space: "test.one", key: b"a", value: b"1" },
            Step::Remove { space: "test.two", key: b"b" },
            Step::Put { space: "test.one", key: b"", value: &long },
        ]
    );
}

#[test]
fn nonsense_behind_a_right_checksum_is_not_swallowed() {
    for payload in [&[9, 0, 0][..], &[1, 0, 0, 1, 0, 0, 0], &[0, 5, 0, b'x'], &[2, 1, 0, 0, 0, 0, 0], &[1]] {
        assert!(steps(payload).any(|step| step == Err(Unreadable)), "{payload:?}");
    }
}

#[test]
fn a_full_journal_takes_nothing_until_it_is_settled_and_then_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL_FILE);
    let mut journal = Journal::create(&path, settled(0), MOST).unwrap();
    let mut written = 0;
    while journal.append(&mut group(written, 60_000)).unwrap() {
        written += 1;
    }
    assert!(written >= 3, "{written}");
    let mark = journal.mark_next();
    journal.settle(mark.sequence);
    assert!(journal.append(&mut group(100, 10)).unwrap());
    let mut journal = Journal::open(&path, mark, MOST).unwrap();
    assert_eq!(replayed(&mut journal, mark.sequence).unwrap(), [100], "the settled records stay settled");
    assert!(journal.append(&mut group(101, 10)).unwrap());
    let mut journal = Journal::open(&path, mark, MOST).unwrap();
    assert_eq!(replayed(&mut journal, mark.sequence).unwrap(), [100, 101]);
}

#[test]
fn it_grows_up_to_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL_FILE);
    let mut journal = Journal::create(&path, settled(0), MOST).unwrap();
    assert!(!journal.append(&mut group(1, 500_000)).unwrap());
    journal.grow();
    assert_eq!(journal.mark_next().capacity, MOST);
    assert!(journal.append(&mut group(1, 500_000)).unwrap());
    journal.grow();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), MOST);
}

/// Three durable records; returns the file's bytes and where each begins, and the end of the last.
fn three(path: &Path) -> (Vec<u8>, [usize; 4]) {
    let mut journal = Journal::create(path, settled(0), MOST).unwrap();
    let mut starts = [0; 4];
    for number in 1..=3 {
        assert!(journal.append(&mut group(number, 9000)).unwrap());
        starts[usize::from(number)] = usize::try_from(journal.end).unwrap();
    }
    (std::fs::read(path).unwrap(), starts)
}

/// Issue 3, durability: a record that a crash tore is as if it had never been written.
#[test]
fn a_torn_tail_ends_the_journal_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL_FILE);
    let (whole, starts) = three(&path);
    let payload_end = starts[2] + HEADER + 9000;
    let mut torn: Vec<(String, Vec<u8>)> = Vec::new();
    for sector in (starts[2]..payload_end).step_by(512) {
        let mut cut = whole.clone();
        cut[sector..starts[3]].fill(0);
        torn.push((format!("nothing from {sector} on"), cut));
        let mut hole = whole.clone();
        hole[sector..sector + 512].fill(0);
        torn.push((format!("all but the sector at {sector}"), hole));
        let mut late = whole.clone();
        late[starts[2]..sector].fill(0);
        if sector > starts[2] {
            torn.push((format!("only what follows {sector}"), late));
        }
        let mut flipped = whole.clone();
        flipped[sector + 3] ^= 0x10;
        torn.push((format!("a bit at {}", sector + 3), flipped));
    }
    for (name, bytes) in torn {
        std::fs::write(&path, bytes).unwrap();
        let mut journal = Journal::open(&path, settled(0), MOST).unwrap();
        assert_eq!(replayed(&mut journal, 0).unwrap(), [1, 2], "{name}");
        // It goes on where the torn record began, shorter than that one was.
        assert!(journal.append(&mut group(9, 10)).unwrap());
        let mut journal = Journal::open(&path, settled(0), MOST).unwrap();
        assert_eq!(replayed(&mut journal, 0).unwrap(), [1, 2, 9], "{name}");
    }
}

/// Issue 3, bad input: damage is said, never skipped.
#[test]
fn a_damaged_middle_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL_FILE);
    let (whole, starts) = three(&path);
    type Damage = fn(&mut [u8]);
    let damages: [(&str, Damage); 6] = [
        ("magic", |record| record[0] ^= 1),
        ("length", |record| record[5] ^= 1),
        ("sequence", |record| record[8] ^= 0x40),
        ("checksum", |record| record[17] ^= 1),
        ("content", |record| record[5000] ^= 1),
        ("all of it", |record| record.fill(0)),
    ];
    for first in [0, 1] {
        for (name, damage) in damages {
            let mut bytes = whole.clone();
            damage(&mut bytes[starts[first]..starts[first + 1]]);
            std::fs::write(&path, &bytes).unwrap();
            let mut journal = Journal::open(&path, settled(0), MOST).unwrap();
            let error = replayed(&mut journal, 0).unwrap_err();
            assert!(error.to_string().contains("missing or broken"), "{name} of {first}: {error}");
            assert!(std::fs::read(&path).unwrap() == bytes, "{name} of {first}");
        }
    }
}

#[test]
fn a_gap_after_what_the_data_file_has_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL_FILE);
    let mut journal = Journal::create(&path, settled(10), MOST).unwrap();
    assert!(journal.append(&mut group(1, 10)).unwrap());
    // The data file of an earlier day.
    let mut journal = Journal::open(&path, settled(8), MOST).unwrap();
    assert!(matches!(replayed(&mut journal, 8), Err(ReplayError::Damaged(_))));
    // And one that has everything already.
    let mut journal = Journal::open(&path, settled(11), MOST).unwrap();
    assert!(replayed(&mut journal, 11).unwrap().is_empty());
}

#[test]
fn a_journal_cut_short_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL_FILE);
    let (whole, starts) = three(&path);
    std::fs::write(&path, &whole[..starts[1]]).unwrap();
    let error = Journal::open(&path, settled(0), MOST).unwrap_err();
    assert!(error.to_string().contains("cut short"), "{error}");
}

/// Bytes a client chose look like the record that would come next; they lie where the journal will look for it.
#[test]
fn a_message_cannot_pass_for_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL_FILE);
    let mut forged = group(66, 10);
    let forged = forged.seal(2, SALT + 1).to_vec();
    let (mut whole, starts) = three(&path);
    whole[starts[1]..starts[1] + forged.len()].copy_from_slice(&forged);
    whole[starts[2]..].fill(0);
    std::fs::write(&path, whole).unwrap();
    let mut journal = Journal::open(&path, settled(0), MOST).unwrap();
    assert_eq!(replayed(&mut journal, 0).unwrap(), [1]);
}

/// The disk fails once: the record is not acknowledged, and nothing is appended behind it before the data file settled.
#[test]
fn after_a_failed_append_the_data_file_must_settle_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(JOURNAL_FILE);
    let mut journal = Journal::create(&path, settled(0), MOST).unwrap();
    assert!(journal.append(&mut group(1, 10)).unwrap());
    journal.fail_next();
    journal.append(&mut group(2, 10)).unwrap_err();
    assert!(!journal.append(&mut group(3, 10)).unwrap());
    assert_eq!(replayed(&mut journal, 0).unwrap(), [1], "what was refused does not come back");
    assert!(!journal.append(&mut group(3, 10)).unwrap());
    let mark = journal.mark_next();
    assert_eq!(mark.sequence, 3, "the number of the failed record is not used again");
    journal.settle(mark.sequence);
    assert!(journal.append(&mut group(4, 10)).unwrap());
    let mut journal = Journal::open(&path, mark, MOST).unwrap();
    assert_eq!(replayed(&mut journal, mark.sequence).unwrap(), [4]);
}
