//! TOML, JSON and INI are edited by path as YAML is: one value changes, every other byte stays, the
//! container is seen to have it, and a rollback gives the file back byte for byte. What is of no kind
//! that is known is refused with the editor.

use std::fs;

use crate::stack::answer::Answer;
use crate::stack::{TestStack, service};

/// A service that reads one mounted file at its start, and cannot live with a word in it.
fn stack(name: &str, at: &str, text: &str) -> Option<TestStack> {
    let shell = format!("grep -q crash {at} && exit 3; exec sleep infinity");
    let web = service(&shell, &format!("volumes: ['./{name}:{at}:ro']"));
    let compose = format!(
        "services:\n  web: {web}\n  other: {}\n",
        crate::stack::idle("")
    );
    TestStack::started(&compose, &[(name, text)])
}

/// Sets by path, sees it in the container, takes a crash back, and rolls back.
#[track_caller]
fn holds(name: &str, at: &str, text: &str, cases: &[(&str, &str, &str, &str)]) {
    let Some(stack) = stack(name, at, text) else {
        return;
    };
    let other = stack.container("other");
    let refit = |args: &[&str]| stack.refit(&[args, &["-F", name]].concat());
    for (path, value, from, to) in cases {
        stack.write(name, text);
        let typed = format!("{path}={value}");
        let answer = refit(&["set", &typed]).exits(0);
        assert_eq!(stack.read(name), text.replacen(from, to, 1), "{answer}");
        answer.has_line(&["✓", "web", &format!("{at} reads {path}={value}")]);
        assert_eq!(stack.exec("web", &["cat", at]), stack.read(name));
        assert_eq!(refit(&["get", path]).exits(0).stdout, format!("{value}\n"));
        refit(&["set", &typed]).exits(0).says("Nothing to do");
        let after = stack.read(name);
        let crash = format!("{path}=crash");
        let failed = refit(&["set", &crash, "--settle", "2s"]);
        assert!([1, 3].contains(&failed.code), "{failed}");
        assert_eq!(stack.read(name), after, "{failed}");
        stack.refit(&["rollback"]).exits(0);
        assert_eq!(stack.read(name), text);
        assert_eq!(stack.exec("web", &["cat", at]), text);
    }
    other.is_untouched(&stack.container("other"));
}

#[test]
fn toml() {
    let text = "# mine\ntitle = 'x'  # c\r\n[server]\nport = 8080\n";
    let cases = [("title", "two words", "'x'", "'two words'")];
    holds("app.toml", "/etc/app.conf", text, &cases);
}

#[test]
fn json() {
    let text = "{\n  \"server\": { \"port\":8080, \"host\" : \"all\" },\n\t\"on\": true\n}";
    let cases = [("server.host", "8080", "\"all\"", "\"8080\"")];
    holds("app.json", "/etc/app.json", text, &cases);
}

#[test]
fn ini() {
    let text = "APP_NAME = shop\n\n[security]\nINSTALL_LOCK   = false\n[log]\nLEVEL = Info ; c\n";
    let cases = [("security.INSTALL_LOCK", "true", "= false", "= true")];
    holds("app.ini", "/data/app.ini", text, &cases);
}

#[test]
fn properties() {
    let text = "# Minecraft\nmotd=A \\u00a7c#1\nquery.port = 25565\n";
    let cases = [("query.port", "25566", "25565", "25566")];
    holds("server.properties", "/data/server.properties", text, &cases);
}

/// As it is written, in the file, in the plan and in the container.
#[test]
fn a_number_is_told_as_it_stands() {
    let text = "mode: 0600\nversion: 1.20\n";
    let Some(stack) = stack("app.yml", "/etc/app.yml", text) else {
        return;
    };
    let refit = |args: &[&str]| stack.refit(&[args, &["-F", "app.yml"]].concat()).exits(0);
    assert_eq!(refit(&["get", "mode"]).stdout, "0600\n");
    let set = refit(&["set", "mode=0640", "version=1.30"]);
    set.has_line(&["app.yml", "mode", "0600 → 0640"])
        .has_line(&["app.yml", "version", "1.20 → 1.30"])
        .has_line(&["✓", "web", "/etc/app.yml reads version=1.30"]);
    assert_eq!(stack.read("app.yml"), "mode: 0640\nversion: 1.30\n");
}

/// Each with its file, and the codes of what is refused.
#[test]
fn what_cannot_be_meant_is_refused() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {a: {image: x}}\n")]) else {
        return;
    };
    let files = [
        ("radicale.conf", "[auth]\ntype = none\n\n[headers]\n"),
        (
            "app.ini",
            "[server]\nPORT = 1\n[log]\nMODE = a\n[log.file]\nMODE = b\n",
        ),
        ("redis.conf", "# a\nmaxmemory 64mb\n"),
        ("server.py", "b=1\nprint(b)\n"),
        ("Dockerfile", "FROM x\nARG b=1\n"),
        ("app.toml", "port = 1\n[a]\n"),
        ("bad.json", "{\"a\": }\n"),
        ("app.json", "{\"port\": 1}\n"),
        ("app.yml", "port: 80\nlist: [a]\n"),
        ("php.ini", "[PHP]\n[Date]\n;date.timezone =\n"),
    ];
    for (name, text) in files {
        stack.write(name, text);
    }
    for (file, typed, code, said) in [
        (
            "radicale.conf",
            "max_connections=5",
            "file_ambiguous",
            "name its section; is it refit set auth.max_connections=5 -F radicale.conf",
        ),
        (
            "radicale.conf",
            "type=x",
            "file_ambiguous",
            "did you mean refit set auth.type=x -F radicale.conf --no-apply",
        ),
        (
            "app.ini",
            "servre.PORT=2",
            "file_no_place",
            "did you mean server?",
        ),
        (
            "app.ini",
            "server.PROT=2",
            "new_key",
            "refit set server.PORT=2 -F app.ini",
        ),
        (
            "redis.conf",
            "maxmemory=128mb",
            "not_an_env_file",
            "refit edit redis.conf",
        ),
        (
            "server.py",
            "b=2",
            "not_an_env_file",
            "refit edit server.py",
        ),
        (
            "Dockerfile",
            "b=2",
            "not_an_env_file",
            "refit edit Dockerfile",
        ),
        (
            "app.toml",
            "port=many",
            "file_value",
            "app.toml: port: a whole number stands there",
        ),
        ("app.toml", "a.b.c.d=1", "", ""),
        (
            "bad.json",
            "a=1",
            "file_syntax",
            "bad.json: not valid JSON at line 1, column 7",
        ),
        (
            "app.json",
            "prot=1",
            "new_key",
            "refit set port=1 -F app.json",
        ),
        ("new.toml", "a=1", "no_file", "new.toml"),
        (
            "app.yml",
            "port=abc",
            "file_value",
            "app.yml: port: a number stands there",
        ),
        (
            "app.yml",
            "list=b",
            "file_value",
            "list: a list stands there",
        ),
        (
            "php.ini",
            "date.timezone=UTC",
            "file_ambiguous",
            "did you mean refit set 'Date[",
        ),
        (
            "app.ini",
            "server.PORT=a#b",
            "file_value",
            "--string writes it as it is",
        ),
    ] {
        let words = ["--json", "set", typed, "-F", file, "--no-apply"];
        let answer = stack.refit(&words);
        if code.is_empty() {
            answer.exits(0);
            continue;
        }
        let answer = answer.exits(1).says(said);
        assert_eq!(answer.refusal(), code, "{answer}");
        let before = files.iter().find(|(name, _)| *name == file);
        let before = before.filter(|(name, _)| *name != "app.toml");
        if let Some((name, text)) = before {
            assert_eq!(stack.read(name), *text, "{answer}");
        }
    }
    // Used as an env file, it is one.
    for used in ["env_file: odd.conf", "volumes: ['./odd.conf:/app/.env:ro']"] {
        let compose = format!("services: {{a: {{image: x, {used}}}}}\n");
        stack.write("compose.yaml", &compose);
        stack.write("odd.conf", "A=1\n");
        stack
            .refit(&["set", "A=b c", "-F", "odd.conf", "--no-apply"])
            .exits(0);
        assert_eq!(stack.read("odd.conf"), "A='b c'\n");
    }
}

/// By lines where it has no keys, by paths where it has.
#[test]
fn an_edit_by_hand_tells_what_changed() {
    let text = "x\nwarming\ny\n";
    let Some(stack) = stack("server.py", "/app/server.py", text) else {
        return;
    };
    let edit = |file: &str, program: &str| {
        let editor = stack.beside("editor.sh");
        fs::write(&editor, format!("{program}\n")).unwrap();
        let mut command = stack.command(&["edit", file, "--settle", "300ms"]);
        command.env_remove("VISUAL");
        command.env("EDITOR", format!("sh '{}'", editor.display()));
        crate::stack::answer::Answer::of(command, b"").exits(0)
    };
    // Of the same length.
    edit("server.py", "sed -i s/warming/Warming/ \"$1\"")
        .has_line(&["server.py", "the file", "1 line changed"])
        .never_says("as it is");
    edit("server.py", "sed -i s/y/why/ \"$1\"; echo more >> \"$1\"")
        .has_line(&["server.py", "1 line changed, 1 added"]);
    stack.write("app.toml", "[a]\nb = 1\n");
    edit("app.toml", "sed -i s/1/2/ \"$1\"").has_line(&["app.toml", "a.b", "1 → 2"]);
}

/// An editor that was left too early, or that took the file away.
#[test]
fn an_edit_after_which_a_file_cannot_be_read_is_not_written() {
    let json = "{\n  \"port\": 80,\n  \"name\": \"x\"\n}\n";
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n"), ("app.json", json)])
    else {
        return;
    };
    for (editor, says) in [
        (
            "sed -i s/80,/81/",
            "app.json cannot be read with this edit: not valid JSON at line 2",
        ),
        ("rm", "the editor left no app.json; nothing was changed"),
    ] {
        let mut command = stack.command(&["edit", "app.json", "--no-apply"]);
        command.env("VISUAL", "").env("EDITOR", editor);
        Answer::of(command, b"").exits(1).says(says);
        assert_eq!(stack.read("app.json"), json);
    }
    // What is appended is meant to be new.
    stack.write("list.json", "{\"list\": [\"x\", \"y\"]}\n");
    stack
        .refit(&["set", "-F", "list.json", "list[+]=z", "--no-apply"])
        .exits(0);
    assert!(stack.read("list.json").contains("\"z\""));
}
