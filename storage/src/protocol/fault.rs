//! The services' error answers: one table of codes, one shape per protocol.

use crate::engine::StoreError;
use std::borrow::Cow;

/// A status, the service's error code and its usual sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u16, pub(crate) &'static str, pub(crate) &'static str);

/// A refused request.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: Cow<'static, str>,
    /// Further elements of the XML body, such as `QueryParameterName`.
    pub(crate) details: Vec<(&'static str, String)>,
    /// Further response headers.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl From<Code> for Fault {
    fn from(Code(status, code, message): Code) -> Self {
        Self { status, code: code.into(), message: message.into(), details: Vec::new(), headers: Vec::new() }
    }
}

impl Code {
    /// The fault with a sentence that says more than the usual one.
    pub(crate) fn because(self, reason: impl Into<Cow<'static, str>>) -> Fault {
        Fault { message: reason.into(), ..self.into() }
    }

    pub(crate) fn detail(self, name: &'static str, value: impl Into<String>) -> Fault {
        Fault::from(self).detail(name, value)
    }
}

impl Fault {
    pub(crate) fn detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => INSUFFICIENT_STORAGE.into(),
            StoreError::Closed | StoreError::Reopening => SERVER_BUSY.because(error.to_string()),
            other => INTERNAL_ERROR.because(other.to_string()),
        }
    }
}

macro_rules! codes {
    ($($name:ident = $status:literal $code:literal $message:literal;)*) => {
        $(pub(crate) const $name: Code = Code($status, $code, $message);)*
    };
}

// Status and code as documented for the storage services' REST errors:
// https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2 and the pages per service.
codes! {
    ACCOUNT_UNKNOWN = 404 "ResourceNotFound" "The specified resource does not exist.";
    AUTHENTICATION_FAILED = 403 "AuthenticationFailed" "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.";
    NO_AUTHENTICATION = 401 "NoAuthenticationInformation" "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.";
    INVALID_AUTHENTICATION = 400 "InvalidAuthenticationInfo" "Authentication information is not given in the correct format. Check the value of Authorization header.";
    PERMISSION_MISMATCH = 403 "AuthorizationPermissionMismatch" "This request is not authorized to perform this operation using this permission.";
    SERVICE_MISMATCH = 403 "AuthorizationServiceMismatch" "This request is not authorized to perform this operation using this service.";
    RESOURCE_TYPE_MISMATCH = 403 "AuthorizationResourceTypeMismatch" "This request is not authorized to perform this operation using this resource type.";
    PROTOCOL_MISMATCH = 403 "AuthorizationProtocolMismatch" "This request is not authorized to perform this operation using this protocol.";
    SOURCE_IP_MISMATCH = 403 "AuthorizationSourceIPMismatch" "This request is not authorized to perform this operation using this source IP.";
    INTERNAL_ERROR = 500 "InternalError" "The server encountered an internal error. Please retry the request.";
    SERVER_BUSY = 503 "ServerBusy" "The server is currently unable to receive requests. Please retry your request.";
    INSUFFICIENT_STORAGE = 507 "InsufficientStorage" "The disk with the data folder is full. Reads still work; free some space and retry the request.";
    UNSUPPORTED_VERB = 405 "UnsupportedHttpVerb" "The resource doesn't support specified Http Verb.";
    INVALID_URI = 400 "InvalidUri" "The requested URI does not represent any resource on the server.";
    INVALID_RESOURCE_NAME = 400 "InvalidResourceName" "The specified resource name contains invalid characters.";
    NAME_LENGTH = 400 "OutOfRangeInput" "The specified resource name length is not within the permissible limits.";
    INVALID_INPUT = 400 "InvalidInput" "One of the request inputs is not valid.";
    INVALID_HEADER = 400 "InvalidHeaderValue" "The value for one of the HTTP headers is not in the correct format.";
    MISSING_HEADER = 400 "MissingRequiredHeader" "An HTTP header that's mandatory for this request is not specified.";
    INVALID_QUERY = 400 "InvalidQueryParameterValue" "Value for one of the query parameters specified in the request URI is invalid.";
    MISSING_QUERY = 400 "MissingRequiredQueryParameter" "A query parameter that's mandatory for this request is not specified.";
    OUT_OF_RANGE_QUERY = 400 "OutOfRangeQueryParameterValue" "One of the query parameters specified in the request URI is outside the permissible range.";
    INVALID_XML = 400 "InvalidXmlDocument" "XML specified is not syntactically valid.";
    INVALID_XML_NODE = 400 "InvalidXmlNodeValue" "The value for one of the XML nodes is not in the correct format.";
    MISSING_XML_NODE = 400 "MissingRequiredXmlNode" "A required XML node was not specified in the request body.";
    BODY_TOO_LARGE = 413 "RequestBodyTooLarge" "The request body is too large and exceeds the maximum permissible limit.";
    MISSING_LENGTH = 411 "MissingContentLengthHeader" "The Content-Length header was not specified.";
    EMPTY_METADATA_KEY = 400 "EmptyMetadataKey" "The key for one of the metadata key-value pairs is empty.";
    INVALID_METADATA = 400 "InvalidMetadata" "The specified metadata is invalid. It includes characters that are not permitted.";
    METADATA_TOO_LARGE = 400 "MetadataTooLarge" "The size of the specified metadata exceeds the maximum size permitted.";
    INVALID_MD5 = 400 "InvalidMd5" "The MD5 value specified in the request is invalid. MD5 value must be 128 bits and base64-encoded.";
    MD5_MISMATCH = 400 "Md5Mismatch" "The MD5 value specified in the request did not match with the MD5 value calculated by the server.";
    CRC64_MISMATCH = 400 "Crc64Mismatch" "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.";
    CONDITION_NOT_MET = 412 "ConditionNotMet" "The condition specified using HTTP conditional header(s) is not met.";
    QUEUE_NOT_FOUND = 404 "QueueNotFound" "The specified queue does not exist.";
    QUEUE_EXISTS = 409 "QueueAlreadyExists" "The specified queue already exists.";
    MESSAGE_NOT_FOUND = 404 "MessageNotFound" "The specified message does not exist.";
    POP_RECEIPT_MISMATCH = 400 "PopReceiptMismatch" "The specified pop receipt did not match the pop receipt for a dequeued message.";
    CORS_FAILED = 403 "CorsPreflightFailure" "CORS not enabled or no matching rule found for this request.";
}
