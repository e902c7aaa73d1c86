//! A query over documents: rows from FROM and JOIN, filtered, grouped or ordered, then projected.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    ops::ControlFlow,
};

use serde_json::{Map, Value};

use super::{
    aggregate::Accumulator,
    ast::{Expr, Query, Select, Set, Source},
    eval::{Finished, Row, Run, Scope},
    value::{canonical, order},
};

/// Takes documents one by one and yields the query's rows.
///
/// With [`Query::is_streaming`] rows may be taken after every document; otherwise they are complete, and in order,
/// only after [`Execution::finish`].
pub struct Execution<'q> {
    query: &'q Query,
    run: Run,
    collected: Collected,
}

/// Rows so far, and what is needed to make the next ones.
#[derive(Default)]
struct Collected {
    rows: Vec<Value>,
    /// One entry per row, when the query sorts.
    keys: Vec<Vec<Option<Value>>>,
    groups: Vec<Group>,
    group_index: HashMap<String, usize>,
    seen: HashSet<String>,
}

struct Group {
    keys: Vec<Option<Value>>,
    accumulators: Vec<Accumulator>,
}

impl Query {
    /// Whether a row depends on nothing but its own document: no order, groups, aggregates or DISTINCT.
    pub fn is_streaming(&self) -> bool {
        !self.distinct && self.order_by.is_empty() && !self.is_grouped() && self.reads_documents()
    }

    /// False for `SELECT 1`: it has one row, however many documents there are.
    pub fn reads_documents(&self) -> bool {
        !self.sources.is_empty()
    }

    fn is_grouped(&self) -> bool {
        !self.aggregates.is_empty() || !self.group_by.is_empty()
    }

    /// Rows to skip and rows to deliver after them, from OFFSET, LIMIT and TOP.
    pub fn window(&self) -> (u64, u64) {
        let count = |expression: &Expr| match expression {
            Expr::Literal(Value::Number(n)) => n.as_u64().unwrap_or(u64::MAX),
            _ => u64::MAX,
        };
        let top = self.top.as_ref().map_or(u64::MAX, count);
        match &self.window {
            Some((offset, limit)) => (count(offset), count(limit).min(top)),
            None => (0, top),
        }
    }
}

impl<'q> Execution<'q> {
    /// Starts a run of `query`.
    pub fn new(query: &'q Query) -> Self {
        Self { query, run: Run::new(), collected: Collected::default() }
    }

    /// Runs the query over one more document.
    pub fn push(&mut self, document: &Value) {
        if !self.query.reads_documents() {
            return;
        }
        let row = Row { run: &self.run, scope: None, document: Some(document), group: None };
        self.collected.visit(self.query, &row);
    }

    /// Takes the rows finished so far. For streaming queries only: the others have none before the end.
    pub fn take_rows(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.collected.rows)
    }

    /// All remaining rows in their final order, OFFSET, LIMIT and TOP not yet applied.
    pub fn finish(mut self) -> Vec<Value> {
        if !self.query.reads_documents() {
            let row = Row { run: &self.run, scope: None, document: None, group: None };
            self.collected.visit(self.query, &row);
        }
        self.collected.finish(self.query, &self.run);
        self.collected.rows
    }
}

/// Rows of a nested query in the scope of `outer`, its own OFFSET, LIMIT and TOP applied.
pub(super) fn rows(query: &Query, outer: &Row<'_>) -> Vec<Value> {
    let mut collected = Collected::default();
    collected.visit(query, outer);
    collected.finish(query, outer.run);
    let (skip, take) = query.window();
    let position = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    collected.rows.into_iter().skip(position(skip)).take(position(take)).collect()
}

/// Whether a nested query has any row; stops at the first where it can.
pub(super) fn has_rows(query: &Query, outer: &Row<'_>) -> bool {
    if query.reads_documents() && !query.is_streaming() || query.window() != (0, u64::MAX) {
        return !rows(query, outer).is_empty();
    }
    each_row(&query.sources, outer, &mut |row| {
        let found =
            query.filter.as_ref().is_none_or(|filter| row.holds(filter)) && project(query, row).is_some();
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_break()
}

impl Collected {
    fn visit(&mut self, query: &Query, outer: &Row<'_>) {
        let _ = each_row(&query.sources, outer, &mut |row| {
            if query.filter.as_ref().is_none_or(|filter| row.holds(filter)) {
                self.take(query, row);
            }
            ControlFlow::Continue(())
        });
    }

    fn take(&mut self, query: &Query, row: &Row<'_>) {
        if query.is_grouped() {
            return self.count(query, row);
        }
        let Some(projected) = project(query, row) else { return };
        if query.distinct && !self.seen.insert(canonical(&projected)) {
            return;
        }
        if !query.order_by.is_empty() {
            self.keys.push(query.order_by.iter().map(|order| owned(row, &order.by)).collect());
        }
        self.rows.push(projected);
    }

    fn count(&mut self, query: &Query, row: &Row<'_>) {
        let keys: Vec<_> = query.group_by.iter().map(|key| owned(row, key)).collect();
        let mut text = String::new();
        for key in &keys {
            // Undefined is a group of its own; no JSON text is `-`.
            text.push_str(&key.as_ref().map_or_else(|| "-".to_owned(), canonical));
            text.push('\n');
        }
        let next = self.groups.len();
        let index = *self.group_index.entry(text).or_insert(next);
        if index == next {
            self.groups.push(Group::new(query, keys));
        }
        for (aggregate, accumulator) in query.aggregates.iter().zip(&mut self.groups[index].accumulators) {
            accumulator.add(row.value(&aggregate.of).as_deref());
        }
    }

    fn finish(&mut self, query: &Query, run: &Run) {
        if query.group_by.is_empty() && query.is_grouped() && self.groups.is_empty() {
            // Aggregates over no rows still give one: `SELECT VALUE COUNT(1)` is 0.
            self.groups.push(Group::new(query, Vec::new()));
        }
        for group in std::mem::take(&mut self.groups) {
            let aggregates: Vec<_> = group.accumulators.into_iter().map(Accumulator::result).collect();
            let row = Row {
                run,
                scope: None,
                document: None,
                group: Some(Finished { keys: &group.keys, aggregates: &aggregates }),
            };
            let Some(projected) = project(query, &row) else { continue };
            if !query.distinct || self.seen.insert(canonical(&projected)) {
                self.rows.push(projected);
            }
        }
        // Aggregates without GROUP BY make one row: there is nothing to sort, and no keys were kept.
        if self.keys.len() == self.rows.len() && !query.order_by.is_empty() {
            self.sort(query);
        }
    }

    fn sort(&mut self, query: &Query) {
        let mut keyed: Vec<_> =
            std::mem::take(&mut self.keys).into_iter().zip(std::mem::take(&mut self.rows)).collect();
        keyed.sort_by(|(a, _), (b, _)| {
            let columns = query.order_by.iter().zip(a.iter().zip(b));
            let mut unequal = columns.map(|(column, (a, b))| {
                let ascending = order(a.as_ref(), b.as_ref());
                if column.descending { ascending.reverse() } else { ascending }
            });
            unequal.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        self.rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
}

impl Group {
    fn new(query: &Query, keys: Vec<Option<Value>>) -> Self {
        Self {
            keys,
            accumulators: query.aggregates.iter().map(|aggregate| Accumulator::new(aggregate.kind)).collect(),
        }
    }
}

fn owned(row: &Row<'_>, expression: &Expr) -> Option<Value> {
    // The row may outlive neither borrow, so the value is taken out of both.
    let narrowed: Row<'_> = *row;
    narrowed.value(expression).map(std::borrow::Cow::into_owned)
}

fn project(query: &Query, row: &Row<'_>) -> Option<Value> {
    match &query.select {
        Select::All => row.scope.and_then(|scope| scope.value).cloned(),
        Select::Value(value) => owned(row, value),
        Select::Properties(properties) => {
            let mut object = Map::new();
            for (name, value) in properties {
                if let Some(value) = owned(row, value) {
                    object.insert(name.clone(), value);
                }
            }
            Some(Value::Object(object))
        }
    }
}

/// Calls `visit` for every combination of the sources' elements; `Break` ends the walk.
fn each_row(
    sources: &[Source],
    row: &Row<'_>,
    visit: &mut dyn FnMut(&Row<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some((source, further)) = sources.split_first() else { return visit(row) };
    let mut bind = |value: &Value| {
        let scope = Scope { alias: &source.alias, value: Some(value), outer: row.scope };
        each_row(further, &Row { scope: Some(&scope), ..*row }, visit)
    };
    match &source.set {
        Set::Path(path) | Set::Documents(path) => match row.value(path).as_deref() {
            Some(Value::Array(items)) if source.each => items.iter().try_for_each(bind),
            Some(value) if !source.each => bind(value),
            // Nothing to walk over: no row.
            _ => ControlFlow::Continue(()),
        },
        Set::Query(query) => {
            for value in rows(query, row) {
                match value {
                    Value::Array(items) if source.each => items.iter().try_for_each(&mut bind)?,
                    value if !source.each => bind(&value)?,
                    _ => {}
                }
            }
            ControlFlow::Continue(())
        }
    }
}
