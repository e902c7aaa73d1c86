use super::*;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

/// spec host.md §10.1: h = 23, then h * 31 + unit, wrapping at 32 bits.
#[test]
fn stable_hash() {
    // 23·31² + 97·31 + 98 and so on, by hand.
    assert_eq!(hash(""), 23);
    assert_eq!(hash("a"), 23 * 31 + 97);
    assert_eq!(hash("ab"), (23 * 31 + 97) * 31 + 98);
    // 23·31^7 + … exceeds 32 bits: computed in 64 bits and cut.
    let text = "/home/site/wwwroot é😀";
    let wide = text.encode_utf16().fold(23_i128, |hash, unit| (hash * 31 + i128::from(unit)) & 0xffff_ffff);
    assert_eq!(hash(text), wide as u32 as i32);
}

#[test]
fn sources_in_order() {
    let root = Path::new("/app");
    let explicit =
        resolve(&settings(&[("AzureFunctionsWebHost__hostid", "my-id"), ("WEBSITE_SITE_NAME", "x")]), root);
    assert_eq!(explicit.id, "my-id");
    assert!(explicit.warning.is_some_and(|text| text.contains("not a recommended")));
    for invalid in ["Upper", "-a", "a-", "a--b", "a_b", "a23456789012345678901234567890123"] {
        let id = resolve(&settings(&[("AzureFunctionsWebHost:hostid", invalid)]), root);
        assert!(id.id == invalid && id.warning.is_some_and(|text| text.contains("invalid")), "{invalid}");
    }
    let table = [
        (vec![("WEBSITE_SITE_NAME", "My-Site"), ("WEBSITE_INSTANCE_ID", "1")], "my-site", false),
        (
            vec![("WEBSITE_SITE_NAME", "site"), ("MANAGED_ENVIRONMENT", "1"), ("WEBSITE_SLOT_NAME", "Stage")],
            "site-stage",
            false,
        ),
        (
            vec![
                ("WEBSITE_SITE_NAME", "site"),
                ("MANAGED_ENVIRONMENT", "1"),
                ("WEBSITE_SLOT_NAME", "Production"),
            ],
            "site",
            false,
        ),
        (
            vec![
                ("WEBSITE_SITE_NAME", "a23456789012345678901234567890-3456"),
                ("KUBERNETES_SERVICE_HOST", "h"),
                ("POD_NAMESPACE", "n"),
            ],
            "a23456789012345678901234567890-3",
            true,
        ),
        (
            vec![("WEBSITE_SITE_NAME", "a23456789012345678901234567890--456"), ("CONTAINER_NAME", "c")],
            "a23456789012345678901234567890",
            true,
        ),
    ];
    for (pairs, id, may_collide) in table {
        let found = resolve(&settings(&pairs), root);
        assert_eq!((found.id.as_str(), found.may_collide), (id, may_collide));
    }
    let local = host_id(&settings(&[("WEBSITE_SITE_NAME", "site"), ("KUBERNETES_SERVICE_HOST", "h")]), root);
    assert!(local.contains(&hash("/app").unsigned_abs().to_string()) || local.len() == 32, "{local}");
    assert_eq!(local, host_id(&Settings::default(), root));
}

#[test]
fn local_names() {
    assert_eq!(local_name("My_PC.example.org", ""), "MyPC-23");
    assert_eq!(
        shortened(&local_name("A-very_long.machine", "ab")),
        format!("averylong-{}", (23 * 31 + 97) * 31 + 98)
    );
    assert_eq!(shortened("ABC-"), "abc");
}
