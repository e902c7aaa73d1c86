//! `GET /`: what a client learns about the account before anything else.

use http::{StatusCode, uri::Scheme};
use serde_json::{Value, json};

use super::{reply::Reply, request::Call};

/// Limits a client may plan queries by.
const QUERY_ENGINE: &str = "{\"maxSqlQueryInputLength\":524288,\"maxJoinsPerSqlQuery\":10,\
    \"maxLogicalAndPerSqlQuery\":2000,\"maxLogicalOrPerSqlQuery\":2000,\"maxInExpressionItemsCount\":16000,\
    \"maxUdfRefPerSqlQuery\":10,\"queryMaxInMemorySortDocumentCount\":-1000,\"sqlAllowNonFiniteNumbers\":false,\
    \"sqlAllowAggregateFunctions\":true,\"sqlAllowSubQuery\":true,\"sqlAllowScalarSubQuery\":true,\
    \"sqlAllowGroupByClause\":true,\"sqlAllowLike\":true,\"sqlAllowTop\":true,\"allowNewKeywords\":true,\
    \"enableSpatialIndexing\":false,\"spatialMaxGeometryPointCount\":256}";

/// The account, its only endpoint being the one the request came in by.
pub(super) fn properties(call: &Call, scheme: &Scheme, authority: Option<&str>) -> Reply {
    let host = call.header("host").or(authority).unwrap_or("127.0.0.1:8081");
    let location = json!([{"name": "Local", "databaseAccountEndpoint": format!("{scheme}://{host}/")}]);
    let name = host.split(':').next().unwrap_or(host);
    let body: Value = json!({
        "_self": "", "id": name, "_rid": name, "media": "//media/", "addresses": "//addresses/", "_dbs": "//dbs/",
        "writableLocations": location, "readableLocations": location,
        "enableMultipleWriteLocations": false, "continuousBackupEnabled": false,
        "userReplicationPolicy": {"asyncReplication": false, "minReplicaSetSize": 1, "maxReplicasetSize": 1},
        "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
        "systemReplicationPolicy": {"minReplicaSetSize": 1, "maxReplicasetSize": 1},
        "readPolicy": {"primaryReadCoefficient": 1, "secondaryReadCoefficient": 1},
        "queryEngineConfiguration": QUERY_ENGINE,
    });
    Reply::json(StatusCode::OK, &body)
}
