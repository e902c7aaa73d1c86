//! The folder that a command works in (spec cli.md §1.2, §4.1).

use std::path::{Path, PathBuf};

use super::Failed;
use crate::args::Given;

/// What makes a folder an app's root.
const MARKS: [&str; 2] = ["host.json", "local.settings.json"];

/// `--script-root` or `--prefix`, else the current folder; absolute.
pub(super) fn given(given: &Given) -> Result<PathBuf, Failed> {
    let folder = given.value("script-root").or_else(|| given.value("prefix")).unwrap_or(".");
    let path = Path::new(folder);
    if !path.is_dir() {
        return Err(Failed::new(format!("\"{folder}\" doesn't exist.")));
    }
    Ok(path.canonicalize()?)
}

/// The root of the app that `folder` is in.
pub(super) fn app_root(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| MARKS.iter().any(|name| folder.join(name).is_file())).map(Path::to_owned)
}
