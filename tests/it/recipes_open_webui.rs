//! Recipes on Open WebUI's own files, running, with a stand-in that reads the same keys in the same
//! way: what its database keeps wins over the environment, and nobody who has an account is shut out.

use crate::applications::login::{Reply, credentials};
use crate::applications::{App, is_kept_nowhere, open_webui, proof, value_of};
use crate::stack::engine::docker;

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "corr3ct-h0rse";
const REDIS: &str = "refit-test/redis:7";
const COMPOSE: &str = "docker-compose.yaml";

/// Open WebUI with one account, as after its first evening.
fn with_a_user() -> Option<App> {
    let app = open_webui()?.up();
    let words = credentials(EMAIL, PASSWORD);
    assert_eq!(app.post("/api/v1/auths/signup", &words, "").status, 200);
    Some(app)
}

fn sign_in(app: &App) -> Reply {
    app.post("/api/v1/auths/signin", &credentials(EMAIL, PASSWORD), "")
}

fn files(app: &App) -> (String, String) {
    (app.stack.read(".env"), app.stack.read(COMPOSE))
}

#[test]
fn a_fresh_volume_opens_without_a_login() {
    let Some(app) = open_webui() else { return };
    let stack = &app.stack;
    let before = files(&app);
    // Before its first start there is nobody to shut out; what is down stays down.
    let words = ["--json", "use", "no-login", "--bind", "127.0.0.1"];
    let refused = stack.refit(&["--json", "use", "no-login"]).exits(1);
    assert_eq!(refused.refusal(), "guard_public", "{refused}");
    let answer = stack.refit(&words).exits(0);
    let (result, why) = proof(&answer, "open_without_login");
    assert_eq!(result, "not_proven", "{answer}");
    assert!(why.contains("the stack is down"), "{why}");
    assert!(stack.containers().is_empty());
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(files(&app), before);

    // It runs, and nobody has signed up yet.
    let app = app.up();
    let stack = &app.stack;
    let (ui, ollama) = (stack.container("open-webui"), stack.container("ollama"));
    let answer = stack.refit(&words).exits(0);
    assert_eq!(proof(&answer, "open_without_login").0, "proven", "{answer}");
    let answer = answer.plans(&[("open-webui", "recreate")]);
    answer
        .proves("open-webui", "WEBUI_AUTH", "environment")
        .says("one built-in account with a known password");
    assert!(app.get("/api/config").body.contains("\"auth\":false"));
    assert_eq!(sign_in(&app).status, 200);
    let now = stack.container("open-webui");
    ui.was_recreated(&now);
    ollama.is_untouched(&stack.container("ollama"));
    let ports = now.raw["NetworkSettings"]["Ports"]["8080/tcp"].clone();
    assert_eq!(ports[0]["HostIp"], "127.0.0.1", "{ports}");
    let twice = stack.refit(&words).exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");

    stack.refit(&["rollback"]).exits(0);
    assert_eq!(files(&app), before);
    assert!(app.get("/api/config").body.contains("\"auth\":true"));
    ollama.is_untouched(&stack.container("ollama"));
}

#[test]
fn who_has_an_account_is_not_shut_out() {
    let Some(app) = with_a_user() else { return };
    let stack = &app.stack;
    let (before, ui) = (files(&app), stack.container("open-webui"));
    let words = ["--json", "use", "no-login", "--bind", "127.0.0.1"];
    let refused = stack.refit(&words).exits(1);
    assert_eq!(refused.refusal(), "existing_users", "{refused}");
    let refused = refused.says("open-webui has a user already");
    refused.says("--allow existing-users");
    assert_eq!(files(&app), before);
    ui.is_untouched(&stack.container("open-webui"));

    // Of a volume whose application is down nobody can tell.
    stack.compose(&["stop"]);
    let refused = stack.refit(&words).exits(1);
    assert_eq!(refused.refusal(), "existing_users", "{refused}");
    refused.says("it cannot be seen whether it has users");
    stack.compose(&["start"]);
    assert_eq!(sign_in(&app).status, 200);
    assert_eq!(files(&app), before);
}

#[test]
fn data_in_a_folder_or_in_a_volume_of_others_counts_as_well() {
    let Some(app) = open_webui() else { return };
    let stack = &app.stack;
    let compose = stack.read(COMPOSE);
    let mount = "- open-webui:/app/backend/data";
    let words = [
        "--json",
        "use",
        "no-login",
        "--bind",
        "127.0.0.1",
        "--dry-run",
    ];

    assert!(compose.contains(mount));
    stack.write(
        COMPOSE,
        &compose.replace(mount, "- ./data:/app/backend/data"),
    );
    std::fs::create_dir(stack.path("data")).unwrap();
    stack.refit(&words).exits(0);
    stack.write("data/webui.db", "");
    let refused = stack.refit(&words).exits(1).says("the folder ");
    assert_eq!(refused.refusal(), "existing_users", "{refused}");

    let volume = stack.second_project("old");
    let line = format!("open-webui: {{external: true, name: {volume}}}");
    assert!(compose.contains("  open-webui: {}"));
    stack.write(COMPOSE, &compose.replace("open-webui: {}", &line));
    stack.refit(&words).exits(0);
    docker(&["volume", "create", &volume]);
    let refused = stack.refit(&words);
    docker(&["volume", "rm", &volume]);
    let refused = refused.exits(1).says(&format!("the volume {volume}"));
    assert_eq!(refused.refusal(), "existing_users", "{refused}");
}

#[test]
fn a_longer_login_that_the_database_overrules_is_not_written() {
    let Some(app) = with_a_user() else { return };
    let stack = &app.stack;
    let (before, ui) = (files(&app), stack.container("open-webui"));
    let words = ["--json", "use", "stay-signed-in", "for=7d"];
    let path = "services.open-webui.environment.JWT_EXPIRES_IN=7d";
    for words in [&words[..], &["--json", "set", path]] {
        let refused = stack.refit(words).exits(1);
        assert_eq!(refused.refusal(), "overridden", "{refused}");
        refused
            .says("Open WebUI has auth.jwt_expiry = 4w in its database")
            .says("Admin Panel > Settings")
            .says("refit set ENABLE_PERSISTENT_CONFIG=false --for open-webui");
    }
    assert_eq!(files(&app), before);
    ui.is_untouched(&stack.container("open-webui"));
    stack
        .refit(&["why", "JWT_EXPIRES_IN"])
        .exits(0)
        .has_line(&["stored", "4w"]);

    // Who insists is shown that it does nothing.
    let more = ["--allow", "overridden", "--sign-in", EMAIL];
    let insists = [&words[..], &more].concat();
    let answer = stack
        .refit_with_input(&insists, PASSWORD.as_bytes())
        .exits(3);
    assert_eq!(answer.outcome(), "rolled_back", "{answer}");
    let (result, what) = proof(&answer, "session_lasts");
    assert_eq!(result, "failed", "{what}");
    assert!(what.contains("lives 2419200 s, not 604800 s"), "{what}");
    answer.never_says(PASSWORD);
    is_kept_nowhere(stack, PASSWORD);
    assert_eq!(files(&app), before);

    // What the database has already is there, and what nobody can see is said so.
    stack.refit(&["use", "stay-signed-in", "for=4w"]).exits(0);
    stack.refit(&["rollback"]).exits(0);
    stack.compose(&["stop", "open-webui"]);
    stack
        .refit(&["use", "stay-signed-in", "for=7d"])
        .exits(0)
        .says("whether there is one is not known: the application does not run");
}

#[test]
fn a_longer_login_counts_where_the_environment_does() {
    let Some(app) = with_a_user() else { return };
    let stack = &app.stack;
    let path = "services.open-webui.environment.ENABLE_PERSISTENT_CONFIG=false";
    stack.refit(&["set", "--string", path]).exits(0);
    let before = files(&app);
    let words = [
        "--json",
        "use",
        "stay-signed-in",
        "for=7d",
        "--sign-in",
        EMAIL,
    ];
    let answer = stack.refit_with_input(&words, PASSWORD.as_bytes()).exits(0);
    assert_eq!(proof(&answer, "session_lasts").0, "proven", "{answer}");
    let signed_in = sign_in(&app);
    let (whole, _) = signed_in.cookie("token");
    assert!(whole.contains("Max-Age=604800"), "{whole}");
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(files(&app), before);
    let signed_in = sign_in(&app);
    let (whole, _) = signed_in.cookie("token");
    assert!(whole.contains("Max-Age=2419200"), "{whole}");
}

#[test]
fn cookies_are_as_the_address_wants_them() {
    let Some(app) = with_a_user() else { return };
    let stack = &app.stack;
    let before = files(&app);
    let words = [
        "--json",
        "use",
        "cookies",
        "scheme=https",
        "same-site=strict",
    ];
    let answer = stack.refit(&words).exits(0);
    for key in ["SESSION", "AUTH"] {
        for (of, value) in [("SECURE", "true"), ("SAME_SITE", "strict")] {
            let line = format!("WEBUI_{key}_COOKIE_{of}={value}");
            assert!(stack.read(COMPOSE).contains(&line), "{line}\n{answer}");
        }
    }
    let signed_in = sign_in(&app);
    let (whole, _) = signed_in.cookie("token");
    assert!(whole.contains("SameSite=strict; Secure"), "{whole}");
    let twice = stack.refit(&words).exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");
    stack.refit(&["rollback"]).exits(0);
    assert_eq!(files(&app), before);
    let signed_in = sign_in(&app);
    let (whole, _) = signed_in.cookie("token");
    assert!(whole.ends_with("SameSite=lax"), "{whole}");
}

/// The sample leaves the key that signs logins empty, and then it is made in the container: it is kept
/// first, and then who is signed in stays so whatever is recreated.
#[test]
fn a_redis_of_its_own_signs_nobody_out() {
    let Some(app) = with_a_user() else { return };
    let stack = &app.stack;
    if docker(&["image", "ls", "-q", REDIS]).trim().is_empty() {
        skipped!("{REDIS} is missing; make it: scripts/engine images");
        return;
    }
    let signed_in = sign_in(&app);
    let (_, cookie) = signed_in.cookie("token");
    let who = |cookie: &str| app.get_with("/api/v1/auths/", cookie).status;
    stack.refit(&["use", "keep-secrets"]).exits(0);
    assert_eq!(who(cookie), 200);
    let (before, ollama) = (files(&app), stack.container("ollama"));
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
    let (result, what) = proof(&answer, "session_survives");
    assert_eq!(result, "proven", "{answer}");
    assert!(what.starts_with("was recreated"), "{what}");
    assert_eq!(who(cookie), 200);
    let password = value_of(&stack.read(".env"), "REDIS_PASSWORD");
    assert_eq!(password.len(), 40);
    answer.never_says(&password).never_says(PASSWORD);
    is_kept_nowhere(stack, &password);
    // The definition names the key, and the env file holds the value.
    assert!(stack.read(COMPOSE).contains("REDIS_URL=${REDIS_URL}"));
    assert!(!stack.read(COMPOSE).contains(&password));
    let ui = stack.container("open-webui");
    let url = format!("redis://:{password}@redis:6379");
    assert_eq!(ui.env["REDIS_URL"], url);
    assert_eq!(ui.env["ENABLE_STAR_SESSIONS_MIDDLEWARE"], "true");

    let twice = stack
        .refit(&["--json", "use", "session-store", "store=redis"])
        .exits(0);
    assert_eq!(twice.outcome(), "nothing_to_do", "{twice}");
    // And out again, with all that was written for it.
    stack
        .refit(&["use", "session-store", "store=memory"])
        .exits(0);
    let written = stack.read(COMPOSE);
    assert!(!written.contains("REDIS_URL") && !written.contains("STAR_SESSIONS"));
    assert!(!stack.read(".env").contains("REDIS_URL"));
    stack.refit(&["rollback", "2"]).exits(0);
    assert_eq!(files(&app), before);
    assert_eq!(who(cookie), 200);
    assert!(!stack.containers().contains_key("redis"));
    ollama.is_untouched(&stack.container("ollama"));
}
