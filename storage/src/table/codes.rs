//! The table service's own error codes.
//! <https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes>

use crate::protocol::Code;

macro_rules! codes {
    ($($name:ident = $status:literal $code:literal $message:literal;)*) => {
        $(pub(super) const $name: Code = Code($status, $code, $message);)*
    };
}

codes! {
    TABLE_NOT_FOUND = 404 "TableNotFound" "The table specified does not exist.";
    TABLE_EXISTS = 409 "TableAlreadyExists" "The table specified already exists.";
    RESOURCE_NOT_FOUND = 404 "ResourceNotFound" "The specified resource does not exist.";
    ENTITY_EXISTS = 409 "EntityAlreadyExists" "The specified entity already exists.";
    CONDITION_NOT_SATISFIED = 412 "UpdateConditionNotSatisfied" "The update condition specified in the request was not satisfied.";
    ENTITY_TOO_LARGE = 400 "EntityTooLarge" "The entity is larger than the maximum allowed size (1 MiB).";
    PROPERTY_TOO_LARGE = 400 "PropertyValueTooLarge" "The property value exceeds the maximum allowed size (64 KiB).";
    PROPERTY_NAME_TOO_LONG = 400 "PropertyNameTooLong" "The property name exceeds the maximum allowed length (255).";
    PROPERTY_NAME_INVALID = 400 "PropertyNameInvalid" "The property name is invalid.";
    TOO_MANY_PROPERTIES = 400 "TooManyProperties" "The entity contains more properties than allowed (252 beside the keys and the timestamp).";
    DUPLICATE_PROPERTIES = 400 "DuplicatePropertiesSpecified" "A property is specified more than one time.";
    PROPERTIES_NEED_VALUE = 400 "PropertiesNeedValue" "The values are not specified for all properties in the entity.";
    KEY_TOO_LARGE = 400 "KeyValueTooLarge" "The partition or row key exceeds the maximum allowed size (1 KiB).";
    KEY_INVALID = 400 "OutOfRangeInput" "One of the request inputs is out of range: a key must not contain '/', '\\', '#', '?' or control characters.";
    KEY_MISMATCH = 400 "InvalidInput" "The keys in the body differ from the keys in the URI.";
    ATOM = 415 "AtomFormatNotSupported" "Atom format is not supported.";
    JSON = 400 "InvalidInput" "An error occurred while processing this request: the body is not an entity in JSON.";
    DIFFERENT_PARTITIONS = 400 "CommandsInBatchActOnDifferentPartitions" "All commands in a batch must operate on same entity group.";
    DUPLICATE_ROW = 400 "InvalidDuplicateRow" "The batch request contains multiple changes with same row key. An entity can appear only once in a batch request.";
    BATCH = 400 "InvalidInput" "The batch request is not well-formed.";
}
