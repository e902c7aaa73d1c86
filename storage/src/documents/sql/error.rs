use std::ops::Range;

/// Why a query text was refused. The service answers 400 with exactly these parts in its body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    /// The service's diagnostic code, for example `SC1001`.
    pub code: &'static str,
    /// One sentence that names the offending text and, for grammar we do not have, the construct.
    pub message: String,
    /// Byte range in the query text.
    pub span: Range<usize>,
}

impl SqlError {
    /// The text does not follow the grammar.
    pub(super) fn syntax(near: &str, span: Range<usize>) -> Self {
        let message = match near {
            "" => "Syntax error, the query ends too early.".to_owned(),
            near => format!("Syntax error, incorrect syntax near '{near}'."),
        };
        Self { code: "SC1001", message, span }
    }

    /// A character or literal the lexer cannot read.
    pub(super) fn token(what: &str, span: Range<usize>) -> Self {
        Self { code: "SC1010", message: format!("Syntax error, invalid {what} token."), span }
    }

    /// A name that no FROM or JOIN clause introduces.
    pub(super) fn unresolved(name: &str) -> Self {
        Self::semantic("SC2001", format!("Identifier '{name}' could not be resolved."))
    }

    /// Well-formed, but part of the service's language this store does not run.
    pub(super) fn unsupported(what: &str, span: Range<usize>) -> Self {
        Self { code: "SC2999", message: format!("{what} is not supported by this document store."), span }
    }

    /// A rule that needs the whole query to see.
    pub(super) fn semantic(code: &'static str, message: String) -> Self {
        Self { code, message, span: 0..0 }
    }
}
