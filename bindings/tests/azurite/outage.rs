//! The service goes away and comes back (issue: no event lost, back-off, logged once).

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use horus_app::log::Level;
use horus_test_support::eventually;
use serde_json::json;

use super::Service;
use super::app::{App, Running, always, success};

#[tokio::test]
async fn no_message_is_lost_while_the_service_is_away() {
    let mut service = Service::on_disk();
    let app = App::new(&service, json!({"maxPollingInterval": "00:00:00.200"}));
    let queue = app.queue("steady");
    queue.create().await.unwrap();
    for number in 0..5 {
        queue.send(BASE64_STANDARD.encode(number.to_string())).await.unwrap();
    }
    // Messages wait in the stopped service; the listener starts while nobody answers.
    service.stop();
    let running = Running::start(app.trigger(json!({"queueName": "steady"})), always(success));
    eventually("the outage is logged", || async {
        (app.count_lines(Level::Warning, "keeps trying") == 1).then_some(())
    })
    .await;
    // Several polls later it is still the only line.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(app.count_lines(Level::Warning, "keeps trying"), 1);

    service.start_again();
    eventually("all messages are processed", || async { (running.count() == 5).then_some(()) }).await;
    eventually("the queue is empty", || async {
        (queue.approximate_count().await.ok().flatten() == Some(0)).then_some(())
    })
    .await;
    assert_eq!(app.count_lines(Level::Information, "again"), 1);
    assert_eq!(running.count(), 5, "none was processed twice");
    running.stop().await;
    assert!(!app.lines.lock().iter().any(|(_, line)| line.contains("sig=") || line.contains("AccountKey")));
}
