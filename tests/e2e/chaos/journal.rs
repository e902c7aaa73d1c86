//! What the functions of the chaos apps noted, read while they go on noting.

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

/// The journal so far.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Bytes read; always the beginning of a line.
    read: u64,
    /// By invocation: which process began it. HTTP invocations have ids of their own.
    pub(super) begun: HashMap<String, u32>,
    /// By message: how often it was begun, failed by the function itself, and done.
    pub(super) messages: HashMap<String, Tries>,
    /// By request to leave: which process obeyed.
    pub(super) left: HashMap<String, u32>,
    /// Processes that have finished something.
    pub(super) served: HashSet<u32>,
}

/// The tries at one message.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tries {
    pub(super) taken: usize,
    pub(super) failed: usize,
    pub(super) done: usize,
}

impl Journal {
    pub(super) fn new(path: PathBuf) -> Self {
        let (begun, messages, left, served) = Default::default();
        Self { path, read: 0, begun, messages, left, served }
    }

    /// Reads what was added.
    pub(super) fn refresh(&mut self) {
        let Ok(mut file) = std::fs::File::open(&self.path) else { return };
        file.seek(SeekFrom::Start(self.read)).expect("files can be read anywhere");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("the journal is text");
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        for line in text[..whole].lines() {
            let mut words = line.split(' ');
            let (Some(what), Some(id), Some(pid)) = (words.next(), words.next(), words.next()) else {
                panic!("no entry of the journal: {line:?}");
            };
            self.note(what, id, pid.parse().expect("a process id"));
        }
    }

    fn note(&mut self, what: &str, id: &str, pid: u32) {
        let message = |journal: &mut Self, count: fn(&mut Tries)| {
            count(journal.messages.entry(id.to_owned()).or_default());
        };
        match what {
            "begin" => drop(self.begun.insert(id.to_owned(), pid)),
            "leave" => drop(self.left.insert(id.to_owned(), pid)),
            "take" => message(self, |tries| tries.taken += 1),
            "fail" => message(self, |tries| tries.failed += 1),
            "done" => message(self, |tries| tries.done += 1),
            "end" => {}
            other => panic!("the journal does not know {other:?}"),
        }
        if matches!(what, "end" | "done") {
            self.served.insert(pid);
        }
    }
}
