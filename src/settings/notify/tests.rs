use super::super::Settings;
use super::*;

fn read(text: &str) -> Result<Vec<Receiver>, String> {
    let read = serde_saphyr::from_str::<Settings>(text);
    let read = read.map_err(|error| error.to_string());
    read.map(|settings| settings.notify)
}

fn one(text: &str) -> Receiver {
    let mut all = read(&format!("notify: [{text}]")).unwrap();
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn plain(text: &str) -> SecretText {
    SecretText::Pieces(vec![Piece::Plain(text.to_owned())])
}

#[test]
fn every_kind_in_its_short_and_its_long_form() {
    let url = || plain("https://x.example/1");
    let short = |kind: &str| one(&format!("{{{kind}: 'https://x.example/1'}}")).target;
    let long = |kind: &str| one(&format!("{{{kind}: {{url: 'https://x.example/1'}}}}")).target;
    let wanted = [
        Target::Webhook {
            url: url(),
            secret: None,
        },
        Target::Ntfy {
            url: url(),
            token: None,
        },
        Target::Discord { url: url() },
        Target::Slack { url: url() },
        Target::Heartbeat { url: url() },
    ];
    for target in wanted {
        assert_eq!(short(target.kind()), target);
        assert_eq!(long(target.kind()), target);
    }
    let mail = Target::Email {
        to: vec![plain("root")],
        from: None,
        sendmail: None,
    };
    assert_eq!(one("{email: root}").target, mail);
    assert_eq!(one("{email: {to: root}}").target, mail);
    assert_eq!(one("{email: {to: [root]}}").target, mail);
    let Target::Telegram { chat, .. } = one("{telegram: {token: 1:a, chat: -100123}}").target
    else {
        panic!("no telegram");
    };
    assert_eq!(chat, plain("-100123"));
}

#[test]
fn secrets_come_from_variables_and_files() {
    let receiver = one("{webhook: {url: 'https://${HOST}/x/${KEY}', secret: {file: hook.key}}}");
    let folder = tempfile::tempdir().unwrap();
    let value = |name: &str| match name {
        "HOST" => Some("x.example".to_owned()),
        "KEY" => Some(String::new()),
        _ => None,
    };
    let resolve = |value: &dyn Fn(&str) -> Option<String>| {
        receiver
            .target
            .try_map(|text| text.value(folder.path(), value))
    };
    let error = resolve(&value).unwrap_err();
    assert!(error.contains("hook.key does not exist"), "{error}");
    std::fs::write(folder.path().join("hook.key"), "s3cret\n").unwrap();
    let error = resolve(&value).unwrap_err();
    assert!(error.contains("KEY is not set"), "{error}");
    let whole =
        resolve(&|name: &str| value(name).map(|v| if v.is_empty() { "k".into() } else { v }));
    let Ok(Target::Webhook { url, secret }) = whole else {
        panic!("no webhook");
    };
    assert_eq!(url.expose(), "https://x.example/x/k");
    assert_eq!(secret.unwrap().expose(), "s3cret");
}

#[test]
fn names_are_kinds_and_numbers_unless_they_are_given() {
    let text = "notify:\n- {slack: 'https://a.b'}\n- {slack: 'https://a.c'}\n- {name: mine, slack: 'https://a.d'}\n";
    let all = read(text).unwrap();
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["slack", "slack-2", "mine"]);
    let twice = "notify: [{name: a, slack: 'https://a.b'}, {name: a, ntfy: 'https://a.b/c'}]";
    assert!(read(twice).unwrap_err().contains("the name \"a\""));
}

#[test]
fn of_what() {
    let on = |text: &str| one(text).on.into_iter().map(Word::word).collect::<Vec<_>>();
    assert_eq!(
        on("{ntfy: 'https://a.b/c'}"),
        ["applied", "rollback", "failure"]
    );
    assert_eq!(
        on("{ntfy: 'https://a.b/c', on: [available, failure]}"),
        ["failure", "available"]
    );
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let text = "notify:\n  - ntfy: https://ntfy.sh/x\n  - nfty: https://ntfy.sh/x\n";
    let error = read(text).unwrap_err();
    assert!(
        error.contains("nfty") && error.contains("line 3"),
        "{error}"
    );
    let text = "notify:\n  - webhook:\n      url: https://a.b\n      sceret: x\n";
    let error = read(text).unwrap_err();
    assert!(
        error.contains("sceret") && error.contains("line 4"),
        "{error}"
    );
    for (text, says) in [
        ("notify:\n  - ntfy: ntfy.sh/x\n", "http://"),
        ("notify:\n  - discord: {url: 'htp://a.b'}\n", "http://"),
        ("notify:\n  - slack: 'https://'\n", "http://"),
        ("notify:\n  - slack: 'https://${A'\n", "closing brace"),
        (
            "notify:\n  - slack: 'https://${A B}'\n",
            "not a variable name",
        ),
        ("notify:\n  - slack: ''\n", "empty"),
        (
            "notify:\n  - {slack: 'https://a.b', ntfy: 'https://a.b'}\n",
            "one kind",
        ),
        ("notify:\n  - {on: [failure]}\n", "one kind"),
        (
            "notify:\n  - {slack: 'https://a.b', on: [sucess]}\n",
            "sucess",
        ),
        (
            "notify:\n  - {heartbeat: 'https://a.b', on: [failure]}\n",
            "every unattended run",
        ),
        ("notify:\n  - telegram: https://a.b\n", "telegram needs"),
        ("notify:\n  - telegram: {token: a}\n", "chat"),
        ("notify:\n  - email: {to: []}\n", "without an address"),
        ("notify:\n  - email: {from: a@b.c}\n", "to"),
    ] {
        let error = read(text).unwrap_err();
        let line = if text.contains("name: a") {
            "line 1"
        } else {
            "line 2"
        };
        assert!(error.contains(says), "{text}: {error}");
        assert!(error.contains(line), "{text}: {error}");
    }
    assert_eq!(read("notify:\n").unwrap(), []);
}
