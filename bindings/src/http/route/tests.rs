use rand::RngExt as _;

use super::*;

/// Route values of `path`, or `None`.
fn values(template: &str, path: &str) -> Option<String> {
    let template = Template::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    let values = template.matches(&path::decode(path))?;
    Some(values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

fn table(routes: &[(&str, &[&str], &'static str)]) -> Table<&'static str> {
    let routes = routes
        .iter()
        .map(|(route, methods, target)| Route {
            template: Template::parse(&join("api", route)).unwrap(),
            methods: Methods::of(*methods),
            target: *target,
        })
        .collect();
    Table::new("api", routes)
}

/// host.md H04: `p/{id:int}` refuses `abc` and hands `5` on as text; H05: an absent optional value is left out.
#[test]
fn h04_h05_parameters_constraints_and_optionals() {
    for (template, path, expected) in [
        ("p/{id:int}", "/p/abc", None),
        ("p/{id:int}", "/p/5", Some("id=5")),
        ("p/{c}/{id?}", "/p/x", Some("c=x")),
        ("p/{c}/{id?}", "/p/x/", Some("c=x")),
        ("p/{c}/{id?}", "/p/x/7", Some("c=x&id=7")),
        ("p/{c}/{id:int?}", "/p/x", Some("c=x")),
        ("p/{c}/{id:int?}", "/p/x/y", None),
        ("p/{c}/{id?}", "/p/x/7/8", None),
        ("p/{c}/{id?}", "/p", None),
        ("{a?}/{b?}", "/", Some("")),
        ("Orders", "/oRDERS", Some("")),
        ("Orders", "/orders/", Some("")),
        ("orders", "/orders//", None),
        ("orders/x", "/orders//x", None),
        ("ÄPFEL", "/%C3%A4pfel", Some("")),
        ("", "/", Some("")),
        ("", "/x", None),
        ("p/{x=def}", "/p", Some("x=def")),
        ("p/{x:int=7}", "/p", Some("x=7")),
        ("p/{x:int=7}", "/p/8", Some("x=8")),
        ("{*rest}", "/", Some("")),
        ("{*rest}", "/a/b%20c/d/", Some("rest=a/b c/d/")),
        ("{**rest}", "/a/b", Some("rest=a/b")),
        ("f/{*rest=home}", "/f", Some("rest=home")),
        ("f/{*rest:regex(^(?!admin).*$)}", "/f/admin/x", None),
        ("f/{*rest:regex(^(?!admin).*$)}", "/f/user/x", Some("rest=user/x")),
        ("f/{x}", "/f/a%2Fb", Some("x=a%2Fb")),
        ("f/{x}", "/f/a+b", Some("x=a+b")),
        ("f/{x}", "/f/%ff%zz", Some("x=%FF%zz")),
        ("f/{x}", "/f/./b/../c", Some("x=c")),
        ("{a}-{b}", "/x-y-z", Some("a=x-y&b=z")),
        ("{a}-{b}", "/x-", None),
        ("{a}-{b}", "/-y", None),
        ("{name}.{ext?}", "/file", Some("name=file")),
        ("{name}.{ext?}", "/file.tar.gz", Some("name=file.tar&ext=gz")),
        ("v{major:int}.{minor:int}", "/V10.2", Some("major=10&minor=2")),
        ("v{major:int}.{minor:int}", "/v10.x", None),
        ("a{x}b", "/aab", Some("x=a")),
        ("a{x}", "/aab", Some("x=ab")),
        ("{{x}}", "/{x}", Some("")),
        ("{{x}}", "/y", None),
    ] {
        assert_eq!(values(template, path).as_deref(), expected, "{template} on {path}");
    }
}

/// Spec host.md §3.3: every constraint.
#[test]
fn constraints_accept_what_the_platform_accepts() {
    for (constraint, good, bad) in [
        ("int", &["5", "-5", "+5", "2147483647"][..], &["2147483648", "5.0", "x", "0x1"][..]),
        ("long", &["9223372036854775807"], &["9223372036854775808"]),
        ("bool", &["true", "FALSE"], &["1", "yes"]),
        ("datetime", &["2024-03-09", "2024-03-09T07:05:04Z", "03-09-2024"], &["2024-13-01", "soon", "5"]),
        ("decimal", &["1.5", "-1,000.25", ".5", "5-"], &["1e5", "", "-", "1.2.3"]),
        ("double", &["1.5e10", "-1E-5", "NaN", "7"], &["e5", "1e", "x"]),
        ("float", &["1.5"], &["1.5.1"]),
        (
            "guid",
            &[
                "00112233-4455-6677-8899-aabbccddeeff",
                "00112233445566778899AABBCCDDEEFF",
                "{00112233-4455-6677-8899-aabbccddeeff}",
            ],
            &["00112233", "00112233-4455-6677-8899-aabbccddeefg"],
        ),
        ("minlength(2)", &["ab", "äö"], &["a"]),
        ("maxlength(2)", &["a", "ab"], &["abc"]),
        ("length(3)", &["abc"], &["ab", "abcd"]),
        ("length(1,3)", &["a", "abc"], &["abcd"]),
        ("min(18)", &["18", "99"], &["17", "x"]),
        ("max(120)", &["120", "-1"], &["121"]),
        ("range(18, 120)", &["18", "120"], &["17", "121"]),
        ("alpha", &["abcXYZ"], &["ab1", "ä"]),
        (r"regex(^\d{{3}}-\d{{2}}$)", &["123-45"], &["1234-5", "123-456"]),
        ("regex(b|c)", &["B", "xcx"], &["a"]),
        (r"regex(^(a\)|[:=])$)", &[":", "="], &["b"]),
        ("required", &["x"], &[]),
        ("file", &["a.txt"], &["a", "a."]),
        ("nonfile", &["a"], &["a.txt"]),
        ("int:min(1):max(3)", &["1", "3"], &["0", "4", "x"]),
        ("INT", &["1"], &["x"]),
    ] {
        let template = format!("{{p:{constraint}}}");
        for value in good {
            let encoded = value.replace('%', "%25");
            assert_eq!(
                values(&template, &format!("/{encoded}")),
                Some(format!("p={value}")),
                "{constraint}: {value}"
            );
        }
        for value in bad {
            assert_eq!(values(&template, &format!("/{value}")), None, "{constraint}: {value}");
        }
    }
}

/// Spec host.md §3.3: what is not a template is a function error that says why.
#[test]
fn malformed_templates_are_explained() {
    for (template, detail) in [
        ("a//b", "cannot appear consecutively"),
        ("{a", "incomplete parameter"),
        ("a}", "incomplete parameter"),
        ("{a{b}}", "incomplete parameter"),
        ("{a}{b}", "two consecutive parameters"),
        ("{}", "route parameter name '' is invalid"),
        ("{a/b}", "route parameter name 'a/b' is invalid"),
        ("{a}/{A}", "appears more than one time"),
        ("{*rest}/x", "can only appear as the last segment"),
        ("x{*rest}", "cannot contain a catch-all parameter"),
        ("{*rest?}", "cannot be marked optional"),
        ("{a=1?}", "cannot have default value"),
        ("x?", "cannot contain the '?' character"),
        ("{a?}-x", "must be at the end of the segment"),
        ("x-{a?}", "Only a period (.) can precede"),
        ("{a:nope}", "constraint reference 'nope' could not be resolved"),
        ("{a:nope(1)}", "constraint reference 'nope' could not be resolved"),
        ("{a:min}", "arguments of constraint 'min'"),
        ("{a:min(x)}", "arguments of constraint 'min(x)'"),
        ("{a:range(5,1)}", "arguments of constraint 'range(5,1)'"),
        ("{a:length(1,2,3)}", "arguments of constraint"),
        ("{a:regex([)}", "regular expression of constraint 'regex([)'"),
    ] {
        let error = Template::parse(template).unwrap_err().0;
        assert!(error.starts_with(&format!("The route template '{template}' is not valid. ")), "{error}");
        assert!(error.contains(detail), "{error}");
    }
}

/// host.md H03 and bindings.md checklist 29: verbs are constraints; a wrong verb is simply no match.
#[test]
fn h03_b29_verbs_are_constraints() {
    let table = table(&[("fn", &["get"], "get"), ("fn", &["POST", "put"], "post"), ("any", &[], "any")]);
    let found = |method, path| table.find(method, path).map(|found| *found.target);
    assert_eq!(found("GET", "/api/fn"), Some("get"));
    assert_eq!(found("post", "/api/fn"), Some("post"));
    assert_eq!(found("DELETE", "/api/fn"), None);
    assert_eq!(found("TRACE", "/API/any"), Some("any"));
    assert_eq!(found("GET", "/fn"), None);
    assert_eq!(found("GET", "/api"), None);
    let root = Table::new(
        "",
        vec![Route { template: Template::parse("fn").unwrap(), methods: Methods::all(), target: 1 }],
    );
    assert_eq!(root.find("GET", "/fn").map(|found| *found.target), Some(1));
}

/// host.md H06: registration order decides, not what is more specific.
#[test]
fn h06_the_first_registered_route_wins() {
    let greedy_first = table(&[("{*rest}", &[], "A"), ("b", &[], "B")]);
    assert_eq!(*greedy_first.find("GET", "/api/b").unwrap().target, "A");
    let literal_first =
        table(&[("b", &[], "B"), ("{x:int}", &[], "I"), ("{*rest}", &["get"], "R"), ("c", &[], "C")]);
    let found = |method, path| literal_first.find(method, path).map(|found| *found.target);
    assert_eq!(found("GET", "/api/b"), Some("B"));
    assert_eq!(found("GET", "/api/5"), Some("I"));
    assert_eq!(found("GET", "/api/c"), Some("R"));
    assert_eq!(found("POST", "/api/c"), Some("C"));
    assert_eq!(found("POST", "/api/d"), None);
    assert_eq!(found("GET", "/api"), Some("R"));
}

/// A lookup in many routes gives what a walk over all of them gives.
#[test]
fn the_index_never_changes_the_answer() {
    let mut random = rand::rng();
    let pieces = ["a", "B", "c", "{x}", "{x:int}", "{x?}", "{*x}", "ä", "a-{x}"];
    for _ in 0..300 {
        let routes: Vec<Route<usize>> = (0..12)
            .filter_map(|target| {
                let depth = random.random_range(0..3);
                let text = (0..depth)
                    .map(|_| pieces[random.random_range(0..pieces.len())])
                    .collect::<Vec<_>>()
                    .join("/");
                let template = Template::parse(&join("api", &text)).ok()?;
                Some(Route { template, methods: Methods::all(), target })
            })
            .collect();
        let table = Table::new("api", routes);
        for path in ["/api", "/api/a", "/API/b", "/api/C/a", "/api/7", "/api/a-1/b", "/api/ä", "/x", "/"] {
            let expected =
                table.routes().iter().find(|route| route.template.fits(path)).map(|route| route.target);
            assert_eq!(table.find("GET", path).map(|found| *found.target), expected, "{path}");
        }
    }
}

/// host.md F16: the same template with a verb in common is an error that names the earlier function.
#[test]
fn f16_same_template_and_verbs_conflict() {
    let mut claims = Claims::default();
    assert!(claims.claim("A", "/Items/{id}/", &Methods::of(["GET"])).is_ok());
    let error = claims.claim("B", "items/{ID}", &Methods::of(["get", "post"])).unwrap_err().0;
    assert_eq!(error, "The route specified conflicts with the route defined by function 'A'.");
    assert!(claims.claim("C", "items/{id}", &Methods::of(["post"])).is_ok());
    assert!(claims.claim("D", "items/{id}", &Methods::all()).is_err());
    assert!(claims.claim("E", "items/{other}", &Methods::all()).is_ok());
}

/// Spec host.md §3.3 and §4.4: the texts that tools read.
#[test]
fn texts_for_tools() {
    assert_eq!(join("/api/", "/a/{b}/"), "api/a/{b}");
    assert_eq!((join("", "a"), join("api", ""), join("", "")), ("a".into(), "api".into(), String::new()));
    let line = mapping_line("api/a", &Methods::of(["GET", "Post"]), "Fn");
    assert_eq!(line, "Mapped function route 'api/a' [get,post] to 'Fn'");
    assert!(mapping_line("api/a", &Methods::all(), "Fn").contains("[all]"));
    assert_eq!(invoke_url("https://h", "api/Orders/{Id:int}"), "https://h/api/orders/{id:int}");
}

/// Neither the parser nor the matcher panics, whatever they are given.
#[test]
fn random_templates_and_paths_never_panic() {
    let alphabet: Vec<char> = "{}{}*?:=()/.-abint,1ä%2F".chars().collect();
    let mut random = rand::rng();
    let mut text = |most| -> String {
        let length = random.random_range(0..most);
        (0..length).map(|_| alphabet[random.random_range(0..alphabet.len())]).collect()
    };
    let mut parsed = 0;
    for _ in 0..60_000 {
        let Ok(template) = Template::parse(&text(14)) else { continue };
        parsed += 1;
        for _ in 0..3 {
            let raw = text(20);
            let _ = template.matches(&path::decode(&raw));
        }
    }
    assert!(parsed > 1000, "only {parsed} templates were valid: the test proves nothing");
}
