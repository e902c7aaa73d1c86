//! A load generator that costs as little as possible: one thread, keep-alive connections, one request in flight on
//! each, and no HTTP library between the socket and the clock.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::process::{Process, thread_cpu};
use crate::stats::quantile;

/// Pause between attempts to connect to a program that starts.
const RETRY: Duration = Duration::from_millis(1);

/// What to ask for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Where.
    pub(crate) address: SocketAddr,
    /// The path with its query.
    pub(crate) path: String,
}

/// What one round of load found.
#[derive(Debug)]
pub(crate) struct Round {
    /// Answers with status 200.
    pub(crate) requests: f64,
    /// Seconds it took.
    pub(crate) seconds: f64,
    /// Median latency in microseconds.
    pub(crate) p50: f64,
    /// 99th percentile of the latency in microseconds.
    pub(crate) p99: f64,
    /// Share of the time for which the generator's one thread was busy.
    pub(crate) busy: f64,
}

impl Round {
    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.seconds
    }
}

/// Asks `target` over `connections` connections for as long as `length`.
pub(crate) fn run(target: &Target, connections: usize, length: Duration) -> anyhow::Result<Round> {
    let target = target.clone();
    // A thread of its own, so that its CPU time is the generator's and nobody else's.
    let thread = std::thread::spawn(move || -> anyhow::Result<Round> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let (began, cpu) = (Instant::now(), thread_cpu());
            let mut workers = JoinSet::new();
            for _ in 0..connections {
                workers.spawn(keep_asking(target.clone(), began + length));
            }
            let mut micros = Vec::new();
            while let Some(done) = workers.join_next().await {
                micros.extend(done??.into_iter().map(f64::from));
            }
            let elapsed = began.elapsed();
            Ok(Round {
                requests: micros.len() as f64,
                seconds: elapsed.as_secs_f64(),
                p50: quantile(&micros, 0.5),
                p99: quantile(&micros, 0.99),
                busy: (thread_cpu() - cpu).as_secs_f64() / elapsed.as_secs_f64(),
            })
        })
    });
    thread.join().map_err(|_| anyhow::anyhow!("the load generator panicked"))?
}

/// The time from the start of `process` to its first answer with status 200.
pub(crate) async fn first_answer(process: &mut Process, target: &Target) -> anyhow::Result<Duration> {
    loop {
        match Connection::open(target).await {
            Ok(mut connection) => match connection.ask().await {
                Ok(()) => return Ok(process.started.elapsed()),
                Err(_) => process.check()?,
            },
            Err(_) => process.check()?,
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Asks until `count` different answers have come, as processes give that name themselves.
pub(crate) async fn until_answers_differ(
    process: &mut Process,
    target: &Target,
    count: usize,
    patience: Duration,
) -> anyhow::Result<()> {
    let (mut connection, began) = (Connection::open(target).await?, Instant::now());
    let mut answers = std::collections::HashSet::new();
    while answers.len() < count {
        connection.ask().await?;
        let head = find(&connection.buffer, b"\r\n\r\n").unwrap_or_default();
        answers.insert(connection.buffer[head..].to_vec());
        if began.elapsed() > patience {
            bail!("{} of {count} processes answer after {patience:?}:\n{}", answers.len(), process.output());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn keep_asking(target: Target, end: Instant) -> anyhow::Result<Vec<f32>> {
    let mut connection = Connection::open(&target).await?;
    let mut micros = Vec::with_capacity(64 * 1024);
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok(micros);
        }
        connection.ask().await?;
        micros.push(asked.elapsed().as_secs_f32() * 1e6);
    }
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(target: &Target) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let Target { address, path } = target;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: horus-bench\r\nAccept: */*\r\n\r\n"
        );
        Ok(Self { stream, request: request.into_bytes(), buffer: Vec::with_capacity(4096) })
    }

    /// One request and its whole answer; anything but 200 is an error.
    async fn ask(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection was closed in the middle of an answer");
            }
            if let Some(length) = answer_length(&self.buffer)? {
                if self.buffer.len() > length {
                    bail!("more than one answer came for one request");
                }
                return Ok(());
            }
        }
    }
}

/// The length of the answer that `bytes` begin with, once all of it is there.
fn answer_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head]).context("the answer's head is not text")?;
    if !text.starts_with("HTTP/1.1 200") {
        bail!("the answer is '{}'", text.lines().next().unwrap_or_default());
    }
    let header = |name: &str| {
        text.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    if let Some(length) = header("content-length") {
        let end = head + length.parse::<usize>().context("Content-Length")?;
        return Ok((bytes.len() >= end).then_some(end));
    }
    if header("transfer-encoding").is_some() {
        return Ok(find(&bytes[head..], b"0\r\n\r\n").map(|at| head + at + 5));
    }
    bail!("the answer says neither how long it is nor that it comes in chunks")
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_end_where_they_say() {
        let sized = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        assert_eq!(answer_length(sized).unwrap(), Some(sized.len()));
        assert_eq!(answer_length(&sized[..sized.len() - 1]).unwrap(), None);
        assert_eq!(answer_length(&sized[..20]).unwrap(), None);
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        assert_eq!(answer_length(chunked).unwrap(), Some(chunked.len()));
        assert_eq!(answer_length(&chunked[..chunked.len() - 2]).unwrap(), None);
        assert!(answer_length(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(answer_length(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_round_counts_what_a_server_answers() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let address = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, crate::reference::hello()).await });
            address
        });
        let target = Target { address, path: "/api/hello".into() };
        let round = run(&target, 4, Duration::from_millis(100)).unwrap();
        assert!(round.requests >= 4.0 && round.p99 >= round.p50 && round.p50 > 0.0, "{round:?}");
        let missing = Target { address, path: "/nothing".into() };
        assert!(run(&missing, 1, Duration::from_millis(100)).is_err());
    }
}
