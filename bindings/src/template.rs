//! Binding expressions.
