use crate::blob::path::BlobPath;
use crate::blob::pattern::Pattern;

fn captures(pattern: &str, container: &str, name: &str) -> Option<Vec<(String, String)>> {
    Pattern::parse(pattern).unwrap().captures(container, name)
}

fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
    Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// bindings.md 56: captures take as much as they can, over the whole name.
#[test]
fn b56_captures_are_greedy_and_anchored() {
    assert_eq!(captures("inn/{a}-{b}.txt", "inn", "x-y-z.txt"), pairs(&[("a", "x-y"), ("b", "z")]));
    assert_eq!(captures("inn/{a}-{b}.txt", "INN", "-.txt"), pairs(&[("a", ""), ("b", "")]));
    assert_eq!(captures("inn/{a}-{b}.txt", "inn", "x-y.txt.bak"), None);
    assert_eq!(captures("inn/{a}-{b}.txt", "inn", "x-y_txt"), None, "a dot is a dot");
    assert_eq!(captures("inn/{a}-{b}.txt", "out", "x-y.txt"), None);
    assert_eq!(captures("Inn/{name}.{ext}", "inn", "a/b.c/d.e"), pairs(&[("name", "a/b.c/d"), ("ext", "e")]));
    assert_eq!(captures("inn/{x}", "inn", "line\nbreak"), pairs(&[("x", "line\nbreak")]));
    assert_eq!(captures("inn", "inn", "any/thing"), pairs(&[]));
    assert_eq!(captures("inn/", "inn", "any/thing"), pairs(&[]));
    assert_eq!(captures("inn/[a]{{b}}(c", "inn", "[a]{b}(c"), pairs(&[]), "everything else is literal");
    assert_eq!(captures("inn/a.txt", "inn", "A.txt"), None, "names of blobs have a case");
}

/// Only what begins like every match has to be listed.
#[test]
fn prefixes_end_where_captures_begin() {
    for (pattern, prefix) in [
        ("inn/a/b-{c}/d", "a/b-"),
        ("inn/{a}", ""),
        ("inn", ""),
        ("inn/a{{b}}{c}d", "a{b}"),
        ("inn/x.txt", "x.txt"),
    ] {
        assert_eq!(Pattern::parse(pattern).unwrap().prefix(), prefix, "{pattern}");
    }
}

#[test]
fn wrong_patterns_say_what_is_wrong() {
    for (pattern, problem) in [
        ("inn/{a", "Missing closing bracket at position 5."),
        ("inn/{a{b}", "Missing closing bracket at position 5."),
        ("inn/a}", "Missing opening bracket at position 6."),
        ("inn/{}", "The parameter name '' is invalid."),
        ("inn/{a.b}", "The parameter name 'a.b' is invalid."),
        ("in/{a}", "3 to 63 characters"),
        ("in_n/{a}", "only letters, digits and dashes"),
        ("-inn/{a}", "dashes must stand alone"),
        ("in{a}/b", "no expressions in the name of its container"),
    ] {
        let error = Pattern::parse(pattern).unwrap_err();
        assert!(error.contains(problem), "{pattern}: {error}");
    }
}

/// Spec bindings.md §5: paths, and addresses of real accounts and of emulators.
#[test]
fn paths_and_addresses_name_the_same_blob() {
    let parse = |text: &str| BlobPath::parse(text).map(|path| (path.container, path.name));
    let blob = |container: &str, name: &str| Ok((container.to_owned(), name.to_owned()));
    assert_eq!(parse("Inbox/a/b c.txt"), blob("inbox", "a/b c.txt"));
    assert_eq!(parse("inbox"), blob("inbox", ""));
    assert_eq!(parse("$root/a.txt"), blob("$root", "a.txt"));
    let address = "https://shop.blob.core.windows.net/inbox/a/b%20c%2Bd.txt?sig=secret";
    assert_eq!(parse(address), blob("inbox", "a/b c+d.txt"));
    assert_eq!(parse("http://127.0.0.1:10000/devstoreaccount1/inbox/a.txt"), blob("inbox", "a.txt"));
    assert_eq!(parse("http://localhost:10000/devstoreaccount1/inbox"), blob("inbox", ""));
    assert_eq!(parse("http-logs/a.txt"), blob("http-logs", "a.txt"));
    for (text, problem) in [
        ("", "3 to 63 characters"),
        ("https://shop.blob.core.windows.net/?sig=secret", "not the address of a blob"),
        (&format!("inbox/{}", "x".repeat(1025)), "1025 characters"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(problem) && !error.contains("secret"), "{error}");
    }
    assert!(BlobPath::parse_blob("inbox/").unwrap_err().contains("names a container only"));
}
