//! `azure_storage_blob`.

use std::collections::HashMap;

use azure_core::http::{Etag, RequestContent};
use azure_storage_blob::models::{
    AppendBlobClientCreateOptions, BlobClientAcquireLeaseResultHeaders, BlobClientDownloadOptions,
    BlobClientGetPropertiesResultHeaders, BlobClientSetMetadataOptions, BlobClientUploadOptions,
    BlobContainerClientListBlobsOptions, BlockLookupList,
};
use azure_storage_blob::{BlobClient, BlobContainerClient, BlobServiceClient};
use bytes::Bytes;
use futures::TryStreamExt as _;

use super::account;
use crate::{StorageAccount, refusal};

fn service(account: &impl StorageAccount) -> BlobServiceClient {
    BlobServiceClient::new(account.endpoint("BlobEndpoint"), None, None).unwrap()
}

async fn container(account: &impl StorageAccount) -> BlobContainerClient {
    let container = service(account).blob_container_client("photos");
    container.create(None).await.unwrap();
    container
}

async fn upload(blob: &BlobClient, content: impl Into<Bytes>) {
    let content: Bytes = content.into();
    blob.upload(content.into(), None).await.unwrap();
}

async fn content(blob: &BlobClient) -> Bytes {
    blob.download(None).await.unwrap().body.collect().await.unwrap()
}

#[tokio::test]
async fn the_life_of_a_blob() {
    let account = account();
    let container = service(&account).blob_container_client("photos");
    assert!(!container.exists().await.unwrap());
    let blob = container.blob_client("a/b c #1?.txt");
    assert_eq!(refusal(blob.upload(Bytes::from_static(b"x").into(), None).await).0, 404);
    container.create(None).await.unwrap();
    assert_eq!(refusal(container.create(None).await), (409, "ContainerAlreadyExists".into()));
    assert!(!blob.exists().await.unwrap());

    let metadata = HashMap::from([("owner".to_owned(), "ada".to_owned())]);
    let options = BlobClientUploadOptions {
        metadata: Some(metadata.clone()),
        blob_content_type: Some("text/plain".into()),
        ..Default::default()
    };
    blob.upload(Bytes::from_static(b"hello").into(), Some(options)).await.unwrap();
    let properties = blob.get_properties(None).await.unwrap();
    assert_eq!(properties.content_length().unwrap(), Some(5));
    assert_eq!(properties.content_type().unwrap().as_deref(), Some("text/plain"));
    assert_eq!(properties.metadata().unwrap(), metadata);
    assert_eq!(content(&blob).await, "hello");
    upload(&blob, "replaced").await;
    assert_eq!(content(&blob).await, "replaced");
    assert!(blob.get_properties(None).await.unwrap().metadata().unwrap().is_empty(), "replaced as a whole");
    blob.delete(None).await.unwrap();
    assert_eq!(refusal(blob.delete(None).await), (404, "BlobNotFound".into()));
    assert!(refusal(blob.download(None).await.map(|_| ())).0 == 404);
    container.delete(None).await.unwrap();
    assert!(!container.exists().await.unwrap());
}

/// Larger than the client sends in one piece.
#[tokio::test]
async fn large_blobs_travel_in_blocks() {
    let account = account();
    let blob = container(&account).await.blob_client("large");
    let bytes: Bytes = (0..20_000_000u32).map(|n| (n % 251) as u8).collect();
    upload(&blob, bytes.clone()).await;
    assert_eq!(content(&blob).await, bytes);
    let range = 7_000_000usize..7_000_100;
    let options = BlobClientDownloadOptions { range: Some(range.clone().into()), ..Default::default() };
    let part = blob.download(Some(options)).await.unwrap().body.collect().await.unwrap();
    assert_eq!(part, bytes.slice(range));
}

#[tokio::test]
async fn blocks_become_a_blob_when_they_are_committed() {
    let account = account();
    let blob = container(&account).await.blob_client("blocks");
    let blocks = blob.block_blob_client();
    for (id, text) in [("1", "one "), ("2", "two "), ("3", "three")] {
        let body: RequestContent<Bytes, _> = Bytes::from(text).into();
        blocks.stage_block(id.as_bytes(), text.len() as u64, body, None).await.unwrap();
    }
    assert!(!blob.exists().await.unwrap(), "nothing is committed");
    let latest = ["3", "1"].map(|id| id.as_bytes().to_vec()).to_vec();
    let list = BlockLookupList { latest: Some(latest), ..Default::default() };
    blocks.commit_block_list(list.try_into().unwrap(), None).await.unwrap();
    assert_eq!(content(&blob).await, "threeone ");
    let list = BlockLookupList { latest: Some(vec![b"9".to_vec()]), ..Default::default() };
    let refused = blocks.commit_block_list(list.try_into().unwrap(), None).await;
    assert_eq!(refusal(refused), (400, "InvalidBlockList".into()));
}

#[tokio::test]
async fn appended_blocks_follow_each_other() {
    let account = account();
    let blob = container(&account).await.blob_client("log");
    let log = blob.append_blob_client();
    log.create(Some(AppendBlobClientCreateOptions::default())).await.unwrap();
    for text in ["one\n", "two\n"] {
        let body: RequestContent<Bytes, _> = Bytes::from(text).into();
        log.append_block(body, text.len() as u64, None).await.unwrap();
    }
    assert_eq!(content(&blob).await, "one\ntwo\n");
}

#[tokio::test]
async fn blobs_are_listed_page_by_page() {
    let account = account();
    let container = container(&account).await;
    for name in ["b", "a/2", "a/1", "a/3"] {
        upload(&container.blob_client(name), name.to_owned()).await;
    }
    let options = BlobContainerClientListBlobsOptions {
        prefix: Some("a/".into()),
        maxresults: Some(2),
        ..Default::default()
    };
    let pages = container.list_blobs(Some(options)).unwrap().into_pages();
    let pages: Vec<_> = pages.map_ok(|page| page.into_model().unwrap()).try_collect().await.unwrap();
    let names: Vec<Vec<String>> = pages
        .into_iter()
        .map(|page| page.blob_items.into_iter().map(|item| item.name.unwrap()).collect())
        .collect();
    assert_eq!(names, [vec!["a/1", "a/2"], vec!["a/3"]]);
}

#[tokio::test]
async fn conditions_are_kept() {
    let account = account();
    let blob = container(&account).await.blob_client("guarded");
    upload(&blob, "one").await;
    let etag = blob.get_properties(None).await.unwrap().etag().unwrap().unwrap();
    let only_new = || BlobClientUploadOptions { if_none_match: Some(Etag::from("*")), ..Default::default() };
    let refused = blob.upload(Bytes::from_static(b"two").into(), Some(only_new())).await;
    assert_eq!(refusal(refused), (409, "BlobAlreadyExists".into()));
    let unchanged = || BlobClientUploadOptions { if_match: Some(etag.clone()), ..Default::default() };
    blob.upload(Bytes::from_static(b"two").into(), Some(unchanged())).await.unwrap();
    let refused = blob.upload(Bytes::from_static(b"three").into(), Some(unchanged())).await;
    assert_eq!(refusal(refused), (412, "ConditionNotMet".into()));
    assert_eq!(content(&blob).await, "two");
}

#[tokio::test]
async fn leases_belong_to_one() {
    let account = account();
    let blob = container(&account).await.blob_client("leased");
    upload(&blob, "x").await;
    let lease = blob.acquire_lease(60, None).await.unwrap().lease_id().unwrap().unwrap();
    assert_eq!(refusal(blob.acquire_lease(60, None).await), (409, "LeaseAlreadyPresent".into()));
    let metadata = HashMap::from([("a".to_owned(), "b".to_owned())]);
    assert_eq!(refusal(blob.set_metadata(&metadata, None).await), (412, "LeaseIdMissing".into()));
    let options = BlobClientSetMetadataOptions { lease_id: Some(lease.clone()), ..Default::default() };
    blob.set_metadata(&metadata, Some(options)).await.unwrap();
    blob.renew_lease(lease.clone(), None).await.unwrap();
    blob.release_lease(lease.clone(), None).await.unwrap();
    assert_eq!(
        refusal(blob.renew_lease(lease, None).await),
        (409, "LeaseIdMismatchWithLeaseOperation".into())
    );
    blob.acquire_lease(-1, None).await.unwrap();
    blob.break_lease(None).await.unwrap();
    blob.delete(None).await.unwrap();
}

/// A signature for another key opens nothing.
#[tokio::test]
async fn a_wrong_signature_is_refused() {
    let account = account();
    let mut url = account.endpoint("BlobEndpoint");
    let query = url.query().unwrap().replace("sp=rwdlacupt", "sp=r");
    url.set_query(Some(&query));
    let service = BlobServiceClient::new(url, None, None).unwrap();
    let refused = service.blob_container_client("photos").create(None).await;
    // The code differs: AuthenticationFailed from the service and the store, AuthorizationFailure from Azurite.
    assert_eq!(refusal(refused).0, 403);
}
