//! The console as a log sink: callers never wait for the terminal, one thread writes.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use horus_app::log::{Level, Log, Record, Sink};

use super::Filter;
use super::style::{DARK_GRAY, Style};

/// Records that may wait for the terminal; beyond that they are dropped and counted, since a slow terminal must
/// not slow functions down.
const BACKLOG: usize = 16 * 1024;

/// The writer rests this long after it has written. Waking it costs whoever logs a system call; nobody sees that a
/// line comes a few milliseconds later, and under load one awakening serves hundreds of lines.
const REST: Duration = Duration::from_millis(5);

/// Lines that only tools read start with this and are written as they are.
const TOOLING: &str = "azfuncjsonlog:";

/// Where lines for tools go.
#[derive(Debug)]
pub(crate) enum JsonOutput {
    /// Between the other lines.
    Stdout,
    /// Appended to a file.
    File(File),
}

enum Entry {
    Line { at: SystemTime, level: Level, text: String },
    Plain(String),
    Flush(SyncSender<()>),
}

/// The console. Dropping the last handle writes what is left.
pub(crate) struct Console {
    sender: Option<SyncSender<Entry>>,
    writer: Option<JoinHandle<()>>,
    dropped: Arc<AtomicU64>,
    filter: Arc<RwLock<Filter>>,
}

struct ConsoleSink {
    filter: Arc<RwLock<Filter>>,
    sender: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl Console {
    /// Starts the writing thread.
    pub(crate) fn start(filter: Filter, style: Style, json: JsonOutput) -> (Self, Log) {
        let (sender, entries) = sync_channel(BACKLOG);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = dropped.clone();
        let writer = std::thread::Builder::new()
            .name("console".into())
            .spawn(move || write_all(&entries, &counter, style, json))
            .expect("a thread can be started at process start");
        let filter = Arc::new(RwLock::new(filter));
        let log = Log::new(ConsoleSink {
            filter: filter.clone(),
            sender: sender.clone(),
            dropped: dropped.clone(),
        });
        (Self { sender: Some(sender), writer: Some(writer), dropped, filter }, log)
    }

    /// Writes `text` as it is, in order with the log lines.
    pub(crate) fn print(&self, text: impl Into<String>) {
        if let Some(sender) = &self.sender {
            // The writer lives as long as the console.
            let _ = sender.send(Entry::Plain(text.into()));
        }
    }

    /// Shows what `filter` lets through from now on.
    pub(crate) fn filter_by(&self, filter: Filter) {
        *self.filter.write().unwrap_or_else(PoisonError::into_inner) = filter;
    }

    /// Returns once everything so far is written.
    pub(crate) fn flush(&self) {
        let (done, flushed) = sync_channel(1);
        if self.sender.as_ref().is_some_and(|sender| sender.send(Entry::Flush(done)).is_ok()) {
            let _ = flushed.recv_timeout(Duration::from_secs(2));
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.flush();
        self.sender = None;
        // The log may live on in other threads and keep the channel open, so the writer is not joined.
        drop(self.writer.take());
        let _ = self.dropped.load(Ordering::Relaxed);
    }
}

impl Sink for ConsoleSink {
    fn accepts(&self, category: &str, level: Level) -> bool {
        self.filter.read().unwrap_or_else(PoisonError::into_inner).accepts(category, level)
    }

    fn write(&self, record: Record<'_>) {
        let entry =
            Entry::Line { at: SystemTime::now(), level: record.level, text: record.message.to_owned() };
        if let Err(TrySendError::Full(_)) = self.sender.try_send(entry) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn write_all(entries: &Receiver<Entry>, dropped: &AtomicU64, style: Style, mut json: JsonOutput) {
    let mut out = BufWriter::with_capacity(64 * 1024, io::stdout());
    let mut stamp = Stamp::default();
    while let Ok(first) = entries.recv() {
        let mut next = Some(first);
        while let Some(entry) = next {
            // A closed terminal is no reason to stop the host.
            let _ = write_entry(&mut out, &mut stamp, style, &mut json, entry);
            next = entries.try_recv().ok();
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(out, "({lost} log lines were dropped because the terminal is too slow)");
        }
        let _ = out.flush();
        std::thread::sleep(REST);
    }
}

fn write_entry(
    out: &mut impl Write,
    stamp: &mut Stamp,
    style: Style,
    json: &mut JsonOutput,
    entry: Entry,
) -> io::Result<()> {
    match entry {
        Entry::Plain(text) => out.write_all(text.as_bytes()),
        Entry::Flush(done) => {
            out.flush()?;
            let _ = done.send(());
            Ok(())
        }
        Entry::Line { text, .. } if text.starts_with(TOOLING) => match json {
            JsonOutput::Stdout => writeln!(out, "{text}"),
            JsonOutput::File(file) => writeln!(file, "{text}"),
        },
        Entry::Line { at, level, text } => {
            let stamp = stamp.of(at);
            for line in text.lines() {
                if style.is_enabled() {
                    let line =
                        Style::of(level).map_or_else(|| line.to_owned(), |code| style.paint(code, line));
                    writeln!(out, "{} {line}", style.paint(DARK_GRAY, stamp))?;
                } else {
                    writeln!(out, "{stamp} {line}")?;
                }
            }
            Ok(())
        }
    }
}

/// `[2026-08-20T12:34:56.789Z]`, made anew only when the millisecond changes.
#[derive(Default)]
struct Stamp {
    millis: i64,
    text: String,
}

impl Stamp {
    fn of(&mut self, at: SystemTime) -> &str {
        let at: DateTime<Utc> = at.into();
        if at.timestamp_millis() != self.millis || self.text.is_empty() {
            self.millis = at.timestamp_millis();
            self.text = at.format("[%Y-%m-%dT%H:%M:%S%.3fZ]").to_string();
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(level: Level, text: &str) -> String {
        let mut out = Vec::new();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_755_693_296_789);
        let entry = Entry::Line { at, level, text: text.into() };
        write_entry(&mut out, &mut Stamp::default(), Style::plain(), &mut JsonOutput::Stdout, entry).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// cli.md item 55: every physical line has the prefix.
    #[test]
    fn c55_each_line_of_a_message_is_prefixed() {
        assert_eq!(
            line(Level::Information, "a\nb"),
            "[2025-08-20T12:34:56.789Z] a\n[2025-08-20T12:34:56.789Z] b\n"
        );
    }

    /// cli.md §4.5: lines for tools are printed unmodified.
    #[test]
    fn tooling_lines_are_raw() {
        assert_eq!(line(Level::Information, "azfuncjsonlog:{\"a\":1}"), "azfuncjsonlog:{\"a\":1}\n");
    }
}
