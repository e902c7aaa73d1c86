use chrono::{DateTime, TimeDelta, Utc};

use crate::blob::scan::Progress;
use crate::storage::{ListedBlob, Page};

/// A moment, in seconds.
fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn blob(name: &str, etag: &str, modified: i64) -> ListedBlob {
    ListedBlob {
        name: name.to_owned(),
        etag: etag.to_owned(),
        kind: "BlockBlob".to_owned(),
        modified: at(modified),
    }
}

/// One listing at `now` that finds everything it meets; what it looked at, and the position it leaves.
fn pass(progress: &mut Progress, now: i64, blobs: &[ListedBlob]) -> (Vec<String>, Option<DateTime<Utc>>) {
    progress.begin(at(now));
    let candidates: Vec<ListedBlob> =
        blobs.iter().filter(|blob| progress.is_candidate(blob)).cloned().collect();
    let names = candidates.iter().map(|blob| blob.name.clone()).collect();
    candidates.into_iter().for_each(|blob| progress.found(blob));
    assert!(progress.listed(&Page { blobs: blobs.to_vec(), next: None }));
    (names, progress.end())
}

/// Spec bindings.md §5.1: everything is new at first, then what is as young as the youngest known; what is known is
/// not looked at again, new content is.
#[test]
fn only_young_blobs_are_looked_at() {
    let mut progress = Progress::new(None);
    let old = [blob("a", "1", 0), blob("b", "1", 10)];
    assert_eq!(pass(&mut progress, 1000, &old), (vec!["a".into(), "b".into()], Some(at(10))));
    assert_eq!(pass(&mut progress, 1010, &old), (vec![], None), "nothing has changed");
    let next = [blob("a", "2", 1015), blob("b", "1", 10), blob("c", "1", 10)];
    let (names, position) = pass(&mut progress, 1020, &next);
    assert_eq!(names, ["a", "c"], "new content, and a blob of the same second as the youngest known");
    assert_eq!(position, Some(at(960)));
    assert_eq!(pass(&mut progress, 1500, &next), (vec![], Some(at(1015))));
    assert_eq!(pass(&mut progress, 1510, &next), (vec![], None));
}

/// Another instance goes on where this one stood.
#[test]
fn a_position_is_taken_over() {
    let mut progress = Progress::new(Some(at(10) - TimeDelta::milliseconds(1)));
    let (names, position) = pass(&mut progress, 1000, &[blob("a", "1", 9), blob("b", "1", 10)]);
    assert_eq!((names, position), (vec!["b".into()], Some(at(10))));
}

/// A blob written behind the listing's back, under a name that it has passed already, is not skipped, although
/// the listing goes on to meet a younger one.
#[test]
fn blobs_written_while_listing_are_not_lost() {
    let mut progress = Progress::new(None);
    progress.begin(at(1000));
    let first = Page { blobs: vec![blob("a", "1", 0)], next: Some("b".into()) };
    assert!(!progress.listed(&first));
    assert_eq!(progress.marker(), Some("b"));
    progress.begin(at(1010));
    // "aa" is written now, at 1011; then the listing meets "z", written at 1012.
    assert!(progress.listed(&Page { blobs: vec![blob("z", "1", 1012)], next: None }));
    progress.found(blob("z", "1", 1012));
    assert_eq!(progress.end(), Some(at(940)), "a minute before the listing began");
    let now = [blob("a", "1", 0), blob("aa", "1", 1011), blob("z", "1", 1012)];
    assert_eq!(pass(&mut progress, 1020, &now).0, ["aa"]);
}

/// A listing that could not look at everything leaves the position where it is.
#[test]
fn missed_blobs_are_met_again() {
    let mut progress = Progress::new(None);
    progress.begin(at(1000));
    progress.missed();
    progress.found(blob("b", "1", 20));
    assert!(progress.listed(&Page { blobs: vec![blob("a", "1", 10), blob("b", "1", 20)], next: None }));
    assert_eq!(progress.end(), None);
    assert!(!progress.is_clean());
    let (names, position) = pass(&mut progress, 1010, &[blob("a", "1", 10), blob("b", "1", 20)]);
    assert_eq!((names, position), (vec!["a".into()], Some(at(20))));
    assert!(progress.is_clean());
}
