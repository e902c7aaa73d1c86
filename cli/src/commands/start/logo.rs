//! The logo, with `--verbose` or `FUNCTIONS_CORE_TOOLS_DISPLAY_LOGO` (spec cli.md §4.2).

use horus_app::settings::Settings;

/// An eye, wide open.
const LOGO: &str = r"
        __..---~~~~~---..__
    .-~~    ___________    ~~-.
  <      .-~   .---.   ~-.      >
    ~-._ (    ( (@) )    ) _.-~
        ~~--..__'---'__..--~~
              /  |  \
         ,__./   |   '-._.
                 |
";

/// The logo, when it is wanted.
pub(super) fn text(verbose: bool, environment: &Settings) -> &'static str {
    match verbose || environment.flag("FUNCTIONS_CORE_TOOLS_DISPLAY_LOGO") {
        true => LOGO,
        false => "",
    }
}
