//! Which outgoing requests a grant lets pass.

use crate::{Grants, HostPattern};

#[test]
fn host_patterns_match_names_domains_and_ports() {
    let table = [
        ("api.example.com", "API.example.com", 443, true),
        ("api.example.com", "api.example.com", 8443, true),
        ("api.example.com", "evil-api.example.com", 443, false),
        ("api.example.com", "api.example.com.evil.net", 443, false),
        ("*.example.org", "a.example.org", 80, true),
        ("*.example.org", "a.b.example.org", 80, true),
        ("*.example.org", "example.org", 80, false),
        ("*.example.org", ".example.org", 80, false),
        ("*.example.org", "badexample.org", 80, false),
        ("localhost:7071", "localhost", 7071, true),
        ("localhost:7071", "localhost", 7072, false),
        ("*:443", "anything", 443, true),
        ("*:443", "anything", 80, false),
        ("*", "anything", 1, true),
        ("", "anything", 443, false),
    ];
    for (pattern, host, port, allowed) in table {
        assert_eq!(HostPattern::new(pattern).allows(host, port), allowed, "{pattern} {host}:{port}");
    }
}

#[test]
fn values_of_variables_are_not_shown() {
    let environment = vec![("TOKEN".to_owned(), "hunter2".to_owned())];
    let shown = format!("{:?}", Grants { environment, ..Grants::default() });
    assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
}
