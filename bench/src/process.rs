//! Programs under measurement: started, watched through /proc, and ended.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How long a program may take to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(60);
const MICROS_PER_TICK: f64 = 10_000.0;

/// A running program. Ends with its value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// When it was started.
    pub(crate) started: Instant,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in a group of its own, its output in the file `log`, as a user would keep it.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file = fs::File::create(log)?;
        let errors = file.try_clone()?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let started = Instant::now();
        let child =
            command.spawn().with_context(|| format!("{:?} cannot be started", command.get_program()))?;
        Ok(Self { child, started, log: log.to_owned() })
    }

    /// Starts this program again as the server `words`; it says which port it has.
    pub(crate) fn serve(words: &[&str]) -> anyhow::Result<(Self, SocketAddr)> {
        let started = Instant::now();
        let mut child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("its output is a pipe")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let process = Self { child, started, log: PathBuf::new() };
        let port: u16 = line.trim().parse().with_context(|| format!("server {words:?} said {line:?}"))?;
        Ok((process, (Ipv4Addr::LOCALHOST, port).into()))
    }

    /// CPU time used so far in microseconds, children not included.
    pub(crate) fn cpu_micros(&self) -> f64 {
        cpu_micros(self.child.id())
    }

    /// CPU time in microseconds of the processes it has started and that still run.
    pub(crate) fn children_cpu_micros(&self) -> f64 {
        children(self.child.id()).into_iter().map(cpu_micros).sum()
    }

    /// Resident memory in MiB.
    pub(crate) fn rss_mib(&self) -> f64 {
        self.memory_mib("VmRSS:")
    }

    /// Resident memory in MiB that is its own; the rest is pages of the binary, which the system can drop and share.
    pub(crate) fn own_mib(&self) -> f64 {
        self.memory_mib("RssAnon:")
    }

    fn memory_mib(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib =
            line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<f64>().ok());
        kib.unwrap_or_default() / 1024.0
    }

    /// What it has printed.
    pub(crate) fn output(&self) -> String {
        fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// Fails with its output when it has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("it ended with {status}:\n{}", self.output());
        }
        if self.started.elapsed() > PATIENCE {
            // Each of many attempts may have left lines.
            let output = self.output();
            let lines: Vec<&str> = output.lines().take(40).collect();
            bail!("it did not answer within {PATIENCE:?}:\n{}", lines.join("\n"));
        }
        Ok(())
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            // Fails only when it has ended already.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(10) {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that nobody uses right now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// CPU time of a process in microseconds, in steps of ten milliseconds.
pub(crate) fn cpu_micros(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = fields(&stat);
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) * MICROS_PER_TICK
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        fields(&stat).get(1).and_then(|field| field.parse().ok()) == Some(parent)
    };
    pids.filter(is_child).collect()
}

/// Fields after the program's name, which may hold anything.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_seen_with_its_children_and_its_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo started; sleep 60 & wait"]);
        let mut process = Process::start(&mut command, &folder.path().join("log")).unwrap();
        while children(process.child.id()).is_empty() {
            process.check().unwrap();
        }
        assert_eq!(process.output(), "started\n");
        assert!(process.own_mib() > 0.0 && process.rss_mib() > process.own_mib());
        let child = children(process.child.id())[0];
        process.stop();
        assert!(process.check().is_err(), "it has ended");
        let pid = rustix::process::Pid::from_raw(i32::try_from(child).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    #[test]
    fn cpu_time_grows_with_work() {
        let (before, thread) = (cpu_micros(std::process::id()), thread_cpu());
        let started = Instant::now();
        while started.elapsed() < PATIENCE && cpu_micros(std::process::id()) <= before {
            std::hint::black_box((0..10_000u64).sum::<u64>());
        }
        assert!(cpu_micros(std::process::id()) > before);
        assert!(thread_cpu() > thread);
    }
}
