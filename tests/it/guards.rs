//! What cannot be undone is refused, and done with the flag that the refusal names.

use crate::faulty::files_of;
use crate::stack::engine::docker;
use crate::stack::{BUSYBOX, TestStack, idle};

/// Refused with this code and nothing touched, then done with this flag.
#[track_caller]
fn guarded(stack: &TestStack, args: &[&str], code: &str, flag: &str, says: &str) {
    let (files, before) = (files_of(stack), stack.containers());
    let mut refused: Vec<&str> = vec!["--json"];
    refused.extend(args);
    let answer = stack.refit(&refused).exits(1);
    assert_eq!(answer.refusal(), code, "{answer}");
    let answer = answer.says(&format!("--allow {flag}")).says(says);
    assert_eq!(files_of(stack), files, "{answer}");
    let after = stack.containers();
    for (service, container) in &before {
        container.is_untouched(&after[service]);
    }
    let mut allowed = args.to_vec();
    allowed.extend(["--allow", flag]);
    stack.refit(&allowed).exits(0);
}

fn one(web: &str) -> String {
    format!("services:\n  web: {web}\n")
}

#[test]
fn a_key_that_signs_what_is_stored() {
    let env = [
        (".env", "JWT_SECRET=a\nMINE=b\nFREE=c\n"),
        ("refit.yaml", "guard: {keys: [MINE]}\n"),
    ];
    let Some(stack) = TestStack::started(&one(&idle("env_file: .env")), &env) else {
        return;
    };
    guarded(
        &stack,
        &["set", "JWT_SECRET=z"],
        "guard_key",
        "guarded-key",
        "signs or encrypts",
    );
    guarded(
        &stack,
        &["set", "MINE=z"],
        "guard_key",
        "guarded-key",
        "MINE",
    );
    guarded(
        &stack,
        &["unset", "MINE"],
        "guard_key",
        "guarded-key",
        "MINE",
    );
    stack.refit(&["set", "FREE=z"]).exits(0);
    // A key that had no value guards nothing yet.
    stack.refit(&["set", "CREDS_KEY=new"]).exits(0);
}

#[test]
fn a_named_volume_that_would_no_longer_be_used() {
    let compose = format!(
        "{}volumes: {{data: {{}}, other: {{}}}}\n",
        one(&idle("volumes: ['data:/data']"))
    );
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let args = [
        "set",
        "-F",
        "compose.yaml",
        "services.web.volumes[0]=other:/data",
    ];
    guarded(&stack, &args, "guard_volume", "volume-removed", "data");
    let volumes = docker(&["volume", "ls", "--format", "{{.Name}}"]);
    let kept = format!("{}_data", stack.project);
    assert!(
        volumes.lines().any(|name| name == kept),
        "the old volume is gone"
    );
}

#[test]
fn another_major_version_of_a_store_with_data() {
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    let name = |tag: &str| format!("{}/postgres:{tag}", stack.project);
    for tag in ["15", "15.2", "16"] {
        docker(&["tag", BUSYBOX, &name(tag)]);
    }
    let web = idle("volumes: ['data:/data']").replace(BUSYBOX, &name("15"));
    stack.write(
        "compose.yaml",
        &format!("{}volumes: {{data: {{}}}}\n", one(&web)),
    );
    stack.up();
    let minor = format!("services.web.image={}", name("15.2"));
    stack.refit(&["set", "-F", "compose.yaml", &minor]).exits(0);
    let major = format!("services.web.image={}", name("16"));
    let args = ["set", "-F", "compose.yaml", &major];
    guarded(&stack, &args, "guard_store", "store-major", "postgres:16");
}

#[test]
fn a_volume_without_a_name() {
    let Some(stack) = TestStack::started(&one(&idle("volumes: ['/data']")), &[]) else {
        return;
    };
    let args = ["restart", "--down"];
    guarded(
        &stack,
        &args,
        "guard_anonymous",
        "anonymous-volumes",
        "anonymous volume",
    );
}

#[test]
fn a_bind_source_that_is_not_there() {
    let compose = one(&idle("volumes: ['./here:/data']"));
    let Some(stack) = TestStack::started(&compose, &[("here/file", "x\n")]) else {
        return;
    };
    let args = [
        "set",
        "-F",
        "compose.yaml",
        "services.web.volumes[0]=./gone:/data",
    ];
    guarded(&stack, &args, "guard_bind", "bind-vanishes", "gone");
}

#[test]
fn a_guard_that_there_is_not_is_no_word_for_allow() {
    let stack = TestStack::without_engine();
    stack.write("compose.yaml", &one(&idle("")));
    for args in [
        &["set", "A=2", "--allow", "store_major"][..],
        &["apply", "--allow", "store_major"],
        &["upgrade", "--allow", "store_major"],
        &["rollback", "--allow", "store_major"],
        &["use", "no-login", "--allow", "store_major"],
    ] {
        let answer = stack.refit(args).exits(2);
        answer.says("store_major").says("'store-major'");
    }
}

/// What is in force counts, whoever wrote what is not: an edit by hand that waits to be applied.
#[test]
fn an_edit_by_hand_is_guarded_as_well() {
    let web = |source: &str| idle(&format!("env_file: .env, volumes: ['{source}:/d']"));
    let compose = |source: &str| format!("{}volumes: {{data: {{}}}}\n", one(&web(source)));
    let files = [(".env", "JWT_SECRET=a\n"), ("dd/x", "")];
    let Some(stack) = TestStack::started(&compose("data"), &files) else {
        return;
    };
    stack.write("compose.yaml", &compose("./dd"));
    let before = stack.container("web");
    for args in [&["apply"][..], &["set", "A=1"]] {
        let refused = stack.refit(&[&["--json"], args].concat()).exits(1);
        assert_eq!(refused.refusal(), "guard_volume");
        before.is_untouched(&stack.container("web"));
    }
    stack.write("compose.yaml", &compose("data"));
    stack.write(".env", "JWT_SECRET=b\n");
    let refused = stack.refit(&["--json", "set", "A=1"]).exits(1);
    assert_eq!(refused.refusal(), "guard_key");
    before.is_untouched(&stack.container("web"));
    stack.refit(&["apply", "--allow", "guarded-key"]).exits(0);
}

/// What a container has is not what the files said before, once somebody has edited them.
#[test]
fn what_a_container_has_is_guarded_against_any_edit() {
    let web = |volumes: &str, more: &str| {
        let web = idle(&format!("volumes: [{volumes}], {more}"));
        format!("{}volumes: {{named: {{}}, data: {{}}}}\n", one(&web))
    };
    let (all, env) = ("'/anon', 'data:/d'", "env_file: .env");
    let Some(stack) = TestStack::started(&web(all, env), &[(".env", "JWT_SECRET=a\nA=1\n")]) else {
        return;
    };
    let before = stack.container("web");
    let refused = |args: &[&str], code: &str| {
        let answer = stack.refit(&[&["--json"], args].concat()).exits(1);
        assert_eq!(answer.refusal(), code, "{answer}");
        before.is_untouched(&stack.container("web"));
    };
    for (edited, code) in [
        (web("'named:/anon', 'data:/d'", env), "guard_anonymous"),
        (web("'/moved', 'data:/d'", env), "guard_anonymous"),
        (
            web("'data:/d'", "env_file: .env, tmpfs: /anon"),
            "guard_anonymous",
        ),
        (web("'/anon', 'data:/other'", env), "guard_volume"),
        (web(all, ""), "guard_key"),
    ] {
        stack.write("compose.yaml", &edited);
        refused(&["apply"], code);
        // It would be taken along by what has nothing to do with it.
        refused(&["set", "services.web.labels.a=b"], code);
    }
    stack.write("compose.yaml", &web(all, env));
    stack.write(".env", "A=2\n");
    refused(&["apply"], "guard_key");
    stack.write(".env", "JWT_SECRET=a\nA=2\n");
    stack.refit(&["apply"]).exits(0);
    // The volume without a name goes on into the next container.
    let anonymous = |container: &crate::stack::engine::Container| {
        let mounts = container.raw["Mounts"].as_array().unwrap().clone();
        let found = mounts.iter().find(|mount| mount["Destination"] == "/anon");
        found.unwrap()["Name"].clone()
    };
    assert_eq!(anonymous(&before), anonymous(&stack.container("web")));
}
