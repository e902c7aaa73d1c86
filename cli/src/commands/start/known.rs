//! Options of `func start` (spec cli.md §1.4). Those that mean nothing here are accepted, since editors pass them.

use crate::args::{Known, Takes};

const fn known(long: &'static str, short: Option<char>, takes: Takes, help: &'static str) -> Known {
    Known { long, short, takes, help }
}

const fn flag(long: &'static str, help: &'static str) -> Known {
    known(long, None, Takes::Flag, help)
}

const fn value(long: &'static str, help: &'static str) -> Known {
    known(long, None, Takes::Value, help)
}

/// What `func start` takes; options without help are hints that every action accepts.
pub(crate) const KNOWN: &[Known] = &[
    known("port", Some('p'), Takes::Value, "Local port to listen on; 0 picks a free one. Default: 7071"),
    value("address", "IP address to listen on. Default: 127.0.0.1"),
    value("cors", "A comma separated list of CORS origins. Example: https://a.example,https://b.example"),
    flag("cors-credentials", "Allow cross-origin authenticated requests (cookies, Authorization)"),
    known("timeout", Some('t'), Takes::Value, "Accepted; has no effect"),
    flag("useHttps", "Serve HTTPS; with a self-signed certificate unless --cert names one"),
    value("cert", "PFX file with the certificate and key for --useHttps"),
    value("password", "Password of that file, or the path of a file that holds it"),
    value("language-worker", "Arguments for the language worker, e.g. --language-worker \"--inspect=9229\""),
    flag("no-build", "Accepted; nothing is built"),
    flag("enableAuth", "Check keys as a deployed app does"),
    known("functions", None, Takes::List, "Space separated functions to load; all others are left out"),
    value(
        "user-log-level",
        "Level of function logs: Trace, Debug, Information, Warning, Error, Critical, None",
    ),
    flag("dotnet-isolated-debug", "Let a .NET isolated worker wait for a debugger"),
    flag("enable-json-output", "Print lines that start with azfuncjsonlog: for tools"),
    value("json-output-file", "Append those lines to this file instead"),
    value("runtime", "Only 'default': there is one runtime"),
    value("storage", "Embedded store: auto (default), off, or the folder of its data"),
    flag("verbose", "Show the host's own logs as well"),
    value("script-root", "Folder of the app. Default: the current one"),
    value("prefix", "Same as --script-root"),
    flag("offline", "Accepted; the network is never needed"),
    flag("debug", "Accepted; errors are always printed in full"),
    flag("pause-on-error", "Wait for a key after an error"),
    flag("csharp", ""),
    flag("dotnet", ""),
    flag("dotnet-isolated", ""),
    flag("javascript", ""),
    flag("typescript", ""),
    flag("node", ""),
    flag("java", ""),
    flag("python", ""),
    flag("powershell", ""),
    flag("custom", ""),
    flag("go", ""),
    flag("golang", ""),
];
