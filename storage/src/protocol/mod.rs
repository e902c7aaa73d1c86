//! What the queue, blob and table protocols share: the request seen once, answers, faults, XML, dates, names.

mod answer;
mod call;
pub(crate) mod dates;
pub(crate) mod fault;
mod metadata;
mod policies;
pub(crate) mod service_properties;
pub(crate) mod xml;

#[cfg(test)]
mod tests;

pub(crate) use answer::{Answer, Shape, finish};
pub(crate) use call::{Call, Query};
pub(crate) use fault::{Code, Fault};
pub(crate) use metadata::{Metadata, metadata_from};
pub(crate) use policies::{Policy, policies_from_xml, policies_to_xml};
