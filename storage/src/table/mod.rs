//! The table service; its operations follow in the next commit.

use crate::auth::{Principal, Scope};
use crate::body::Body;
use crate::engine::{Engine, Space};
use crate::protocol::fault::NOT_IMPLEMENTED;
use crate::protocol::{Answer, Call, Fault, Policy};

pub(crate) const SPACES: [Space; 0] = [];

pub(crate) fn policies_of(_engine: &Engine, _scope: &Scope) -> Result<Vec<Policy>, Fault> {
    Ok(Vec::new())
}

pub(crate) async fn handle(
    _engine: &Engine,
    _call: &Call,
    _principal: &Principal,
    _body: Body,
) -> Result<Answer, Fault> {
    Err(NOT_IMPLEMENTED.into())
}
