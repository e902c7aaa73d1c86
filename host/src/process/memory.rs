//! How much memory child processes use, and how much there is.

use std::path::Path;

/// Resident memory of process `id` in bytes; `None` where the system does not tell or the process is gone.
pub(crate) fn resident(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    kibibytes(&status, "VmRSS:")
}

/// Memory that this machine or container may use, in bytes: the lower of what is built in and what the control group
/// allows.
pub(crate) fn limit() -> Option<u64> {
    let built_in = kibibytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    let allowed = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(Path::new(path)).ok()?.trim().parse::<u64>().ok());
    Some(allowed.map_or(built_in, |allowed| allowed.min(built_in)))
}

/// The value of a line such as `VmRSS:     1234 kB`.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse::<u64>().ok().map(|count| count * 1024)
}

/// Bytes as people read them.
pub(crate) fn text(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_some_of_what_there_is() {
        let used = resident(std::process::id()).unwrap();
        assert!((1 << 20..limit().unwrap()).contains(&used), "{used}");
        assert_eq!(kibibytes("VmPeak: 1 kB\nVmRSS:\t 2048 kB\n", "VmRSS:"), Some(2 << 20));
        assert_eq!(text(300 << 20), "300 MiB");
    }
}
