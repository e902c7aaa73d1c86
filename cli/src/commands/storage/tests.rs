use super::*;

fn given(folder: &std::path::Path, more: &str) -> Given {
    let line = format!("--data {} {more}", folder.display());
    let tokens: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Given::parse(&tokens, options::KNOWN).unwrap()
}

/// Issue: queues, blobs and documents can be put and read in a data folder that nobody serves, by any later command.
#[tokio::test]
async fn verbs_work_on_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("store");
    let data = &data;
    let missing = queue::peek(&given(data, ""), "orders").await.unwrap_err();
    assert!(missing.message.contains("there is no data in"), "{}", missing.message);

    queue::put(&given(data, ""), "orders", "<1> & ümlaut").await.unwrap();
    queue::put(&given(data, "--encoding none"), "orders", "<2> & more").await.unwrap();
    queue::peek(&given(data, "--count 2"), "orders").await.unwrap();
    queue::clear(&given(data, ""), "orders").await.unwrap();
    let none = queue::peek(&given(data, ""), "none").await.unwrap_err();
    assert!(none.message.starts_with("queue 'none': QueueNotFound: "), "{}", none.message);

    let file = folder.path().join("in");
    let content: Vec<u8> = (0..(9 << 20)).map(|n: u32| n as u8).collect();
    std::fs::write(&file, &content).unwrap();
    blob::put(&given(data, ""), "photos/a/b c.bin", file.to_str()).await.unwrap();
    let copy = folder.path().join("out");
    blob::get(&given(data, ""), "photos/a/b c.bin", copy.to_str()).await.unwrap();
    assert!(std::fs::read(&copy).unwrap() == content, "the blob comes back as it went");
    blob::list(&given(data, ""), "photos/a/").await.unwrap();
    blob::delete(&given(data, ""), "photos/a/b c.bin").await.unwrap();
    let gone = blob::get(&given(data, ""), "photos/a/b c.bin", copy.to_str()).await.unwrap_err();
    assert!(gone.message.contains("BlobNotFound"), "{}", gone.message);

    let absent = document::put(&given(data, ""), "shop/orders", r#"{"id": "1"}"#).await.unwrap_err();
    assert!(absent.hint.unwrap().contains("--create /id"));
    let json = r#"{"id": "1", "customer": {"name": "Ada"}}"#;
    document::put(&given(data, "--create /customer/name"), "shop/orders", json).await.unwrap();
    document::get(&given(data, ""), "shop/orders/1").await.unwrap();
    document::query(&given(data, ""), "shop/orders", "SELECT c.id FROM c").await.unwrap();
    let wrong = document::query(&given(data, ""), "shop/orders", "SELEKT").await.unwrap_err();
    assert!(wrong.message.contains("BadRequest"), "{}", wrong.message);
    let nobody = document::get(&given(data, ""), "shop/orders/2").await.unwrap_err();
    assert_eq!(nobody.message, "document 'shop/orders/2' does not exist.");
}

/// cli.md item 8: words that do not fit get the usage and exit code 1.
#[test]
fn c08_words_that_do_not_fit_get_the_usage() {
    let error =
        |line: &str| run(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap_err().message;
    assert_eq!(error("queue peek"), "Usage: func storage queue peek NAME");
    assert!(error("blob").contains("func storage blob delete CONTAINER/NAME"));
    assert_eq!(error("tables list"), "Error: unknown argument tables list");
}
