//! COUNT, SUM, MIN, MAX and AVG over the rows of a group.

use serde_json::Value;

use super::{
    ast::AggregateKind,
    value::{number, order},
};

/// The state of one aggregate call. Rows where its argument is undefined do not count.
#[derive(Debug)]
pub(super) struct Accumulator {
    kind: AggregateKind,
    count: u64,
    sum: f64,
    extreme: Option<Value>,
    /// A value the aggregate cannot take (text in SUM, an array in MIN) makes the whole result undefined.
    spoiled: bool,
}

impl Accumulator {
    pub(super) fn new(kind: AggregateKind) -> Self {
        Self { kind, count: 0, sum: 0.0, extreme: None, spoiled: false }
    }

    pub(super) fn add(&mut self, value: Option<&Value>) {
        let Some(value) = value else { return };
        self.count += 1;
        match self.kind {
            AggregateKind::Count => {}
            AggregateKind::Sum | AggregateKind::Avg => match value.as_f64() {
                Some(value) => self.sum += value,
                None => self.spoiled = true,
            },
            AggregateKind::Min | AggregateKind::Max => {
                self.spoiled |= value.is_array() || value.is_object();
                let better = self.extreme.as_ref().is_none_or(|extreme| {
                    let against = order(Some(value), Some(extreme));
                    if self.kind == AggregateKind::Min { against.is_lt() } else { against.is_gt() }
                });
                if better {
                    self.extreme = Some(value.clone());
                }
            }
        }
    }

    /// Nothing to sum is 0, nothing to average or to choose from is undefined.
    pub(super) fn result(self) -> Option<Value> {
        if self.spoiled {
            return None;
        }
        match self.kind {
            AggregateKind::Count => Some(Value::from(self.count)),
            AggregateKind::Sum => number(self.sum),
            AggregateKind::Avg => number(self.sum / self.count as f64),
            AggregateKind::Min | AggregateKind::Max => self.extreme,
        }
    }
}
