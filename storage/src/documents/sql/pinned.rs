//! Properties a query holds to one value: they may name the partition it is about.

use serde_json::Value;

use super::ast::{Binary, Expr, Query, Set};

impl Query {
    /// The literal that every matching document has at `path`, when WHERE demands one outright.
    pub(in crate::documents) fn pinned(&self, path: &[String]) -> Option<&Value> {
        let source = self.sources.first()?;
        if source.each || source.set != Set::Documents(Expr::Document) {
            return None;
        }
        let filter = self.filter.as_ref()?;
        let demands = match filter {
            Expr::And(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        demands.iter().find_map(|demand| match demand {
            Expr::Binary(Binary::Equal, a, b) => match (&**a, &**b) {
                (Expr::Literal(value), at) | (at, Expr::Literal(value)) => {
                    is_path(at, &source.alias, path).then_some(value)
                }
                _ => None,
            },
            _ => None,
        })
    }
}

fn is_path(expression: &Expr, root: &str, path: &[String]) -> bool {
    match (expression, path.split_last()) {
        (Expr::Name(name), None) => name == root,
        (Expr::Member(of, member), Some((last, before))) => {
            **member == Expr::Literal(Value::from(last.as_str())) && is_path(of, root, before)
        }
        _ => false,
    }
}
