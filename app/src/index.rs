//! Which functions an app has: from function.json files or from a worker's index, validated one by one. One bad
//! function never stops the others (spec host.md §2).

mod binding;
mod files;
mod rules;
mod worker;

use crate::function::{Function, FunctionError};
use crate::settings::Settings;

pub use files::{from_files, not_indexed};
pub use rules::{
    RUNTIME_MISSING, apply_allow_list, check_binding_types, check_languages, check_routes, merge,
    runtime_mismatch,
};
pub use worker::{WorkerFunction, from_worker};

/// The functions of an app, ordered by name ignoring case.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// Functions that passed.
    pub functions: Vec<Function>,
    /// Valid functions that host.json's allow-list leaves out: listed, never run.
    pub excluded: Vec<Function>,
    /// Why others did not pass.
    pub errors: Vec<FunctionError>,
}

impl Index {
    fn reject(&mut self, function: &str, message: impl Into<String>) {
        self.errors.push(FunctionError { function: function.to_owned(), message: message.into() });
    }

    /// Ordinal order ignoring case fixes the order of routes and lists. Names that differ only in case clash: the
    /// first stays.
    fn settle(&mut self) {
        self.functions.sort_by_cached_key(|function| ordinal(&function.name));
        let mut previous: Option<String> = None;
        for function in std::mem::take(&mut self.functions) {
            let key = ordinal(&function.name);
            if previous.as_ref() == Some(&key) {
                let name = function.name;
                self.reject(
                    &name,
                    format!("The function or proxy name '{name}' must be unique within the function app."),
                );
                continue;
            }
            previous = Some(key);
            self.functions.push(function);
        }
        self.errors.sort_by_cached_key(|error| ordinal(&error.function));
    }

    /// Moves the functions that `complaint` has something to say about to the errors.
    fn weed(&mut self, complaint: impl Fn(&Function) -> Option<String>) {
        for function in std::mem::take(&mut self.functions) {
            match complaint(&function) {
                Some(message) => self.reject(&function.name, message),
                None => self.functions.push(function),
            }
        }
    }
}

/// The reference compares names in upper case, so that `_` sorts after letters.
fn ordinal(name: &str) -> String {
    name.to_uppercase()
}

/// Whether a setting switches the function off (spec host.md §2.5).
fn is_disabled(name: &str, settings: &Settings) -> bool {
    settings.flag(&format!("AzureWebJobs.{name}.Disabled"))
        || settings.flag(&format!("AzureWebJobs_{name}_Disabled"))
}

#[cfg(test)]
mod tests;
