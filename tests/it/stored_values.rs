//! The command of Open WebUI's profile reads what its database has, in the form of older and of newer
//! versions. Asked of a Python of this machine, on databases made for it.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Profile {
    reads_stored: Vec<String>,
}

fn command() -> Vec<String> {
    let text = include_str!("../../templates/profiles/open-webui.yaml");
    serde_saphyr::from_str::<Profile>(text)
        .unwrap()
        .reads_stored
}

/// What it says of two names, with this database in its folder of data.
fn said(sql: Option<&str>, url: &str) -> Option<serde_json::Value> {
    let folder = tempfile::tempdir().unwrap();
    let python = |args: &[&str]| {
        let mut command = Command::new("python3");
        command.args(args).env("DATA_DIR", folder.path());
        let command = match url.is_empty() {
            true => command.env_remove("DATABASE_URL"),
            false => command.env("DATABASE_URL", url),
        };
        command.output().unwrap()
    };
    if let Some(sql) = sql {
        let at = folder.path().join("webui.db");
        let make = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
        let made = python(&["-c", make, at.to_str().unwrap(), sql]);
        assert!(made.status.success(), "{made:?}");
    }
    let command = command();
    let mut args: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    args.extend(["auth.jwt_expiry", "ui.enable_signup"]);
    let output = python(&args);
    assert_eq!(
        output.status.success(),
        !output.stdout.is_empty(),
        "{output:?}"
    );
    serde_json::from_slice(&output.stdout).ok()
}

#[test]
fn what_the_database_has_in_each_form() {
    if !Path::new("/usr/bin/python3").exists() {
        skipped!("no python3 on this machine");
        return;
    }
    let found = |jwt: serde_json::Value, signup: serde_json::Value| {
        Some(serde_json::json!({"auth.jwt_expiry": jwt, "ui.enable_signup": signup}))
    };
    let rows = "create table config (key text primary key, value json not null, updated_at bigint); \
        insert into config values ('auth.jwt_expiry', '\"4w\"', 1), ('ui.enable_signup', 'true', 1);";
    assert_eq!(said(Some(rows), ""), found("4w".into(), true.into()));
    let blob = "create table config (id integer primary key, data json not null, version integer); \
        insert into config values (1, '{\"version\": 0}', 0), (2, '{\"auth\": {\"jwt_expiry\": \"7d\"}}', 0);";
    let null = serde_json::Value::Null;
    assert_eq!(said(Some(blob), ""), found("7d".into(), null.clone()));
    let empty =
        "create table config (id integer primary key, data json not null, version integer);";
    assert_eq!(said(Some(empty), ""), found(null.clone(), null));
    // Another database is not asked, and none is not taken for an empty one.
    assert_eq!(said(Some(rows), "postgresql://db/webui"), None);
    assert_eq!(said(None, ""), None);
}
