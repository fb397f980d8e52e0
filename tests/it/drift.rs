//! "What runs is what the files say" is said after everything was compared; what differs and what
//! nobody can see is named, and `status`, `plan`, `apply` and `doctor` say the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use crate::stack::engine::docker;
use crate::stack::{BUSYBOX, TestStack, idle, service};

const IN_LINE: &str = "what runs is what the files say";

/// Writes in place, later than anything that was started until now.
fn edit_in_place(stack: &TestStack, name: &str, text: &str) {
    stack.write(name, text);
    let file = fs::File::options()
        .append(true)
        .open(stack.path(name))
        .unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(5))
        .unwrap();
}

/// What all four say.
#[track_caller]
fn all_say(stack: &TestStack, words: &[&str]) {
    for verb in ["plan", "status", "doctor"] {
        let answer = stack.refit(&[verb]).exits(0);
        let mut told = answer.never_says(IN_LINE);
        for word in words {
            told = told.says(word);
        }
    }
}

#[test]
fn a_container_that_no_file_names_is_told_and_left() {
    let compose = |more: &str| format!("services:\n  web: {}\n{more}", idle(""));
    let old = format!("  old: {}\n", idle(""));
    let Some(stack) = TestStack::started(&compose(&old), &[]) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    stack.write("compose.yaml", &compose(""));
    let was = stack.container("old");
    all_say(
        &stack,
        &["no file names it: docker compose up -d --remove-orphans removes it"],
    );
    stack
        .refit(&["apply"])
        .exits(0)
        .says("Nothing to do: apply changes nothing of that");
    was.is_untouched(&stack.container("old"));
    stack.compose(&["up", "-d", "--remove-orphans"]);
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

#[test]
fn a_read_only_file_that_was_edited_in_place_is_not_in_line() {
    let web = idle("volumes: ['./nginx.conf:/etc/nginx.conf:ro']");
    let compose = format!("services:\n  web: {web}\n  other: {}\n", idle(""));
    let Some(stack) = TestStack::started(&compose, &[("nginx.conf", "a;\n")]) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    edit_in_place(&stack, "nginx.conf", "b;\n");
    all_say(&stack, &["nginx.conf has changed since it was started"]);
    // The engine starts it before the time that the file was given.
    edit_in_place(&stack, "nginx.conf", "b;\n");
    let was = (stack.container("web"), stack.container("other"));
    stack.refit(&["apply"]).exits(0).says("Applied as run");
    was.0.was_restarted(&stack.container("web"));
    was.1.is_untouched(&stack.container("other"));
}

#[test]
fn of_a_file_that_the_service_may_write_it_is_not_known() {
    let web = idle("volumes: ['./state.json:/state.json']");
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[("state.json", "{}\n")]) else {
        return;
    };
    edit_in_place(&stack, "state.json", "{\"a\": 1}\n");
    let text = "whether web has read state.json since it was written to (refit restart web)";
    for verb in ["plan", "apply"] {
        stack
            .refit(&[verb])
            .exits(0)
            .says(&format!("Not known: {text}"));
    }
    for verb in ["status", "doctor"] {
        stack.refit(&[verb]).exits(0).says(text);
    }
}

#[test]
fn files_of_configs_and_secrets_are_looked_at() {
    let web = idle("secrets: [token], configs: [{source: conf, target: /etc/f.conf}]");
    let compose = format!(
        "services:\n  web: {web}\nconfigs: {{conf: {{file: ./f.conf}}}}\n\
         secrets: {{token: {{file: ./s.txt}}}}\n"
    );
    let files = [("f.conf", "v1\n"), ("s.txt", "v1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    stack.write("new", "v3\n");
    fs::rename(stack.path("new"), stack.path("s.txt")).unwrap();
    all_say(&stack, &["s.txt has changed since it was started"]);
    stack.refit(&["apply"]).exits(0);
    assert_eq!(stack.exec("web", &["cat", "/run/secrets/token"]), "v3\n");
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

#[test]
fn a_container_that_is_off_its_network_is_not_in_line() {
    let compose = format!(
        "services:\n  web: {}\n",
        crate::stack::service("exec sleep infinity", "")
    );
    let compose = compose.replace("network_mode: none, ", "");
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let network = format!("{}_default", stack.project);
    docker(&[
        "network",
        "disconnect",
        &network,
        &stack.container("web").id,
    ]);
    all_say(&stack, &[&format!("is not on the network {network}")]);
    stack.refit(&["apply"]).exits(0);
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

#[test]
fn what_was_built_of_what_is_not_known() {
    let web = idle("build: .").replace(&format!("image: {BUSYBOX}, "), "");
    let compose = format!("services:\n  web: {web}\n");
    let file = ("Dockerfile", "FROM refit-test/busybox:1\n");
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose), file]) else {
        return;
    };
    stack.compose(&["up", "-d", "--build"]);
    stack
        .refit(&["plan"])
        .exits(0)
        .says("Not known: whether the image of web was built from the present files");
    docker(&["image", "rm", "--force", &format!("{}-web", stack.project)]);
    let text = format!("no image has the name {}-web any more", stack.project);
    all_say(
        &stack,
        &[&format!("{text}: docker compose up -d builds it")],
    );
}

#[test]
fn a_service_whose_profile_is_off_and_that_runs_is_told() {
    let compose = format!(
        "services:\n  web: {}\n  extra: {}\n",
        idle(""),
        idle("profiles: [more], scale: 2")
    );
    let files = [(".env", "COMPOSE_PROFILES=more\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    let answer = stack.refit(&["set", "COMPOSE_PROFILES=other"]).exits(0);
    answer
        .says("extra still runs though its profile is off: docker compose stop extra stops it")
        .never_says("is not used by any service");
    all_say(&stack, &["still runs though its profile is off"]);
    // Compose starts none that is missing either.
    docker(&["rm", "--force", &format!("{}-extra-2", stack.project)]);
    stack.refit(&["--json", "plan"]).exits(0).plans(&[]);
    // Nor does it touch one that was changed, unless that is named.
    let changed = stack
        .read("compose.yaml")
        .replace("scale: 2", "scale: 1, labels: {a: b}");
    stack.write("compose.yaml", &changed);
    stack.refit(&["--json", "plan"]).exits(0).plans(&[]);
    stack
        .refit(&["--json", "apply", "extra", "--dry-run"])
        .exits(0)
        .plans(&[("extra", "recreate")]);
    stack.write("compose.yaml", &compose);
    stack.compose(&["stop", "extra"]);
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

/// Compose hashes such a service with the container's ID in it (F82).
#[test]
fn who_shares_the_namespaces_of_another_is_in_line() {
    let services = [
        ("host", "ipc: shareable, volumes: ['data:/data']"),
        ("net", "network_mode: 'service:host'"),
        ("ipc", "ipc: 'service:host'"),
        ("pid", "pid: 'service:host'"),
    ];
    let all = services.map(|(name, how)| format!("  {name}: {}\n", idle(how)));
    let compose = format!("services:\n{}volumes: {{data: {{}}}}\n", all.concat());
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    stack
        .refit(&["status"])
        .exits(0)
        .never_says("configuration");
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    stack.refit(&["set", "services.host.labels.a=b"]).exits(0);
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    let text = stack.read("compose.yaml");
    let labelled = text.replace(
        "network_mode: 'service",
        "labels: {a: b}, network_mode: 'service",
    );
    stack.write("compose.yaml", &labelled);
    stack.refit(&["plan"]).exits(0).has_line(&[
        "net",
        "recreate",
        "configuration changed since the container was created",
    ]);
}

#[test]
fn whose_volumes_are_those_of_another_is_not_known() {
    let compose = format!(
        "services:\n  host: {}\n  taker: {}\nvolumes: {{data: {{}}}}\n",
        idle("volumes: ['data:/data']"),
        idle("volumes_from: [host]"),
    );
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let answer = stack
        .refit(&["plan"])
        .exits(0)
        .never_says("configuration changed");
    answer.says(
        "Not known: whether taker, which takes another's volumes, was created of its present",
    );
}

/// Compose makes the network anew for each of these (F84).
#[test]
fn whatever_a_network_was_created_with_is_compared() {
    let compose = |more: &str| {
        format!(
            "services:\n  web: {}\nnetworks: {{a: {{labels: {{x: '1'}}{more}}}}}\n",
            service("exec sleep infinity", "networks: [a]")
        )
    };
    let Some(stack) = TestStack::started(&compose(""), &[]) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    for (text, what) in [
        (compose("").replace("'1'", "'2'"), "other labels"),
        (compose(", attachable: true"), "another value of attachable"),
        (compose(", internal: true"), "another value of internal"),
    ] {
        stack.write("compose.yaml", &text);
        all_say(&stack, &[&format!("was created with {what}")]);
    }
    stack.refit(&["apply"]).exits(0);
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

/// Compose's hash of a service knows its volumes by their keys (F83).
#[test]
fn a_volume_of_another_name_is_another_volume() {
    let compose = |data: &str| {
        let web = idle("volumes: ['data:/data']");
        format!("services:\n  web: {web}\nvolumes: {{data: {data}}}\n")
    };
    let Some(stack) = TestStack::started(&compose("{}"), &[]) else {
        return;
    };
    let other = format!("{}-other", stack.project);
    stack.write("compose.yaml", &compose(&format!("{{name: {other}}}")));
    for verb in ["status", "doctor"] {
        let told = format!("does not use the volume {other}");
        stack.refit(&[verb]).exits(0).says(&told);
    }
    for verb in ["plan", "apply"] {
        let refused = stack.refit(&["--json", verb]).exits(1);
        assert_eq!(refused.refusal(), "guard_volume");
    }
    stack.write("compose.yaml", &compose("{labels: {x: '1'}}"));
    all_say(&stack, &["was created with other labels, and keeps them"]);
}

#[test]
fn what_lies_in_a_mounted_folder_is_not_known_to_be_read() {
    let web = idle("volumes: ['./conf:/conf:ro']");
    let files = [("conf/a.conf", "a\n"), ("conf/sub/b.conf", "b\n")];
    let Some(stack) = TestStack::started(&format!("services:\n  web: {web}\n"), &files) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    edit_in_place(&stack, "conf/sub/b.conf", "c\n");
    let answer = stack.refit(&["apply"]).exits(0);
    answer.says("Not known: whether web has read conf/sub/b.conf since it was written to");
}

#[test]
fn a_file_of_a_config_that_is_gone_is_told_before_anything_is_touched() {
    let compose = format!(
        "services:\n  web: {}\nconfigs: {{cf: {{file: ./cf.txt}}, inl: {{content: here}}}}\n",
        idle("env_file: .env, configs: [{source: cf, target: /cf}, {source: inl, target: /inl}]")
    );
    let files = [("cf.txt", "a\n"), (".env", "A=1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    // Compose writes the one without a file into the container itself.
    stack.refit(&["set", "A=2"]).exits(0).never_says("discards");
    fs::remove_file(stack.path("cf.txt")).unwrap();
    all_say(&stack, &["cf.txt, which it mounts, does not exist"]);
    let was = stack.container("web");
    for args in [&["restart", "web"][..], &["set", "A=3"]] {
        let refused = stack.refit(&[&["--json"], args].concat()).exits(1);
        assert_eq!(refused.refusal(), "bind_missing");
    }
    was.is_untouched(&stack.container("web"));
    assert_eq!(stack.read(".env"), "A=2\n");
}

#[test]
fn a_key_that_a_container_does_not_have_is_no_other_value() {
    let compose = format!("services:\n  web: {}\n", idle("env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    stack.write(".env", "A=1\nB=2\n");
    all_say(&stack, &["runs without B"]);
}

/// A mount follows what lay there at the start, wherever it was moved (F88).
#[test]
fn a_mounted_folder_that_was_replaced_is_another_one() {
    let compose = format!(
        "services:\n  web: {}\n",
        idle("volumes: ['./d:/d', './cur:/cur', './same:/same']")
    );
    let files = [
        ("d/a", "old\n"),
        ("r1/a", "old\n"),
        ("r2/a", "new\n"),
        ("same/a", "s\n"),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    stack.write("compose.yaml", &compose);
    symlink("r1", stack.path("cur")).unwrap();
    stack.up();
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    fs::rename(stack.path("d"), stack.path("d.old")).unwrap();
    stack.write("d/a", "new\n");
    fs::remove_file(stack.path("cur")).unwrap();
    symlink("r2", stack.path("cur")).unwrap();
    // To move it away and back is no change.
    fs::rename(stack.path("same"), stack.path("away")).unwrap();
    fs::rename(stack.path("away"), stack.path("same")).unwrap();
    stack.up();
    assert_eq!(stack.exec("web", &["cat", "/d/a"]), "old\n");
    let was = stack.container("web");
    let text = "is another folder than when it was started: it still has that one";
    all_say(&stack, &[&format!("d {text}"), &format!("cur {text}")]);
    stack.refit(&["plan"]).exits(0).never_says("same is");
    stack.refit(&["apply"]).exits(0);
    was.was_restarted(&stack.container("web"));
    assert_eq!(stack.exec("web", &["cat", "/d/a", "/cur/a"]), "new\nnew\n");
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

/// Its name does not tell that it is a file, and the container does.
#[test]
fn what_a_container_still_has_of_a_mount_that_is_gone_is_not_lost() {
    let compose = format!(
        "services:\n  web: {}\n  db: {}\n",
        idle("env_file: .env, volumes: ['./Caddyfile:/etc/Caddyfile']"),
        idle("env_file: .env, volumes: ['./data:/data']")
    );
    let files = [("Caddyfile", "a\n"), ("data/a", "a\n"), (".env", "A=1\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let was = stack.containers();
    fs::remove_file(stack.path("Caddyfile")).unwrap();
    fs::rename(stack.path("data"), stack.path("away")).unwrap();
    for verb in ["plan", "status"] {
        stack
            .refit(&[verb])
            .exits(0)
            .says("Caddyfile, which it mounts, does not exist: it would not start again")
            .says(
                "data, which it mounts, does not exist: it would start again with an empty folder",
            );
    }
    stack
        .refit(&["doctor"])
        .exits(1)
        .says("web mounts Caddyfile, which does not exist");
    let refused: [(&[&str], &str); 4] = [
        (&["restart", "web"], "bind_missing"),
        (&["restart", "db"], "guard_bind"),
        (&["set", "A=2"], "guard_bind"),
        (&["set", "A=2", "--allow", "bind-vanishes"], "bind_missing"),
    ];
    for (args, code) in refused {
        let answer = stack.refit(&[&["--json"], args].concat()).exits(1);
        assert_eq!(answer.refusal(), code, "{args:?}");
    }
    assert!(!stack.path("Caddyfile").exists() && !stack.path("data").exists());
    for (service, was) in was {
        was.is_untouched(&stack.container(&service));
    }
}

/// Compose writes them into a container when it creates it, and no more (F85).
#[test]
fn texts_that_compose_hands_over_are_compared() {
    let web = idle("secrets: [token], configs: [{source: conf, target: /etc/f.conf}]");
    let compose = format!(
        "services:\n  web: {web}\n  other: {}\nconfigs: {{conf: {{content: \"v=${{V}} $$5\"}}}}\n\
         secrets: {{token: {{environment: T}}}}\n",
        idle("")
    );
    let Some(stack) = TestStack::started(&compose, &[(".env", "V=1\nT=oldtoken\n")]) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    let was = stack.containers();
    stack.write(".env", "V=2\nT=newtoken\n");
    stack.up();
    was["web"].is_untouched(&stack.container("web"));
    let left = "than the files say, and docker compose up -d leaves it so";
    let words = ["secret token", "config conf"].map(|what| format!("has another {what} {left}"));
    all_say(&stack, &[&words[0], &words[1]]);
    for verb in ["plan", "status", "doctor"] {
        let answer = stack.refit(&[verb]).exits(0);
        answer.never_says("oldtoken").never_says("newtoken");
    }
    stack.refit(&["apply"]).exits(0).never_says("newtoken");
    was["other"].is_untouched(&stack.container("other"));
    let seen = stack.exec("web", &["cat", "/run/secrets/token", "/etc/f.conf"]);
    assert_eq!(seen, "newtokenv=2 $5");
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    // From a file now: a text that Compose has handed over is none.
    stack.write("token", "of a file");
    let of_file = stack
        .read("compose.yaml")
        .replace("environment: T", "file: ./token");
    stack.write("compose.yaml", &of_file);
    stack
        .refit(&["--json", "apply"])
        .exits(0)
        .plans(&[("web", "recreate")]);
    let seen = stack.exec("web", &["cat", "/run/secrets/token"]);
    assert_eq!(seen, "of a file");
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

/// Compose does not look at it (F86).
#[test]
fn what_a_container_was_given_by_hand_is_told_with_what_takes_it_back() {
    let web = service(
        "exec sleep infinity",
        "networks: {default: {aliases: [shop]}}, mem_limit: 100m, restart: always",
    );
    let Some(stack) = TestStack::started(&format!("services:\n  web: {web}\n"), &[]) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    let id = stack.container("web").id;
    let network = format!("{}_default", stack.project);
    let limits = ["--memory", "50m", "--memory-swap", "60m", "--restart", "no"];
    docker(&[&["update"], &limits[..], &[&id]].concat());
    docker(&["network", "disconnect", &network, &id]);
    docker(&["network", "connect", "--alias", "shop", &network, &id]);
    stack.up();
    assert_eq!(stack.container("web").id, id);
    let back = "docker compose up -d --force-recreate web does not";
    let words = [
        "has 50 MiB of memory, the files say 100 MiB",
        "is started again by \"no\", the files say \"always\"",
        &format!("is not known as web on the network {network}"),
        back,
    ];
    all_say(&stack, &words);
    stack
        .refit(&["apply"])
        .exits(0)
        .says("Nothing to do: apply changes nothing of that");
    stack.compose(&["up", "-d", "--force-recreate", "web"]);
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

/// In a folder that a container may write to as well: who says that it is read anew on a signal says that
/// these are settings.
#[test]
fn files_that_are_read_anew_on_a_signal_are_told_by_it() {
    let web = service(
        "trap 'cat /n/a.conf >> /seen' HUP; while :; do sleep 0.1; done",
        "volumes: ['./n:/n']",
    );
    let settings = "services: {web: {reload: {signal: HUP, for: [./n]}}}\n";
    let files = [("n/a.conf", "a\n"), ("refit.yaml", settings)];
    let Some(stack) = TestStack::started(&format!("services:\n  web: {web}\n"), &files) else {
        return;
    };
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
    let was = stack.container("web");
    stack.write("n/a.conf", "b\n");
    all_say(&stack, &["n/a.conf has changed since it was started"]);
    let answer = stack.refit(&["--json", "apply"]).exits(0);
    answer.plans(&[("web", "signal")]);
    was.is_untouched(&stack.container("web"));
    assert_eq!(stack.exec("web", &["cat", "/seen"]), "b\n");
    stack.refit(&["plan"]).exits(0).says(IN_LINE);
}

#[test]
fn a_key_that_was_taken_out_of_a_file_is_named_beside_what_is_not_known() {
    let compose = format!(
        "services:\n  web: {}\n  other: {}\n",
        idle("env_file: app.env"),
        idle("volumes: ['./state.json:/state.json']")
    );
    let files = [("app.env", "A=1\nB=2\n"), ("state.json", "{}\n")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    edit_in_place(&stack, "state.json", "{\"a\": 1}\n");
    stack.write("app.env", "A=1\n");
    let not_known = "not known: whether other has read state.json since it was written to";
    stack
        .refit(&["plan"])
        .exits(0)
        .has_line(&[
            "web",
            "recreate",
            "still runs with B, which the files set no more",
        ])
        .says(not_known)
        .never_says("configuration changed");
    stack
        .refit(&["apply"])
        .exits(0)
        .says(not_known)
        .has_line(&["✓ web", "environment has no B any more"]);
}
