//! `azure_storage_queue`.

use std::collections::HashMap;
use std::time::Duration;

use azure_core::http::{RequestContent, XmlFormat};
use azure_storage_queue::models::{
    ListQueuesIncludeType, QueueClientCreateOptions, QueueClientGetPropertiesResultHeaders,
    QueueClientPeekMessagesOptions, QueueClientReceiveMessagesOptions, QueueClientSendMessageOptions,
    QueueClientUpdateMessageOptions, QueueMessage, QueueServiceClientListQueuesOptions, ReceivedMessage,
    SentMessage,
};
use azure_storage_queue::{QueueClient, QueueServiceClient};
use futures::TryStreamExt as _;
use horus_test_support::eventually;

use super::account;
use crate::{StorageAccount, refusal};

fn service(account: &impl StorageAccount) -> QueueServiceClient {
    QueueServiceClient::new(account.endpoint("QueueEndpoint"), None, None).unwrap()
}

fn message(text: &str) -> RequestContent<QueueMessage, XmlFormat> {
    QueueMessage { message_text: Some(text.to_owned()) }.try_into().unwrap()
}

async fn send(queue: &QueueClient, text: &str) -> SentMessage {
    queue.send_message(message(text), None).await.unwrap().into_model().unwrap().into_message().unwrap()
}

async fn receive(queue: &QueueClient, most: i32, hidden: Duration) -> Vec<ReceivedMessage> {
    let options = QueueClientReceiveMessagesOptions {
        number_of_messages: Some(most),
        visibility_timeout: Some(hidden.as_secs().try_into().unwrap()),
        ..Default::default()
    };
    let received = queue.receive_messages(Some(options)).await.unwrap().into_model().unwrap();
    received.items.unwrap_or_default()
}

async fn peek(queue: &QueueClient) -> Vec<String> {
    let options = QueueClientPeekMessagesOptions { number_of_messages: Some(32), ..Default::default() };
    let peeked = queue.peek_messages(Some(options)).await.unwrap().into_model().unwrap();
    peeked.items.unwrap_or_default().into_iter().map(|item| item.message_text.unwrap()).collect()
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_life_of_a_queue() {
    let account = account();
    let service = service(&account);
    let queue = service.queue_client("orders").unwrap();
    assert!(!queue.exists().await.unwrap());
    assert_eq!(refusal(queue.get_properties(None).await), (404, "QueueNotFound".into()));
    let metadata = HashMap::from([("owner".to_owned(), "ada".to_owned())]);
    let options = || QueueClientCreateOptions { metadata: Some(metadata.clone()), ..Default::default() };
    assert_eq!(queue.create(Some(options())).await.unwrap().status(), 201);
    assert_eq!(queue.create(Some(options())).await.unwrap().status(), 204, "the same again");
    assert_eq!(refusal(queue.create(None).await), (409, "QueueAlreadyExists".into()), "with other metadata");
    let properties = queue.get_properties(None).await.unwrap();
    assert_eq!(properties.metadata().unwrap(), metadata);
    assert_eq!(properties.approximate_messages_count().unwrap(), Some(0));
    queue.delete(None).await.unwrap();
    assert!(!queue.exists().await.unwrap());
    let bad = service.queue_client("Not_A_Name").unwrap();
    assert_eq!(refusal(bad.create(None).await).0, 400);
}

#[tokio::test]
async fn queues_are_listed_page_by_page() {
    let account = account();
    let service = service(&account);
    for name in ["b-1", "a-2", "a-1", "a-3"] {
        let metadata = Some(HashMap::from([("of".to_owned(), name.to_owned())]));
        let options = QueueClientCreateOptions { metadata, ..Default::default() };
        service.queue_client(name).unwrap().create(Some(options)).await.unwrap();
    }
    let options = QueueServiceClientListQueuesOptions {
        prefix: Some("a-".into()),
        maxresults: Some(2),
        include: Some(vec![ListQueuesIncludeType::Metadata]),
        ..Default::default()
    };
    let pages = service.list_queues(Some(options)).unwrap().into_pages();
    let pages: Vec<_> = pages.map_ok(|page| page.into_model().unwrap()).try_collect().await.unwrap();
    let names: Vec<Vec<&str>> = pages
        .iter()
        .map(|page| page.queue_items.iter().map(|item| item.name.as_deref().unwrap()).collect())
        .collect();
    assert_eq!(names, [vec!["a-1", "a-2"], vec!["a-3"]]);
    assert_eq!(pages[1].queue_items[0].metadata.as_ref().unwrap()["of"], "a-3");
}

#[tokio::test]
async fn the_life_of_a_message() {
    let account = account();
    let queue = service(&account).queue_client("orders").unwrap();
    queue.create(None).await.unwrap();
    let sent = send(&queue, "first & <foremost>").await;
    send(&queue, "ünïcödé 😀").await;
    assert_eq!(peek(&queue).await, ["first & <foremost>", "ünïcödé 😀"]);

    let received = receive(&queue, 1, MINUTE).await;
    let first = &received[0];
    assert_eq!((first.message_id.as_ref(), first.dequeue_count), (sent.message_id.as_ref(), Some(1)));
    assert_eq!(first.message_text.as_deref(), Some("first & <foremost>"));
    assert_eq!(peek(&queue).await, ["ünïcödé 😀"], "it is hidden");

    let (id, receipt) = (first.message_id.clone().unwrap(), first.pop_receipt.clone().unwrap());
    let content = Some(message("changed"));
    let options = QueueClientUpdateMessageOptions { queue_message: content, ..Default::default() };
    queue.update_message(&id, &receipt, 0, Some(options)).await.unwrap();
    let stale = queue.delete_message(&id, &receipt, None).await;
    assert_eq!(refusal(stale), (400, "PopReceiptMismatch".into()));
    let again = receive(&queue, 32, MINUTE).await;
    let changed = again.iter().find(|message| message.message_id.as_ref() == Some(&id)).unwrap();
    assert_eq!((changed.message_text.as_deref(), changed.dequeue_count), (Some("changed"), Some(2)));
    queue.delete_message(&id, changed.pop_receipt.as_deref().unwrap(), None).await.unwrap();
    let gone = queue.delete_message(&id, changed.pop_receipt.as_deref().unwrap(), None).await;
    assert_eq!(refusal(gone), (404, "MessageNotFound".into()));

    queue.clear(None).await.unwrap();
    assert_eq!(queue.get_properties(None).await.unwrap().approximate_messages_count().unwrap(), Some(0));
}

#[tokio::test]
async fn messages_come_in_order_and_come_back() {
    let account = account();
    let queue = service(&account).queue_client("orders").unwrap();
    queue.create(None).await.unwrap();
    for number in 0..40 {
        send(&queue, &number.to_string()).await;
    }
    let texts = |messages: Vec<ReceivedMessage>| -> Vec<String> {
        messages.into_iter().map(|message| message.message_text.unwrap()).collect()
    };
    let numbers = |range: std::ops::Range<u32>| -> Vec<String> { range.map(|n| n.to_string()).collect() };
    assert_eq!(texts(receive(&queue, 32, Duration::from_secs(1)).await), numbers(0..32));
    assert_eq!(texts(receive(&queue, 32, MINUTE).await), numbers(32..40));
    let back = eventually("the first come back", || async {
        let back = receive(&queue, 32, MINUTE).await;
        (!back.is_empty()).then_some(back)
    })
    .await;
    assert!(back.iter().all(|message| message.dequeue_count == Some(2)));
}

#[tokio::test]
async fn what_messages_cannot_be() {
    let account = account();
    let service = service(&account);
    let missing = service.queue_client("missing").unwrap();
    assert_eq!(refusal(missing.send_message(message("x"), None).await), (404, "QueueNotFound".into()));
    assert_eq!(refusal(missing.receive_messages(None).await), (404, "QueueNotFound".into()));
    let queue = service.queue_client("orders").unwrap();
    queue.create(None).await.unwrap();
    queue.send_message(message(&"x".repeat(65536)), None).await.unwrap();
    let large = queue.send_message(message(&"x".repeat(65537)), None).await;
    assert_eq!(refusal(large), (413, "RequestBodyTooLarge".into()));
    for most in [0, 33] {
        let options =
            QueueClientReceiveMessagesOptions { number_of_messages: Some(most), ..Default::default() };
        let refused = queue.receive_messages(Some(options)).await;
        assert_eq!(refusal(refused).0, 400, "{most}");
    }
    let options = QueueClientSendMessageOptions { message_time_to_live: Some(0), ..Default::default() };
    assert_eq!(refusal(queue.send_message(message("x"), Some(options)).await).0, 400);
    let options = QueueClientSendMessageOptions { message_time_to_live: Some(-1), ..Default::default() };
    queue.send_message(message("for ever"), Some(options)).await.unwrap();
}
