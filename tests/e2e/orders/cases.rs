//! The cases; see the module above.

use horus_stub_worker::Step;
use serde_json::{Value, json};

use super::{Counterpart as _, Services, World};
use crate::support::{App, Func, Stub, queue, until, with_node_library};

/// A copy of a sample with its packages beside it.
fn sample(path: &str) -> App {
    let app = App::copy(path);
    with_node_library(&app);
    app
}

async fn order(func: &Func, order: &Value) -> String {
    let answer = func.post_json("/api/orders", order).await;
    assert_eq!(answer.status, 202, "{}\n{}", answer.text(), func.transcript());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Issue: HTTP order, queue, document, report; and the order of an independent client. In the v4 model.
#[tokio::test]
async fn orders_become_documents_in_the_v4_model() {
    let world = World::<Services>::in_memory();
    let app = sample("samples/orders");
    let func = world.launch(&app).start().await;
    func.wait_for_line("The shop is open").await;
    // cli.md item 56.
    func.wait_for_line("Host lock lease acquired by instance ID '").await;

    let id = order(&func, &json!({ "item": "tea", "quantity": 2 })).await;
    func.wait_for_line(&format!("Order {id} accepted.")).await;
    let document = world.clients.wait_for_order(&id).await;
    assert_eq!(
        [&document["item"], &document["quantity"], &document["status"], &document["attempts"]],
        [&json!("tea"), &json!(2), &json!("processed"), &json!(1)]
    );
    func.wait_for_line(
        "Executing 'Functions.processOrder' (Reason='New queue message detected on 'orders'.', Id=",
    )
    .await;
    func.wait_for_line("Trigger Details: MessageId: ").await;
    let read = func.get(&format!("/api/orders/{id}")).await;
    assert_eq!((read.status, &read.json()["status"]), (200, &json!("processed")), "{}", func.transcript());
    assert_eq!(func.get("/api/orders/none").await.status, 404);
    assert_eq!(func.post("/api/orders", "no order").await.status, 400);

    world.clients.put("orders", r#"{"id": "elsewhere-1", "item": "coffee", "quantity": 3}"#);
    let document = world.clients.wait_for_order("elsewhere-1").await;
    assert_eq!((&document["item"], &document["quantity"]), (&json!("coffee"), &json!(3)));
    world.clients.wait_for_length("orders", 0).await;
    assert_eq!(world.clients.length("orders-poison"), None, "nothing went wrong");
    func.stop().await;
}

/// The same with function.json files and `context.bindings`.
#[tokio::test]
async fn orders_become_documents_in_the_v3_model() {
    let world = World::<Services>::in_memory();
    let app = sample("samples/orders-v3");
    let func = world.launch(&app).start().await;
    func.wait_for_line("The shop is open").await;
    let id = order(&func, &json!({ "item": "tea", "quantity": 2 })).await;
    let document = world.clients.wait_for_order(&id).await;
    assert_eq!((&document["item"], &document["status"]), (&json!("tea"), &json!("processed")));
    assert_eq!(func.post_json("/api/orders", &json!({})).await.status, 400);
    world.clients.put("orders-v3", r#"{"id": "elsewhere-2", "item": "coffee"}"#);
    world.clients.wait_for_order("elsewhere-2").await;
    world.clients.wait_for_length("orders-v3", 0).await;
    func.stop().await;
}

/// Issue: storage that goes away and comes back loses nothing, and is complained about once, not at every poll.
#[tokio::test]
async fn storage_that_comes_back_loses_no_order() {
    let mut world = World::<Services>::on_disk();
    let app = sample("samples/orders");
    let func = world.launch(&app).start().await;
    order(&func, &json!({ "id": "before", "item": "tea" })).await;
    world.clients.wait_for_order("before").await;
    world.clients.wait_for_length("orders", 0).await;

    world.stop();
    let complaints = || func.out().iter().filter(|line| line.contains("keeps trying")).count();
    until(|| format!("a complaint\n{}", func.transcript()), || async { (complaints() > 0).then_some(()) })
        .await;
    let refused = func.post_json("/api/orders", &json!({ "id": "lost", "item": "tea" })).await;
    assert_eq!(refused.status, 500, "an order that cannot be queued is not accepted");
    assert_eq!(complaints(), 1, "{}", func.transcript());

    world.start_again();
    world.clients.put("orders", r#"{"id": "after", "item": "coffee"}"#);
    world.clients.wait_for_order("after").await;
    order(&func, &json!({ "id": "again", "item": "tea" })).await;
    world.clients.wait_for_order("again").await;
    func.stop().await;
}

/// Issue: a message whose host is killed between dequeue and completion is seen again, and processed.
#[tokio::test]
async fn a_killed_host_loses_no_message() {
    let world = World::<Services>::in_memory();
    let stub = Stub::new();
    let gate = stub.app.beside("gate");
    let respond = Step::Respond(Box::default());
    let stub = stub.function(queue("work", "jobs"), &[Step::AwaitFile(gate.clone()), respond]);
    let launch = stub.launch().env("AzureWebJobsStorage", world.storage());
    world.clients.put("jobs", "precious");
    let mut func = launch.start().await;
    let first = stub.wait_received("invoke", 1).await.remove(0);
    assert_eq!(first["inputs"]["message"], json!({ "string": "precious" }));
    assert_eq!(first["metadata"]["DequeueCount"], json!({ "json": "1" }));
    func.signal("KILL");
    func.ended().await;
    assert_eq!(world.clients.length("jobs"), Some(1), "nobody has deleted it");

    std::fs::write(&gate, "").unwrap();
    let func = launch.start().await;
    // The service gives it back after ten minutes; the receipt makes that now.
    let text = |name: &str| first["metadata"][name]["string"].as_str().unwrap().to_owned();
    world.clients.release("jobs", &text("Id"), &text("PopReceipt"), "precious");
    let second = stub.wait_received("invoke", 2).await.remove(1);
    assert_eq!(second["inputs"]["message"], json!({ "string": "precious" }));
    assert_eq!(second["metadata"]["Id"], first["metadata"]["Id"]);
    assert_eq!(second["metadata"]["DequeueCount"], json!({ "json": "2" }));
    world.clients.wait_for_length("jobs", 0).await;
    func.stop().await;
}

/// host.md §9.4: a stop waits for messages in work, and deletes them.
#[tokio::test]
async fn a_stopping_host_completes_its_messages() {
    let world = World::<Services>::in_memory();
    let stub = Stub::new();
    let gate = stub.app.beside("gate");
    let respond = Step::Respond(Box::default());
    let stub = stub.function(queue("work", "jobs"), &[Step::AwaitFile(gate.clone()), respond]);
    world.clients.put("jobs", "one");
    let mut func = stub.launch().arg("--verbose").env("AzureWebJobsStorage", world.storage()).start().await;
    stub.wait_received("invoke", 1).await;
    func.signal("TERM");
    func.wait_for_line("Stopping host...").await;
    world.clients.put("jobs", "two");
    std::fs::write(&gate, "").unwrap();
    assert!(func.ended().await.success());
    assert_eq!(world.clients.peek("jobs"), json!(["two"]), "what came later is left alone");
    assert_eq!(stub.received("invoke").len(), 1);
}

/// spec bindings.md: a message that always fails ends in the poison queue after five attempts.
#[tokio::test]
async fn a_message_that_always_fails_is_set_aside() {
    let world = World::<Services>::in_memory();
    let stub = Stub::new().function(queue("work", "jobs"), &[Step::Fail("never".into())]);
    let launch = stub.launch().env("AzureWebJobsStorage", world.storage());
    let func = launch.start().await;
    world.clients.put("jobs", "poison");
    world.clients.put("jobs", "pill");
    world.clients.wait_for_length("jobs-poison", 2).await;
    world.clients.wait_for_length("jobs", 0).await;
    let mut counts: Vec<Value> = stub
        .received("invoke")
        .iter()
        .filter(|invocation| invocation["inputs"]["message"]["string"] == "poison")
        .map(|invocation| invocation["metadata"]["DequeueCount"]["json"].clone())
        .collect();
    counts.sort_by_key(ToString::to_string);
    assert_eq!(counts, ["1", "2", "3", "4", "5"]);
    let mut set_aside: Vec<Value> = world.clients.peek("jobs-poison").as_array().unwrap().clone();
    set_aside.sort_by_key(ToString::to_string);
    assert_eq!(set_aside, [json!("pill"), json!("poison")]);
    func.stop().await;
}
