//! Full text before, operation, full text after; and what holds for any text and any value.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::change::keeps_every_byte;
use super::{PathEdit, PathEditError, PathSyntax, sibling_in_yaml};
use crate::edit::yaml::{NewValue, YamlPath};

use PathSyntax::{Ini, Json, Properties, Toml};

fn path(typed: &str) -> YamlPath {
    typed
        .parse()
        .unwrap_or_else(|error| panic!("{typed}: {error}"))
}

fn auto(word: &str) -> NewValue {
    NewValue::Auto(word.to_owned())
}

#[track_caller]
fn set(syntax: PathSyntax, text: &str, at: &str, value: &NewValue) -> PathEdit {
    let done = syntax.set(text, &path(at), value);
    done.unwrap_or_else(|error| panic!("{at}: {error}\n{text}"))
}

#[track_caller]
fn sets(syntax: PathSyntax, text: &str, at: &str, word: &str, after: &str) {
    assert_eq!(
        set(syntax, text, at, &auto(word)).text,
        after,
        "{at}={word}"
    );
}

#[track_caller]
fn deletes(syntax: PathSyntax, text: &str, at: &str, after: &str) {
    assert_eq!(syntax.delete(text, &path(at)).unwrap().text, after, "{at}");
}

#[track_caller]
fn refuses(syntax: PathSyntax, text: &str, at: &str, value: &NewValue, code: &str) {
    let error = syntax.set(text, &path(at), value).unwrap_err();
    assert_eq!(error.code().word(), code, "{at}: {error}");
    assert!(!error.hint("file").is_empty());
}

const TOML: &str = "\
# the server
title = 'shop'   # ours
debug=false

[server]
  host = \"0.0.0.0\" # all
  port = 8080
  rate = 1.5
  tags = [\"a\", 'b'] # two
  since = 2024-01-02
[server.limits]
max = 1_000

[[user]]
name = \"one\"
[[user]]
name = \"two\"
opts = { a = 1, b = 'x' }
# the end
";

#[test]
fn one_value_of_toml_changes() {
    for (at, word, from, to) in [
        ("title", "my shop", "'shop'", "'my shop'"),
        ("title", "it's", "'shop'", "\"it's\""),
        ("debug", "true", "debug=false", "debug=true"),
        ("server.host", "8080", "\"0.0.0.0\"", "\"8080\""),
        ("server.port", "9090", "8080", "9090"),
        ("server.rate", "2", "1.5", "2.0"),
        ("server.tags[1]", "c", "'b'", "'c'"),
        ("server.since", "2025-02-03", "2024-01-02", "2025-02-03"),
        ("server.limits.max", "2_000", "1_000", "2_000"),
        ("user[1].name", "three", "\"two\"", "\"three\""),
        ("user[1].opts.b", "y", "'x'", "'y'"),
        // What is new stands at the end of its table.
        (
            "motd",
            "hi",
            "debug=false\n",
            "debug=false\nmotd = \"hi\"\n",
        ),
        ("server.limits.min", "5", "1_000\n", "1_000\nmin = 5\n"),
        (
            "user[0].admin",
            "true",
            "\"one\"\n",
            "\"one\"\nadmin = true\n",
        ),
        ("server.tags[+]", "c", "'b']", "'b', \"c\"]"),
    ] {
        sets(Toml, TOML, at, word, &TOML.replacen(from, to, 1));
        let windows = TOML.replace('\n', "\r\n");
        let wanted = TOML.replacen(from, to, 1).replace('\n', "\r\n");
        sets(Toml, &windows, at, word, &wanted);
    }
    let list = NewValue::Json(json!(["x", 1]));
    let after = TOML.replacen("[\"a\", 'b']", "[\"x\", 1]", 1);
    assert_eq!(set(Toml, TOML, "server.tags", &list).text, after);
    let text = NewValue::String("9".to_owned());
    let after = TOML.replacen("8080", "\"9\"", 1);
    assert_eq!(set(Toml, TOML, "server.port", &text).text, after);
    sets(Toml, "", "a.b", "1", "[a]\nb = 1\n");
    sets(Toml, "a = 1", "b", "x", "a = 1\nb = \"x\"\n");
    deletes(
        Toml,
        TOML,
        "server.port",
        &TOML.replacen("  port = 8080\n", "", 1),
    );
    deletes(
        Toml,
        TOML,
        "title",
        &TOML.replacen("title = 'shop'   # ours\n", "", 1),
    );
    deletes(
        Toml,
        TOML,
        "server.tags[0]",
        &TOML.replacen("[\"a\", 'b']", "['b']", 1),
    );
    deletes(Toml, TOML, "server.gone", TOML);
}

#[test]
fn what_toml_cannot_take_is_refused() {
    for (at, word, code) in [
        ("server.port", "many", "file_value"),
        ("server.port", "1.5", "file_value"),
        ("debug", "yes", "file_value"),
        ("server.since", "soon", "file_value"),
        ("server", "x", "file_value"),
        ("server.tags", "x", "file_value"),
        ("title.x", "1", "file_value"),
        ("user.name", "x", "file_value"),
        ("user[7].name", "x", "file_no_place"),
    ] {
        refuses(Toml, TOML, at, &auto(word), code);
    }
    refuses(
        Toml,
        TOML,
        "new",
        &NewValue::Json(Value::Null),
        "file_value",
    );
    let error = Toml.get("a = 1\nb = = 2\n", &path("a")).unwrap_err();
    let told = error.to_string();
    assert!(
        told.starts_with("not valid TOML at line 2, column"),
        "{told}"
    );
}

const JSON: &str = "\
{
  // the server
  \"server\": { \"port\": 8080, \"host\": \"all\" },
  \"tags\": [
    \"a\",
    \"b\" // last
  ],
  \"on\": true,
  \"none\": null
}
";

#[test]
fn one_value_of_json_changes() {
    for (at, word, from, to) in [
        ("server.port", "9090", "8080", "9090"),
        ("server.port", "1.50", "8080", "1.50"),
        ("server.host", "8080", "\"all\"", "\"8080\""),
        (
            "server.host",
            "a \"b\" \\ ü",
            "\"all\"",
            "\"a \\\"b\\\" \\\\ ü\"",
        ),
        ("tags[0]", "x", "\"a\"", "\"x\""),
        ("on", "false", "true", "false"),
        ("none", "5", "null", "5"),
        (
            "server.tls",
            "true",
            "\"all\" }",
            "\"all\", \"tls\": true }",
        ),
        ("new", "1", "null\n", "null,\n  \"new\": 1\n"),
        ("tags[+]", "c", "\"b\" // last", "\"b\", // last\n    \"c\""),
    ] {
        sets(Json, JSON, at, word, &JSON.replacen(from, to, 1));
        let windows = JSON.replace('\n', "\r\n");
        let wanted = JSON.replacen(from, to, 1).replace('\n', "\r\n");
        sets(Json, &windows, at, word, &wanted);
    }
    sets(Json, "{}", "a", "x", "{\"a\": \"x\"}");
    sets(Json, "{\n}\n", "a", "x", "{\n  \"a\": \"x\"\n}\n");
    sets(
        Json,
        "{\n\t\"a\": {}\n}",
        "a.b",
        "1",
        "{\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}",
    );
    deletes(Json, JSON, "on", &JSON.replacen("  \"on\": true,\n", "", 1));
    deletes(
        Json,
        JSON,
        "none",
        &JSON.replacen(",\n  \"none\": null", "", 1),
    );
    deletes(Json, JSON, "gone", JSON);
}

const LINE: &str = r#"{"a":{"b":1},"l":[1, 2],"e":{ },"o": {"x":1 /* c */, }}"#;

#[test]
fn json_in_one_line_stays_in_one_line() {
    for (at, word, from, to) in [
        ("a.c.d", "1.50", r#""b":1"#, r#""b":1,"c":{"d":1.50}"#),
        ("e.x", "y", "{ }", r#"{ "x":"y" }"#),
        ("l[+]", "3", "[1, 2]", "[1, 2, 3]"),
        ("l[0]", "1.0", "[1,", "[1.0,"),
        ("a.n", "z", r#""b":1"#, r#""b":1,"n":"z""#),
        ("o.y", "2", "1 /* c */, }", r#"1 /* c */,"y":2, }"#),
    ] {
        sets(Json, LINE, at, word, &LINE.replacen(from, to, 1));
    }
    let list = NewValue::Json(json!([1, {"a": []}]));
    let after = LINE.replacen("[1, 2]", r#"[1,{"a":[]}]"#, 1);
    assert_eq!(
        set(Json, LINE, "l", &list).text.replace(", ", ","),
        after.replace(", ", ",")
    );
    for (at, from, to) in [
        ("a", r#""a":{"b":1},"#, ""),
        ("a.b", r#""b":1"#, ""),
        ("l[0]", "1, ", ""),
        ("l[1]", ", 2", ""),
        ("e", r#""e":{ },"#, ""),
        ("o", r#","o": {"x":1 /* c */, }"#, ""),
    ] {
        deletes(Json, LINE, at, &LINE.replacen(from, to, 1));
    }
    let lines = "{\n  \"a\": [\n    1, // one\n    2 // two\n  ],\n  \"b\": {\"c\": 1}, // c\n}\n";
    deletes(
        Json,
        lines,
        "a[1]",
        &lines.replacen("1, // one\n    2 // two", "1 // one", 1),
    );
    deletes(
        Json,
        lines,
        "a[0]",
        &lines.replacen("    1, // one\n", "", 1),
    );
    deletes(
        Json,
        lines,
        "b",
        &lines.replacen("  \"b\": {\"c\": 1}, // c\n", "", 1),
    );
    sets(
        Json,
        lines,
        "b.d",
        "2",
        &lines.replacen("1}", "1, \"d\": 2}", 1),
    );
    sets(
        Json,
        lines,
        "d",
        "2",
        &lines.replacen("// c\n", "// c\n  \"d\": 2,\n", 1),
    );
    let marked = "\u{feff}{\"a\": 1}";
    sets(Json, marked, "a", "2", "\u{feff}{\"a\": 2}");
    sets(Json, marked, "b", "2", "\u{feff}{\"a\": 1, \"b\": 2}");
    deletes(Json, marked, "a", "\u{feff}{}");
    assert_eq!(Json.get(marked, &path("a")), Ok(Some(json!(1))));
}

#[test]
fn a_number_is_told_and_written_as_it_stands() {
    let json = r#"{"v": 1.20, "e": 1e3, "big": 12345678901234567890123, "w": "1.20"}"#;
    let toml = "v = 1.20\ne = 1e3\nbig = 0x1F\nw = '1.20'\n";
    for (syntax, text, big) in [
        (Json, json, "12345678901234567890123"),
        (Toml, toml, "0x1F"),
    ] {
        assert_eq!(syntax.number_word(text, &path("w")), None);
        for (at, told) in [("v", "1.20"), ("e", "1e3"), ("big", big), ("w", "1.20")] {
            let word = syntax.number_word(text, &path(at));
            assert!(at == "w" || word.as_deref() == Some(told), "{at}");
            assert!(syntax.scalars(text).contains(&(path(at), told.to_owned())));
            sets(syntax, text, at, told, text);
        }
        // The same number in other digits is another text.
        sets(syntax, text, "v", "1.2", &text.replacen("1.20", "1.2", 1));
    }
    let next = "12345678901234567890124";
    sets(
        Json,
        json,
        "big",
        next,
        &json.replacen("12345678901234567890123", next, 1),
    );
    sets(Toml, "", "a", "1.50", "a = 1.50\n");
    sets(Toml, "a = 1.50\n", "a", "2.250", "a = 2.250\n");
    sets(Toml, "", "a", "1_000", "a = 1_000\n");
    sets(Toml, "", "a", "0600", "a = \"0600\"\n");
    let large = "99999999999999999999";
    for (text, new) in [
        ("a = 1\n", auto(large)),
        ("", auto(large)),
        ("", NewValue::Json(json!(u64::MAX))),
    ] {
        let error = Toml.set(text, &path("a"), &new).unwrap_err().to_string();
        assert!(error.contains("64 bits"), "{error}");
    }
}

#[test]
fn a_section_is_no_value() {
    let toml = "[server]\nport = 1\n[[user]]\nname = 'x'\n[db.pool]\nmax = 1\n";
    let ini = "[server]\nport = 1\n[log.file]\nmode = a\n";
    for (syntax, text, at) in [
        (Toml, toml, "server"),
        (Toml, toml, "user"),
        (Toml, toml, "user[0]"),
        (Toml, toml, "db"),
        (Ini, ini, "server"),
        (Ini, ini, "log.file"),
    ] {
        for error in [
            syntax.delete(text, &path(at)).unwrap_err(),
            syntax.set(text, &path(at), &auto("x")).unwrap_err(),
        ] {
            assert_eq!(error.code().word(), "file_value", "{at}: {error}");
            let hint = error.hint("f");
            assert!(
                hint.contains(&format!("{at}.KEY")) && !hint.contains("--as-json"),
                "{hint}"
            );
        }
    }
    let item = NewValue::Json(json!({"name": "y"}));
    let after = "\n[[user]]\nname = \"y\"\n";
    let done = set(Toml, toml, "user[+]", &item).text;
    assert_eq!(
        done.replace("\n\n", "\n"),
        toml.replacen("'x'\n", &format!("'x'{after}"), 1)
    );
    let left_out = |text: &str, at: &str| {
        let path = Ini.section_left_out(text, &path(at));
        path.map(|path| path.to_string())
    };
    let one = left_out("A = 1\n[a]\nB = 1\n", "C");
    assert_eq!(one.as_deref(), Some("a.C"));
    let slip = left_out("A = 1\n[a]\nB = 1\n[b]\nLEVEL = 1\n", "LEVLE");
    assert_eq!(slip.as_deref(), Some("b.LEVEL"));
    let php = "[PHP]\nmemory_limit = 1\n[Date]\n";
    let told = |at: &str| {
        let error = Ini.set(php, &path(at), &auto("x")).unwrap_err();
        (error.to_string(), error.hint("f"))
    };
    let (text, hint) = told("memory_limt");
    assert_eq!(hint, "did you mean PHP.memory_limit?");
    assert_eq!(
        text,
        "memory_limt is new, and every key stands in a section: PHP, Date"
    );
    assert_eq!(told("other").1, "name its section; is it PHP.other?");
    assert_eq!(left_out("A = 1\n[a]\nB = 1\n", "A"), None);
    assert_eq!(left_out("A = 1\n[a]\nB = 1\n", "a.C"), None);
    assert_eq!(left_out("A = 1\n", "C"), None);
}

#[test]
fn what_json_cannot_take_is_refused() {
    for (at, word, code) in [
        ("on", "yes", "file_value"),
        ("server.port", "many", "file_value"),
        ("server", "x", "file_value"),
        ("tags.0", "x", "file_value"),
        ("tags[9]", "x", "file_no_place"),
    ] {
        refuses(Json, JSON, at, &auto(word), code);
    }
    let twice = "{\"a\": 1, \"a\": 2}";
    refuses(Json, twice, "a", &auto("3"), "file_ambiguous");
    for text in ["", "{", "{\"a\" 1}", "{'a': 1}"] {
        refuses(Json, text, "a", &auto("3"), "file_syntax");
    }
    let told = Json
        .get("{\n  \"a\": }\n", &path("a"))
        .unwrap_err()
        .to_string();
    assert!(
        told.starts_with("not valid JSON at line 2, column 8"),
        "{told}"
    );
}

const INI: &str = "\
; Gitea
APP_NAME = shop
RUN_MODE=prod ; for now

[server]
DOMAIN           = localhost
HTTP_PORT        = 3000

# who may come
[security]
INSTALL_LOCK = false
PASSWORD = \"a b\"

[repository.signing]
KEY = none
[log]
\tlevel = Info
";

#[test]
fn one_value_of_ini_changes() {
    for (at, word, from, to) in [
        ("security.INSTALL_LOCK", "true", "= false", "= true"),
        ("security.PASSWORD", "it's", "\"a b\"", "\"it's\""),
        // In the quotes that stand there, or that were typed.
        ("security.PASSWORD", "a #b;c", "\"a b\"", "\"a #b;c\""),
        ("security.PASSWORD", "'a\"b'", "\"a b\"", "'a\"b'"),
        ("APP_NAME", "`a;b`", "shop", "`a;b`"),
        ("APP_NAME", "\"\"\"#a\"\"\"", "shop", "\"\"\"#a\"\"\""),
        ("APP_NAME", "my = shop", "shop", "my = shop"),
        ("RUN_MODE", "dev", "prod ;", "dev ;"),
        ("repository.signing.KEY", "x", "none", "x"),
        ("server.HTTP_PORT", "80", "3000", "80"),
        ("log.level", "Warn", "Info", "Warn"),
        // What is new stands at the end of its section.
        ("security.NEW", "1", "\"a b\"\n", "\"a b\"\nNEW = 1\n"),
        ("log.file", "/x", "Info\n", "Info\n\tfile = /x\n"),
        ("NEW", "1", "now\n", "now\nNEW=1\n"),
    ] {
        sets(Ini, INI, at, word, &INI.replacen(from, to, 1));
        let windows = INI.replace('\n', "\r\n");
        let wanted = INI.replacen(from, to, 1).replace('\n', "\r\n");
        sets(Ini, &windows, at, word, &wanted);
    }
    let kept = set(Ini, INI, "RUN_MODE", &auto("dev"));
    assert_eq!(kept.notes.len(), 1);
    sets(Ini, "[a]", "a.b", "1", "[a]\nb = 1\n");
    sets(
        Ini,
        "a=1\n# c\n[a]\nx=1\n",
        "b",
        "1",
        "a=1\nb=1\n# c\n[a]\nx=1\n",
    );
    deletes(
        Ini,
        INI,
        "server.DOMAIN",
        &INI.replacen("DOMAIN           = localhost\n", "", 1),
    );
    deletes(Ini, INI, "server.GONE", INI);
    deletes(Ini, "[a]\nb = 1\n  and 2\nc=3\n", "a.b", "[a]\nc=3\n");
}

#[test]
fn what_ini_cannot_take_is_refused() {
    for (at, word, code) in [
        ("securty.INSTALL_LOCK", "true", "file_no_place"),
        ("mailer.ENABLED", "true", "file_no_place"),
        ("security.PASSWORD", "a \"b", "file_value"),
        ("security.PASSWORD", "a\\", "file_value"),
        ("APP_NAME", "a#b", "file_value"),
        ("APP_NAME", "a;b", "file_value"),
        ("APP_NAME", "#a", "file_value"),
        ("APP_NAME", "a \"b", "file_value"),
        ("APP_NAME", "\"a", "file_value"),
        ("APP_NAME", " a", "file_value"),
        ("security.PASSWORD", "a\nb", "file_value"),
        ("security.PASSWORD[0]", "a", "file_value"),
    ] {
        refuses(Ini, INI, at, &auto(word), code);
    }
    let types = "[auth]\ntype = x\n[rights]\ntype = y\n[auth]\ntype = z\n";
    refuses(Ini, types, "auth.type", &auto("w"), "file_ambiguous");
    refuses(Ini, types, "auth.new", &auto("w"), "file_ambiguous");
    // Without its section it is none of those.
    refuses(Ini, types, "type", &auto("w"), "file_ambiguous");
    let error = Ini.set(types, &path("new"), &auto("w")).unwrap_err();
    assert_eq!(error.hint("f"), "name its section; is it auth.new?");
    for text in ["maxmemory 64mb\n", "server {\n}\n", "[a\nb=1\n"] {
        refuses(Ini, text, "a", &auto("w"), "file_syntax");
    }
    let more = "[a]\nb = 1\n  and 2\n";
    refuses(Ini, more, "a.b", &auto("3"), "edit_unsafe");
}

#[test]
fn what_stands_there_shows_how_an_ini_file_is_read() {
    let text = "[a]\nurl = http://x/#/y\nsaid = he said \"x\"\n";
    sets(
        Ini,
        text,
        "a.url",
        "http://x/#/z",
        &text.replacen("#/y", "#/z", 1),
    );
    let after = text.replacen("he said \"x\"", "a \"b", 1);
    sets(Ini, text, "a.said", "a \"b", &after);
    let literal = |word: &str| NewValue::String(word.to_owned());
    let done = set(Ini, "[a]\nb = 1\n", "a.b", &literal("x;y"));
    assert_eq!(done.text, "[a]\nb = x;y\n");
    let error = Ini.set("b = 1\n", &path("b"), &auto("x;y")).unwrap_err();
    let hint = error.hint("f");
    assert!(
        hint.contains("'b=\"…\"'") && hint.contains("--string"),
        "{hint}"
    );
    // What was typed in quotes reads without them, and is there when it is typed again.
    for typed in ["\"a b\"", "a b"] {
        let done = set(Ini, "b = \"c\"\n", "b", &auto(typed));
        assert_eq!(
            (done.text.as_str(), &done.after),
            ("b = \"a b\"\n", &Some("a b".into()))
        );
        let again = set(Ini, &done.text, "b", &auto(typed));
        assert_eq!((again.before, again.text), (again.after, done.text));
    }
    // No comment begins between quotes, also where these do not end.
    let open = "a = \"x \\\" # y\" z\nb = x \"y # z\"\nc = 1\n";
    assert_eq!(Ini.get(open, &path("b")), Ok(Some("x \"y # z\"".into())));
    assert_eq!(
        Ini.get(open, &path("a")),
        Ok(Some("\"x \\\" # y\" z".into()))
    );
}

#[test]
fn a_value_of_ini_goes_on_in_lines_that_are_indented_more() {
    let text = "[a]\nhosts =\n  one\n\n  # c\n  two>=1\nx = 1\\\ny\nlast = 3\n";
    let get = |at: &str| Ini.get(text, &path(at)).unwrap();
    assert_eq!(get("a.hosts"), Some("one\ntwo>=1".into()));
    assert_eq!(get("a.x"), Some("1\\\ny".into()));
    let after = "[a]\nx = 1\\\ny\nlast = 3\n";
    deletes(Ini, text, "a.hosts", after);
    deletes(Ini, text, "a.x", &text.replacen("x = 1\\\ny\n", "", 1));
    sets(Ini, text, "a.last", "4", &text.replacen("3", "4", 1));
    // To some programs `b` is an entry, to others a part of `a`.
    let doubtful = "a =\n  b = 1\nc = 2\n";
    for at in ["a", "b"] {
        refuses(Ini, doubtful, at, &auto("3"), "file_ambiguous");
        assert!(Ini.get(doubtful, &path(at)).is_err());
        assert!(Ini.delete(doubtful, &path(at)).is_err());
    }
    sets(Ini, doubtful, "c", "3", "a =\n  b = 1\nc = 3\n");
    // Indented alike they are entries.
    let alike = "[a]\n\tb =\n\tc = 1\n";
    sets(Ini, alike, "a.c", "2", "[a]\n\tb =\n\tc = 2\n");
}

#[test]
fn a_name_with_dots_is_found_in_ini() {
    let php = "[PHP]\nengine = On\n[Date]\n;date.timezone =\n[opcache]\nopcache.enable=1\n";
    let hint = |at: &str| Ini.set(php, &path(at), &auto("x")).unwrap_err().hint("f");
    assert_eq!(
        hint("date.timezone"),
        "did you mean Date[\"date.timezone\"]?"
    );
    assert_eq!(
        hint("opcache.enable"),
        "did you mean opcache[\"opcache.enable\"]?"
    );
    let after = php.replacen("[Date]\n", "[Date]\ndate.timezone=UTC\n", 1);
    sets(Ini, php, "Date[\"date.timezone\"]", "UTC", &after);
    sets(
        Ini,
        php,
        "opcache.opcache.enable",
        "0",
        &php.replacen("enable=1", "enable=0", 1),
    );
    // Nothing but keys, as in conf.d of PHP.
    let bare = "memory_limit=1G\n";
    sets(
        Ini,
        bare,
        "opcache.enable",
        "1",
        "memory_limit=1G\nopcache.enable=1\n",
    );
    let dotted = "[log.file]\nMODE = a\n";
    assert_eq!(
        Ini.sibling(dotted, &path("log.file.MODEL")).as_deref(),
        Some("[\"log.file\"].MODE")
    );
}

#[test]
fn one_value_of_properties_changes() {
    let text = "# Minecraft\nmotd=A \\u00a7cb # c;d\nquery.port = 25565\nlist[0].name: x\nlong=a,\\\n  b\nbare\n";
    let get = |at: &str| Properties.get(text, &path(at)).unwrap();
    assert_eq!(get("motd"), Some("A §cb # c;d".into()));
    assert_eq!(get("long"), Some("a,b".into()));
    assert_eq!(get("bare"), Some("".into()));
    for (at, word, from, to) in [
        ("motd", "x # \"y\" ;", "A \\u00a7cb # c;d", "x # \"y\" ;"),
        ("motd", "C:\\ü", "A \\u00a7cb # c;d", "C:\\\\\\u00FC"),
        ("query.port", "1", "25565", "1"),
        ("list[0].name", " y", "x", "\\ y"),
        ("long", "c", "a,\\\n  b", "c"),
        ("bare", "1", "bare", "bare=1"),
        ("spring.new", "a=b", "bare\n", "bare\nspring.new=a=b\n"),
    ] {
        sets(Properties, text, at, word, &text.replacen(from, to, 1));
        let windows = text.replace('\n', "\r\n");
        let wanted = text.replacen(from, to, 1).replace('\n', "\r\n");
        sets(Properties, &windows, at, word, &wanted);
    }
    sets(Properties, "a = ä\n", "b", "ö", "a = ä\nb = ö\n");
    deletes(
        Properties,
        text,
        "long",
        &text.replacen("long=a,\\\n  b\n", "", 1),
    );
    deletes(Properties, text, "gone", text);
    refuses(Properties, "a=1\na=2\n", "a", &auto("3"), "file_ambiguous");
    let meant = Properties.sibling(text, &path("query.prot"));
    assert_eq!(meant.as_deref(), Some("query.port"));
}

#[test]
fn a_path_that_is_a_slip_away_is_known() {
    let text = "base:\n  port: 80\n  name: abc\n  list: [a]\n";
    for (typed, meant) in [
        ("base.prot", Some("base.port")),
        ("base.nmae", Some("base.name")),
        ("bsae.port", Some("base.port")),
        ("bsae.else", Some("base.else")),
        ("base.lits[0]", Some("base.list[0]")),
        ("base.list[1]", None),
        ("base.other", None),
        ("base", None),
        ("base.port", None),
        // A path without its beginning.
        ("port", Some("base.port")),
        ("else", None),
        ("a", None),
    ] {
        assert_eq!(
            sibling_in_yaml(text, &path(typed)).as_deref(),
            meant,
            "{typed}"
        );
    }
}

#[test]
fn a_path_without_its_beginning_is_known_where_one_ends_so() {
    for (syntax, text) in [
        (Toml, "[server]\nport = 1\n"),
        (Json, "{\"server\": {\"port\": 1}}"),
        (Properties, "server.port=1\n"),
    ] {
        let meant = |typed: &str| syntax.sibling(text, &path(typed));
        assert_eq!(meant("port").as_deref(), Some("server.port"), "{text}");
        assert_eq!(meant("ort"), None, "{text}");
    }
    let two = "[a]\nport = 1\n[b]\nport = 2\n";
    assert_eq!(Toml.sibling(two, &path("port")), None);
    let there = "port = 1\n[a]\nport = 1\n";
    assert_eq!(Toml.sibling(there, &path("port")), None);
}

/// Texts of each kind with comments, odd spaces and both kinds of line ends.
fn texts() -> impl Strategy<Value = (PathSyntax, String)> {
    let name = "[a-e]{1,2}";
    let word = "[a-z0-9]{0,6}";
    let toml = (name, word, 0..99i64, any::<bool>()).prop_map(|(key, word, number, end)| {
        let text = format!(
            "# {word}\n{key}x = '{word}'  # c\n\n[{key}]\n  {key}y={number}\n  z = [ 1, {number} ] # d\n\n[{key}.s]\n# e\n"
        );
        (Toml, if end { text.replace('\n', "\r\n") } else { text })
    });
    let json = (name, word, 0..99i64, any::<bool>()).prop_map(|(key, word, number, end)| {
        let text = format!(
            "{{ // {word}\n  \"{key}x\":\"{word}\",\n\t\"{key}\" : {{\"{key}y\": {number} , \"z\": [1, {number}]}}\n}}\n"
        );
        (Json, if end { text.replace('\n', "\r\n") } else { text })
    });
    let ini = (name, word, 0..99i64, any::<bool>()).prop_map(|(key, word, number, end)| {
        let text = format!(
            "; {word}\n{key}x={word}\n\n[{key}]\n  {key}y   = {number} ; c\nz: {word}\n\n# d\n[{key}.s]\n"
        );
        (Ini, if end { text.replace('\n', "\r\n") } else { text })
    });
    prop_oneof![toml, json, ini]
}

fn places() -> impl Strategy<Value = YamlPath> {
    let name = "[a-e]{1,2}";
    let key = prop_oneof!["[a-e]{1,2}[xyz]?", Just("z".to_owned()), "[a-e]{1,2}"];
    prop_oneof![
        (name, key.clone()).prop_map(|(section, key)| path(&format!("{section}.{key}"))),
        key.prop_map(|key| path(&key)),
    ]
}

proptest! {
    /// Whatever is set is what is read, every other byte is kept, and to set it again, or to remove
    /// what is not there, changes nothing.
    #[test]
    fn an_edit_changes_one_thing((syntax, text) in texts(), place in places(), word in "[ -~äö]{0,9}") {
        let before = syntax.scalars(&text);
        for new in [auto(&word), NewValue::String(word.clone())] {
            let Ok(done) = syntax.set(&text, &place, &new) else { continue };
            let wanted = done.after.clone().unwrap();
            let read = syntax.get(&done.text, &place).unwrap().unwrap();
            let quoted = syntax == Ini && word.len() > 1 && word.starts_with(['"', '\'', '`']);
            prop_assert!(read == wanted, "{read} {wanted}\n{}", done.text);
            if matches!(new, NewValue::String(_)) && !quoted {
                prop_assert_eq!(&wanted, &Value::from(word.clone()));
            }
            let is_new = done.before.is_none();
            prop_assert!(!is_new || keeps_every_byte(&text, &done.text), "{}", done.text);
            let after = syntax.scalars(&done.text);
            for (known, value) in &before {
                let is_it = known.segments().starts_with(place.segments());
                prop_assert!(is_it || after.contains(&(known.clone(), value.clone())), "{known}\n{}", done.text);
            }
            let again = syntax.set(&done.text, &place, &new).unwrap();
            prop_assert_eq!(&again.text, &done.text);
            let gone = syntax.delete(&done.text, &place).unwrap();
            prop_assert_eq!(syntax.get(&gone.text, &place).unwrap(), None);
            let nothing = syntax.delete(&gone.text, &place).unwrap();
            prop_assert_eq!(&nothing.text, &gone.text);
            // What came goes without a trace.
            if is_new && syntax == Ini && text.ends_with('\n') {
                prop_assert_eq!(&gone.text, &text);
            }
        }
        // The present value.
        for (known, value) in before {
            if let Ok(done) = syntax.set(&text, &known, &auto(&value)) {
                prop_assert_eq!(&done.text, &text);
            }
        }
    }

    /// Nothing that can be typed or lie there breaks a reader.
    #[test]
    fn no_text_breaks_a_reader(text in "[\\[\\]{}=:;#\"'a-c1., \\\\\n\r\t]{0,40}", place in places()) {
        for syntax in [Toml, Json, Ini, Properties] {
            let one: Result<PathEdit, PathEditError> = syntax.set(&text, &place, &auto("1"));
            if let Ok(done) = one {
                prop_assert_eq!(syntax.get(&done.text, &place).unwrap(), done.after);
            }
            let _ = syntax.delete(&text, &place);
            syntax.scalars(&text);
        }
    }
}
