//! What only the whole query can show: names, places where aggregates may stand, parameters, grouping.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    SqlError,
    ast::{Expr, Query, Select, Set},
};

/// Checks the outermost `query` and settles its names. Parameters become literals.
pub(super) fn resolve(query: &mut Query, parameters: &Map<String, Value>) -> Result<(), SqlError> {
    Resolver { scope: Vec::new(), parameters }.query(query, true)
}

struct Resolver<'p> {
    /// Aliases in reach, innermost last.
    scope: Vec<String>,
    parameters: &'p Map<String, Value>,
}

impl Resolver<'_> {
    fn query(&mut self, query: &mut Query, outermost: bool) -> Result<(), SqlError> {
        let outer = self.scope.len();
        let resolved = self.query_in_scope(query, outermost, outer);
        self.scope.truncate(outer);
        resolved
    }

    fn query_in_scope(&mut self, query: &mut Query, outermost: bool, outer: usize) -> Result<(), SqlError> {
        let several = query.sources.len() > 1;
        for (position, source) in query.sources.iter_mut().enumerate() {
            match &mut source.set {
                Set::Query(nested) => {
                    let of_documents = outermost && position == 0;
                    self.query(nested, of_documents)?;
                    if of_documents && !(nested.is_streaming() && nested.window() == (0, u64::MAX)) {
                        let what =
                            "ORDER BY, DISTINCT, TOP, OFFSET, GROUP BY or an aggregate in a query in FROM";
                        return Err(SqlError::unsupported(what, 0..0));
                    }
                }
                Set::Path(path) if outermost && position == 0 => {
                    // Whatever it is called, the first name of the outermost FROM is the container.
                    *root_of(path) = Expr::Document;
                    self.expression(path)?;
                    source.set = Set::Documents(std::mem::replace(path, Expr::Undefined));
                }
                Set::Path(path) => self.expression(path)?,
                Set::Documents(_) => {}
            }
            if !source.alias.is_empty() {
                if self.scope[outer..].contains(&source.alias) {
                    let message = format!("The input alias '{}' is specified more than once.", source.alias);
                    return Err(SqlError::semantic("SC2012", message));
                }
                self.scope.push(source.alias.clone());
            }
        }
        for count in query.top.iter_mut().chain(query.window.iter_mut().flat_map(|(o, l)| [o, l])) {
            self.expression(count)?;
            if !matches!(count, Expr::Literal(Value::Number(n)) if n.as_u64().is_some()) {
                let message = "TOP, OFFSET and LIMIT take a number that is not negative.".to_owned();
                return Err(SqlError::semantic("SC2062", message));
            }
        }
        for expression in query.filter.iter_mut().chain(&mut query.group_by) {
            self.expression(expression)?;
            no_aggregate(expression, "WHERE and GROUP BY")?;
        }
        for aggregate in &mut query.aggregates {
            self.expression(&mut aggregate.of)?;
            no_aggregate(&mut aggregate.of, "an aggregate")?;
        }
        for order in &mut query.order_by {
            self.expression(&mut order.by)?;
            no_aggregate(&mut order.by, "ORDER BY")?;
        }
        match &mut query.select {
            Select::All if several || query.sources.is_empty() => {
                let message = "'SELECT *' is only valid with a single input set.".to_owned();
                return Err(SqlError::semantic("SC2030", message));
            }
            Select::All => {}
            Select::Value(value) => self.expression(value)?,
            Select::Properties(properties) => {
                let mut names = HashSet::new();
                for (name, value) in properties {
                    self.expression(value)?;
                    if !names.insert(name.as_str()) {
                        let message = format!("Duplicate property name '{name}' specified.");
                        return Err(SqlError::semantic("SC2040", message));
                    }
                }
            }
        }
        self.grouping(query, outer)
    }

    /// With GROUP BY or an aggregate, the projection may only use group keys and aggregates.
    fn grouping(&self, query: &mut Query, outer: usize) -> Result<(), SqlError> {
        if query.group_by.is_empty() && query.aggregates.is_empty() {
            return Ok(());
        }
        if !query.group_by.is_empty() && !query.order_by.is_empty() {
            // The service refuses the pair as well.
            let span = 0..0;
            return Err(SqlError::unsupported("ORDER BY together with GROUP BY", span));
        }
        let keys = &query.group_by;
        let outside = &self.scope[..outer];
        match &mut query.select {
            Select::All => {
                let message = "'SELECT *' cannot be used with GROUP BY or an aggregate.".to_owned();
                Err(SqlError::semantic("SC2103", message))
            }
            Select::Value(value) => group_keys(value, keys, outside),
            Select::Properties(properties) => {
                properties.iter_mut().try_for_each(|(_, value)| group_keys(value, keys, outside))
            }
        }
    }

    fn expression(&mut self, expression: &mut Expr) -> Result<(), SqlError> {
        match expression {
            Expr::Name(name) if self.scope.contains(name) => Ok(()),
            Expr::Name(name) => Err(SqlError::unresolved(name)),
            Expr::Parameter(name) => match self.parameters.get(name.as_str()) {
                Some(value) => {
                    *expression = Expr::Literal(value.clone());
                    Ok(())
                }
                None => {
                    let message = format!("The query uses the parameter '@{name}', which was not supplied.");
                    Err(SqlError::semantic("SC2061", message))
                }
            },
            Expr::Exists(query) | Expr::Scalar(query) | Expr::Rows(query) => self.query(query, false),
            other => other.children_mut().into_iter().try_for_each(|child| self.expression(child)),
        }
    }
}

fn root_of(path: &mut Expr) -> &mut Expr {
    match path {
        Expr::Member(of, _) => root_of(of),
        root => root,
    }
}

fn no_aggregate(expression: &mut Expr, place: &str) -> Result<(), SqlError> {
    match expression {
        Expr::Aggregate(_) => {
            let message = format!("An aggregate function is not allowed in {place}.");
            Err(SqlError::semantic("SC2101", message))
        }
        other => other.children_mut().into_iter().try_for_each(|child| no_aggregate(child, place)),
    }
}

fn group_keys(expression: &mut Expr, keys: &[Expr], outside: &[String]) -> Result<(), SqlError> {
    if let Some(key) = keys.iter().position(|key| key == expression) {
        *expression = Expr::GroupKey(key);
        return Ok(());
    }
    match expression {
        Expr::Name(name) if !outside.contains(name) => {
            let message = format!(
                "Property reference '{name}' is invalid in the select list because it is not contained in either an \
                 aggregate function or the GROUP BY clause."
            );
            Err(SqlError::semantic("SC2102", message))
        }
        other => other.children_mut().into_iter().try_for_each(|child| group_keys(child, keys, outside)),
    }
}
