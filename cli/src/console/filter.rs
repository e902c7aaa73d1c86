//! Which log records a person sees (spec cli.md §4.5): pure.

use horus_app::log::{ANNOUNCE, Level};

/// Category of lines that only tools read.
const TOOLING: &str = "Host.Function.ToolingConsoleLog";

/// What decides.
#[derive(Debug, Clone, Default)]
pub(crate) struct FilterOptions {
    /// `--verbose`, when given.
    pub(crate) verbose: Option<bool>,
    /// `--user-log-level` or its environment variable.
    pub(crate) user_level: Option<Level>,
    /// A build server runs this.
    pub(crate) ci: bool,
    /// host.json `logging.logLevel.default`.
    pub(crate) default_level: Option<Level>,
    /// `--enable-json-output`: lines that only tools read are wanted.
    pub(crate) tooling: bool,
    /// Other members of host.json `logging.logLevel`: category prefix and level.
    pub(crate) levels: Vec<(String, Level)>,
}

/// The filter.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    user: Level,
    system: Level,
    tooling: bool,
    /// Longest prefix first.
    levels: Vec<(String, Level)>,
}

impl Filter {
    pub(crate) fn new(options: FilterOptions) -> Self {
        let verbose = options.verbose.unwrap_or(options.ci);
        let mut levels = options.levels;
        levels.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        let system = if verbose { Level::Information } else { Level::Warning };
        Self {
            user: options.user_level.or(options.default_level).unwrap_or(Level::Information),
            system: options.default_level.unwrap_or(system),
            tooling: options.tooling,
            levels,
        }
    }

    /// Whether such a record is shown.
    pub(crate) fn accepts(&self, category: &str, level: Level) -> bool {
        if category == ANNOUNCE {
            return true;
        }
        if category == TOOLING {
            return self.tooling;
        }
        let by_prefix = self.levels.iter().find(|(prefix, _)| starts_with(category, prefix));
        let threshold = match by_prefix {
            Some((_, level)) => *level,
            None if is_system(category) => self.system,
            None => self.user,
        };
        threshold != Level::None && level >= threshold
    }
}

fn starts_with(category: &str, prefix: &str) -> bool {
    category.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Functions and what they print belong to the user; so does everything the host does not know.
fn is_system(category: &str) -> bool {
    if category == "Host.Function.Console" || category.starts_with("Function.") {
        return false;
    }
    ["Microsoft.Azure.WebJobs.", "Worker.", "Host."].iter().any(|prefix| category.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(options: FilterOptions) -> impl Fn(&str, Level) -> bool {
        let filter = Filter::new(options);
        move |category, level| filter.accepts(category, level)
    }

    /// cli.md §4.5 and items 56, 59, 60.
    #[test]
    fn user_and_system_lines_have_their_own_thresholds() {
        let quiet = shown(FilterOptions::default());
        assert!(quiet("Function.X", Level::Information));
        assert!(quiet("Function.X.User", Level::Information));
        assert!(quiet("Host.Function.Console", Level::Information));
        assert!(quiet("My.Library", Level::Information));
        assert!(!quiet("Function.X.User", Level::Debug));
        assert!(!quiet("Host.Startup", Level::Information));
        assert!(quiet("Host.Startup", Level::Warning));
        assert!(quiet(ANNOUNCE, Level::Information));

        let verbose = shown(FilterOptions { verbose: Some(true), ..FilterOptions::default() });
        assert!(verbose("Host.Startup", Level::Information));
        assert!(!verbose("Host.Startup", Level::Debug));

        let ci = shown(FilterOptions { ci: true, ..FilterOptions::default() });
        assert!(ci("Host.Startup", Level::Information));
        let ci_quiet = shown(FilterOptions { ci: true, verbose: Some(false), ..FilterOptions::default() });
        assert!(!ci_quiet("Host.Startup", Level::Information));

        let errors = shown(FilterOptions { user_level: Some(Level::Error), ..FilterOptions::default() });
        assert!(!errors("Function.X", Level::Information));
        assert!(errors(ANNOUNCE, Level::Information));
    }

    /// host.md C17, and cli.md §4.5 on the default level.
    #[test]
    fn c17_host_json_levels_win_by_longest_prefix() {
        let filter = shown(FilterOptions {
            default_level: Some(Level::Debug),
            levels: vec![
                ("Function".into(), Level::Warning),
                ("function.X.User".into(), Level::Error),
                ("Silent".into(), Level::None),
            ],
            ..FilterOptions::default()
        });
        assert!(filter("Host.Startup", Level::Debug));
        assert!(!filter("Function.X", Level::Information));
        assert!(filter("Function.X", Level::Warning));
        assert!(!filter("Function.X.User", Level::Warning));
        assert!(filter("Function.X.User", Level::Error));
        assert!(!filter("Silent.Thing", Level::Critical));
        let user = shown(FilterOptions {
            default_level: Some(Level::Debug),
            user_level: Some(Level::Error),
            ..FilterOptions::default()
        });
        assert!(!user("Function.X", Level::Information));
    }
}
