//! What is decided without a service.

mod paths;
mod progress;

use serde_json::json;

use super::message::Message;
use super::options::Options;

/// Spec bindings.md §5: defaults, ranges, and what follows for the internal queue.
#[test]
fn options_are_read_and_checked() {
    let processors = std::thread::available_parallelism().unwrap().get();
    let defaults = Options::read(&json!({})).unwrap();
    assert_eq!((defaults.max_degree_of_parallelism, defaults.poison_blob_threshold), (8 * processors, 5));
    let cases = [(1, 1, 0), (2, 2, 0), (8, 5, 3), (16, 9, 7), (62, 32, 30), (200, 32, 168)];
    for (most, batch_size, threshold) in cases {
        let section = json!({"MaxDegreeOfParallelism": most, "poisonBlobThreshold": "3"});
        let queue = Options::read(&section).unwrap().for_queue(false);
        assert_eq!((queue.batch_size, queue.new_batch_threshold), (batch_size, threshold), "{most}");
        assert_eq!(queue.max_dequeue_count, 3);
    }
    for (section, problem) in [
        (json!({"poisonBlobThreshold": 0}), "extensions.blobs.poisonBlobThreshold must be at least 1, not 0"),
        (json!({"maxDegreeOfParallelism": -1}), "extensions.blobs.maxDegreeOfParallelism must be at least 1"),
        (json!({"maxDegreeOfParallelism": "many"}), "extensions.blobs.maxDegreeOfParallelism"),
    ] {
        let error = Options::read(&section).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}

/// Spec bindings.md §5.1: the message, member by member; both forms are read.
#[test]
fn messages_are_as_documented() {
    let message = Message::new("Host.Functions.F", "BlockBlob", "inbox", "a/\"b\".txt", "\"0x8D\"");
    let read = Message::parse(&message.text()).unwrap();
    assert_eq!(read, message);
    let text = "{\"Type\":\"BlobTrigger\",\"FunctionId\":\"Host.Functions.F\",\"BlobType\":\"BlockBlob\",\
                \"ContainerName\":\"inbox\",\"BlobName\":\"a/\\\"b\\\".txt\",\"ETag\":\"\\\"0x8D\\\"\"}";
    assert_eq!(serde_json::to_string(&message).unwrap(), text);
    assert_eq!(Message::parse(text).unwrap(), message);
    for wrong in ["", "hello", "{}", "aGVsbG8="] {
        assert_eq!(Message::parse(wrong), None, "{wrong}");
    }
}
