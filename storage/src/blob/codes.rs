//! The blob service's own error codes.
//! <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>

use crate::protocol::Code;

macro_rules! codes {
    ($($name:ident = $status:literal $code:literal $message:literal;)*) => {
        $(pub(super) const $name: Code = Code($status, $code, $message);)*
    };
}

codes! {
    CONTAINER_NOT_FOUND = 404 "ContainerNotFound" "The specified container does not exist.";
    CONTAINER_EXISTS = 409 "ContainerAlreadyExists" "The specified container already exists.";
    BLOB_NOT_FOUND = 404 "BlobNotFound" "The specified blob does not exist.";
    BLOB_EXISTS = 409 "BlobAlreadyExists" "The specified blob already exists.";
    INVALID_BLOB_TYPE = 409 "InvalidBlobType" "The blob type is invalid for this operation.";
    INVALID_BLOCK_ID = 400 "InvalidBlockId" "The specified block ID is invalid. The block ID must be Base64-encoded.";
    INVALID_BLOB_OR_BLOCK = 400 "InvalidBlobOrBlock" "The specified blob or block content is invalid.";
    INVALID_BLOCK_LIST = 400 "InvalidBlockList" "The specified block list is invalid.";
    BLOCK_LIST_TOO_LONG = 400 "BlockListTooLong" "The block list may not contain more than 50,000 blocks.";
    BLOCK_COUNT = 409 "BlockCountExceedsLimit" "The committed block count cannot exceed the maximum limit of 50,000 blocks.";
    INVALID_RANGE = 416 "InvalidRange" "The range specified is invalid for the current size of the resource.";
    APPEND_POSITION = 412 "AppendPositionConditionNotMet" "The append position condition specified was not met.";
    MAX_SIZE = 412 "MaxBlobSizeConditionNotMet" "The max blob size condition specified was not met.";
    BLOB_SEALED = 409 "BlobIsSealed" "The specified blob is sealed and its contents can't be modified unless the blob is re-created after a delete.";
    SNAPSHOTS_PRESENT = 409 "SnapshotsPresent" "This operation is not permitted while the blob has snapshots.";
    COPY_SOURCE = 404 "CannotVerifyCopySource" "The specified copy source does not exist in this store.";
    NO_PENDING_COPY = 409 "NoPendingCopyOperation" "There is currently no pending copy operation.";
    SOURCE_CONDITION = 412 "SourceConditionNotMet" "The source condition specified using HTTP conditional header(s) is not met.";
    LEASE_EXISTS = 409 "LeaseAlreadyPresent" "There is already a lease present.";
    LEASE_MISMATCH = 409 "LeaseIdMismatchWithLeaseOperation" "The lease ID specified did not match the lease ID for the blob or container.";
    LEASE_ABSENT = 409 "LeaseNotPresentWithLeaseOperation" "There is currently no lease on the blob or container.";
    LEASE_BREAKING_ACQUIRE = 409 "LeaseIsBreakingAndCannotBeAcquired" "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.";
    LEASE_BREAKING_CHANGE = 409 "LeaseIsBreakingAndCannotBeChanged" "The lease ID matched, but the lease is currently in breaking state and cannot be changed.";
    LEASE_BROKEN_RENEW = 409 "LeaseIsBrokenAndCannotBeRenewed" "The lease ID matched, but the lease has been broken explicitly and cannot be renewed.";
    LEASE_MISSING = 412 "LeaseIdMissing" "There is currently a lease on the blob or container and no lease ID was specified in the request.";
    LEASE_LOST = 412 "LeaseLost" "A lease ID was specified, but the lease for the blob or container has expired.";
    BLOB_LEASE_MISMATCH = 412 "LeaseIdMismatchWithBlobOperation" "The lease ID specified did not match the lease ID for the blob.";
    BLOB_LEASE_ABSENT = 412 "LeaseNotPresentWithBlobOperation" "There is currently no lease on the blob.";
    CONTAINER_LEASE_MISMATCH = 412 "LeaseIdMismatchWithContainerOperation" "The lease ID specified did not match the lease ID for the container.";
    CONTAINER_LEASE_ABSENT = 412 "LeaseNotPresentWithContainerOperation" "There is currently no lease on the container.";
    INVALID_TAGS = 400 "InvalidTags" "The tags specified are invalid. A blob has at most ten tags with keys of 1 to 128 and values of up to 256 characters.";
    NOT_MODIFIED = 304 "ConditionNotMet" "The condition specified using HTTP conditional header(s) is not met.";
    PAGE_BLOBS = 400 "FeatureNotSupported" "This store keeps block blobs and append blobs; page blobs are not supported.";
    INVALID_TIER = 400 "InvalidBlobTier" "The specified access tier is not valid for this blob.";
    SNAPSHOT_OPERATION = 400 "InvalidQueryParameterValue" "A snapshot cannot be changed.";
}
