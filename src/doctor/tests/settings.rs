//! Keys, values, secrets and files.

use serde_json::json;

use super::*;

#[test]
fn keys_that_the_application_does_not_have() {
    let case = Case::librechat(&[("REDIS_URL", "redis://r"), ("COOKIE_SECURE", "")]);
    let found = case.the();
    assert_eq!(
        found.text,
        "REDIS_URL (.env:1) does nothing: LibreChat has no REDIS_URL; the key is REDIS_URI"
    );
    assert_eq!((found.file.as_deref(), found.line), (Some(".env"), Some(1)));
    assert_eq!(found.hint.as_deref(), Some("refit unset REDIS_URL"));

    // In a file that reaches nobody it is meant for the application all the same.
    let case = Case::open_webui(json!({}), &[("SESSION_EXPIRY", "604800")]);
    assert_eq!(case.told(), ["key_not_read SESSION_EXPIRY"]);
    let case = Case::open_webui(json!({"COOKIE_SECURE": "true"}), &[]);
    assert_eq!(
        case.the().hint.as_deref(),
        Some("refit unset services.webui.environment.COOKIE_SECURE")
    );
    // Another name for the application's own key, or another service's.
    let services = json!({"api": {"environment": {"REDIS_URI": "redis://r"}}});
    let mut case = Case::new("librechat", "api", services);
    case.resolved.source = Source::of_json(&json!({"services": {"api": {"environment": {
        "REDIS_URI": "${REDIS_URL}"}}}}));
    let case = case.with_env(&[("REDIS_URL", "redis://r")], &[("api", Route::Bind)]);
    assert!(case.told().is_empty(), "{:?}", case.told());
}

#[test]
fn a_key_that_came_later_does_nothing_in_an_old_version() {
    let case = || Case::librechat(&[("SESSION_COOKIE_SECURE", "false")]);
    let old = case().of_version("v0.7.9");
    assert_eq!(old.told(), ["key_not_read SESSION_COOKIE_SECURE"]);
    assert!(old.the().text.contains("since 0.8.7, and this is v0.7.9"));
    assert!(case().of_version("v0.8.7").told().is_empty());
    assert!(case().told().is_empty());
}

#[test]
fn a_key_that_nobody_hands_on() {
    let env = [("WEBUI_AUTH", "false"), ("WEBUI_SECRET_KEY", "hunter22")];
    let case = Case::open_webui(json!({}), &env);
    let found = case.findings();
    let hints: Vec<_> = found.iter().filter_map(|f| f.hint.as_deref()).collect();
    assert_eq!(
        hints,
        [
            "refit set WEBUI_AUTH=false --for webui",
            "refit set WEBUI_SECRET_KEY --for webui"
        ]
    );
    assert!(found.iter().all(|f| f.code == FindingCode::KeyUnreached));
    // Handed on by its definition.
    let handed = json!({"WEBUI_AUTH": "false", "WEBUI_SECRET_KEY": "hunter22"});
    let mut case = Case::open_webui(handed, &env);
    let source = json!({"services": {"webui": {"environment": {
        "WEBUI_AUTH": "${WEBUI_AUTH}", "WEBUI_SECRET_KEY": null}}}});
    case.resolved.source = Source::of_json(&source);
    assert!(case.told().is_empty(), "{:?}", case.told());
    // Open WebUI's own file names the key, with nothing behind it.
    let case = Case::open_webui(json!({"WEBUI_SECRET_KEY": ""}), &env[1..]);
    assert_eq!(case.told(), ["key_overridden WEBUI_SECRET_KEY"]);
}

#[test]
fn what_the_definition_says_wins_over_the_file() {
    let services = json!({"api": {"environment": {
        "HOST": "0.0.0.0", "MONGO_URI": "mongodb://mongodb/x", "PORT": "3080"}}});
    let case = Case::new("librechat", "api", services);
    let env = [
        ("HOST", "localhost"),
        ("MONGO_URI", "mongodb://127.0.0.1/x"),
        ("PORT", "3080"),
    ];
    let case = case.with_env(&env, &[("api", Route::Bind)]);
    let found = case.the();
    assert_eq!((found.code, found.line), (FindingCode::KeyOverridden, None));
    assert_eq!(found.keys, ["HOST", "MONGO_URI"]);
    assert!(found.text.starts_with("HOST and MONGO_URI in .env are"));
    // The sample has them as well, so nobody has chosen them.
    let mut stock = case;
    for line in &mut stock.env[0].lines {
        line.is_sample = line.key != "MONGO_URI";
    }
    assert_eq!(stock.the().keys, ["MONGO_URI"]);
    stock.env[0].lines[1].is_sample = true;
    assert!(stock.told().is_empty());
    // The value that wins is the one that is judged.
    let services = json!({"api": {"environment": {"DOMAIN_CLIENT": "chat.example.org"}}});
    let case = Case::new("librechat", "api", services);
    assert_eq!(
        case.the().hint.as_deref(),
        Some("refit set services.api.environment.DOMAIN_CLIENT=https://chat.example.org")
    );
}

#[test]
fn values_are_told_with_what_comes_of_them() {
    let case = Case::librechat(&[("REFRESH_TOKEN_EXPIRY", "7d")]);
    let found = case.the();
    assert_eq!(
        found.text,
        "REFRESH_TOKEN_EXPIRY=7d (.env:1) is not a whole number of milliseconds"
    );
    let why = found.why.unwrap();
    assert_eq!(why, "it is ignored silently, and 604800000 is used");
    assert_eq!(
        found.hint.as_deref(),
        Some("refit set REFRESH_TOKEN_EXPIRY=604800000")
    );
    let case = Case::librechat(&[("DOMAIN_CLIENT", "chat.example.org")]);
    assert_eq!(case.the().why.as_deref(), Some("it stops the start"));
    let case = Case::librechat(&[("SESSION_EXPIRY", "604800")]);
    assert!(
        case.the()
            .text
            .ends_with("is in milliseconds, so it means 10 min; in seconds it would be 7 days")
    );
}

#[test]
fn a_stored_value_wins_where_it_is_seen_and_is_another_one() {
    let is = |text: &str| StoredValue::Is(text.to_owned());
    let stored = |mut case: Case, key: &str, value: StoredValue| {
        case.stored = [(key.to_owned(), value)].into();
        case
    };
    let given = || Case::open_webui(json!({"JWT_EXPIRES_IN": "7d"}), &[]);
    let found = stored(given(), "JWT_EXPIRES_IN", is("4w")).the();
    assert_eq!(found.code, FindingCode::ValueStored);
    let text = "Open WebUI has auth.jwt_expiry = 4w in its database, which overrides it";
    assert!(found.text.ends_with(text), "{}", found.text);
    let hint = found.hint.unwrap();
    assert!(hint.contains("Admin Panel > Settings"), "{hint}");
    assert!(
        hint.contains("refit set ENABLE_PERSISTENT_CONFIG=false --for webui"),
        "{hint}"
    );
    let quiet = [is("7d"), StoredValue::Absent, StoredValue::Unknown("why")];
    for value in quiet {
        assert!(stored(given(), "JWT_EXPIRES_IN", value).told().is_empty());
    }
    let environment = json!({"JWT_EXPIRES_IN": "7d", "ENABLE_PERSISTENT_CONFIG": "False"});
    let case = Case::open_webui(environment, &[]);
    assert!(stored(case, "JWT_EXPIRES_IN", is("4w")).told().is_empty());
    // To hand it on would change nothing.
    let case = Case::open_webui(json!({}), &[("ENABLE_SIGNUP", "false")]);
    let found = stored(case, "ENABLE_SIGNUP", is("true")).the();
    assert_eq!(found.code, FindingCode::KeyUnreached);
    assert!(found.hint.unwrap().starts_with("set it in Admin Panel"));
}

#[test]
fn secrets_that_everybody_has_are_told_and_never_shown() {
    let known = |case: &mut Case, key: &str| {
        let subject = case.subject.as_mut().unwrap();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(b"published-with-it");
        let sum = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        subject
            .profile
            .published_secrets
            .insert(key.to_owned(), vec![sum]);
    };
    let mut case = Case::librechat(&[("CREDS_KEY", "published-with-it"), ("JWT_SECRET", "own")]);
    known(&mut case, "CREDS_KEY");
    known(&mut case, "JWT_SECRET");
    let found = case.the();
    assert_eq!(found.code, FindingCode::SecretPublished);
    assert!(!format!("{found:?}").contains("published-with-it"));
    assert!(found.why.unwrap().contains("unreadable"));
    let hint = found.hint.unwrap();
    assert!(
        hint.starts_with("before anybody has stored one: refit set CREDS_KEY --generate hex:32"),
        "{hint}"
    );
    let mut case = Case::librechat(&[("JWT_REFRESH_SECRET", "published-with-it")]);
    known(&mut case, "JWT_REFRESH_SECRET");
    assert_eq!(
        case.the().hint.as_deref(),
        Some("refit set JWT_REFRESH_SECRET --generate hex:32 --allow guarded-key")
    );
}

#[test]
fn files_that_are_missing_or_folders() {
    let mount = |source: &str, is_file, is_config, creates_source, lies| BindMount {
        service: "api".into(),
        source: source.to_owned(),
        is_file,
        is_config,
        creates_source,
        lies,
    };
    let judged = |mount: BindMount| {
        let mut case = Case::librechat(&[]);
        case.mounts = vec![mount];
        case.told()
    };
    let nothing: [&str; 0] = [];
    for fine in [
        mount(".env", true, false, false, MountSource::Something),
        mount("data", false, false, true, MountSource::Nothing),
        mount("data", false, false, true, MountSource::EmptyFolder),
        mount(".aws", true, false, true, MountSource::Folder),
    ] {
        assert_eq!(judged(fine.clone()), nothing, "{fine:?}");
    }
    for missing in [
        mount("data", false, false, false, MountSource::Nothing),
        mount("librechat.yaml", true, true, true, MountSource::Nothing),
    ] {
        assert_eq!(judged(missing), ["mount_missing api"]);
    }
    for folder in [
        mount("nginx.conf", true, false, true, MountSource::EmptyFolder),
        mount("librechat.yaml", true, true, true, MountSource::Folder),
    ] {
        assert_eq!(judged(folder), ["mount_folder api"]);
    }
}

#[test]
fn a_config_file_that_nobody_mounts() {
    let mut case = Case::librechat(&[]);
    case.config_files = vec![("librechat.yaml".to_owned(), true)];
    assert!(case.told().is_empty());
    case.config_files[0].1 = false;
    let found = case.the();
    assert_eq!(found.code, FindingCode::ConfigUnused);
    assert_eq!(
        found.hint.as_deref(),
        Some("refit set 'services.api.volumes[+]=./librechat.yaml:/app/librechat.yaml'")
    );
}

#[test]
fn a_password_in_an_address_is_never_shown() {
    let says = |case: Case, code: FindingCode| {
        let found = case.findings();
        assert_eq!(found[0].code, code, "{found:?}");
        assert!(!format!("{found:?}").contains("s3cret"), "{found:?}");
    };
    let without_scheme = [("REDIS_URI", ":s3cret@redis:6379")];
    says(Case::librechat(&without_scheme), FindingCode::ValueUnfit);
    let env = [("REDIS_URL", "redis://:s3cret@redis:6379")];
    says(Case::open_webui(json!({}), &env), FindingCode::KeyUnreached);
    let services = json!({"web": {}, "db": {"image": "postgres"}});
    let case = Case::new("demo", "web", services);
    let url = "postgres://127.0.0.1/x?user=a&password=s3cret";
    let case = case.with_env(&[("DATABASE_URL", url)], &[("web", Route::Bind)]);
    says(case, FindingCode::LocalhostInside);
}

#[test]
fn a_key_that_the_next_container_does_not_have() {
    let mut case = Case::open_webui(json!({"WEBUI_SECRET_KEY": ""}), &[]);
    let found = case.the();
    assert_eq!(found.code, FindingCode::SecretNotKept);
    assert!(found.text.contains("each recreate signs everybody out"));
    let hint = "refit set WEBUI_SECRET_KEY --generate hex:32 --for webui";
    assert_eq!(found.hint.as_deref(), Some(hint));
    let seen = |key: &str, value, is_in_layer| GeneratedKey {
        key: key.to_owned(),
        file: "/app/x".into(),
        value,
        is_in_layer,
    };
    let generated = || ValueInUse::Generated(Secret::new("v".to_owned()));
    case.generated = vec![seen("WEBUI_SECRET_KEY", generated(), true)];
    assert_eq!(case.the().hint.as_deref(), Some("refit use keep-secrets"));
    case.generated = vec![seen("WEBUI_SECRET_KEY", generated(), false)];
    assert!(case.told().is_empty());
    assert!(Case::open_webui(json!({}), &[]).told().is_empty());
    // Another key that counts in its place.
    let older = json!({"WEBUI_SECRET_KEY": "", "WEBUI_JWT_SECRET_KEY": "own"});
    assert!(Case::open_webui(older, &[]).told().is_empty());

    // In a volume, as its own files have it, and not.
    let env = [("CREDS_KEY", ""), ("JWT_SECRET", ""), ("CREDS_IV", "own")];
    for (is_in_layer, told) in [(false, vec![]), (true, vec!["secret_not_kept CREDS_KEY"])] {
        let mut case = Case::librechat(&env);
        let keys = ["CREDS_KEY", "CREDS_IV", "JWT_SECRET"];
        case.generated = keys.map(|key| seen(key, generated(), is_in_layer)).into();
        assert_eq!(case.told(), told);
        if is_in_layer {
            assert_eq!(case.the().keys, ["CREDS_KEY", "JWT_SECRET"]);
        }
    }
}

#[test]
fn an_env_file_of_a_service_fills_in_nothing() {
    let mut case = Case::librechat(&[]);
    let unfilled = |key: &str, value: &str| UnfilledKey {
        key: key.to_owned(),
        value: Secret::new(value.to_owned()),
        service: "api".into(),
        path: "/s/app.env".into(),
        line: 3,
    };
    case.unfilled = vec![unfilled("TAG", "v2"), unfilled("DB_PASSWORD", "hunter22")];
    let found = case.findings();
    assert_eq!(
        found[0].text,
        "${TAG} of the compose files is not filled in from app.env:3, an env_file of api"
    );
    let hints: Vec<_> = found.iter().filter_map(|f| f.hint.as_deref()).collect();
    assert_eq!(
        hints,
        ["refit set -F .env TAG=v2", "refit set -F .env DB_PASSWORD"]
    );
    assert!(found.iter().all(|f| f.code == FindingCode::KeyNotFilledIn));
}
