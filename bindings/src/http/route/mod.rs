//! Route templates and the table of them (spec host.md §3.3).

mod constraint;
mod methods;
mod parse;
pub mod path;
mod table;
mod template;

pub use methods::Methods;
pub use table::{Claims, Found, Route, Table};
pub use template::Template;

/// `prefix` and `route` as one template text, without slashes at the ends.
pub fn join(prefix: &str, route: &str) -> String {
    let (prefix, route) = (prefix.trim_matches('/'), route.trim_matches('/'));
    match (prefix, route) {
        ("", only) | (only, "") => only.to_owned(),
        (prefix, route) => format!("{prefix}/{route}"),
    }
}

/// The `invoke_url_template` of the admin API: `base` (without a slash at the end) and the template, lower-case, its
/// parameters left in braces.
pub fn invoke_url(base: &str, template: &str) -> String {
    format!("{}/{}", base.trim_end_matches('/'), template.trim_start_matches('/')).to_lowercase()
}

/// The line that tools read when routes are set up (spec host.md §3.3).
pub fn mapping_line(template: &str, methods: &Methods, function: &str) -> String {
    format!("Mapped function route '{template}' [{methods}] to '{function}'")
}

#[cfg(test)]
mod tests;
