//! The query language of the document service: text to tree, tree to rows. No storage, no HTTP.
//!
//! Undefined is a value of its own here (`None`): comparisons with it are undefined, a projection leaves it out, and
//! WHERE keeps a row only for `true`. <https://learn.microsoft.com/azure/cosmos-db/nosql/query/>

mod aggregate;
mod ast;
mod error;
mod eval;
mod execute;
mod expression;
mod functions;
mod lex;
mod like;
mod parse;
mod pinned;
mod resolve;
mod value;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use ast::Query;
pub use error::SqlError;
pub use execute::Execution;
pub(super) use value::{canonical, equal, number};

/// Longest query text, in bytes: the service's own limit.
pub const LONGEST_QUERY: usize = 512 * 1024;

impl Query {
    /// Reads `text` with `parameters` (names without `@`). Everything that can be wrong with a query is found here.
    pub fn parse(text: &str, parameters: &Map<String, Value>) -> Result<Self, SqlError> {
        if text.len() > LONGEST_QUERY {
            let message = format!("The query text exceeds the limit of {LONGEST_QUERY} bytes.");
            return Err(SqlError::semantic("SC3001", message));
        }
        let mut query = parse::statement(text)?;
        resolve::resolve(&mut query, parameters)?;
        Ok(query)
    }

    /// A condition on one document in the form patch operations use: `FROM c WHERE …`.
    pub fn parse_condition(text: &str) -> Result<Self, SqlError> {
        Self::parse(&format!("SELECT VALUE true {text}"), &Map::new())
    }
}
