//! What cannot work is refused before anything is touched: each case with its code, what failed, and
//! the next thing to type.

use std::fs::{self, Permissions};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use crate::stack::answer::Answer;
use crate::stack::holder::Holder;
use crate::stack::{TestStack, idle};

/// A stack that is complete as far as files go, for refusals that need no engine.
fn quiet() -> TestStack {
    let stack = TestStack::without_engine();
    stack.write("compose.yaml", "services:\n  web: {image: x}\n");
    stack.write(".env", "A=1\n");
    stack
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn no_engine() {
    let stack = quiet();
    let dead = stack.beside("dead.sock");
    // A socket that nobody listens on any more.
    drop(UnixListener::bind(&dead).unwrap());
    for socket in [stack.beside("none.sock"), dead] {
        let address = format!("unix://{}", socket.display());
        stack
            .refit(&["-H", &address, "set", "A=2"])
            .exits(1)
            .says(&socket.display().to_string())
            .says("→ start it");
        let answer = stack.refit(&["--json", "-H", &address, "set", "A=2"]);
        assert_eq!(answer.refusal(), "no_engine", "{answer}");
        assert_eq!(answer.outcome(), "refused", "{answer}");
        // A question is answered with one document.
        let answer = stack.refit(&["--json", "-H", &address, "status"]).exits(1);
        assert_eq!(answer.events()[0]["error"]["code"], "no_engine", "{answer}");
    }
    stack
        .refit(&["-H", "ssh://somebody@somewhere", "set", "A=2"])
        .exits(1)
        .says("ssh endpoints are not supported");
    assert_eq!(stack.read(".env"), "A=1\n");
}

#[test]
fn a_socket_that_this_user_may_not_use() {
    let stack = quiet();
    let socket = stack.beside("closed.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o000)).unwrap();
    // Everything else must be open to another user.
    let program = stack.beside("refit");
    fs::copy(env!("CARGO_BIN_EXE_refit"), &program).unwrap();
    for path in [stack.folder().parent().unwrap(), &stack.folder(), &program] {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(&program);
        command
    } else {
        Command::new(&program)
    };
    command.args(["-H", &format!("unix://{}", socket.display()), "status"]);
    command
        .current_dir(stack.folder())
        .env("REFIT_STATE_HOME", stack.state());
    Answer::of(command, b"")
        .exits(1)
        .says("not permitted to use the Docker engine at")
        .says("usermod -aG docker");
}

#[test]
fn no_compose_plug_in() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n")]) else {
        return;
    };
    let system = [
        "/usr/local/lib/docker",
        "/usr/local/libexec/docker",
        "/usr/lib/docker",
        "/usr/libexec/docker",
    ];
    let installed = |folder: &&str| {
        Path::new(folder)
            .join("cli-plugins/docker-compose")
            .exists()
    };
    if system.iter().any(installed) {
        skipped!("this machine has the plug-in in a folder that always counts");
        return;
    }
    let folder = stack.beside("bin");
    fs::create_dir(&folder).unwrap();
    // Without a docker CLI, and with one that does not know the word.
    for cli in [false, true] {
        if cli {
            script(
                &folder.join("docker"),
                "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1",
            );
        }
        // Some ask Compose for nothing but the model.
        for args in [&["plan"][..], &["why", "KEY"], &["status"]] {
            let mut command = stack.command(args);
            command.env("PATH", &folder);
            command.env("DOCKER_CONFIG", stack.beside("empty"));
            Answer::of(command, b"")
                .exits(1)
                .says("the Docker Compose plug-in was not found")
                .says("→ install it");
        }
    }
}

#[test]
fn a_plug_in_that_is_too_old() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n")]) else {
        return;
    };
    let config = stack.beside("config");
    let plugin = config.join("cli-plugins/docker-compose");
    script(&plugin, "echo 2.17.3");
    let mut command = stack.command(&["--json", "plan"]);
    command.env("DOCKER_CONFIG", &config);
    let answer = Answer::of(command, b"").exits(1);
    assert_eq!(answer.refusal(), "compose_too_old");
    answer.says("Docker Compose 2.17.3 is too old: refit needs 2.20 or newer");
}

#[test]
fn no_compose_file_and_unknown_context() {
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    stack
        .refit(&["set", "A=1"])
        .exits(1)
        .says("no compose file in")
        .says("refit -C DIR");
    stack
        .refit(&["-f", "nope.yaml", "plan"])
        .exits(1)
        .says("nope.yaml");
    stack
        .refit(&["-C", "/nowhere", "plan"])
        .exits(1)
        .says("/nowhere");
    let answer = stack.refit(&["--json", "-c", "nope", "plan"]).exits(1);
    assert_eq!(answer.refusal(), "unknown_context");
    answer
        .says("no Docker context named nope")
        .says("docker context ls");
    // Nothing was made.
    assert_eq!(fs::read_dir(stack.folder()).unwrap().count(), 0);
}

#[test]
fn a_key_that_no_env_file_can_hold() {
    let Some(stack) = TestStack::new(&[("compose.yaml", "services: {}\n"), (".env", "A=1\n")])
    else {
        return;
    };
    for bad in ["A B=1", "=1", "A\nB=1", "#A=1"] {
        let answer = stack.refit(&["--json", "set", bad]).exits(1);
        assert!(!answer.refusal().is_empty(), "{answer}");
        stack
            .refit(&["unset", bad.split('=').next().unwrap()])
            .exits(1);
    }
    assert_eq!(stack.read(".env"), "A=1\n");
}

#[test]
fn an_edit_after_which_compose_cannot_read_the_stack() {
    let compose = format!(
        "services:\n  web: {}\n",
        idle("ports: ['127.0.0.1:${PORT}:80']")
    );
    let Some(stack) = TestStack::started(&compose, &[(".env", "PORT=\n")]) else {
        return;
    };
    let before = stack.container("web");
    let answer = stack.refit(&["--json", "set", "PORT=many"]).exits(1);
    assert_eq!(answer.refusal(), "invalid_after");
    answer.says("many");
    assert_eq!(stack.read(".env"), "PORT=\n");

    // Compose's own message, with the file's own name.
    stack
        .refit(&["set", "services.web.portz=1", "-F", "compose.yaml"])
        .exits(1)
        .says("nothing was written")
        .says(&stack.path("compose.yaml").display().to_string())
        .says("portz");
    assert_eq!(stack.read("compose.yaml"), compose);
    before.is_untouched(&stack.container("web"));
}

#[test]
fn a_stack_that_compose_cannot_read_already() {
    let compose = "services:\n  web: {image: x, env_file: gone.env}\n";
    let Some(stack) = TestStack::new(&[("compose.yaml", compose), (".env", "A=1\n")]) else {
        return;
    };
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(1);
    assert_eq!(answer.refusal(), "invalid_stack");
    answer.says("gone.env").says("--no-apply");
    assert_eq!(stack.read(".env"), "A=1\n");
    stack.refit(&["plan"]).exits(1).says("gone.env");
    stack.refit(&["set", "A=2", "--no-apply"]).exits(0);
    assert_eq!(stack.read(".env"), "A=2\n");
}

#[test]
fn a_bind_source_that_does_not_exist() {
    let compose = |more: &str| format!("services:\n  web: {}\n", idle(more));
    let Some(stack) = TestStack::started(&compose(""), &[]) else {
        return;
    };
    let before = stack.container("web");
    stack.write(
        "compose.yaml",
        &compose("volumes: ['./b.conf:/etc/app.conf']"),
    );
    let answer = stack.refit(&["--json", "apply"]).exits(1);
    assert_eq!(answer.refusal(), "bind_missing", "{answer}");
    answer.says("b.conf").says("--allow missing-bind");
    assert!(!stack.path("b.conf").exists());
    before.is_untouched(&stack.container("web"));

    stack.refit(&["apply", "--allow", "missing-bind"]).exits(0);
    assert!(stack.path("b.conf").is_dir());
}

#[test]
fn a_mount_that_would_show_something_that_is_not_there() {
    let compose = format!(
        "services:\n  web: {}\n",
        idle("volumes: ['${CONF}:/etc/app.conf']")
    );
    let files = [(".env", "CONF=./a.conf\n"), ("a.conf", "")];
    let Some(stack) = TestStack::started(&compose, &files) else {
        return;
    };
    let before = stack.container("web");
    let answer = stack.refit(&["--json", "set", "CONF=./b.conf"]).exits(1);
    assert_eq!(answer.refusal(), "guard_bind", "{answer}");
    answer.says("b.conf").says("--allow bind-vanishes");
    assert!(!stack.path("b.conf").exists());
    assert_eq!(stack.read(".env"), "CONF=./a.conf\n");
    before.is_untouched(&stack.container("web"));
}

#[test]
fn a_port_that_another_program_of_this_host_has() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let tcp_port = tcp.local_addr().unwrap().port();
    let udp_port = udp.local_addr().unwrap().port();
    let ports = "ports: ['127.0.0.1:${TCP}:80', '127.0.0.1:${UDP}:53/udp']";
    let compose = format!("services:\n  web: {}\n", idle(ports));
    let Some(stack) = TestStack::started(&compose, &[(".env", "TCP=\nUDP=\n")]) else {
        return;
    };
    let before = stack.container("web");
    for (change, port) in [
        (format!("TCP={tcp_port}"), format!("{tcp_port}/tcp")),
        (format!("UDP={udp_port}"), format!("{udp_port}/udp")),
    ] {
        let answer = stack.refit(&["--json", "set", &change]).exits(1);
        assert_eq!(answer.refusal(), "port_in_use", "{answer}");
        answer.says(&format!("port {port} that web publishes is in use"));
    }
    assert_eq!(stack.read(".env"), "TCP=\nUDP=\n");
    before.is_untouched(&stack.container("web"));
}

#[test]
fn a_port_that_another_container_has() {
    let ports = |port: &str| idle(&format!("ports: ['127.0.0.1:{port}:80']"));
    let compose = format!(
        "services:\n  web: {}\n  other: {}\n",
        ports("${PORT}"),
        ports("")
    );
    let Some(stack) = TestStack::started(&compose, &[(".env", "PORT=\n")]) else {
        return;
    };
    let other = stack.container("other");
    let bindings = &other.raw["NetworkSettings"]["Ports"]["80/tcp"][0];
    let port = bindings["HostPort"].as_str().unwrap().to_owned();
    let before = stack.container("web");
    let answer = stack.refit(&["--json", "set", &format!("PORT={port}")]);
    let answer = answer.exits(1);
    assert_eq!(answer.refusal(), "port_in_use", "{answer}");
    answer.says(&format!("by the container {}-other-1", stack.project));
    before.is_untouched(&stack.container("web"));

    // What the service itself holds is no clash.
    let own = &before.raw["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"];
    let own = format!("PORT={}", own.as_str().unwrap());
    stack.refit(&["set", &own]).exits(0);
}

#[test]
fn unknown_services() {
    let web = idle("");
    let compose = format!("services:\n  web: {web}\n  worker: {web}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    for args in [&["apply", "wbe"][..], &["restart", "wbe"], &["plan", "wbe"]] {
        let json: Vec<&str> = ["--json"].iter().chain(args).copied().collect();
        let answer = stack.refit(&json).exits(1);
        assert_eq!(answer.refusal(), "unknown_service", "{answer}");
        answer.says("did you mean web?");
    }
    stack
        .refit(&["set", "A=2", "--for", "wbe"])
        .exits(1)
        .says("wbe");
    assert_eq!(stack.read(".env"), "A=1\n");
    assert!(!stack.path("compose.override.yaml").exists());
}

#[test]
fn one_run_at_a_time() {
    let compose = format!("services:\n  web: {}\n", idle(""));
    let Some(stack) = TestStack::started(&compose, &[(".env", "A=1\n")]) else {
        return;
    };
    let holder = Holder::of(stack.command(&["restart", "web", "--settle", "10m"]));
    let answer = stack.refit(&["--json", "set", "A=2"]).exits(5);
    assert_eq!(answer.refusal(), "locked");
    answer.says("--wait-lock");
    stack.refit(&["set", "A=2", "--wait-lock", "10ms"]).exits(5);
    assert_eq!(stack.read(".env"), "A=1\n");
    // Looking takes no lock.
    stack.refit(&["set", "A=2", "--dry-run"]).exits(0);
    stack.refit(&["status"]).exits(0);

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stack.refit(&["set", "A=2", "--wait-lock", "5m"]));
        holder.interrupt();
        waiting.join().unwrap().exits(0);
    });
    assert_eq!(stack.read(".env"), "A=2\n");
}

#[test]
fn an_unknown_field_in_the_settings() {
    let files = [
        ("compose.yaml", "services:\n  web: {image: x}\n"),
        ("refit.yaml", "services:\n  web:\n    setle: 5s\n"),
    ];
    let Some(stack) = TestStack::new(&files) else {
        return;
    };
    let answer = stack.refit(&["--json", "plan"]).exits(1);
    assert_eq!(answer.refusal(), "bad_settings");
    answer
        .says("refit.yaml:3:5: unknown field setle")
        .says("did you mean settle?");
    stack.write("refit.yaml", "services: {wbe: {settle: 5s}}\n");
    let slip = "refit.yaml:1: wbe is not a service of this stack; did you mean web?";
    stack.refit(&["status"]).exits(0).says(slip);
    stack.refit(&["doctor"]).exits(1).says(slip);
    let refused = stack.refit(&["--json", "set", "A=1"]).exits(1);
    assert_eq!(refused.refusal(), "bad_settings", "{refused}");
    refused.says(slip);
    assert!(!stack.path(".env").exists());
    // Compose takes the other ending as well, and so does this.
    fs::rename(stack.path("refit.yaml"), stack.path("refit.yml")).unwrap();
    stack
        .refit(&["apply"])
        .exits(1)
        .says("refit.yml:1: wbe is not a service of this stack");

    let hooks = "hooks:\n  before_upgrade: ./nope.sh --all\n  after_failure: echo ./other.sh\n";
    stack.write("refit.yml", hooks);
    let told = "refit.yml:2: before_upgrade: ./nope.sh does not exist";
    stack
        .refit(&["status"])
        .exits(0)
        .says(told)
        .never_says("after_failure");
    stack.refit(&["doctor"]).exits(1).says(told);

    fs::remove_file(stack.path("refit.yml")).unwrap();
    // What only the stack shows to be a slip of the command line ends as one.
    stack
        .refit(&["--json", "set", "services.web.image=y", "--for", "web"])
        .exits(2);
    let compose =
        "services:\n  web: {image: x}\nx-refit:\n  services:\n    web: {probe: ftp://x}\n";
    stack.write("compose.yaml", compose);
    stack
        .refit(&["plan"])
        .exits(1)
        .says("compose.yaml:5:")
        .says("http://");
}

#[test]
fn a_wrong_command_line() {
    let stack = quiet();
    for args in [
        &["nonsense"][..],
        &["set"],
        &["set", "A=1", "--nonsense"],
        &["set", "A=1", "--settle", "5"],
        &["set", "A=1", "--generate", "hex:0"],
        &["set", "A=1", "--generate", "hex:4"],
        &["set", "A=1", "--int"],
        &["restart", "--down", "web"],
    ] {
        let answer = stack.refit(args).exits(2);
        assert!(answer.stdout.is_empty(), "{answer}");
        assert!(!answer.stderr.is_empty(), "{answer}");
    }
    stack
        .refit(&["rollback", "-1"])
        .exits(2)
        .says("runs are named by their numbers: refit history lists them")
        .never_says("'-- -1'");
    stack
        .refit_with_input(&["set", "A", "B"], b"one\n")
        .exits(2);
    stack.refit(&["--help"]).exits(0).says("Exit codes");
    stack.refit(&["--version"]).exits(0).says("refit ");
    assert_eq!(stack.read(".env"), "A=1\n");
}
