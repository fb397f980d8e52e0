//! Recipes on the demo and its real application: each one changes what it says, proves it, refuses
//! what it must, and is undone whole.

use crate::demo::Demo;
use crate::stack::answer::Answer;
use crate::stack::engine::Tag;

/// What came of a check of the application.
#[track_caller]
fn proof(answer: &Answer, check: &str) -> String {
    let found = answer.all("proof");
    let found = found.iter().find(|event| event["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no proof {check}\n{answer}"));
    found["result"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_longer_login_is_written_proven_and_taken_back() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let before = stack.read(".env");
    let worker = stack.container("worker");
    let answer = stack
        .refit(&["--json", "use", "stay-signed-in", "for=7d"])
        .exits(0);
    assert_eq!(answer.outcome(), "applied", "{answer}");
    assert_eq!(proof(&answer, "session_lasts"), "proven");
    let answer = answer
        .plans(&[("web", "restart")])
        .says(".env.example:20 documents it")
        .proves("web", "SESSION_EXPIRY", "bind");
    assert_eq!(answer.the("change")["after"], "604800");
    assert!(stack.read(".env").contains("SESSION_EXPIRY=604800\n"));
    worker.is_untouched(&stack.container("worker"));

    let again = stack
        .refit(&["--json", "use", "stay-signed-in", "for=1w"])
        .exits(0);
    assert_eq!(again.outcome(), "nothing_to_do", "{again}");

    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.read(".env"), before);
}

#[test]
fn nonsense_is_answered_before_anything_is_touched() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let (before, web) = (stack.read(".env"), stack.container("web"));
    for (words, code) in [
        (vec!["stay-signed-in", "for=0"], "bad_value"),
        (vec!["stay-signed-in", "for=-7d"], "bad_value"),
        (vec!["stay-signed-in", "for=36500d"], "bad_value"),
        (vec!["stay-signed-in", "for=7 days and a half"], "bad_value"),
        (vec!["stay-singed-in"], "no_recipe"),
        (vec!["stay-signed-in", "fro=7d"], "unknown_parameter"),
        (vec!["cookies"], "missing_value"),
        (
            vec!["cookies", "scheme=http", "same-site=none"],
            "refused_by_browsers",
        ),
        (
            vec!["cookies", "scheme=http", "secure=true", "domain=chat.lan"],
            "refused_by_browsers",
        ),
        (vec!["cookies", "scheme=ftp"], "bad_value"),
        (vec!["no-login", "as=single-account"], "not_supported"),
        (
            vec!["session-store", "store=redis", "url=redis://localhost:6379"],
            "localhost_in_container",
        ),
        (
            vec!["session-store", "store=redis", "url=mysql://cache"],
            "store_other_kind",
        ),
        (
            vec!["session-store", "store=redis", "url=cache:6379"],
            "store_other_kind",
        ),
        (
            vec!["session-store", "store=memory", "url=redis://cache"],
            "not_supported",
        ),
        (
            vec!["session-store", "store=postgres", "memory=64m"],
            "not_supported",
        ),
        (
            vec![
                "session-store",
                "store=postgres",
                "url=postgres://a:b@[::1]/c",
            ],
            "localhost_in_container",
        ),
    ] {
        let words: Vec<&str> = ["--json", "use"].into_iter().chain(words).collect();
        let answer = stack.refit(&words).exits(1);
        assert_eq!(answer.refusal(), code, "{answer}");
    }
    assert_eq!(stack.read(".env"), before);
    web.is_untouched(&stack.container("web"));
}

#[test]
fn no_login_opens_the_page_on_this_machine() {
    // The application's own file of settings lies elsewhere, and another one of its name here.
    let elsewhere = |compose: String| compose.replace("./config.yaml", "./conf/settings.yaml");
    let Some(demo) = Demo::new(elsewhere) else {
        return;
    };
    let stack = &demo.stack;
    let settings = "conf/settings.yaml";
    stack.write(settings, &stack.read("config.yaml"));
    stack.write("config.yaml", "auth: {enabled: maybe}\n");
    stack.up_healthy();
    let answer = stack.refit(&["--json", "use", "no-login"]).exits(0);
    assert_eq!(proof(&answer, "open_without_login"), "proven");
    assert!(stack.read(".env").contains("AUTHENTICATION=false"));
    stack.refit(&["rollback"]).exits(0);

    // The same by the application's own file.
    let answer = stack
        .refit(&["--json", "use", "no-login", "by=config"])
        .exits(0);
    assert_eq!(proof(&answer, "open_without_login"), "proven");
    answer.says("/app/config.yaml reads auth.enabled=false");
    assert!(stack.read(settings).contains("enabled: false"));
    assert!(stack.read("config.yaml").contains("maybe"));
    stack.refit(&["rollback"]).exits(0);
    assert!(stack.read(settings).contains("enabled: true"));
}

#[test]
fn no_login_is_refused_while_others_can_reach_the_port() {
    let open = |compose: String| compose.replace("127.0.0.1:${DEMO_PORT", "${DEMO_PORT");
    let Some(demo) = Demo::new(open) else { return };
    let stack = &demo.stack;
    stack.up_healthy();
    let (env, web) = (stack.read(".env"), stack.container("web"));
    let refused = stack.refit(&["--json", "use", "no-login"]).exits(1);
    assert_eq!(refused.refusal(), "guard_public", "{refused}");
    let text = refused.the("error")["text"].as_str().unwrap().to_owned();
    assert!(
        text.contains(&format!("web 0.0.0.0:{}", demo.port)),
        "{text}"
    );
    assert_eq!(stack.read(".env"), env);
    web.is_untouched(&stack.container("web"));

    let bound = stack
        .refit(&["--json", "use", "no-login", "--bind", "127.0.0.1"])
        .exits(0);
    assert_eq!(proof(&bound, "open_without_login"), "proven");
    assert!(
        stack
            .read("compose.yaml")
            .contains("127.0.0.1:${DEMO_PORT:-3080}:3080")
    );
    let ports = stack.container("web").raw["NetworkSettings"]["Ports"]["3080/tcp"].clone();
    assert_eq!(ports[0]["HostIp"], "127.0.0.1", "{ports}");
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.read(".env"), env);
    let ports = stack.container("web").raw["NetworkSettings"]["Ports"]["3080/tcp"].clone();
    assert_eq!(ports[0]["HostIp"], "0.0.0.0", "{ports}");

    stack
        .refit(&["use", "no-login", "--allow", "public"])
        .exits(0);
}

#[test]
fn cookies_fit_the_address() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let words = [
        "--json",
        "use",
        "cookies",
        "scheme=https",
        "same-site=none",
        "domain=chat.example.org",
    ];
    // Asked as the proxy hands on what came to it over https: over http there is no such cookie.
    let answer = stack.refit(&words).exits(0);
    assert_eq!(proof(&answer, "cookie_fits"), "proven", "{answer}");
    answer.says("cookie connect.sid is Secure and SameSite=None");
    let env = stack.read(".env");
    for line in [
        "COOKIE_SECURE=true",
        "COOKIE_SAME_SITE=none",
        "COOKIE_DOMAIN=chat.example.org",
        "TRUST_PROXY=true",
    ] {
        assert!(env.lines().any(|own| own == line), "{line}\n{env}");
    }
    let answer = stack
        .refit(&["--json", "use", "stay-signed-in", "for=2d"])
        .exits(0);
    assert_eq!(proof(&answer, "session_lasts"), "proven", "{answer}");
    // A cookie that does not come at all proves nothing about its life.
    stack.refit(&["set", "TRUST_PROXY=false"]).exits(0);
    let answer = stack
        .refit(&["--json", "use", "stay-signed-in", "for=3d"])
        .exits(0);
    assert_eq!(proof(&answer, "session_lasts"), "not_proven");
    assert_eq!(answer.outcome(), "applied");
    stack.refit(&["set", "TRUST_PROXY=true"]).exits(0);
    let again = stack
        .refit(&["--json", "use", "cookies", "scheme=https", "same-site=none"])
        .exits(0);
    assert_eq!(again.outcome(), "nothing_to_do", "{again}");
    // What was asked for before counts as well: None would be left on http.
    let refused = stack.refit(&["--json", "use", "cookies", "scheme=http"]);
    let refused = refused.exits(1);
    assert_eq!(refused.refusal(), "refused_by_browsers", "{refused}");
    let hint = "refit use cookies scheme=http same-site=lax";
    assert_eq!(refused.the("error")["hint"], hint);
    let mut words: Vec<&str> = hint.split(' ').skip(1).collect();
    // And a cookie for a domain is none for localhost.
    words.push("domain=localhost");
    stack.refit(&words).exits(0);
    assert!(!stack.read(".env").contains("COOKIE_DOMAIN=chat"));
}

#[test]
fn a_key_that_the_definition_sets_is_changed_where_it_counts() {
    // The process environment wins over the env file.
    let fixed = |compose: String| {
        let one = "    restart: unless-stopped\n";
        let more = format!("{one}    environment: {{COOKIE_SAME_SITE: lax}}\n");
        compose.replacen(one, &more, 1)
    };
    let Some(demo) = Demo::new(fixed) else { return };
    let stack = &demo.stack;
    stack.up_healthy();
    let env = stack.read(".env");
    let words = [
        "--json",
        "use",
        "cookies",
        "scheme=http",
        "same-site=strict",
    ];
    let answer = stack.refit(&words).exits(0);
    assert_eq!(proof(&answer, "cookie_fits"), "proven", "{answer}");
    assert!(
        stack
            .read("compose.yaml")
            .contains("COOKIE_SAME_SITE: strict")
    );
    // Behind its own example, not behind a sentence that names it.
    let example = "#COOKIE_SECURE=false\n";
    let written = env.replace(example, &format!("{example}COOKIE_SECURE=false\n"));
    assert_eq!(stack.read(".env"), written);
}

#[test]
fn a_proxy_of_another_stack_is_in_front_where_it_shares_a_network() {
    let networks = |compose: String| {
        let one = "    restart: unless-stopped\n";
        let own = format!("{one}    networks: [edge]\n");
        format!(
            "{}networks: {{edge: {{}}}}\n",
            compose.replacen(one, &own, 1)
        )
    };
    let Some(demo) = Demo::new(networks) else {
        return;
    };
    let stack = &demo.stack;
    stack.up_healthy();
    // Its image's name says what it is; what it does is of no matter here.
    let project = stack.second_project("edge");
    let tag = Tag::of(
        crate::stack::BUSYBOX,
        format!("refit-test-{project}/nginx-proxy:1"),
    );
    let image = &tag.0;
    let port = crate::demo::free_port();
    let compose = format!(
        "name: {project}\nservices: {{edge: {{image: '{image}', init: true, command: [sleep, infinity], \
         ports: ['0.0.0.0:{port}:80'], networks: [front]}}}}\nnetworks: {{front: {{name: {}_edge, \
         external: true}}}}\n",
        stack.project
    );
    stack.write("edge/compose.yaml", &compose);
    stack.compose(&["-f", "edge/compose.yaml", "up", "-d"]);
    let refused = stack.refit(&["--json", "use", "no-login"]).exits(1);
    assert_eq!(refused.refusal(), "guard_public", "{refused}");
    refused
        .says(&format!("{project}-edge-1 (nginx-proxy) 0.0.0.0:{port}"))
        .says("take that away first");
    stack.compose(&["-f", "edge/compose.yaml", "down"]);
    stack.refit(&["use", "no-login"]).exits(0);
}

/// As notes on the web have it: a web server of the machine itself, in front of the port.
#[test]
fn a_proxy_of_this_machine_is_in_front_where_its_settings_name_the_port() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let caddy = stack.beside("etc/caddy/Caddyfile");
    std::fs::create_dir_all(caddy.parent().unwrap()).unwrap();
    let site = format!(
        "chat.example.org {{\n  reverse_proxy localhost:{}\n}}\n",
        demo.port
    );
    std::fs::write(&caddy, site).unwrap();
    // In a view of its own in which /etc has one more folder.
    let plain = stack.command(&["--json", "use", "no-login"]);
    let mut seen = std::process::Command::new("unshare");
    let mount = format!("lowerdir={}:/etc", stack.beside("etc").display());
    let script = "mount -t overlay overlay -o \"$0\" /etc || exit 99; exec \"$@\"";
    seen.args(["-m", "sh", "-c", script, &mount]);
    seen.arg(plain.get_program()).args(plain.get_args());
    seen.current_dir(stack.folder());
    for (key, value) in plain.get_envs() {
        match value {
            Some(value) => seen.env(key, value),
            None => seen.env_remove(key),
        };
    }
    let refused = Answer::of(seen, b"");
    if refused.code == 99 || refused.stdout.is_empty() {
        skipped!("no view of /etc of one's own here");
        return;
    }
    let refused = refused.exits(1);
    assert_eq!(refused.refusal(), "guard_public", "{refused}");
    refused.says("/etc/caddy/Caddyfile line 2 hands requests on to port");
    stack.refit(&["use", "no-login"]).exits(0);
}
