//! Fan-out of one output value into items.
