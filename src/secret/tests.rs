//! Whatever stands around it: no secret of a known form passes, and what is hidden stays so.

use proptest::prelude::*;
use serde_json::json;

use super::{HIDDEN, Redactor, Secret, is_secret};

/// Secrets of every form, with the part that must not be seen.
fn formed() -> impl Strategy<Value = (String, String)> {
    let whole = |text: String| (text.clone(), text);
    prop_oneof![
        "[a-f0-9]{31}[0-9][a-f]".prop_map(whole),
        "eyJ[A-Za-z0-9_-]{12}\\.eyJ[A-Za-z0-9_-]{20}\\.[A-Za-z0-9_-]{27}".prop_map(whole),
        "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-a[a-f0-9]{3}-[a-f0-9]{12}".prop_map(whole),
        "(ghp_|glpat-|xoxb-|sk-|hf_)[A-Za-z0-9]{24}".prop_map(whole),
        "AKIA[A-Z0-9]{16}".prop_map(whole),
        "[0-9]{9}:AA[A-Za-z0-9_-]{33}".prop_map(whole),
        "[./A-Za-z0-9]{53}".prop_map(|hash| (format!("admin:$2y$05${hash}"), hash)),
        "[./A-Za-z0-9]{22}".prop_map(|hash| (format!("$apr1$abcdefgh${hash}"), hash)),
        "[A-Za-z0-9+/]{64}".prop_map(|body| {
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----");
            (pem, body)
        }),
        "[A-Za-z0-9]{8}".prop_map(|word| (format!("redis://u:{word}@h:1/0"), word)),
        "[A-Z0-9]{8}".prop_map(|word| (format!("https://{word}@sentry.io/1"), word)),
        "[A-Za-z0-9]{8}".prop_map(|word| (format!("https://h/x?a=1&password={word}&b=2"), word)),
        "[A-Za-z0-9]{20}"
            .prop_map(|word| { (format!("https://discord.com/api/webhooks/1/{word}"), word) }),
        "[A-Z][A-Za-z0-9]{7}".prop_map(|word| (format!("{{\"private_key\":\"{word}\"}}"), word)),
        "[A-Z][A-Za-z0-9]{7}".prop_map(|word| (format!("Authorization: Bearer {word}1"), word)),
        "[A-Z][A-Za-z0-9]{7}".prop_map(|word| (format!("DB_PASSWORD={word}"), word)),
    ]
}

proptest! {
    #[test]
    fn no_secret_of_a_known_form_passes(
        before in "([a-z]{1,9}[ ,.]{1,2}){0,3}",
        (text, secret) in formed(),
        after in "([ ,][a-z]{1,9}){0,3}",
    ) {
        let said = format!("{before} {text}{after}");
        let told = Redactor::default().redact(&said);
        prop_assert!(!told.contains(&secret), "{said} > {told}");
        prop_assert_eq!(Redactor::default().redact(&told), told.clone());
        prop_assert!(is_secret("ANY", &text));
        // As the engine gives it, and as a program logs it.
        let inspect = json!({"Config": {"Env": [format!("ANY={text}")], "Labels": {"any": text}}});
        let clean = Redactor::default().redact_all(&inspect).to_string();
        prop_assert!(!clean.contains(&secret), "{clean}");
        let logged = Redactor::default().redact(&json!({"msg": said}).to_string());
        prop_assert!(!logged.contains(&secret), "{logged}");
    }

    #[test]
    fn a_learned_value_passes_in_no_spelling(value in "[ -~]{8,40}", name in "(MY_)?(API_KEY|dbPassword)") {
        let value = value.trim().to_owned();
        prop_assume!(is_secret(&name, &value) && value.len() > 7);
        let mut redactor = Redactor::default();
        redactor.learn(&name, &value);
        for said in [
            format!("x {value} y"),
            json!({"Env": [format!("{name}={value}")], "said": value}).to_string(),
            format!("invalid: {value:?}"),
        ] {
            let told = redactor.redact(&said);
            prop_assert!(!told.contains(&value), "{said} > {told}");
        }
    }

    #[test]
    fn any_text_is_taken(text in "[ -~\u{e9}\u{2022}\n\"'\\\\:=/@{}\\[\\]-]{0,200}") {
        let told = Redactor::default().redact(&text);
        prop_assert_eq!(Redactor::default().redact(&told), told.clone());
    }
}

#[test]
fn a_model_and_an_inspect_are_judged_by_their_names() {
    let mut redactor = Redactor::default();
    redactor.learn_all("", &json!({"services": {"a": {
        "environment": {"INLINE_PASSWORD": "zz5se\"cret", "TZ": "Europe/Berlin", "MAX_TOKENS": "1024"},
        "command": ["redis-server", "--requirepass", "foo\\bar1"],
        "labels": {"x.basicauth.users": "admin:$2y$05$abcdefghijkl"},
        "image": "nginx:1.27",
    }}}));
    let inspect = r#"{"Env":["INLINE_PASSWORD=zz5se\"cret","TZ=Europe/Berlin"],"Cmd":["--requirepass","foo\\bar1"]}"#;
    let wanted = format!(
        r#"{{"Env":["INLINE_PASSWORD={HIDDEN}","TZ=Europe/Berlin"],"Cmd":["--requirepass","{HIDDEN}"]}}"#
    );
    assert_eq!(
        redactor
            .redact_all(&serde_json::from_str(inspect).unwrap())
            .to_string(),
        wanted
    );
    assert_eq!(
        redactor.redact("nginx:1.27 in Europe/Berlin, 1024"),
        "nginx:1.27 in Europe/Berlin, 1024"
    );
    assert_eq!(
        redactor.redact("hash $2y$05$abcdefghijkl"),
        format!("hash {HIDDEN}")
    );
    redactor.learn_lines("  BROKEN_PASSWORD: zz6secretzz${x\nexport A_TOKEN='t0ken77'\n");
    assert_eq!(
        redactor.redact("at zz6secretzz${x, t0ken77"),
        format!("at {HIDDEN}, {HIDDEN}")
    );
}

#[test]
fn a_short_secret_is_no_part_of_a_word() {
    let mut redactor = Redactor::default();
    redactor.learn("API_KEY", "test");
    assert_eq!(redactor.redact("latest test"), format!("latest {HIDDEN}"));
}

#[test]
fn a_switch_is_no_secret_whatever_its_key() {
    assert!(!is_secret("ALLOW_PASSWORD_RESET", "false"));
    assert!(is_secret("ALLOW_PASSWORD_RESET", "falsehood"));
    let mut redactor = Redactor::default();
    redactor.learn("ALLOW_PASSWORD_RESET", "TRUE");
    assert_eq!(redactor.redact("A=TRUE"), "A=TRUE");
}

#[test]
fn a_password_of_a_url_is_learned_alone() {
    let mut redactor = Redactor::default();
    redactor.learn("REDIS_URL", "redis://:p/w=1@cache:6379");
    assert_eq!(
        redactor.redact("WRONGPASS p/w=1 at cache:6379"),
        "WRONGPASS ••• at cache:6379"
    );
    assert_eq!(
        Redactor::default().redact("at redis://u:p@ss@h:1/0 and http://plain.host:80/x"),
        "at redis://u:•••@h:1/0 and http://plain.host:80/x"
    );
    assert!(is_secret("REDIS_URL", "redis://:pw@h"));
    assert!(!is_secret("REDIS_URL", "redis://h:6379"));
}

#[test]
fn a_learned_value_is_hidden_wherever_it_occurs() {
    let mut redactor = Redactor::default();
    redactor.learn("API_KEY", "hunter22");
    redactor.learn("COLOUR", "blue");
    redactor.learn("PIN_SECRET", "1");
    assert_eq!(redactor.redact("hunter22 is blue, 1"), "••• is blue, 1");
}

#[test]
fn a_secret_does_not_print() {
    let secret = Secret::new("hunter22".into());
    assert_eq!(format!("{secret} {secret:?}"), "••• •••");
    assert_eq!(secret.expose(), "hunter22");
}

#[test]
fn what_anybody_may_know_is_shown_though_it_looks_random() {
    let redactor = Redactor::default();
    let (commit, id) = ("5b6f".repeat(10), "0123456789abcdef".repeat(4));
    for text in [
        format!("GIT_SHA={commit}"),
        format!("the name is in use by container \"{id}\""),
        format!("Cannot restart container {id}: driver failed"),
    ] {
        assert_eq!(redactor.redact(&text), text);
    }
    assert!(redactor.lets_pass_of("GIT_SHA", &commit));
    assert!(!redactor.lets_pass_of("ANYTHING", &commit));
}
