//! Values that change, and values that are new.

use serde_json::json;

use super::super::{NewValue, YamlNote};
use super::{auto, json, set, string};

#[test]
fn every_style_of_scalar_keeps_its_style() {
    let cases = [
        ("a: b   # why\n", "new", "a: new   # why\n"),
        ("a: 'b' # why\n", "it's", "a: 'it''s' # why\n"),
        (
            "a: \"b\"\n",
            "say \"hi\" \\",
            "a: \"say \\\"hi\\\" \\\\\"\n",
        ),
        ("a: 'b'\n", "two\nlines", "a: \"two\\nlines\"\n"),
        ("a: |\n  b\n  c\nd: 1\n", "x\ny\n", "a: |\n  x\n  y\nd: 1\n"),
        (
            "a: |  # why\n   b\nd: 1\n",
            "x",
            "a: |-  # why\n   x\nd: 1\n",
        ),
        ("a: |+\n  b\n\nd: 1\n", "x\n", "a: |\n  x\nd: 1\n"),
        ("a: |\n  b\n\n\nd: 1\n", "x\n", "a: |\n  x\n\n\nd: 1\n"),
        (
            "a: |\r\n  b\r\nd: 1\r\n",
            "x\ny\n",
            "a: |\r\n  x\r\n  y\r\nd: 1\r\n",
        ),
        ("a: >-\n  b\n  c\nd: 1\n", "x y", "a: >-\n  x y\nd: 1\n"),
        ("a: b\n  c # why\nd: 1\n", "x", "a: x # why\nd: 1\n"),
        ("a:\n  b # why\nd: 1\n", "x", "a:\n  x # why\nd: 1\n"),
        ("a: b\nd: 1\n", "x\ny\n", "a: |\n  x\n  y\nd: 1\n"),
        ("a: b", "x\ny\n", "a: |\n  x\n  y\n"),
        ("a: {b: c}\n", "x", "a: x\n"),
        (
            "a:\n  b: c # gone\n# stays\nd: 1\n",
            "x",
            "a: x\n# stays\nd: 1\n",
        ),
        ("a:  # why\n  - b\nd: 1\n", "x", "a: x  # why\nd: 1\n"),
        ("a:\nd: 1\n", "x", "a: x\nd: 1\n"),
        ("a:   # why\nd: 1\n", "x", "a: x   # why\nd: 1\n"),
        ("a: !tag b\n", "x", "a: !tag x\n"),
        ("a: &anchor b\n", "x", "a: &anchor x\n"),
        ("a: !t &x\nd: 1\n", "x", "a: !t &x x\nd: 1\n"),
        ("? a\n: b\n", "x", "? a\n: x\n"),
        ("'a' : b\n", "x", "'a' : x\n"),
    ];
    for (before, word, after) in cases {
        let path = "a";
        assert_eq!(string(before, path, word), after, "{before}");
    }
}

#[test]
fn a_text_that_a_plain_scalar_cannot_carry_is_quoted() {
    let words = [
        ("5", "\"5\""),
        ("true", "\"true\""),
        ("null", "\"null\""),
        ("~", "\"~\""),
        ("", "\"\""),
        ("a: b", "\"a: b\""),
        ("a #b", "\"a #b\""),
        ("- a", "\"- a\""),
        ("[a]", "\"[a]\""),
        ("{a}", "\"{a}\""),
        ("*a", "\"*a\""),
        ("&a", "\"&a\""),
        ("!a", "\"!a\""),
        ("%a", "\"%a\""),
        ("@a", "\"@a\""),
        ("`a", "\"`a\""),
        (" a", "\" a\""),
        ("a ", "\"a \""),
        ("a:", "\"a:\""),
        ("\"a\"", "'\"a\"'"),
        ("0777", "\"0777\""),
        ("1_000", "\"1_000\""),
        ("1e3", "\"1e3\""),
        ("0x1F", "\"0x1F\""),
        (".inf", "\".inf\""),
        ("2001-01-01", "\"2001-01-01\""),
        ("a\tb", "\"a\\tb\""),
        ("a\u{7}b", "\"a\\x07b\""),
        ("---", "\"---\""),
        ("?", "\"?\""),
        ("\u{feff}a", "\"\\ufeffa\""),
        ("${A:-b}", "${A:-b}"),
        ("a:b", "a:b"),
        ("a#b", "a#b"),
        ("-a", "-a"),
        ("127.0.0.1", "127.0.0.1"),
        ("1.2.3", "1.2.3"),
        ("ünï", "ünï"),
        ("a\\b", "a\\b"),
        ("it's", "it's"),
        ("http://a/b?c=d", "http://a/b?c=d"),
    ];
    for (word, written) in words {
        assert_eq!(
            string("a: b\n", "a", word),
            format!("a: {written}\n"),
            "{word:?}"
        );
    }
    assert_eq!(string("a: [b, c]\n", "a[0]", "x, y"), "a: [\"x, y\", c]\n");
    assert_eq!(string("a: {b: c}\n", "a.b", "${X}"), "a: {b: \"${X}\"}\n");
}

#[test]
fn a_typed_word_takes_the_type_of_its_place() {
    let cases = [
        (
            "services:\n  w:\n    scale: 1\n",
            "services.w.scale",
            "2",
            "services:\n  w:\n    scale: 2\n",
        ),
        (
            "services:\n  w:\n    image: a:1\n",
            "services.w.image",
            "5",
            "services:\n  w:\n    image: \"5\"\n",
        ),
        (
            "services:\n  w:\n    init: true\n",
            "services.w.init",
            "false",
            "services:\n  w:\n    init: false\n",
        ),
        (
            "services:\n  w:\n    environment:\n      A: x\n",
            "services.w.environment.A",
            "5",
            "services:\n  w:\n    environment:\n      A: \"5\"\n",
        ),
        (
            "services:\n  w:\n    environment:\n      A: 80\n",
            "services.w.environment.A",
            "81",
            "services:\n  w:\n    environment:\n      A: 81\n",
        ),
        (
            "services:\n  w:\n    environment:\n      A: 80\n",
            "services.w.environment.A",
            "081",
            "services:\n  w:\n    environment:\n      A: \"081\"\n",
        ),
        (
            "services:\n  w:\n    environment:\n      A: true\n",
            "services.w.environment.A",
            "null",
            "services:\n  w:\n    environment:\n      A: \"null\"\n",
        ),
        ("x-a:\n  b: 1.50\n", "x-a.b", "1.10", "x-a:\n  b: 1.10\n"),
        ("x-a:\n  b: '1'\n", "x-a.b", "2", "x-a:\n  b: '2'\n"),
        ("x-a:\n  b: c\n", "x-a.b", "~", "x-a:\n  b: ~\n"),
        ("x-a:\n  b: c\n", "x-a.b", "no", "x-a:\n  b: no\n"),
        (
            "x-a:\n  b: c\n",
            "x-a.k",
            "no",
            "x-a:\n  b: c\n  k: \"no\"\n",
        ),
        (
            "services:\n  w:\n    ports:\n      - 80:80\n",
            "services.w.ports[0]",
            "81:80",
            "services:\n  w:\n    ports:\n      - 81:80\n",
        ),
        (
            "services:\n  w:\n    ports:\n      - target: 80\n",
            "services.w.ports[0].target",
            "81",
            "services:\n  w:\n    ports:\n      - target: 81\n",
        ),
    ];
    for (before, path, word, after) in cases {
        assert_eq!(auto(before, path, word), after, "{path}={word}");
    }
}

#[test]
fn missing_parents_are_made_in_the_shape_of_the_file() {
    let cases = [
        (
            "services:\n    web:\n        image: a\n",
            "services.web.environment.A",
            "services:\n    web:\n        image: a\n        environment:\n            A: x\n",
        ),
        (
            "services:\n  web:\n    environment:\n",
            "services.web.environment.A",
            "services:\n  web:\n    environment:\n      A: x\n",
        ),
        (
            "services:\n  web:\n    environment: # why\n      # - B=c\n    image: a\n",
            "services.web.environment.A",
            "services:\n  web:\n    environment: # why\n      A: x\n      # - B=c\n    image: a\n",
        ),
        (
            "services:\n  web:\n    environment: {}\n",
            "services.web.environment.A",
            "services:\n  web:\n    environment:\n      A: x\n",
        ),
        (
            "services:\n  web: {image: a}\n",
            "services.web.environment.A",
            "services:\n  web: {image: a, environment: {A: x}}\n",
        ),
        (
            "services:\n  web:\n    image: a",
            "services.web.environment.A",
            "services:\n  web:\n    image: a\n    environment:\n      A: x",
        ),
        (
            "services:\n  web:\n    command: |\n      a\n\nvolumes: {}\n",
            "services.web.environment.A",
            "services:\n  web:\n    command: |\n      a\n    environment:\n      A: x\n\nvolumes: {}\n",
        ),
        (
            "services:\n  web:\n    command: |+\n      a\n\nvolumes: {}\n",
            "services.web.environment.A",
            "services:\n  web:\n    command: |+\n      a\n\n    environment:\n      A: x\nvolumes: {}\n",
        ),
        (
            "# services:\n#   web:\n",
            "services.web.environment.A",
            "# services:\n#   web:\nservices:\n  web:\n    environment:\n      A: x\n",
        ),
        (
            "",
            "services.web.environment.A",
            "services:\n  web:\n    environment:\n      A: x\n",
        ),
        (
            "# c",
            "services.web.environment.A",
            "# c\nservices:\n  web:\n    environment:\n      A: x",
        ),
        (
            "---\n# c\n...\n",
            "services.web.environment.A",
            "---\n# c\nservices:\n  web:\n    environment:\n      A: x\n...\n",
        ),
        (
            "---",
            "services.web.environment.A",
            "---\nservices:\n  web:\n    environment:\n      A: x",
        ),
        (
            "{}\n",
            "services.web.environment.A",
            "services:\n  web:\n    environment:\n      A: x\n",
        ),
        (
            "services:\r\n  web:\r\n    image: a\r\n",
            "services.web.environment.A",
            "services:\r\n  web:\r\n    image: a\r\n    environment:\r\n      A: x\r\n",
        ),
        (
            "\u{feff}services:\n  web:\n",
            "services.web.environment.A",
            "\u{feff}services:\n  web:\n    environment:\n      A: x\n",
        ),
        (
            "\u{feff}# c\n",
            "services.web.environment.A",
            "\u{feff}# c\nservices:\n  web:\n    environment:\n      A: x\n",
        ),
    ];
    for (before, path, after) in cases {
        assert_eq!(auto(before, path, "x"), after, "{before}");
    }
}

#[test]
fn lists_grow_in_their_own_style() {
    let cases = [
        (
            "services:\n  w:\n    ports:\n    - \"80:80\"\n    image: a\n",
            "services.w.ports[+]",
            "81:81",
            "services:\n  w:\n    ports:\n    - \"80:80\"\n    - \"81:81\"\n    image: a\n",
        ),
        (
            "services:\n  w:\n    ports: [\"80:80\"]\n",
            "services.w.ports[+]",
            "81:81",
            "services:\n  w:\n    ports: [\"80:80\", \"81:81\"]\n",
        ),
        (
            "services:\n  w:\n    ports: []\n",
            "services.w.ports[+]",
            "81:81",
            "services:\n  w:\n    ports:\n      - \"81:81\"\n",
        ),
        (
            "services:\n  w:\n    ports:\n",
            "services.w.ports[+]",
            "81:81",
            "services:\n  w:\n    ports:\n      - \"81:81\"\n",
        ),
        (
            "services:\n  w:\n    dns: [\n      a,\n      b\n    ]\n",
            "services.w.dns[+]",
            "c",
            "services:\n  w:\n    dns: [\n      a,\n      b,\n      c\n    ]\n",
        ),
        (
            "services:\n  w:\n    env_file: .env # why\n",
            "services.w.env_file[+]",
            "b.env",
            "services:\n  w:\n    env_file: # why\n      - .env\n      - b.env\n",
        ),
        (
            "services:\n  w:\n    env_file:\n      - .env\n",
            "services.w.env_file[1]",
            "b.env",
            "services:\n  w:\n    env_file:\n      - .env\n      - b.env\n",
        ),
        (
            "services:\n  w:\n    profiles:\n      - a # one\n      # after\n    image: b\n",
            "services.w.profiles[+]",
            "c",
            "services:\n  w:\n    profiles:\n      - a # one\n      - c\n      # after\n    image: b\n",
        ),
        (
            "a:\n  - - x\n    - y\n",
            "a[0][+]",
            "z",
            "a:\n  - - x\n    - y\n    - z\n",
        ),
    ];
    for (before, path, word, after) in cases {
        assert_eq!(auto(before, path, word), after, "{before}");
    }
}

#[test]
fn list_items_are_named_by_what_they_hold() {
    let service = |body: &str| format!("services:\n  w:\n{body}");
    let cases = [
        (
            "    environment:\n      - A=1 # why\n      - B\n",
            "services.w.environment.A",
            "2 3",
            "    environment:\n      - A=2 3 # why\n      - B\n",
        ),
        (
            "    environment:\n      - A=1\n      - B\n",
            "services.w.environment.B",
            "x=y",
            "    environment:\n      - A=1\n      - B=x=y\n",
        ),
        (
            "    environment:\n      - \"A=1\"\n",
            "services.w.environment.C",
            "x",
            "    environment:\n      - \"A=1\"\n      - \"C=x\"\n",
        ),
        (
            "    environment:\n      - A=1\n",
            "services.w.environment.C",
            "a: b",
            "    environment:\n      - A=1\n      - \"C=a: b\"\n",
        ),
        (
            "    labels: [\"a.b=1\"]\n",
            "services.w.labels[\"a.b\"]",
            "2",
            "    labels: [\"a.b=2\"]\n",
        ),
        (
            "    build:\n      args:\n        - 'V=1'\n",
            "services.w.build.args.V",
            "2",
            "    build:\n      args:\n        - 'V=2'\n",
        ),
        (
            "    ports:\n      - \"8080:80\"\n      - 53:53/udp\n",
            "services.w.ports[\"53/udp\"]",
            "5353:53/udp",
            "    ports:\n      - \"8080:80\"\n      - 5353:53/udp\n",
        ),
        (
            "    ports:\n      - \"${P:-8080}:80\"\n",
            "services.w.ports[\"80/tcp\"]",
            "81:80",
            "    ports:\n      - \"81:80\"\n",
        ),
        (
            "    ports:\n      - target: 80\n        published: 8080\n",
            "services.w.ports[\"80/tcp\"].published",
            "81",
            "    ports:\n      - target: 80\n        published: 81\n",
        ),
        (
            "    ports:\n      - \"80:80\"\n",
            "services.w.ports[\"443/tcp\"]",
            "443:443",
            "    ports:\n      - \"80:80\"\n      - \"443:443\"\n",
        ),
        (
            "    extra_hosts:\n      - \"a:1.2.3.4\"\n      - b=::1\n",
            "services.w.extra_hosts.b",
            "::2",
            "    extra_hosts:\n      - \"a:1.2.3.4\"\n      - b=::2\n",
        ),
        (
            "    extra_hosts:\n      - \"a:1.2.3.4\"\n",
            "services.w.extra_hosts[\"host.docker.internal\"]",
            "host-gateway",
            "    extra_hosts:\n      - \"a:1.2.3.4\"\n      - \"host.docker.internal:host-gateway\"\n",
        ),
        (
            "    volumes:\n      - ${D:-./d}:/data:ro\n",
            "services.w.volumes[\"/data\"]",
            "e:/data",
            "    volumes:\n      - e:/data\n",
        ),
        (
            "    env_file:\n      - path: a.env\n        required: true\n",
            "services.w.env_file[\"a.env\"].required",
            "false",
            "    env_file:\n      - path: a.env\n        required: false\n",
        ),
    ];
    for (before, path, word, after) in cases {
        assert_eq!(
            auto(&service(before), path, word),
            service(after),
            "{path}={word}"
        );
    }
}

#[test]
fn a_repeated_key_of_a_list_is_changed_where_it_counts() {
    let text = "environment:\n  - A=1\n  - B=2\n  - A=3\n";
    let edited = set(text, "environment.A", NewValue::Auto("4".into())).unwrap();
    assert_eq!(edited.text, "environment:\n  - A=1\n  - B=2\n  - A=4\n");
    assert_eq!(edited.before, Some(json!("3")));
    assert_eq!(edited.notes, [YamlNote::RepeatedKey { lines: vec![2, 4] }]);
}

#[test]
fn whole_services_volumes_and_networks_are_added() {
    let text = "services:\n  web:\n    ports:\n    - \"80:80\"\n\nvolumes:\n  data:\n\n# end\n";
    let redis = json!({
        "image": "redis:7",
        "command": ["redis-server", "--save", "60 1"],
        "healthcheck": {"test": ["CMD", "redis-cli", "ping"], "retries": 3},
        "environment": {"A": "5", "B": null, "C": ""},
        "labels": {},
        "configs": [{"source": "a", "target": "/a"}],
    });
    let with_redis = json(text, "services.redis", redis);
    assert_eq!(
        with_redis,
        "services:\n  web:\n    ports:\n    - \"80:80\"\n  redis:\n    image: redis:7\n    command:\n    \
         - redis-server\n    - --save\n    - 60 1\n    healthcheck:\n      test:\n      - CMD\n      \
         - redis-cli\n      - ping\n      retries: 3\n    environment:\n      A: \"5\"\n      B:\n      \
         C: \"\"\n    labels: {}\n    configs:\n    - source: a\n      target: /a\n\nvolumes:\n  data:\n\n# end\n"
    );
    assert_eq!(
        json(text, "volumes.data", json!({"driver": "local"})),
        text.replace("  data:\n", "  data:\n    driver: local\n")
    );
    assert_eq!(
        json(text, "networks.front", json!(null)),
        text.replace("  data:\n", "  data:\nnetworks:\n  front:\n")
    );
    assert_eq!(
        json(text, "services.web.ports", json!(["81:81", "82:82"])),
        text.replace("    - \"80:80\"\n", "    - \"81:81\"\n    - \"82:82\"\n")
    );
}

#[test]
fn collections_replace_what_stood_there() {
    let cases = [
        (
            "a: b # why\nc: 1\n",
            json!(["x"]),
            "a: # why\n  - x\nc: 1\n",
        ),
        ("a: [b, 'c']\n", json!(["x", "z"]), "a: [x, z]\n"),
        ("a: [\"b\"]\n", json!(["x", "z"]), "a: [\"x\", \"z\"]\n"),
        (
            "a:\n- b # gone\nc: 1\n",
            json!({"x": 1}),
            "a:\n  x: 1\nc: 1\n",
        ),
        ("a:\n    b: 1\n", json!({"x": 1}), "a:\n    x: 1\n"),
        ("a: |\n  b\nc: 1\n", json!({"x": 1}), "a:\n  x: 1\nc: 1\n"),
        ("a:\n  b: 1\nc: 1\n", json!([]), "a: []\nc: 1\n"),
        ("a:\n  b: 1\nc: 1\n", json!(null), "a:\nc: 1\n"),
        ("a: b\n", json!(null), "a:\n"),
        ("a: {b: c}\n", json!(null), "a:\n"),
        (
            "a: b\n",
            json!({"t": "x\ny\n", "l": [["p", "q"], {"m": {"o": 1}}]}),
            "a:\n  t: |\n    x\n    y\n  l:\n    - - p\n      - q\n    - m:\n        o: 1\n",
        ),
    ];
    for (before, value, after) in cases {
        assert_eq!(json(before, "a", value.clone()), after, "{before} {value}");
    }
    assert_eq!(
        json("a:\n  - b # c\n  - d\n", "a[0]", json!({"x": 1, "z": 2})),
        "a:\n  - x: 1\n    z: 2 # c\n  - d\n"
    );
    assert_eq!(
        json("a: {b: [1]}\n", "a.b[0]", json!({"x": [1]})),
        "a: {b: [{x: [1]}]}\n"
    );
}

#[test]
fn inherited_values_are_overridden_at_the_path() {
    let base = "x-env: &env\n  A: 1\n  B: 2\n";
    let cases = [
        (
            "s:\n  e:\n    <<: *env\n    C: 3\n",
            "s.e.A",
            "s:\n  e:\n    <<: *env\n    C: 3\n    A: x\n",
        ),
        (
            "s:\n  e: *env # why\n",
            "s.e.A",
            "s:\n  e: # why\n    <<: *env\n    A: x\n",
        ),
        ("s: {e: *env}\n", "s.e.A", "s: {e: {<<: *env , A: x}}\n"),
        ("s:\n  - *env\n", "s[0].A", "s:\n  - <<: *env\n    A: x\n"),
        (
            "s:\n  e: *env\n",
            "s.e.New",
            "s:\n  e:\n    <<: *env\n    New: x\n",
        ),
        ("s:\n  e: *env\n", "s.e", "s:\n  e: x\n"),
        (
            "s:\n  <<: [*env, {Z: 1}]\n",
            "s.B",
            "s:\n  <<: [*env, {Z: 1}]\n  B: x\n",
        ),
    ];
    for (before, path, after) in cases {
        let text = format!("{base}{before}");
        assert_eq!(auto(&text, path, "x"), format!("{base}{after}"), "{before}");
    }
    let text = format!("{base}s:\n  e: *env\n");
    let edited = set(&text, "s.e.A", NewValue::Int(9)).unwrap();
    assert_eq!(edited.before, Some(json!(1)));
    assert_eq!(
        edited.notes,
        [YamlNote::Overrides {
            anchor: "env".into(),
            line: 1
        }]
    );
}

#[test]
fn a_change_in_an_anchor_says_who_else_sees_it() {
    let text = "x-env: &env\n  A: 1\nb: *env\nc:\n  <<: *env\n";
    let edited = set(text, "x-env.A", NewValue::Int(2)).unwrap();
    assert_eq!(
        edited.text,
        "x-env: &env\n  A: 2\nb: *env\nc:\n  <<: *env\n"
    );
    assert_eq!(
        edited.notes,
        [YamlNote::SeenThroughAlias { lines: vec![3, 5] }]
    );
}

#[test]
fn tags_elsewhere_survive_and_an_override_keeps_its_tag() {
    let text = "services:\n  w:\n    ports: !override\n      - \"80:80\"\n    command: !reset null\n    x: !my {a: 1}\n";
    assert_eq!(
        string(text, "services.w.ports[0]", "81:80"),
        text.replace("80:80", "81:80")
    );
    assert_eq!(
        json(text, "services.w.ports", json!(["1:1"])),
        text.replace("80:80", "1:1")
    );
    assert_eq!(
        auto(text, "services.w.image", "a"),
        format!("{text}    image: a\n")
    );
}

#[test]
fn the_same_value_changes_no_byte() {
    let text = "a: 'b'\nc: 1.50\nd:   # e\nf: [1, {g: h}]\nenvironment: [A=1, B]\n";
    for (path, value) in [
        ("a", NewValue::Auto("b".into())),
        ("a", NewValue::String("b".into())),
        ("c", NewValue::Auto("1.50".into())),
        ("c", NewValue::Json(json!(1.5))),
        ("d", NewValue::Json(json!(null))),
        ("f", NewValue::Json(json!([1, {"g": "h"}]))),
        ("environment.A", NewValue::Auto("1".into())),
        ("environment.B", NewValue::Json(json!(null))),
    ] {
        let edited = set(text, path, value.clone()).unwrap();
        assert_eq!(edited.text, text, "{path} {value:?}");
        assert_eq!(edited.before, edited.after);
    }
}

#[test]
fn blanks_tabs_and_line_ends_elsewhere_are_left_alone() {
    let text = "\u{feff}# head\t\r\n\r\n---\r\na:   b\t# tab\there\r\n\r\n\r\nlong: \"".to_owned()
        + &"x".repeat(300)
        + "\"   \r\n...\r\n";
    assert_eq!(string(&text, "a", "c"), text.replace("a:   b", "a:   c"));
    assert_eq!(
        string(&text, "z", "c"),
        text.replace("\r\n...", "\r\nz: \"c\"\r\n...")
    );
}
