//! The real binary, asked over HTTP: each setting does what its name says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the helpers of tests stand outside of the test functions"
)]

mod support;

use support::{Demo, LOGIN, Redis, Setup};

fn with_login(process: &[(&str, &str)]) -> Demo {
    Setup {
        env_file: LOGIN,
        process,
        ..Setup::default()
    }
    .start()
}

#[test]
fn says_that_it_is_healthy() {
    let demo = with_login(&[]);
    let health = demo.get("/health", None);
    assert_eq!((health.status, health.body.as_str()), (200, "OK"));

    let port = demo.url.rsplit(':').next().unwrap();
    let healthcheck = |port| {
        let process = [("PORT", port)];
        let setup = Setup {
            env_file: LOGIN,
            process: &process,
            ..Setup::default()
        };
        setup.output(&["healthcheck"]).status.code()
    };
    assert_eq!(healthcheck(port), Some(0));
    assert_eq!(healthcheck("1"), Some(1));
}

#[test]
fn lets_in_who_knows_the_password_and_out_again() {
    let demo = with_login(&[]);
    let stranger = demo.get("/", None);
    assert_eq!(
        (stranger.status, stranger.location.as_str()),
        (303, "/login")
    );
    assert!(demo.get("/login", None).body.contains("type=\"password\""));

    let refused = demo.post("/login", &[], &[("user", "ann"), ("password", "wrong")]);
    assert_eq!((refused.status, refused.set_cookie.as_deref()), (401, None));

    let signed_in = demo.sign_in(&[]);
    assert_eq!((signed_in.status, signed_in.location.as_str()), (303, "/"));
    let cookie = signed_in.cookie();
    assert!(
        demo.get("/", Some(cookie))
            .body
            .contains("Signed in as <b>ann</b>")
    );

    let said = demo.post(
        "/chat",
        &[("Cookie", cookie)],
        &[("message", "<b>hello</b>")],
    );
    assert_eq!(said.status, 303);
    assert!(
        demo.get("/", Some(cookie))
            .body
            .contains("You said: &lt;b&gt;hello&lt;/b&gt;")
    );

    let out = demo.post("/logout", &[("Cookie", cookie)], &[]);
    assert!(out.attributes().contains(&"Max-Age=0"));
    assert_eq!(demo.get("/", Some(cookie)).status, 303);
}

#[test]
fn the_cookie_is_as_long_and_as_narrow_as_told() {
    let signed_in = with_login(&[]).sign_in(&[]);
    let expires = |part: &&str| part.starts_with("Expires=") && part.ends_with(" GMT");
    let plain = signed_in.attributes();
    assert!(plain.iter().any(expires), "{plain:?}");
    let rest: Vec<&str> = plain.into_iter().filter(|part| !expires(part)).collect();
    assert_eq!(rest, ["Max-Age=900", "Path=/", "HttpOnly", "SameSite=Lax"]);

    let told = with_login(&[
        ("SESSION_EXPIRY", "604800"),
        ("COOKIE_SAME_SITE", "strict"),
        ("COOKIE_DOMAIN", "example.org"),
    ]);
    let signed_in = told.sign_in(&[]);
    let attributes = signed_in.attributes();
    for wanted in [
        "Max-Age=604800",
        "SameSite=Strict",
        "Domain=example.org",
        "HttpOnly",
    ] {
        assert!(
            attributes.contains(&wanted),
            "{wanted} not in {attributes:?}"
        );
    }
}

#[test]
fn a_secure_cookie_needs_https_from_a_trusted_proxy() {
    let https = [("X-Forwarded-Proto", "https")];
    let untrusting = with_login(&[("COOKIE_SECURE", "true")]);
    for headers in [&[][..], &https] {
        let signed_in = untrusting.sign_in(headers);
        assert_eq!(
            (signed_in.status, signed_in.set_cookie.as_deref()),
            (303, None)
        );
    }

    let trusting = with_login(&[("COOKIE_SECURE", "true"), ("TRUST_PROXY", "true")]);
    assert_eq!(trusting.sign_in(&[]).set_cookie, None);
    assert!(trusting.sign_in(&https).attributes().contains(&"Secure"));
}

#[test]
fn without_login_everybody_gets_the_page() {
    let by_key = Setup {
        process: &[("AUTHENTICATION", "false")],
        ..Setup::default()
    };
    let by_config = Setup {
        config: "auth:\n  enabled: false\n",
        ..Setup::default()
    };
    for setup in [by_key, by_config] {
        let demo = setup.start();
        let page = demo.get("/", None);
        assert_eq!(page.status, 200);
        assert!(page.body.contains("No login is asked for"));

        let said = demo.post("/chat", &[], &[("message", "hello")]);
        assert!(
            demo.get("/", Some(said.cookie()))
                .body
                .contains("You said: hello")
        );
        assert!(!demo.get("/", None).body.contains("You said: hello"));
    }
}

#[test]
fn the_process_environment_beats_the_file() {
    let env_file = &format!("{LOGIN}SESSION_EXPIRY=60\nCOOKIE_SAME_SITE=strict\n");
    let demo = Setup {
        env_file,
        process: &[("SESSION_EXPIRY", "120")],
        ..Setup::default()
    }
    .start();
    for wanted in ["SESSION_EXPIRY=120", "COOKIE_SAME_SITE=strict"] {
        assert!(demo.settings.contains(wanted), "{}", demo.settings);
    }
    assert!(!demo.settings.contains("correct horse"));
}

#[test]
fn ends_with_a_clear_line_when_a_value_means_nothing() {
    let line = |env_file: &str, config: &str| {
        Setup {
            env_file,
            config,
            process: &[],
        }
        .refusal()
    };
    let beside_login = |text| line(&format!("{LOGIN}{text}\n"), "");
    assert_eq!(
        beside_login("SESSION_EXPIRY=week"),
        "SESSION_EXPIRY: \"week\" is not a number of seconds"
    );
    assert_eq!(
        beside_login("COOKIE_SECURE=maybe"),
        "COOKIE_SECURE: \"maybe\" is not true or false"
    );
    assert!(line("", "").starts_with("DEMO_PASSWORD is missing"));
    assert!(line(LOGIN, "auth: {enable: false}").contains("config.yaml: "));

    let process = [("DOTENV_CONFIG_PATH", "/")];
    let folder = Setup {
        process: &process,
        ..Setup::default()
    }
    .refusal();
    assert!(folder.starts_with("/ cannot be read"), "{folder}");
}

#[test]
fn ends_at_once_when_told_to() {
    assert_eq!(with_login(&[]).terminate(), Some(0));
    let mut worker = Setup {
        env_file: "SESSION_EXPIRY=week\n",
        ..Setup::default()
    }
    .start_as("worker");
    assert_eq!(worker.next_line(), "worker started");
    assert_eq!(worker.terminate(), Some(0));
}

#[test]
fn login_check_shows_the_cookie() {
    let check = |env_file, url: &str| {
        let output = Setup {
            env_file,
            ..Setup::default()
        }
        .output(&["login-check", url]);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let demo = with_login(&[("SESSION_EXPIRY", "604800")]);
    let (code, text) = check(LOGIN, &demo.url);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("Set-Cookie: connect.sid=") && text.contains("Max-Age=604800"));

    let (code, text) = check("DEMO_PASSWORD=wrong", &demo.url);
    assert!(code == Some(1) && text.contains("refuses"), "{text}");
    let (code, text) = check(LOGIN, &with_login(&[("COOKIE_SECURE", "true")]).url);
    assert!(
        code == Some(1) && text.contains("sends no cookie"),
        "{text}"
    );
    let (code, text) = check(LOGIN, &with_login(&[("AUTHENTICATION", "false")]).url);
    assert!(
        code == Some(1) && text.contains("asks for no login"),
        "{text}"
    );
}

#[test]
fn sessions_in_memory_end_with_the_process() {
    let cookie = with_login(&[]).sign_in(&[]).cookie().to_owned();
    assert_eq!(with_login(&[]).get("/", Some(&cookie)).status, 303);
}

#[test]
fn sessions_in_redis_outlive_the_process() {
    let Some(mut redis) = Redis::start("s3cret") else {
        return;
    };
    let process = [
        ("SESSION_STORE", "redis"),
        ("REDIS_URL", redis.url.as_str()),
        ("SESSION_EXPIRY", "604800"),
    ];
    let first = with_login(&process);
    assert!(first.settings.contains("SESSION_STORE=redis") && !first.settings.contains("s3cret"));
    let cookie = first.sign_in(&[]).cookie().to_owned();
    first.post("/chat", &[("Cookie", &cookie)], &[("message", "hello")]);
    drop(first);

    let mut client = redis::Client::open(redis.url.as_str()).unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("sess:*").query(&mut client).unwrap();
    assert_eq!(keys.len(), 1);
    let ttl: u64 = redis::cmd("TTL").arg(&keys).query(&mut client).unwrap();
    assert!((600_000..=604_800).contains(&ttl), "{ttl}");

    let second = with_login(&process);
    assert!(
        second
            .get("/", Some(&cookie))
            .body
            .contains("You said: hello")
    );
    second.post("/logout", &[("Cookie", &cookie)], &[]);
    assert_eq!(second.get("/", Some(&cookie)).status, 303);

    redis.stop();
    assert_eq!(second.get("/", Some(&cookie)).status, 503);
    assert_eq!(second.get("/health", None).status, 200);
}

#[test]
fn says_that_redis_cannot_be_used() {
    let refusal = |url: &str| {
        let process = [("SESSION_STORE", "redis"), ("REDIS_URL", url)];
        Setup {
            env_file: LOGIN,
            process: &process,
            ..Setup::default()
        }
        .refusal()
    };
    let nobody = refusal("redis://:hunter2@127.0.0.1:1");
    assert!(
        nobody.starts_with("REDIS_URL: no answer within 5 s: Redis at 127.0.0.1:1: "),
        "{nobody}"
    );
    assert!(!nobody.contains("hunter2"), "{nobody}");

    let Some(redis) = Redis::start("s3cret") else {
        return;
    };
    let wrong = refusal(&redis.url.replace("s3cret", "hunter2"));
    assert!(wrong.starts_with("REDIS_URL: refused: "), "{wrong}");
    assert!(!wrong.contains("hunter2"), "{wrong}");
}
