//! The function list that is printed once the host runs (spec cli.md §4.6).

use horus_host::Job;

use crate::console::{DARK_CYAN, DARK_YELLOW, Style};

/// The list, ready to print. `base` is how a client on this machine reaches the host.
pub(super) fn text(job: &Job, base: &str, verbose: bool, style: Style) -> String {
    let mut http = String::new();
    let mut others = String::new();
    let mut disabled = String::new();
    for runner in &job.functions {
        let function = runner.function();
        let name = style.paint(DARK_YELLOW, &function.name);
        if runner.is_disabled() {
            let line = format!("Function {} is disabled.", function.name);
            disabled.push_str(&format!("\t{}\n\n", style.paint(DARK_YELLOW, &line)));
        } else if let Some(route) = runner.route() {
            let methods = match route.methods.verbs() {
                [] => String::new(),
                verbs => format!("[{}]", verbs.join(",").to_uppercase()),
            };
            let path = route.template.text();
            http.push_str(&format!("\t{name}: {methods} {base}/{path}\n\n"));
        } else {
            others.push_str(&format!("\t{name}: {}\n\n", function.trigger().kind));
        }
    }
    let mut text = String::new();
    if !(http.is_empty() && others.is_empty()) {
        text = format!("\n{}\n\n{http}{others}", style.paint(DARK_YELLOW, "Functions:"));
    }
    text.push_str(&disabled);
    if job.functions.is_empty() {
        text.push_str("\nNo functions were found in this app");
        text.push_str(match job.errors.len() {
            0 => ". Check that package.json names your entry files in \"main\" (TypeScript: run `npm run build` first), or that each function has a folder with a function.json.\n",
            _ => " that can run. Each of them is in error; see above.\n",
        });
    }
    if !verbose {
        let hint = "For detailed output, run func with --verbose flag.";
        text.push_str(&style.paint(DARK_CYAN, hint));
        text.push('\n');
    }
    text
}
