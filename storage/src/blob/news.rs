//! Word of blobs that were written, for whoever waits for them in this process.

use std::sync::Arc;

use http::Method;
use tokio::sync::broadcast;

use crate::protocol::Call;

/// Most news kept for a receiver that falls behind; then it hears that it missed some.
const KEPT: usize = 1024;

/// A blob got new content or new metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobWritten {
    /// Account.
    pub account: Arc<str>,
    /// Container.
    pub container: Arc<str>,
    /// Blob.
    pub blob: Arc<str>,
}

/// Tells about blobs.
#[derive(Debug)]
pub(crate) struct News(broadcast::Sender<BlobWritten>);

impl Default for News {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl News {
    /// All news from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<BlobWritten> {
        self.0.subscribe()
    }

    /// `call` has succeeded: tells about it if it gave a blob a new ETag. Costs next to nothing while nobody listens.
    pub(crate) fn after(&self, call: &Call) {
        let writes = call.method == Method::PUT
            && matches!(call.comp(), "" | "blocklist" | "appendblock" | "metadata" | "properties")
            && call.restype() != "container";
        if !writes || self.0.receiver_count() == 0 {
            return;
        }
        let (container, blob) = call.resource.split_once('/').unwrap_or(("$root", &call.resource));
        if !blob.is_empty() {
            let account = call.account.as_str().into();
            // Nobody may be listening any more.
            let _ = self.0.send(BlobWritten { account, container: container.into(), blob: blob.into() });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::TryRecvError;

    use crate::Service;
    use crate::probe::Probe;

    /// A request (line, headers, content), its status, and the blob that is told.
    type Step<'a> = (&'a str, &'a [&'a str], &'a str, u16, Option<&'a str>);

    /// Whatever gives a blob a new ETag is told, and nothing else.
    #[tokio::test]
    async fn writes_are_told() {
        const LEASE: &[&str] = &["x-ms-lease-action: acquire", "x-ms-lease-duration: 15"];
        const BLOCK: &str = "PUT /box/c?comp=block&blockid=MQ%3D%3D";
        const LIST: &str = "<BlockList><Latest>MQ==</Latest></BlockList>";
        let probe = Probe::new();
        let mut news = probe.store.written_blobs();
        let steps: [Step<'_>; 10] = [
            ("PUT /box?restype=container", &[], "", 201, None),
            ("PUT /box/a/b", &["x-ms-blob-type: BlockBlob"], "x", 201, Some("a/b")),
            ("PUT /box/a/b?comp=metadata", &["x-ms-meta-k: v"], "", 200, Some("a/b")),
            ("PUT /box/a/b?comp=lease", LEASE, "", 201, None),
            ("PUT /box/a/b", &["x-ms-blob-type: BlockBlob"], "y", 412, None),
            ("GET /box/a/b", &[], "", 200, None),
            (BLOCK, &[], "x", 201, None),
            ("PUT /box/c?comp=blocklist", &[], LIST, 201, Some("c")),
            ("PUT /box/d", &["x-ms-blob-type: AppendBlob"], "", 201, Some("d")),
            ("PUT /box/d?comp=appendblock", &[], "x", 201, Some("d")),
        ];
        for (line, headers, content, status, told) in steps {
            let reply = probe.call(Service::Blob, line, headers, content).await;
            assert_eq!(reply.status, status, "{line}: {}", reply.body);
            match (told, news.try_recv()) {
                (None, Err(TryRecvError::Empty)) => {}
                (Some(name), Ok(written)) => {
                    let names = [&*written.account, &*written.container, &*written.blob];
                    assert_eq!(names, ["devstoreaccount1", "box", name], "{line}");
                }
                (_, other) => panic!("{line}: {other:?}"),
            }
        }
    }
}
