//! What Compose carries out and what it does not: hooks, dependents, networks of others, options of
//! volumes, warnings. refit does the same, or says what it does not do.

use std::fs;

use crate::stack::engine::docker;
use crate::stack::{TestStack, idle, service};

#[test]
fn hooks_run_at_a_restart_as_at_one_by_compose() {
    let hook = |name: &str, word: &str| {
        format!("{name}: [{{command: [sh, -c, 'echo {word} >> /x/log']}}]")
    };
    let (started, stopping) = (hook("post_start", "post"), hook("pre_stop", "pre"));
    let volumes = "volumes: ['./x:/x', './f.conf:/f.conf']";
    let web = idle(&format!("{started}, {stopping}, {volumes}"));
    let compose = format!("services:\n  web: {web}\n");
    let files = [("f.conf", "A=1\n"), ("x/log", "")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let log = |what: &dyn Fn()| {
        stack.write("x/log", "");
        what();
        stack.read("x/log").replace('\n', " ")
    };
    let by_compose = log(&|| drop(stack.compose(&["restart", "web"])));
    assert_eq!(by_compose, "pre post ");
    let asked = log(&|| drop(stack.refit(&["restart", "web"]).exits(0)));
    assert_eq!(asked, by_compose);
    let mounted = log(&|| drop(stack.refit(&["set", "A=2", "-F", "f.conf"]).exits(0)));
    assert_eq!(mounted, by_compose);
}

#[test]
fn dependents_of_dependents_are_restarted_as_by_compose() {
    let after = |name: &str| {
        format!("depends_on: {{{name}: {{condition: service_started, restart: true}}}}")
    };
    let compose = format!(
        "services:\n  db: {}\n  app: {}\n  far: {}\n",
        idle("environment: {V: '${V:-1}'}"),
        idle(&after("db")),
        idle(&after("app"))
    );
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let (app, far) = (stack.container("app"), stack.container("far"));
    stack.refit(&["set", "V=2"]).exits(0);
    app.was_restarted(&stack.container("app"));
    far.is_untouched(&stack.container("far"));
    // Compose itself, with the next value: the same.
    let (app, far) = (stack.container("app"), stack.container("far"));
    stack.write(".env", "V=3\n");
    stack.up();
    app.was_restarted(&stack.container("app"));
    far.is_untouched(&stack.container("far"));
    let far = stack.container("far");
    stack.compose(&["restart", "db"]);
    far.was_restarted(&stack.container("far"));
    let far = stack.container("far");
    stack.refit(&["restart", "db"]).exits(0);
    far.was_restarted(&stack.container("far"));
}

#[test]
fn who_lives_in_the_network_of_a_container_goes_with_it() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n")]) else {
        return;
    };
    let name = format!("{}-vpn", stack.project);
    let vpn = service(
        "exec sleep infinity",
        &format!("container_name: {name}, networks: [default], environment: {{V: '${{V:-1}}'}}"),
    );
    let inside = idle(&format!("network_mode: 'container:{name}'"));
    let compose = format!("services:\n  vpn: {vpn}\n  byname: {inside}\n");
    stack.write("compose.yaml", &compose);
    stack.compose(&["up", "-d", "vpn"]);
    stack.up();
    let other = stack.second_project("other");
    let beside = stack.beside("other");
    fs::create_dir_all(&beside).unwrap();
    fs::write(
        beside.join("compose.yaml"),
        format!("name: {other}\nservices:\n  jackett: {inside}\n"),
    )
    .unwrap();
    let file = beside.join("compose.yaml");
    docker(&["compose", "-f", file.to_str().unwrap(), "up", "-d"]);
    let was = stack.container("byname");
    let answer = stack.refit(&["set", "V=2"]).exits(0);
    answer.says(&format!(
        "jackett of the project {other} lives in the network of {name}, and loses it; afterwards: \
         docker compose -p {other} up -d --force-recreate jackett"
    ));
    was.was_recreated(&stack.container("byname"));
    let seen = stack.exec("byname", &["ls", "/sys/class/net"]);
    assert!(seen.contains("eth0"), "{seen}");
}

#[test]
fn a_volume_that_exists_keeps_its_options() {
    let compose = format!(
        "services:\n  web: {}\nvolumes: {{data: {{}}}}\n",
        idle("volumes: ['data:/data']")
    );
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let was = stack.container("web");
    let text = stack.read("compose.yaml");
    let options = r#"volumes.data.driver_opts={"type":"tmpfs","device":"tmpfs"}"#;
    let answer = stack.refit(&["set", options, "--as-json", "-F", "compose.yaml"]);
    answer
        .exits(1)
        .says("exists and keeps its options: Compose gives them to a new volume only")
        .says("docker volume rm");
    assert_eq!(stack.read("compose.yaml"), text);
    was.is_untouched(&stack.container("web"));
    // By hand nobody is asked: it is told.
    stack.write(
        "compose.yaml",
        &text.replace(
            "data: {}",
            "data: {driver_opts: {type: tmpfs, device: tmpfs}}",
        ),
    );
    for verb in ["plan", "status", "doctor"] {
        let told = stack.refit(&[verb]).exits(0);
        told.says("was created with other options, and keeps them")
            .never_says("what runs is what the files say");
    }
}

#[test]
fn another_name_of_the_project_is_refused_wherever_it_stands() {
    let compose = format!("services:\n  web: {}\n", idle(""));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let answer = stack
        .refit(&["set", "name=other", "-F", "compose.yaml"])
        .exits(1);
    answer.says("with the name other Compose would start another project");
    assert_eq!(stack.read("compose.yaml"), compose);
}

/// By hand it is the same as by `set`, in a compose file and in `.env`, and never the text that is gone
/// back to.
#[test]
fn another_name_that_was_written_by_hand_is_no_agreed_text() {
    let compose = format!("services:\n  web: {}\n", idle("environment: {A: '${A}'}"));
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose), (".env", "A=1\n")]) else {
        return;
    };
    stack.refit(&["apply"]).exits(0);
    let was = stack.container("web");
    let renamed = format!("name: other\n{compose}");
    let ways = [
        ("compose.yaml", renamed.as_str(), compose.as_str()),
        (".env", "A=1\nCOMPOSE_PROJECT_NAME=other\n", "A=1\n"),
    ];
    for (file, other, own) in ways {
        stack.write(file, other);
        for (verb, code) in [("plan", 1), ("apply", 1), ("doctor", 1), ("status", 0)] {
            stack
                .refit(&[verb])
                .exits(code)
                .says("a second stack")
                .says(&stack.project)
                .never_says("what runs is what the files say");
        }
        let answer = stack.refit(&["--json", "set", "A=2"]).exits(1);
        assert_eq!(answer.refusal(), "guard_project");
        assert_eq!(stack.read(file), other);
        // Who says which one is meant is understood.
        stack.refit(&["-p", &stack.project, "plan"]).exits(0);
        stack.write(file, own);
        stack
            .refit(&["plan"])
            .exits(0)
            .says("what runs is what the files say");
    }
    was.is_untouched(&stack.container("web"));
    stack.write("compose.yaml", &renamed);
    stack
        .refit(&["unset", "name", "-F", "compose.yaml"])
        .exits(0);
    assert_eq!(stack.read("compose.yaml"), compose);
    stack.write("compose.yaml", &compose.replace("sleep infinity", "exit 3"));
    stack.refit(&["apply", "--settle", "1s"]).exits(3);
    assert_eq!(stack.read("compose.yaml"), compose);
}

#[test]
fn a_name_that_is_gone_from_the_files_is_told() {
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    let project = stack.second_project("named");
    let services = format!("services:\n  web: {}\n", idle(""));
    stack.write("compose.yaml", &format!("name: {project}\n{services}"));
    stack.up();
    let text = format!(
        "no file names the project {project}, and docker compose without -p {project} means another one \
         here, {}",
        stack.project
    );
    stack.refit(&["plan"]).exits(0).never_says("no file names");
    stack.write("compose.yaml", &services);
    for verb in ["plan", "status", "doctor"] {
        stack.refit(&[verb]).exits(0).says(&text);
        let named = stack.refit(&["-p", &project, verb]).exits(0);
        named.never_says("no file names");
    }
}

#[test]
fn what_compose_warns_of_since_the_change_is_told() {
    let compose = format!("services:\n  web: {}\n", idle("environment: {HASH: a}"));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let value = "services.web.environment.HASH=admin:$2y$05$abcDEF";
    let answer = stack.refit(&["set", value, "-F", "compose.yaml", "--dry-run"]);
    answer
        .exits(0)
        .says("Compose warns: The \"abcDEF\" variable is not set")
        .says("A $ that is meant as one is written $$");
}

#[test]
fn a_change_of_develop_is_one_to_compose() {
    let web = idle("develop: {watch: [{path: ./src, action: sync, target: /s}]}");
    let compose = format!("services:\n  web: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let path = "services.web.develop.watch[0].path=./other";
    stack.refit(&["set", path, "-F", "compose.yaml"]).exits(0);
    let answer = stack.refit(&["plan"]).exits(0);
    answer.says("what runs is what the files say");
}

#[test]
fn a_folder_that_was_renamed_is_not_a_second_stack() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n")]) else {
        return;
    };
    let project = stack.second_project("old");
    let old = stack.beside(&project);
    fs::create_dir_all(&old).unwrap();
    fs::write(
        old.join("compose.yaml"),
        format!("services:\n  web: {}\n", idle("")),
    )
    .unwrap();
    let mut up = stack.command(&["apply"]);
    up.current_dir(&old);
    crate::stack::answer::Answer::of(up, b"").exits(0);
    let new = stack.beside("renamed");
    fs::rename(&old, &new).unwrap();
    let again = |words: &[&str]| {
        let mut command = stack.command(words);
        command.current_dir(&new);
        crate::stack::answer::Answer::of(command, b"")
    };
    // Every verb knows it, and none gives a command that makes the second stack.
    let verbs: [(&[&str], i32); 5] = [
        (&["apply"], 1),
        (&["plan"], 1),
        (&["set", "services.web.labels.a=b"], 1),
        (&["doctor"], 1),
        (&["status"], 0),
    ];
    for (verb, code) in verbs {
        again(verb)
            .exits(code)
            .says(&format!("web runs as the project {project}, made in"))
            .says(&format!("refit -p {project} apply"))
            .never_says("refit apply starts it")
            .never_says("docker compose up -d starts it");
    }
    again(&["-p", &project, "apply"]).exits(0);
}

#[test]
fn what_cannot_be_written_is_found_before_anything_is_touched() {
    let compose = format!("services:\n  web: {}\n", idle("env_file: .env"));
    let Some(stack) = TestStack::started(&compose, &[(".env", "V=1\n")]) else {
        return;
    };
    let chattr = |flag: &str| {
        let file = stack.path(".env");
        let status = std::process::Command::new("chattr")
            .arg(flag)
            .arg(file)
            .status();
        status.is_ok_and(|status| status.success())
    };
    if !chattr("+i") {
        return skipped!("this file system has no immutable files");
    }
    let answer = stack.refit(&["set", "V=2"]);
    assert!(chattr("-i"));
    answer
        .exits(1)
        .says(".env cannot be written: it is marked as immutable")
        .never_says("Rolled back");
}

#[test]
fn what_a_provider_gave_is_not_lost() {
    let tun = "{provider: {type: ./provider, options: {a: b}}}";
    let app = idle("environment: {V: '${V:-1}'}, depends_on: [tun]");
    let compose = format!("services:\n  app: {app}\n  tun: {tun}\n");
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    let script = "#!/bin/sh\ncase \"$*\" in *up*) \
                  echo '{\"type\":\"setenv\",\"message\":\"URL=http://prov\"}';; esac\n";
    stack.write("provider", script);
    let file = stack.path("provider");
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let up = stack.try_compose(&["up", "-d"]);
    if !up.stderr.contains("app") || !stack.containers().contains_key("app") {
        return skipped!("this Compose knows no providers");
    }
    let was = stack.container("app");
    assert_eq!(was.env["TUN_URL"], "http://prov");
    let answer = stack.refit(&["plan"]).exits(0);
    answer.says("what app got from the provider of tun");
    stack
        .refit(&["set", "V=2"])
        .exits(1)
        .says("app gets variables from the provider of tun, and would lose them")
        .says("docker compose up -d app applies it");
    was.is_untouched(&stack.container("app"));
    assert_eq!(stack.container("app").env["TUN_URL"], "http://prov");
}
