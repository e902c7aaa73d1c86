use super::*;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// spec host.md §1.5: names ignore case, `__` and `:` are the same.
#[test]
fn names_have_one_normal_form() {
    let settings = settings(&[("ConnectionStrings__Db", "one"), ("connectionstrings:DB", "two"), ("E", "")]);
    assert_eq!(settings.get("CONNECTIONSTRINGS:db"), Some("two"));
    assert_eq!(settings.get("ConnectionStrings__Db"), Some("two"));
    assert_eq!(settings.get("E"), Some(""));
    assert_eq!(settings.text("E"), None);
    assert_eq!(settings.iter().collect::<Vec<_>>(), [("connectionstrings:DB", "two"), ("E", "")]);
}

#[test]
fn section_lists_what_lies_below() {
    let settings = settings(&[
        ("Photos__queueServiceUri", "q"),
        ("photos:a__B", "ab"),
        ("PhotosX__c", "-"),
        ("Photos", "v"),
    ]);
    let section = settings.section("PHOTOS");
    assert_eq!(
        section.into_iter().collect::<Vec<_>>(),
        [("a:b".to_owned(), "ab".to_owned()), ("queueserviceuri".to_owned(), "q".to_owned())]
    );
}

/// spec host.md §1.5 and C15, bindings.md §22 no. 3.
#[test]
fn c15_expansion_table() {
    let settings = settings(&[("R", "orders"), ("Empty", ""), ("A__B", "deep"), ("P", "%R%")]);
    let table: &[(&str, Result<&str, &str>)] = &[
        ("plain", Ok("plain")),
        ("", Ok("")),
        ("%R%", Ok("orders")),
        ("x-%r%/%A:B%-y", Ok("x-orders/deep-y")),
        ("%Empty%.", Ok(".")),
        ("%P%", Ok("%R%")),
        ("%Q%", Err("'%Q%' does not resolve to a value.")),
        ("%%", Err("'%%' does not resolve to a value.")),
        ("100%", Err("The '%' at position 3 does not have a closing '%'.")),
        ("%R%/%", Err("The '%' at position 4 does not have a closing '%'.")),
        ("é😀%", Err("The '%' at position 3 does not have a closing '%'.")),
    ];
    for (text, expected) in table {
        let expanded = settings.expand(text).map_err(|error| error.to_string());
        assert_eq!(expanded.as_deref().map_err(String::as_str), *expected, "{text}");
    }
}

#[test]
fn host_json_lies_beneath_and_is_not_inherited() {
    let settings = settings(&[("AzureFunctionsJobHost__a", "env")]).with_beneath([
        ("AzureFunctionsJobHost:a".to_owned(), "file".to_owned()),
        ("AzureFunctionsJobHost:b".to_owned(), "file".to_owned()),
    ]);
    assert_eq!(settings.get("azurefunctionsjobhost:a"), Some("env"));
    assert_eq!(settings.expand("%AzureFunctionsJobHost:b%").as_deref(), Ok("file"));
    assert_eq!(settings.iter().count(), 1);
    assert_eq!(settings.section("AzureFunctionsJobHost").len(), 2);
}

#[test]
fn copies_do_not_change_their_origin_and_debug_hides_values() {
    let first = settings(&[("Key", "s3cret")]);
    let second = first.with("KEY", "other").with("New", "1");
    assert_eq!((first.get("key"), second.get("key")), (Some("s3cret"), Some("other")));
    assert!(second.flag("new") && !second.flag("key") && !second.flag("none"));
    assert!(Settings::default().with("t", "TRUE").flag("T"));
    assert_eq!(format!("{first:?}"), r#"Settings {"Key"}"#);
}
