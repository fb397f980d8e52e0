use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

use super::payload::{Payload, payload};
use super::*;

use crate::complaint::Code;
use crate::event::{Action, CheckoutNews, ImageNews, News, Outcome, RunId, ServiceSummary};
use crate::host::http::Post;
use crate::secret::{Redactor, Secret};

fn at() -> Timestamp {
    "2026-08-01T04:00:00Z".parse().unwrap()
}

fn story() -> Story {
    Story {
        run: Some(RunId(12)),
        verb: "upgrade".into(),
        project: "chat".into(),
        directory: "/srv/chat".into(),
        host: "box".into(),
        unattended: true,
        outcome: Some(Outcome::RolledBack),
        reason: Some("web exited with 1: no such table".into()),
        news: Some(News {
            unanswered: Vec::new(),
            checkout: Some(CheckoutNews {
                from: "1111111111111111".into(),
                to: "2222222222222222".into(),
                target: "v1.3.0".into(),
                commits: 14,
                older: None,
                oldest: None,
                newest: None,
                tags: Vec::new(),
                files: Vec::new(),
            }),
            images: vec![ImageNews {
                service: "db".into(),
                name: "postgres:17".into(),
                from: Some("sha256:aaaaaaaaaaaaaaaa".into()),
                to: "sha256:bbbbbbbbbbbbbbbb".into(),
                was: None,
                from_version: None,
                to_version: None,
                release_notes: None,
            }],
            env: None,
        }),
        services: vec![summary("web", Some(2_400)), summary("worker", None)],
        ..Story::default()
    }
}

fn summary(service: &str, down_ms: Option<u64>) -> ServiceSummary {
    let (service, action) = (service.into(), Action::Recreate);
    ServiceSummary {
        service,
        action,
        down_ms,
        replaced_ms: None,
    }
}

fn message(story: &Story) -> Message {
    Message::of(story, at(), &Redactor::default())
}

#[test]
fn the_text_says_what_from_which_to_which_how_long_and_where_to_look() {
    let message = message(&story());
    assert_eq!(
        message.title,
        "chat: upgrade to v1.3.0 (222222222) failed, and was rolled back"
    );
    assert_eq!(
        message.text(),
        "111111111 → 222222222 (v1.3.0), 14 new commits\n\
         db: postgres:17 aaaaaaaaa → bbbbbbbbb\n\
         Away: web port down 2.4 s\n\
         Reason: web exited with 1: no such table\n\
         More on box: refit -C /srv/chat show 12"
    );
}

#[test]
fn each_end_has_its_word_and_its_headline() {
    let of = |outcome, change: fn(&mut Story)| {
        let mut story = Story {
            outcome: Some(outcome),
            news: None,
            ..story()
        };
        change(&mut story);
        (story.word().map(Word::word), message(&story).title)
    };
    let by_hand = |story: &mut Story| story.unattended = false;
    let told = |word, title: &str| (Some(word), title.to_owned());
    let nothing = |_: &mut Story| {};
    assert_eq!(
        of(Outcome::Applied, nothing),
        told("applied", "chat: upgrade applied")
    );
    assert_eq!(
        of(Outcome::Applied, |story| story.code =
            Some(Code::RegistryDenied)),
        told(
            "applied",
            "chat: upgrade applied; a registry refuses the login"
        )
    );
    assert_eq!(
        of(Outcome::NotProven, nothing),
        told(
            "failure",
            "chat: upgrade applied, and not proven: what was failing before is not well"
        )
    );
    assert_eq!(
        of(Outcome::FailedBefore, nothing),
        told("failure", "chat: upgrade failed; nothing was changed")
    );
    assert_eq!(
        of(Outcome::Refused, nothing),
        told("failure", "chat: upgrade was refused")
    );
    assert_eq!(of(Outcome::Refused, by_hand).0, None);
    assert_eq!(
        of(Outcome::RollbackFailed, nothing),
        told(
            "failure",
            "chat: upgrade failed, and is not rolled back: a person is needed"
        )
    );
    assert_eq!(
        of(Outcome::NothingToDo, nothing),
        (None, "chat: upgrade: nothing to do".into())
    );
    let cut_off = |story: &mut Story| story.recovered = Some((RunId(11), Outcome::RolledBack));
    assert_eq!(
        of(Outcome::NothingToDo, cut_off),
        told(
            "rollback",
            "chat: run 11 was cut off, and is rolled back now"
        )
    );
    let both = Story {
        recovered: Some((RunId(11), Outcome::FailedBefore)),
        ..story()
    };
    assert_eq!(
        message(&both).lines[0],
        "First: run 11 was cut off before it changed anything"
    );
    let found = Story {
        dry: true,
        outcome: Some(Outcome::NothingToDo),
        reason: None,
        ..story()
    };
    assert_eq!(found.word(), Some(Word::Available));
    let available = message(&found);
    assert_eq!(available.title, "chat: v1.3.0 (222222222) is available");
    assert!(
        available
            .text()
            .ends_with("refit -C /srv/chat upgrade --check")
    );
    let images = Story {
        news: story().news.map(|news| News {
            checkout: None,
            ..news
        }),
        ..found
    };
    assert_eq!(
        message(&images).title,
        "chat: new images of db are available"
    );
}

#[test]
fn a_run_that_was_not_rolled_back_is_told_with_what_to_do() {
    let story = Story {
        run: Some(RunId(3)),
        verb: "set".into(),
        project: "chat".into(),
        directory: "/srv/my chat's".into(),
        host: "box".into(),
        changes: vec![(".env".into(), "MODE".into())],
        outcome: Some(Outcome::RollbackFailed),
        reason: Some("web exited with 3".into()),
        todo: vec!["docker compose up".into()],
        services: vec![summary("web", None)],
        ..Story::default()
    };
    let message = message(&story);
    assert_eq!(
        message.lines,
        [
            ".env: MODE",
            "No service was seen to go down",
            "Reason: web exited with 3",
            "To do: docker compose up",
            r"More on box: refit -C '/srv/my chat'\''s' show 3",
        ]
    );
    assert!(message.grave);
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn posted(target: &Target<Secret>, message: &Message, beat: Beat) -> Post {
    match payload(target, message, beat, at()) {
        Ok(Payload::Post(post)) => post,
        other => panic!("{other:?}"),
    }
}

fn header(post: &Post, name: &str) -> Option<String> {
    let found = post.headers.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.clone())
}

#[test]
fn the_signature_is_that_of_rfc_4231() {
    // Its test case 2.
    assert_eq!(
        super::payload::signature("Jefe", b"what do ya want for nothing?").unwrap(),
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn heartbeats_keep_their_query() {
    let beat = |url: &str, beat| {
        let target = Target::Heartbeat { url: secret(url) };
        posted(&target, &message(&story()), beat).url
    };
    assert_eq!(beat("https://hc/u", Beat::Start), "https://hc/u/start");
    assert_eq!(beat("https://hc/u/", Beat::Success), "https://hc/u");
    assert_eq!(
        beat("https://hc/p/slug?create=1", Beat::Fail),
        "https://hc/p/slug/fail?create=1"
    );
}

#[test]
fn a_title_that_is_not_ascii_is_encoded_for_headers() {
    let title = |project: &str| {
        let target = Target::Ntfy {
            url: secret("https://n/t"),
            token: Some(secret("tk_1")),
        };
        let post = posted(
            &target,
            &message(&Story {
                project: project.into(),
                ..story()
            }),
            Beat::Success,
        );
        assert_eq!(header(&post, "Authorization").unwrap(), "Bearer tk_1");
        header(&post, "Title").unwrap()
    };
    assert!(title("chat").starts_with("chat: "));
    assert!(title("größe").starts_with("=?UTF-8?B?Z3LDtsOf"));
}

#[test]
fn a_mail_to_what_is_no_address_is_refused() {
    for wrong in ["-oQ/tmp", "a@b.c\nBcc: d@e.f", "two words"] {
        let target = Target::Email {
            to: vec![secret(wrong)],
            from: None,
            sendmail: None,
        };
        let refused = payload(&target, &message(&story()), Beat::Success, at());
        assert!(refused.is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_receiver_is_told_more_than_it_takes(reason in "\\PC{0,9000}", project in "[a-z]{1,60}") {
        let story = Story { reason: Some(reason.repeat(2)), project, ..story() };
        let message = message(&story);
        let body = |target: Target<Secret>| -> Value {
            let post = posted(&target, &message, Beat::Success);
            serde_json::from_slice(&post.body).unwrap_or_default()
        };
        let url = || secret("https://x.example");
        let content = body(Target::Discord { url: url() });
        prop_assert!(content["content"].as_str().unwrap().chars().count() <= 2000);
        let target = Target::Telegram { token: secret("1:a"), chat: secret("2"), api: None };
        prop_assert!(body(target)["text"].as_str().unwrap().chars().count() <= 4096);
        let post = posted(&Target::Ntfy { url: url(), token: None }, &message, Beat::Success);
        prop_assert!(post.body.len() <= 4096);
        for (_, value) in &post.headers {
            prop_assert!(value.is_ascii() && !value.contains(['\r', '\n']), "{value:?}");
        }
        let slack = body(Target::Slack { url: url() });
        prop_assert!(!slack["text"].as_str().unwrap().contains(['<', '>']));
    }

    #[test]
    fn secrets_of_the_env_file_are_in_no_payload(words in "[ -~]{0,200}") {
        let mut redactor = Redactor::default();
        redactor.learn("API_TOKEN", "hunter2222");
        let story = Story { reason: Some(format!("{words} hunter2222")), ..story() };
        let message = Message::of(&story, at(), &redactor);
        let all = format!("{:?} {}", message, message.facts);
        prop_assert!(!all.contains("hunter2222"));
    }
}
