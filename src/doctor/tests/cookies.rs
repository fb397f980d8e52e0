//! Cookies and the address in the browser.

use serde_json::json;

use super::*;
use crate::doctor::cookie::dropped_at;
use crate::health::set_cookie::SetCookie;
use crate::stack::url::Address;

#[test]
fn what_browsers_drop() {
    let dropped = |url: &str, line: &str| {
        let cookie = SetCookie::parse(line).unwrap();
        let why = dropped_at(&cookie, &Address::parse(url).unwrap());
        why.unwrap_or_default()
    };
    let (http, https) = ("http://chat.example.org", "https://chat.example.org");
    for (url, line) in [
        (http, "a=1; Path=/; HttpOnly"),
        (https, "a=1; Secure; SameSite=None; Partitioned"),
        ("http://localhost:3080", "a=1; secure"),
        ("http://127.0.0.1", "a=1; Secure; SameSite=Strict"),
        (https, "a=1; Domain=.Example.org"),
        (https, "__Host-a=1; Secure; Path=/"),
        (https, "__Secure-a=1; Secure; Domain=chat.example.org"),
        ("http://192.168.1.5", "a=1; Domain=192.168.1.5"),
        (http, "a=1; Domain="),
    ] {
        assert_eq!(dropped(url, line), "", "{url} {line}");
    }
    for (url, line, why) in [
        (http, "a=1; Secure", "is Secure, and the address is http"),
        ("http://192.168.1.5", "a=1; secure ;x", "is Secure"),
        (https, "a=1; SameSite=NONE", "SameSite=None and not Secure"),
        (https, "a=1; Partitioned", "Partitioned and not Secure"),
        (https, "a=1; Domain=ample.org", "the domain ample.org"),
        (https, "a=1; Domain=org", "the domain org"),
        (
            https,
            "a=1; Domain=b.example.org",
            "the domain b.example.org",
        ),
        ("http://10.0.0.5", "a=1; Domain=0.0.5", "the domain 0.0.5"),
        (https, "__Secure-a=1", "__Secure-"),
        (https, "__host-a=1; Secure", "__Host-"),
        (
            https,
            "__Host-a=1; Secure; Path=/; Domain=example.org",
            "__Host-",
        ),
    ] {
        let told = dropped(url, line);
        assert!(told.contains(why), "{url} {line}: {told:?}");
    }
    let long = format!("a={}", "x".repeat(4_096));
    assert!(dropped(https, &long).contains("4097 bytes"));
    assert_eq!(SetCookie::parse("nothing"), None);
}

#[test]
fn cookies_of_an_answer_are_told_by_name_alone() {
    let reply = Reply {
        status: 200,
        set_cookies: vec!["sid=s3cret; Secure".into(), "theme=dark".into()],
        ..Reply::default()
    };
    let case = Case::new("generic", "web", json!({"web": {}}));
    let case = case.visited("http://192.168.1.5", Ok(reply));
    let found = case.findings();
    assert_eq!(found[0].code, FindingCode::CookieDropped);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].text.contains("cookie sid is Secure"));
    assert!(!format!("{found:?}").contains("s3cret"));
}

fn librechat(env: &[(&str, &str)]) -> Vec<String> {
    Case::librechat(env).told()
}

#[test]
fn librechat_makes_cookies_secure_unless_its_address_is_this_machine() {
    let nothing: [&str; 0] = [];
    let (lan, near) = ("http://192.168.1.5:3080", "http://localhost:3080");
    let by_default = librechat(&[("DOMAIN_CLIENT", lan), ("DOMAIN_SERVER", lan)]);
    assert_eq!(by_default, ["cookie_key api"]);
    let off = ("SESSION_COOKIE_SECURE", "False");
    assert_eq!(librechat(&[("DOMAIN_CLIENT", lan), off]), nothing);
    let fine = librechat(&[("DOMAIN_CLIENT", lan), ("DOMAIN_SERVER", near)]);
    assert_eq!(fine, nothing);
    assert_eq!(librechat(&[("DOMAIN_CLIENT", near)]), nothing);
    assert_eq!(librechat(&[("DOMAIN_CLIENT", "https://a.org")]), nothing);
    let on = ("SESSION_COOKIE_SECURE", "true");
    let asked = librechat(&[("DOMAIN_CLIENT", lan), ("DOMAIN_SERVER", near), on]);
    assert_eq!(asked, ["cookie_key SESSION_COOKIE_SECURE"]);
    assert_eq!(
        librechat(&[("DOMAIN_CLIENT", lan), ("NODE_ENV", "development")]),
        nothing
    );
    // An old version does not read the key that would help.
    let case = Case::librechat(&[("DOMAIN_CLIENT", lan), off]).of_version("0.8.0");
    assert!(case.told().contains(&"cookie_key api".to_owned()));
}

#[test]
fn the_hint_keeps_an_address_that_is_right() {
    let lan = "http://192.168.1.5:3080";
    let hint = |case: &Case| {
        let found = case.findings();
        let found = found.into_iter().find(|f| f.code == FindingCode::CookieKey);
        found.unwrap().hint.unwrap()
    };
    let case = Case::librechat(&[("DOMAIN_CLIENT", lan), ("DOMAIN_SERVER", lan)]);
    assert_eq!(hint(&case), "refit use cookies scheme=http");
    let case = Case::librechat(&[("DOMAIN_CLIENT", "https://chat.example.org")]);
    let case = case.visited(lan, Ok(Reply::default()));
    assert_eq!(
        hint(&case),
        "refit use cookies scheme=http domain=192.168.1.5"
    );
}

#[test]
fn the_keys_of_the_others() {
    let url = "http://192.168.1.5";
    let webui = |environment: Value, url: &str| {
        let case = Case::open_webui(environment, &[]);
        case.visited(url, Ok(Reply::default())).told()
    };
    let nothing: [&str; 0] = [];
    let session = "WEBUI_SESSION_COOKIE_SECURE";
    assert_eq!(webui(json!({}), url), nothing);
    assert_eq!(
        webui(json!({session: "true"}), url),
        [format!("cookie_key {session}")]
    );
    assert_eq!(webui(json!({session: "true"}), "https://a.org"), nothing);
    // The login's cookie is as the session's, unless it has keys of its own.
    let none = json!({"WEBUI_AUTH_COOKIE_SAME_SITE": "none"});
    assert_eq!(
        webui(none, "https://a.org"),
        ["cookie_key WEBUI_AUTH_COOKIE_SAME_SITE"]
    );
    let both = json!({"WEBUI_SESSION_COOKIE_SAME_SITE": "none", session: "true"});
    assert_eq!(webui(both, "https://a.org"), nothing);

    let demo = |environment: Value| {
        let services = json!({"web": {"environment": environment}});
        let case = Case::new("demo", "web", services);
        case.visited(url, Ok(Reply::default())).told()
    };
    assert_eq!(
        demo(json!({"COOKIE_SECURE": "true"})),
        ["cookie_key COOKIE_SECURE"]
    );
    assert_eq!(
        demo(json!({"COOKIE_DOMAIN": "example.org"})),
        ["cookie_key COOKIE_DOMAIN"]
    );
    assert_eq!(demo(json!({"COOKIE_SECURE": "false"})), nothing);
}

#[test]
fn where_the_address_leads() {
    let case = |reply| {
        let case = Case::librechat(&[("DOMAIN_CLIENT", "https://chat.example.org")]);
        case.visited("http://chat.example.org", reply)
    };
    assert_eq!(case(Err("refused".into())).told()[0], "url_silent ");
    // Who is sent on comes to an address of its own: nothing here is judged.
    let on = Reply {
        status: 301,
        location: Some("https://chat.example.org/?state=s3cret".into()),
        set_cookies: vec![],
        ..Reply::default()
    };
    let found = case(Ok(on)).the();
    assert_eq!(found.code, FindingCode::UrlRedirects);
    let hint = found.hint.unwrap();
    assert_eq!(hint, "refit doctor --url https://chat.example.org");
    // A page of the same origin is still the application.
    let login = Reply {
        status: 302,
        location: Some("/login".into()),
        ..Reply::default()
    };
    let told = case(Ok(login)).told();
    assert_eq!(told, ["origin_refused DOMAIN_CLIENT", "cookie_key api"]);
    let health = |path: &str, status, body: &str| Answered {
        url: format!("http://chat.example.org{path}/health"),
        reply: Ok(Reply {
            status,
            body: body.into(),
            ..Reply::default()
        }),
    };
    let mut elsewhere = case(Ok(Reply::default()));
    elsewhere.visit.as_mut().unwrap().health = vec![health("", 502, "")];
    assert!(elsewhere.told().contains(&"url_elsewhere ".to_owned()));
    // Below a path of a proxy it is there after all.
    let below = vec![health("", 200, "<html>"), health("/chat", 200, "OK")];
    elsewhere.visit.as_mut().unwrap().health = below;
    assert!(!elsewhere.told().contains(&"url_elsewhere ".to_owned()));
    let same = Case::librechat(&[("DOMAIN_CLIENT", "https://chat.example.org/")]);
    let same = same.visited("https://chat.example.org:443/", Ok(Reply::default()));
    assert!(same.told().is_empty(), "{:?}", same.told());
}

#[test]
fn a_sign_in_that_is_refused_at_another_address() {
    let told = |version: Option<&str>, url: &str| {
        let env = [
            ("DOMAIN_CLIENT", "http://chat.home:3080"),
            ("SESSION_COOKIE_SECURE", "false"),
        ];
        let mut case = Case::librechat(&env).visited(
            url,
            Ok(Reply {
                status: 200,
                ..Reply::default()
            }),
        );
        case.visit.as_mut().unwrap().health = Vec::new();
        case.subject.as_mut().unwrap().version = version.map(str::to_owned);
        case.findings()
            .iter()
            .map(|found| found.code)
            .collect::<Vec<_>>()
    };
    for (version, url, code) in [
        (
            Some("v0.8.8"),
            "http://192.168.1.5",
            FindingCode::OriginRefused,
        ),
        (None, "http://192.168.1.5", FindingCode::OriginRefused),
        (
            Some("v0.8.6"),
            "http://192.168.1.5",
            FindingCode::OriginDiffers,
        ),
        (
            Some("v0.8.8"),
            "https://chat.example.org",
            FindingCode::OriginDiffers,
        ),
        (
            Some("v0.8.8"),
            "http://127.0.0.1:3080",
            FindingCode::OriginDiffers,
        ),
    ] {
        assert!(
            told(version, url).contains(&code),
            "{version:?} {url}: {:?}",
            told(version, url)
        );
    }
}

#[test]
fn https_alone_at_an_address_of_http() {
    let env = |address: &'static str| [("HSTS_ENABLED", "true"), ("DOMAIN_CLIENT", address)];
    let told = |address, version: &str| Case::librechat(&env(address)).of_version(version).told();
    let has = |told: Vec<String>| told.contains(&"https_alone HSTS_ENABLED".to_owned());
    assert!(has(told("http://192.168.1.5:3080", "v0.8.8")));
    assert!(!has(told("https://chat.example.org", "v0.8.8")));
    // An older one does not read the key.
    assert!(!has(told("http://192.168.1.5:3080", "v0.8.6")));
}
