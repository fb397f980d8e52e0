use super::*;

fn logins(json: &str) -> Logins {
    serde_json::from_str(json).unwrap()
}

async fn shown(logins: &Logins, registry: &str) -> Option<(String, String)> {
    let api = logins.of_registry(registry).await?.to_api();
    Some((api.username?, api.password?))
}

fn pair(user: &str, password: &str) -> Option<(String, String)> {
    Some((user.into(), password.into()))
}

#[tokio::test]
async fn stored_logins_are_found_by_host() {
    let auth = |text: &str| STANDARD.encode(text);
    let logins = logins(&format!(
        r#"{{"auths": {{"https://index.docker.io/v1/": {{"auth": "{}"}},
                       "https://h:5000/v2/": {{"auth": "{}"}},
                       "plain.example": {{"username": "u", "password": "p"}},
                       "empty.example": {{}}}}}}"#,
        auth("hub:a:b"),
        auth("me:secret\0\0"),
    ));
    assert_eq!(shown(&logins, HUB).await, pair("hub", "a:b"));
    assert_eq!(shown(&logins, "h:5000").await, pair("me", "secret"));
    assert_eq!(shown(&logins, "plain.example").await, pair("u", "p"));
    assert_eq!(shown(&logins, "empty.example").await, None);
    assert_eq!(shown(&logins, "h:5001").await, None);
}

#[tokio::test]
async fn tokens_stand_before_passwords() {
    let logins = logins(
        r#"{"auths": {"a": {"auth": "dTpw", "identitytoken": "i"}, "b": {"registrytoken": "r"}}}"#,
    );
    let of = async |registry| logins.of_registry(registry).await.unwrap().to_api();
    assert_eq!(of("a").await.identitytoken.as_deref(), Some("i"));
    assert_eq!(of("a").await.password, None);
    assert_eq!(of("b").await.registrytoken.as_deref(), Some("r"));
}

#[tokio::test]
async fn a_helper_stands_in_place_of_the_file_and_may_be_missing() {
    let text = |key: &str| format!(r#"{{"auths": {{"h": {{"auth": "dTpw"}}}}, {key}}}"#);
    for key in [
        r#""credHelpers": {"h": "refit-none"}"#,
        r#""credsStore": "refit-none""#,
    ] {
        assert_eq!(shown(&logins(&text(key)), "h").await, None, "{key}");
    }
    let other = text(r#""credHelpers": {"other": "refit-none"}"#);
    assert_eq!(shown(&logins(&other), "h").await, pair("u", "p"));
}

#[test]
fn why_there_is_no_login_is_told_with_the_file_and_the_helper() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let why = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Logins::read(folder.path()).why_none("h")
    };
    assert_eq!(
        Logins::read(&folder.path().join("none")).why_none("h"),
        None
    );
    assert_eq!(why("{}"), None);
    let shown = file.display();
    let missing = format!("docker-credential-refit-none, which {shown} names, is not on PATH");
    let store = r#"{"credsStore": "refit-none"}"#;
    assert_eq!(why(store).as_deref(), Some(missing.as_str()));
    let other = r#"{"credHelpers": {"other": "refit-none"}}"#;
    assert_eq!(why(other), None);
    let damaged = why("{\"auths\": {\"h\": {\"auth\": hunter2}}}").unwrap();
    assert!(
        damaged.starts_with(&format!("{shown} cannot be read: line 1")),
        "{damaged}"
    );
    assert!(!damaged.contains("hunter2"), "{damaged}");
}

#[test]
fn nothing_of_it_is_printed() {
    let logins =
        logins(r#"{"auths": {"h": {"auth": "dTpodW50ZXIyMg==", "identitytoken": "tok"}}}"#);
    let printed = format!("{logins:?} {:?}", logins.auths["h"].login());
    assert!(
        !printed.contains("dTpod") && !printed.contains("tok\""),
        "{printed}"
    );
}

const HELPER: &str = r#"#!/bin/sh
test "$1" = get || exit 2
read -r server
case $server in
    h) echo '{"ServerURL": "h", "Username": "u", "Secret": "p"}' ;;
    t) echo '{"Username": "<token>", "Secret": "tok"}' ;;
    *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"#;

#[tokio::test]
async fn a_helper_is_asked_by_its_own_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("helper").to_string_lossy().into_owned();
    // By another process: were it open for writing here, a child of another test could hold it open.
    let written = std::process::Command::new("sh")
        .args([
            "-c",
            "printf %s \"$1\" >\"$0\" && chmod 700 \"$0\"",
            &program,
            HELPER,
        ])
        .status();
    assert!(written.unwrap().success());
    let (user, password) = ("u".to_owned(), Secret::new("p".into()));
    let expected = RegistrySecret::Password { user, password };
    assert_eq!(ask_helper(&program, "h").await, Some(expected));
    let token = RegistrySecret::IdentityToken(Secret::new("tok".into()));
    assert_eq!(ask_helper(&program, "t").await, Some(token));
    assert_eq!(ask_helper(&program, "x").await, None);
}
