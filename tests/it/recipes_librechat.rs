//! Recipes on LibreChat's own files, running, with a stand-in that reads the same keys in the same
//! way: each one does to logins what it says, and is undone whole.

use crate::applications::{App, is_kept_nowhere, librechat, proof, value_of};
use crate::stack::engine::docker;

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "corr3ct-h0rse";
const REDIS: &str = "refit-test/redis:7";

/// LibreChat as its sample says, running, with one account.
fn started() -> Option<App> {
    let app = librechat(|env| env)?.up();
    let script = format!("echo {PASSWORD} | npm run --silent create-user -- {EMAIL} Ada ada");
    app.stack.exec("api", &["sh", "-c", &script]);
    Some(app)
}

/// Max-Age is not what LibreChat sends, so the day of the end is compared.
fn ends_after(cookie: &str, days: i64) -> bool {
    let end = cookie
        .split("; ")
        .find_map(|part| part.strip_prefix("Expires="));
    let end = end
        .and_then(|end| jiff::fmt::rfc2822::parse(end).ok())
        .unwrap();
    let lives = end.timestamp().as_second() - jiff::Timestamp::now().as_second();
    (lives - days * 86_400).abs() < 60
}

#[test]
fn a_login_lasts_longer_for_whoever_signs_in_anew() {
    let Some(app) = started() else { return };
    let stack = &app.stack;
    let (env, compose) = (stack.read(".env"), stack.read("docker-compose.yml"));
    let (api, mongo) = (stack.container("api"), stack.container("mongodb"));
    let before = app.sign_in(EMAIL, PASSWORD);
    let (whole, old) = before.cookie("refreshToken");
    assert!(ends_after(whole, 7), "{whole}");

    let words = [
        "--json",
        "use",
        "stay-signed-in",
        "for=30d",
        "--sign-in",
        EMAIL,
    ];
    let answer = stack.refit_with_input(&words, PASSWORD.as_bytes()).exits(0);
    assert_eq!(proof(&answer, "session_lasts").0, "proven", "{answer}");
    // The application mounts the file; the service with an env_file is made anew for any line of it.
    let answer = answer.plans(&[("api", "restart"), ("rag_api", "recreate")]);
    let answer = answer.proves("api", "REFRESH_TOKEN_EXPIRY", "bind");
    answer.never_says(PASSWORD);
    is_kept_nowhere(stack, PASSWORD);
    api.was_restarted(&stack.container("api"));
    mongo.is_untouched(&stack.container("mongodb"));
    let now = stack.read(".env");
    assert_eq!(value_of(&now, "REFRESH_TOKEN_EXPIRY"), "2592000000");
    assert_eq!(value_of(&now, "SESSION_EXPIRY"), "1000 * 60 * 15");

    // Who was signed in still is, and as long as before.
    let again = app.post("/api/auth/refresh", "{}", old);
    assert!(ends_after(again.cookie("refreshToken").0, 7), "{again:?}");
    let new = app.sign_in(EMAIL, PASSWORD);
    assert!(ends_after(new.cookie("refreshToken").0, 30), "{new:?}");

    let twice = stack
        .refit(&["--json", "use", "stay-signed-in", "for=30d"])
        .exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");

    stack.refit(&["rollback"]).exits(0);
    assert_eq!(
        (stack.read(".env"), stack.read("docker-compose.yml")),
        (env, compose)
    );
    let new = app.sign_in(EMAIL, PASSWORD);
    assert!(ends_after(new.cookie("refreshToken").0, 7), "{new:?}");
    assert!(app.is_signed_in(old));
    mongo.is_untouched(&stack.container("mongodb"));
}

#[test]
fn cookies_are_secure_where_the_address_is() {
    let Some(app) = started() else { return };
    let stack = &app.stack;
    let env = stack.read(".env");
    let is_secure = || {
        let reply = app.sign_in(EMAIL, PASSWORD);
        reply.cookie("refreshToken").0.contains("; Secure")
    };
    assert!(!is_secure());
    stack
        .refit(&["use", "cookies", "scheme=https", "domain=chat.example.org"])
        .exits(0);
    assert!(is_secure());
    let now = stack.read(".env");
    for key in ["DOMAIN_CLIENT", "DOMAIN_SERVER"] {
        assert_eq!(value_of(&now, key), "https://chat.example.org");
    }
    // The address in a network at home: LibreChat by itself would keep it secure, and browsers drop it.
    let words = ["use", "cookies", "scheme=http", "domain=192.168.1.5"];
    stack.refit(&words).exits(0);
    assert!(!is_secure());
    let words = [
        "--json",
        "use",
        "cookies",
        "scheme=http",
        "domain=192.168.1.5",
    ];
    let twice = stack.refit(&words).exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");
    let refused = stack.refit(&["--json", "use", "cookies", "scheme=https", "same-site=none"]);
    assert_eq!(refused.exits(1).refusal(), "key_not_read");
    // A port is said once, and then kept.
    for port in [&["port=3080"][..], &[]] {
        let typed = [&words[..], port].concat();
        let answer = stack.refit_with_input(
            &[&typed[..], &["--sign-in", EMAIL]].concat(),
            PASSWORD.as_bytes(),
        );
        answer.exits(0);
        let now = stack.read(".env");
        assert_eq!(value_of(&now, "DOMAIN_CLIENT"), "http://192.168.1.5:3080");
    }
    stack.refit(&["rollback", "1"]).exits(0);
    assert_eq!(stack.read(".env"), env);
    assert!(!is_secure());
}

#[test]
fn redis_is_there_before_the_application_asks_it() {
    let Some(app) = started() else { return };
    let stack = &app.stack;
    if docker(&["image", "ls", "-q", REDIS]).trim().is_empty() {
        skipped!("{REDIS} is missing; make it: scripts/engine images");
        return;
    }
    let (env, compose) = (stack.read(".env"), stack.read("docker-compose.yml"));
    let mongo = stack.container("mongodb");
    let image = format!("image={REDIS}");
    let words = [
        "--json",
        "use",
        "session-store",
        "store=redis",
        &image,
        "--sign-in",
        EMAIL,
    ];
    let answer = stack.refit_with_input(&words, PASSWORD.as_bytes()).exits(0);
    assert_eq!(proof(&answer, "session_survives").0, "proven", "{answer}");
    let answer = answer.says("logins by password are kept in MongoDB");
    let now = stack.read(".env");
    let password = value_of(&now, "REDIS_PASSWORD");
    assert_eq!(value_of(&now, "USE_REDIS"), "true");
    assert_eq!(
        value_of(&now, "REDIS_URI"),
        format!("redis://:{password}@redis:6379")
    );
    answer.never_says(&password).never_says(PASSWORD);
    is_kept_nowhere(stack, &password);
    // The stand-in ends where Redis does not let it in, and leaves this there otherwise.
    let found = stack.exec("redis", &["redis-cli", "get", "standin::started"]);
    assert_eq!(found.trim(), "1");
    mongo.is_untouched(&stack.container("mongodb"));

    let twice = stack
        .refit(&["--json", "use", "session-store", "store=redis"])
        .exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(
        (stack.read(".env"), stack.read("docker-compose.yml")),
        (env, compose)
    );
    assert!(!stack.containers().contains_key("redis"));
    mongo.is_untouched(&stack.container("mongodb"));
}

#[test]
fn one_account_and_a_closed_door() {
    let Some(app) = librechat(|env| env) else {
        return;
    };
    let app = app.up();
    let stack = &app.stack;
    let (env, compose) = (stack.read(".env"), stack.read("docker-compose.yml"));
    let refused = stack.refit(&["--json", "use", "no-login"]).exits(1);
    assert_eq!(refused.refusal(), "no_such_mode", "{refused}");
    let refused = stack.refit(&["--json", "use", "no-login", "--as", "single-account"]);
    assert_eq!(refused.exits(1).refusal(), "guard_public");

    let email = format!("email={EMAIL}");
    let words = [
        "--json",
        "use",
        "no-login",
        "as=single-account",
        "for=90d",
        &email,
        "account-password",
        "--bind",
        "127.0.0.1",
    ];
    let answer = stack.refit_with_input(&words, PASSWORD.as_bytes()).exits(0);
    assert_eq!(proof(&answer, "session_lasts").0, "proven", "{answer}");
    answer.never_says(PASSWORD);
    is_kept_nowhere(stack, PASSWORD);
    let argv = stack.read("uploads/database/argv");
    assert!(argv.contains(EMAIL) && !argv.contains(PASSWORD), "{argv}");
    let now = stack.read(".env");
    assert!(!now.contains(PASSWORD));
    assert_eq!(value_of(&now, "ALLOW_REGISTRATION"), "false");
    assert_eq!(value_of(&now, "REFRESH_TOKEN_EXPIRY"), "7776000000");

    let login = app.sign_in(EMAIL, PASSWORD);
    assert!(ends_after(login.cookie("refreshToken").0, 90), "{login:?}");
    assert_eq!(
        app.post("/api/auth/register", "{\"email\":\"b@c.d\"}", "")
            .status,
        403
    );
    let ports = stack.container("api").raw["NetworkSettings"]["Ports"].clone();
    assert!(ports.to_string().contains("127.0.0.1") && !ports.to_string().contains("0.0.0.0\""));
    let words = [
        "--json",
        "use",
        "no-login",
        "as=single-account",
        "for=90d",
        &email,
    ];
    let twice = stack.refit(&words).exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");

    // For another time the same account serves, with the password that opens it.
    let longer = [&words[..4], &["for=91d", words[5], "account-password"]].concat();
    let answer = stack
        .refit_with_input(&longer, PASSWORD.as_bytes())
        .exits(0);
    assert_eq!(proof(&answer, "session_lasts").0, "proven", "{answer}");
    answer.says("the account is there already, and is used");
    stack.refit(&["rollback"]).exits(0);

    stack.refit(&["rollback", "1"]).exits(0);
    assert_eq!(
        (stack.read(".env"), stack.read("docker-compose.yml")),
        (env, compose)
    );
    assert_eq!(app.sign_in(EMAIL, PASSWORD).status, 200);
}

#[test]
fn a_password_that_was_made_up_can_be_had() {
    let Some(app) = librechat(|env| env) else {
        return;
    };
    let app = app.up();
    let stack = &app.stack;
    let words = [
        "--json",
        "use",
        "no-login",
        "as=single-account",
        "--allow",
        "public",
    ];
    let answer = stack.refit(&words).exits(0);
    assert_eq!(proof(&answer, "session_lasts").0, "proven", "{answer}");
    let told = stack.refit(&["get", "LIBRECHAT_ACCOUNT_PASSWORD"]).exits(0);
    let password = told.stdout.trim().to_owned();
    assert_eq!(password.len(), 24);
    answer
        .says("refit get LIBRECHAT_ACCOUNT_PASSWORD")
        .never_says(&password);
    is_kept_nowhere(stack, &password);
    assert!(!stack.read("uploads/database/argv").contains(&password));
    let login = app.sign_in("me@localhost.local", &password);
    assert!(ends_after(login.cookie("refreshToken").0, 365), "{login:?}");
    // The account that is kept serves further proofs, and a second use for another time.
    let answer = stack
        .refit(&["--json", "use", "stay-signed-in", "for=9d"])
        .exits(0);
    assert_eq!(proof(&answer, "session_lasts").0, "proven", "{answer}");
    let answer = stack.refit(&words).exits(0);
    assert_eq!(proof(&answer, "session_lasts").0, "proven", "{answer}");
    assert_eq!(
        value_of(&stack.read(".env"), "LIBRECHAT_ACCOUNT_PASSWORD"),
        password
    );
    let twice = stack.refit(&words).exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");
}

#[test]
fn an_account_that_cannot_be_made_takes_the_change_back() {
    let Some(app) = started() else { return };
    let stack = &app.stack;
    let env = stack.read(".env");
    let email = format!("email={EMAIL}");
    let words = [
        "--json",
        "use",
        "no-login",
        "as=single-account",
        &email,
        "account-password",
        "--allow",
        "public",
    ];
    let answer = stack.refit_with_input(&words, b"an0ther-passw0rd").exits(3);
    assert_eq!(answer.outcome(), "rolled_back", "{answer}");
    answer.says("already exists").never_says("an0ther-passw0rd");
    assert_eq!(stack.read(".env"), env);
    assert_eq!(app.sign_in(EMAIL, PASSWORD).status, 200);
}

#[test]
fn a_provider_signs_in_by_itself() {
    let provider = |env: String| {
        env.replace("OPENID_CLIENT_ID=\n", "OPENID_CLIENT_ID=chat\n")
            .replace("OPENID_CLIENT_SECRET=\n", "OPENID_CLIENT_SECRET=0penid\n")
            .replace("OPENID_ISSUER=\n", "OPENID_ISSUER=https://id.example.org\n")
            .replace(
                "OPENID_SESSION_SECRET=\n",
                "OPENID_SESSION_SECRET=s3ss10n\n",
            )
    };
    let Some(app) = librechat(provider) else {
        return;
    };
    let app = app.up();
    let stack = &app.stack;
    let words = [
        "--json", "use", "no-login", "--as", "openid", "--allow", "public",
    ];
    // The sample has sign-in by others off, and then the form would be skipped for nothing.
    let refused = stack.refit(&words).exits(1);
    assert_eq!(refused.refusal(), "needs_provider", "{refused}");
    refused.says("ALLOW_SOCIAL_LOGIN");
    stack.refit(&["set", "ALLOW_SOCIAL_LOGIN=true"]).exits(0);
    let env = stack.read(".env");
    let answer = stack.refit(&words).exits(0);
    assert_eq!(answer.outcome(), "applied", "{answer}");
    assert!(
        app.get("/api/config")
            .body
            .contains("\"openidAutoRedirect\":true")
    );
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(stack.read(".env"), env);
    assert!(
        app.get("/api/config")
            .body
            .contains("\"openidAutoRedirect\":false")
    );
}

/// LibreChat has no healthcheck, and says on a page that it is well.
#[test]
fn its_page_of_health_decides_where_it_answered_before() {
    let Some(app) = started() else { return };
    let stack = &app.stack;
    let env = stack.read(".env");
    let answer = stack.refit(&["--json", "set", "NO_INDEX=false"]).exits(0);
    assert_eq!(answer.verdict("api").0, "healthy", "{answer}");
    assert_eq!(answer.verdict("rag_api").0, "settled", "{answer}");
    stack.refit(&["rollback"]).exits(0);

    let words = ["--json", "set", "STANDIN_UNWELL=true", "--timeout", "3s"];
    let answer = stack.refit(&words).exits(3);
    assert_eq!(answer.outcome(), "rolled_back", "{answer}");
    let verdicts = answer.all("verdict");
    let mut words = verdicts.iter().filter(|event| event["service"] == "api");
    assert_eq!(words.next().unwrap()["verdict"], "failed", "{answer}");
    assert_eq!(words.next().unwrap()["verdict"], "healthy", "{answer}");
    let reason = answer.the("rollback")["reason"].to_string();
    assert!(reason.contains("/health answered 503"), "{reason}");
    assert_eq!(stack.read(".env"), env);

    // Who was not well before is not blamed on a change.
    stack.write(".env", &format!("{env}\nSTANDIN_UNWELL=true\n"));
    stack.compose(&["restart", "api"]);
    let answer = stack.refit(&["--json", "set", "NO_INDEX=false"]).exits(0);
    // Its port is there, and that is all that is said.
    assert_eq!(answer.verdict("api").0, "answers", "{answer}");
}

/// Newer releases say on another page that they are ready, which is later than that they listen.
#[test]
fn its_page_of_readiness_decides_where_it_has_one() {
    let newer = |env: String| format!("{env}\nSTANDIN_READY=true\n");
    let Some(app) = librechat(newer) else { return };
    let app = app.up();
    let stack = &app.stack;
    let env = stack.read(".env");
    let words = ["--json", "set", "STANDIN_READY=false", "--timeout", "3s"];
    let answer = stack.refit(&words).exits(3);
    assert_eq!(answer.outcome(), "rolled_back", "{answer}");
    let reason = answer.the("rollback")["reason"].to_string();
    assert!(reason.contains("/readyz answered 503"), "{reason}");
    assert_eq!(stack.read(".env"), env);
    assert_eq!(app.get("/readyz").body, "OK");
}
