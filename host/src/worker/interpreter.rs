//! Which interpreter runs the app when no setting says so: the one that the app brings along.

use std::path::Path;

use horus_app::settings::Settings;

/// The app's own Python: an active virtual environment, or one in a folder of the app. `None` leaves the choice to
/// the worker's configuration, which means whatever is on the PATH.
pub(super) fn of(language: &str, root: &Path, settings: &Settings) -> Option<String> {
    if !language.eq_ignore_ascii_case("python") {
        return None;
    }
    let active = settings.text("VIRTUAL_ENV").map(|folder| Path::new(folder).to_owned());
    let beside = [".venv", "venv"].iter().map(|name| root.join(name));
    active
        .into_iter()
        .chain(beside)
        .map(|folder| folder.join("bin").join("python"))
        .find(|python| python.exists())
        .map(|python| python.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_environment_of_the_app_is_used() {
        let root = tempfile::tempdir().unwrap();
        let none = Settings::default();
        assert_eq!(of("python", root.path(), &none), None);
        let bin = root.path().join(".venv/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(bin.join("python"), "").unwrap();
        assert!(of("python", root.path(), &none).unwrap().ends_with(".venv/bin/python"));
        assert_eq!(of("node", root.path(), &none), None);
    }
}
