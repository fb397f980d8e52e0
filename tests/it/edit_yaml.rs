//! Compose files are edited by path: one value changes, every other byte stays, and Compose reads the
//! result. What cannot be edited is refused with its place, and nothing is written.

use crate::stack::answer::Answer;
use crate::stack::{TestStack, idle};

const COMPOSE: &str = "\
# the shop
x-name: shop   # ours
x-env: &env
  TZ: UTC      # anchored
  LOG: info

services:
  web:
    image: refit-test/busybox:1 # pinned
    labels:
      a.b: 'one'
      plain: two
    environment:
      <<: *env
      MODE: \"fast\"   # as asked

      # the port
      PORT: 8080
    ports:
      - \"8080:80\"
      - 8443:443   # tls
    env_file:
      - .env
  worker:
    image: refit-test/busybox:1
    environment:
      - MODE=slow
      - EMPTY
    command: [sleep, infinity]
";

/// A stack that does not run, with this compose file.
fn stack(compose: &str) -> Option<TestStack> {
    TestStack::new(&[("compose.yaml", compose), (".env", "A=1\n")])
}

/// Edits without a run; it must succeed.
#[track_caller]
fn edits(stack: &TestStack, verb: &str, words: &[&str]) -> Answer {
    let mut args = vec![verb];
    args.extend(words);
    args.push("--no-apply");
    stack.refit(&args).exits(0)
}

/// Checks that a file differs from a text in exactly these lines.
#[track_caller]
fn differs(before: &str, after: &str, removed: &[&str], added: &[&str]) {
    let lines = |text: &str| {
        text.split_inclusive('\n')
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (old, new) = (lines(before), lines(after));
    let same = |(a, b): &(&String, &String)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev());
    let tail = tail.take_while(same).count();
    let bare = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .map(|line| line.trim_end_matches('\n').to_owned())
            .collect()
    };
    assert_eq!(
        bare(&old[head..old.len() - tail]),
        removed,
        "removed\n{after}"
    );
    assert_eq!(bare(&new[head..new.len() - tail]), added, "added\n{after}");
}

/// One edit of [`COMPOSE`]: the words, the lines that go, the lines that come.
type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str]);

const SETS: [Case<'static>; 16] = [
    (
        &["services.web.environment.MODE=slow"],
        &["      MODE: \"fast\"   # as asked"],
        &["      MODE: \"slow\"   # as asked"],
    ),
    (
        &["services.web.environment.PORT=9090"],
        &["      PORT: 8080"],
        &["      PORT: 9090"],
    ),
    (
        &["services.web.environment.PORT=9090", "--string"],
        &["      PORT: 8080"],
        &["      PORT: \"9090\""],
    ),
    (
        &["services.worker.environment.MODE=a b"],
        &["      - MODE=slow"],
        &["      - MODE=a b"],
    ),
    (
        &["services.worker.environment.EMPTY=now"],
        &["      - EMPTY"],
        &["      - EMPTY=now"],
    ),
    (
        &["services.worker.environment.NEW=x"],
        &[],
        &["      - NEW=x"],
    ),
    (
        &["services.web.labels[\"a.b\"]=three"],
        &["      a.b: 'one'"],
        &["      a.b: 'three'"],
    ),
    (
        &["services.web.labels.plain=4"],
        &["      plain: two"],
        &["      plain: \"4\""],
    ),
    (
        &["services.web.ports[\"80/tcp\"]=9080:80"],
        &["      - \"8080:80\""],
        &["      - \"9080:80\""],
    ),
    (
        &["services.web.ports[1]=9443:443"],
        &["      - 8443:443   # tls"],
        &["      - 9443:443   # tls"],
    ),
    (
        &["services.web.env_file[+]=more.env"],
        &[],
        &["      - more.env"],
    ),
    (
        &["services.web.image=refit-test/busybox:2"],
        &["    image: refit-test/busybox:1 # pinned"],
        &["    image: refit-test/busybox:2 # pinned"],
    ),
    (
        &["services.worker.stop_grace_period=3s"],
        &[],
        &["    stop_grace_period: 3s"],
    ),
    (
        &["services.worker.mem_swappiness=10", "--int"],
        &[],
        &["    mem_swappiness: 10"],
    ),
    (
        &["services.worker.command=[\"sleep\", \"9\"]", "--as-json"],
        &["    command: [sleep, infinity]"],
        &["    command: [sleep, \"9\"]"],
    ),
    // The anchor stays; the value is overridden where it was named.
    (
        &["services.web.environment.TZ=CET"],
        &[],
        &["      TZ: \"CET\""],
    ),
];

#[test]
fn one_value_changes_and_nothing_else() {
    let Some(stack) = stack(COMPOSE) else { return };
    stack.write("more.env", "B=1\n");
    for (index, (words, removed, added)) in SETS.into_iter().enumerate() {
        stack.write("compose.yaml", COMPOSE);
        // With the file named and without is the same here.
        let mut words = words.to_vec();
        if index % 2 == 0 {
            words.extend(["-F", "compose.yaml"]);
        }
        edits(&stack, "set", &words);
        differs(COMPOSE, &stack.read("compose.yaml"), removed, added);
        let path = words[0].split_once('=').unwrap().0;
        if !path.ends_with("[+]") && !words.contains(&"--as-json") {
            let value = words[0].split_once('=').unwrap().1;
            let got = stack.refit(&["get", path, "-F", "compose.yaml"]).exits(0);
            assert_eq!(got.stdout, format!("{value}\n"), "{got}");
        }
    }
}

#[test]
fn several_edits_are_one_change_and_the_second_time_is_nothing() {
    let Some(stack) = stack(COMPOSE) else { return };
    let words = [
        "services.web.environment.MODE=slow",
        "services.worker.environment.MODE=fast",
    ];
    edits(&stack, "set", &words)
        .has_line(&[
            "compose.yaml",
            "services.web.environment.MODE",
            "fast → slow",
        ])
        .has_line(&["services.worker.environment.MODE", "slow → fast"]);
    let after = stack.read("compose.yaml");
    differs(
        COMPOSE,
        &after.replace("- MODE=fast", "- MODE=slow"),
        &["      MODE: \"fast\"   # as asked"],
        &["      MODE: \"slow\"   # as asked"],
    );
    edits(&stack, "set", &words).says("Nothing to do");
    assert_eq!(stack.read("compose.yaml"), after);
}

#[test]
fn keys_and_items_are_removed_with_their_own_comment_alone() {
    let Some(stack) = stack(COMPOSE) else { return };
    let cases: [Case<'_>; 5] = [
        (
            &["services.web.environment.MODE"],
            &["      MODE: \"fast\"   # as asked"],
            &[],
        ),
        (
            &["services.worker.environment.EMPTY"],
            &["      - EMPTY"],
            &[],
        ),
        (
            &["services.web.ports[\"443/tcp\"]"],
            &["      - 8443:443   # tls"],
            &[],
        ),
        (
            &["services.web.labels[\"a.b\"]"],
            &["      a.b: 'one'"],
            &[],
        ),
        (
            &["services.web.env_file"],
            &["    env_file:", "      - .env"],
            &[],
        ),
    ];
    for (words, removed, added) in cases {
        stack.write("compose.yaml", COMPOSE);
        edits(&stack, "unset", words);
        differs(COMPOSE, &stack.read("compose.yaml"), removed, added);
    }
}

#[test]
fn a_service_a_volume_and_a_network_are_added() {
    let Some(stack) = stack(COMPOSE) else { return };
    edits(
        &stack,
        "set",
        &[
            "services.cache={\"image\": \"refit-test/redis:7\"}",
            "--as-json",
        ],
    );
    edits(&stack, "set", &["volumes.data={}", "--as-json"]);
    edits(&stack, "set", &["networks.back.driver=bridge"]);
    edits(&stack, "set", &["services.cache.volumes[+]=data:/data"]);
    let text = stack.read("compose.yaml");
    assert!(text.starts_with(COMPOSE), "{text}");
    let config = stack.compose(&["config", "--format", "json"]);
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["services"]["cache"]["image"], "refit-test/redis:7");
    assert_eq!(config["services"]["cache"]["volumes"][0]["source"], "data");
    assert!(config["volumes"]["data"].is_object(), "{config}");
    let raw = stack.refit(&["get", "networks.back", "-F", "compose.yaml"]);
    assert_eq!(raw.stdout, "{\"driver\":\"bridge\"}\n");
}

#[test]
fn byte_order_mark_line_ends_and_tags_survive() {
    let Some(stack) = stack(COMPOSE) else { return };
    let windows = format!("\u{feff}{}", COMPOSE.replace('\n', "\r\n"));
    stack.write("compose.yaml", &windows);
    edits(&stack, "set", &["services.web.environment.MODE=slow"]);
    let wanted = windows.replace("MODE: \"fast\"", "MODE: \"slow\"");
    assert_eq!(stack.read("compose.yaml"), wanted);

    stack.write("compose.yaml", COMPOSE);
    let over =
        "services:\n  web:\n    env_file: !reset []\n    ports: !override\n      - \"1:80\"\n";
    stack.write("compose.override.yaml", over);
    edits(
        &stack,
        "set",
        &[
            "services.web.labels.plain=new",
            "-F",
            "compose.override.yaml",
        ],
    );
    let text = stack.read("compose.override.yaml");
    assert!(text.starts_with(over), "{text}");
    stack
        .refit(&[
            "set",
            "services.web.env_file[+]=x",
            "-F",
            "compose.override.yaml",
            "--no-apply",
        ])
        .exits(1)
        .says("!reset")
        .says("compose.override.yaml:3");
    assert_eq!(stack.read("compose.override.yaml"), text);
}

#[test]
fn what_cannot_be_edited_is_refused_with_its_place() {
    let Some(stack) = stack(COMPOSE) else { return };
    let cases = [
        (
            "yaml_duplicate_key",
            "services:\n  web: {image: a}\n  web: {image: b}\n",
            "line 3, column 3",
        ),
        (
            "yaml_several_documents",
            "services:\n  web: {image: a}\n---\nservices: {}\n",
            "line 3, column 1",
        ),
        (
            "yaml_template",
            "services:\n  web:\n    image: {{ image }}\n",
            "line 3, column 12",
        ),
        ("yaml_syntax", "services:\n  web: [a\n", "line "),
        ("yaml_syntax", "services:\n\tweb: a\n", "line 2"),
        ("not_utf8", "", "not UTF-8"),
    ];
    for (code, text, place) in cases {
        let bytes = match code {
            "not_utf8" => b"services:\n  web: {image: \xff}\n".to_vec(),
            _ => text.as_bytes().to_vec(),
        };
        std::fs::write(stack.path("compose.yaml"), &bytes).unwrap();
        let words = [
            "set",
            "services.web.image=c",
            "-F",
            "compose.yaml",
            "--no-apply",
        ];
        stack
            .refit(&words)
            .exits(1)
            .says("compose.yaml")
            .says(place);
        let answer = stack.refit(&[&["--json"], &words[..]].concat()).exits(1);
        assert_eq!(answer.refusal(), code, "{answer}");
        let now = std::fs::read(stack.path("compose.yaml")).unwrap();
        assert_eq!(now, bytes, "{answer}");
    }
}

#[test]
fn a_path_that_leads_nowhere_gets_a_hint() {
    let Some(stack) = stack(COMPOSE) else { return };
    let refused = |words: &[&str]| {
        let answer = stack.refit(&[words, &["--no-apply"]].concat()).exits(1);
        assert_eq!(stack.read("compose.yaml"), COMPOSE, "{answer}");
        answer
    };
    refused(&["set", "services.web.ports[7]=1:1"]).says("services.web.ports[+]");
    refused(&["set", "services.web.image.tag=2"])
        .says("services.web.image")
        .says("compose.yaml:9");
    refused(&["set", "services.web..image=2"])
        .says("column 14")
        .says("services.web.image");
    refused(&["set", "services.web.ports[x]=2"]).says("a number, + or a quoted name");
    // Compose's own words, and the name that was meant.
    refused(&["set", "services.wbe.environment.K=1"])
        .says("there is no service wbe")
        .says("refit set services.web.environment.K=1");
    let allowed = ["--allow", "new-service"];
    refused(&[&["set", "services.wbe.environment.K=1"][..], &allowed].concat())
        .says("wbe")
        .says("neither an image nor a build context")
        .says("services.web");
    refused(&["set", "services.web.enviroment.K=1"])
        .says("enviroment")
        .says("services.web.environment");
    // Nothing to remove is no error, unless it is a slip.
    refused(&["unset", "services.web.enviroment.MODE"])
        .says("did you mean refit unset services.web.environment.MODE");
    let new = ["services.wbe.image=x", "--dry-run"];
    edits(&stack, "set", &[&new[..], &allowed].concat())
        .says("services.wbe.image is new; did you mean services.web.image?");
    refused(&["set", "MODE=1", "-F", "compose.yaml"]).says("services.SERVICE.environment.MODE");
    refused(&["set", "services.web.command=[a", "--as-json"]).says("--as-json");

    stack
        .refit(&["get", "services.web.enviroment.MODE", "-F", "compose.yaml"])
        .exits(1)
        .says("services.web.environment");
}

#[test]
fn get_without_a_file_reads_what_counts() {
    let Some(stack) = stack(COMPOSE) else { return };
    let got = |path: &str| stack.refit(&["get", path]).exits(0).stdout;
    assert_eq!(got("services.web.environment.MODE"), "fast\n");
    assert_eq!(got("services.web.environment.TZ"), "UTC\n");
    stack.write(
        "compose.override.yaml",
        "services:\n  web:\n    environment: {MODE: over}\n",
    );
    assert_eq!(got("services.web.environment.MODE"), "over\n");
    assert_eq!(got("services.web.labels.plain"), "two\n");
    stack
        .refit(&["get", "services.web.environment.NONE"])
        .exits(1)
        .says("is not set");
}

/// Compose takes a `$` for a variable wherever it stands.
#[test]
fn a_dollar_is_one_where_text_is_asked_for() {
    let compose = format!("services:\n  web: {}\n", idle("environment: {A: x}"));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let args = ["set", "--string", "services.web.environment.A=ab$cd"];
    stack.refit(&args).exits(0).never_says("Compose warns");
    assert_eq!(stack.container("web").env["A"], "ab$cd");
}
