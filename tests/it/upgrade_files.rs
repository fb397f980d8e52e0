//! Files of the stack that upstream removes, renames or changes while somebody works on them: what is in
//! them is on this machine alone.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, config, mounted, version};
use crate::stack::engine::{containers_of, docker};
use crate::stack::{BUSYBOX, idle, service};

/// A stack whose service gets a password from a tracked `.env`, and mounts a tracked file.
fn with_env(env_file: &str) -> Option<Cloned> {
    let more = format!(
        "environment: {{PASSWORD: '${{PASSWORD:-}}'}}, volumes: ['./web.conf:/etc/web.conf:ro']{env_file}"
    );
    Cloned::started(&[
        (
            "compose.yaml",
            format!("services:\n  web: {}\n", idle(&more)),
        ),
        (".env", "PASSWORD=changeme\nX=1\n".to_owned()),
        ("own.env", "OWN=changeme\n".to_owned()),
        ("web.conf", config("one", "two")),
        ("README", "read me\n".to_owned()),
    ])
}

/// As the developer: renames a file.
fn renames(clone: &Cloned, from: &str, to: &str) {
    clone.develop(&["mv", from, to]);
}

#[track_caller]
fn environment(clone: &Cloned, key: &str) -> String {
    let text = clone
        .stack
        .exec("web", &["sh", "-c", &format!("echo ${key}")]);
    text.trim_end().to_owned()
}

#[test]
fn an_env_file_that_upstream_renames_or_removes_stays_with_what_is_in_it() {
    for edited in [true, false] {
        let more = ", env_file: [{path: own.env, required: false}]";
        let Some(clone) = with_env(more) else { return };
        let mine = if edited {
            "PASSWORD=hunter2\nX=1\n"
        } else {
            "PASSWORD=changeme\nX=1\n"
        };
        clone.stack.write(".env", mine);
        clone.stack.up();
        let old = clone.side();
        renames(&clone, ".env", ".env.example");
        clone.develop(&["rm", "-q", "own.env"]);
        clone.push(&[
            (".gitignore", ".env\nown.env\n".to_owned()),
            ("web.conf", config("new", "two")),
        ]);
        let checked = clone.refit(&["upgrade", "--check"]).exits(0);
        let answer = clone.refit(&["upgrade"]).exits(0);
        for answer in [checked, answer] {
            answer
                .says(
                    "upstream renamed .env to .env.example; .env is in use here, and stays as it is",
                )
                .says("upstream removed own.env; own.env is in use here, and stays as it is")
                .never_says("local edits kept");
        }
        assert_eq!(clone.stack.read(".env"), mine);
        assert_eq!(clone.stack.read("own.env"), "OWN=changeme\n");
        assert_eq!(clone.stack.read(".env.example"), "PASSWORD=changeme\nX=1\n");
        assert_eq!(clone.status(), "");
        assert_eq!(
            format!("PASSWORD={}\nX=1\n", environment(&clone, "PASSWORD")),
            mine
        );
        assert_eq!(environment(&clone, "OWN"), "changeme");
        clone.refit(&["rollback"]).exits(0);
        assert_eq!(clone.side().content(), old.content());
    }
}

#[test]
fn a_mounted_file_that_upstream_unlists_stays_while_it_is_mounted() {
    let Some(clone) = with_env("") else { return };
    clone.stack.write("web.conf", &config("one", "mine"));
    renames(&clone, "web.conf", "web.conf.sample");
    clone.push(&[(".gitignore", "web.conf\n".to_owned())]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("upstream renamed web.conf to web.conf.sample; web.conf is in use here");
    assert_eq!(clone.stack.read("web.conf"), config("one", "mine"));
    assert_eq!(
        clone.inside("/etc/web.conf"),
        config("one", "mine").trim_end()
    );
    assert_eq!(clone.stack.read("web.conf.sample"), config("one", "two"));
}

/// Where no service mounts it any more, somebody's edits in it would be without meaning: he is asked. What
/// nobody edited goes.
#[test]
fn a_mounted_file_that_goes_with_its_mount() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    clone.stack.write("web.conf", &config("one", "mine"));
    renames(&clone, "web.conf", "other.conf");
    let compose = clone.stack.read("compose.yaml");
    let compose = compose.replace("./web.conf:", "./other.conf:");
    clone.push(&[("compose.yaml", compose)]);
    let old = clone.side();
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), "git_conflict", "{answer}");
    answer.says("web.conf (now other.conf)");
    assert_eq!(clone.side(), old);
    clone.stack.write("web.conf", &config("one", "two"));
    clone.refit(&["upgrade"]).exits(0).never_says("in use here");
    assert!(!clone.top.join("web.conf").exists());
}

/// Where upstream has a folder now, no file can stay.
#[test]
fn a_mounted_file_that_becomes_a_folder() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    clone.develop(&["rm", "-q", "web.conf"]);
    let compose = clone.stack.read("compose.yaml");
    let compose = compose.replace("./web.conf:/etc/web.conf", "./web.conf/one:/etc/web.conf");
    clone.push(&[
        ("compose.yaml", compose),
        ("web.conf/one", config("new", "two")),
    ]);
    clone.refit(&["upgrade"]).exits(0).says("Applied");
    assert_eq!(
        clone.inside("/etc/web.conf"),
        config("new", "two").trim_end()
    );
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(
        clone.inside("/etc/web.conf"),
        config("one", "two").trim_end()
    );
}

/// A mounted folder of which upstream leaves nothing would be empty: what is in it stays.
#[test]
fn a_mounted_folder_that_upstream_unlists() {
    let files = [
        (
            "compose.yaml",
            format!(
                "services:\n  web: {}\n",
                idle("volumes: ['./etc:/etc/app:ro']")
            ),
        ),
        ("etc/one.conf", "one\n".to_owned()),
        ("etc/two.conf", "two\n".to_owned()),
    ];
    let Some(clone) = Cloned::started(&files) else {
        return;
    };
    clone.stack.write("etc/two.conf", "mine\n");
    renames(&clone, "etc/one.conf", "one.sample");
    clone.push(&[("README", "moved\n".to_owned())]);
    let old = clone.side();
    clone.refit(&["upgrade"]).exits(0).never_says("in use here");
    assert!(!clone.top.join("etc/one.conf").exists());
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    renames(&clone, "etc/two.conf", "two.sample");
    clone.commit("all of it", &[]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("etc/one.conf is in use here, and stays as it is")
        .says("etc/two.conf is in use here, and stays as it is");
    assert_eq!(clone.inside("/etc/app/one.conf"), "one");
    assert_eq!(clone.inside("/etc/app/two.conf"), "mine");
    assert_eq!(clone.stack.read("two.sample"), "two\n");
}

/// What somebody saves between the look and the move stays in its place, a new file as well. The hook is
/// that somebody.
#[test]
fn who_edits_while_an_upgrade_is_prepared_keeps_it() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    let head = clone.head();
    clone.push(&[
        ("web.conf", config("new", "two")),
        ("notes.txt", "theirs\n".to_owned()),
    ]);
    let edits = [
        (
            "echo mine > web.conf",
            "cat web.conf",
            "git checkout -q web.conf",
        ),
        ("echo mine > notes.txt", "cat notes.txt", "rm notes.txt"),
        (
            "git commit -q --allow-empty -m mine",
            "git log -1 --format=%s",
            "git reset -q --keep HEAD~1",
        ),
        (
            "git checkout -q -b mine",
            "git branch --show-current",
            "git checkout -q main",
        ),
    ];
    let shell = |line: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&clone.top);
        clone.isolated(&mut command);
        Answer::of(command, b"").exits(0).stdout
    };
    for (edit, look, back) in edits {
        let settings = format!("hooks: {{before_upgrade: '{edit}'}}\n");
        clone.stack.write("refit.yaml", &settings);
        let web = clone.stack.container("web");
        let mut command = clone.command(&["--json", "upgrade"]);
        command.disturbed("the hook is a person at work");
        let answer = Answer::of(command, b"").exits(1);
        assert_eq!(answer.outcome(), "failed_before", "{answer}");
        answer.says(r#""code":"edited""#);
        assert_eq!(shell(look), "mine\n");
        web.is_untouched(&clone.stack.container("web"));
        clone.is_tidy(edit);
        shell(back);
        assert_eq!(clone.head(), head);
        fs::remove_file(clone.top.join("refit.yaml")).unwrap();
    }
    // It was nobody's fault: the same version is tried again by itself.
    clone
        .refit(&["upgrade", "--unattended"])
        .exits(0)
        .says("Applied");
}

/// A default branch under another name is no "nothing new".
#[test]
fn a_branch_that_upstream_renamed() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    clone.develop(&["branch", "-m", "main", "trunk"]);
    clone.push(&[("web.conf", config("new", "two"))]);
    clone.git_in(&clone.remote, &["symbolic-ref", "HEAD", "refs/heads/trunk"]);
    clone.develop(&["push", "-q", "origin", ":main"]);
    for args in [
        &["upgrade"][..],
        &["upgrade", "--check"],
        &["upgrade", "--unattended"],
    ] {
        clone
            .refit(args)
            .exits(1)
            .says("origin has no branch main any more")
            .says("its own branch is trunk");
    }
    clone.git(&["remote", "set-branches", "--add", "origin", "trunk"]);
    clone.git(&["fetch", "-q", "origin"]);
    clone.git(&["branch", "-q", "-u", "origin/trunk"]);
    clone.refit(&["upgrade"]).exits(0).says("Applied");
    let folder = fs::read_to_string(clone.top.join("web.conf")).unwrap();
    assert_eq!(folder, config("new", "two"));
}

/// Web and worker of one image go together.
#[test]
fn who_has_the_image_that_another_builds_is_upgraded_with_it() {
    let Some(clone) = Cloned::new(&version("1")) else {
        return;
    };
    let image = format!("{}/app:dev", clone.stack.project);
    let run = |more: &str| service("cat /app/version; exec sleep infinity", more);
    let compose = format!(
        "services:\n  web: {}\n  worker: {}\n",
        run("build: .").replace(&format!("image: {BUSYBOX}"), &format!("image: {image}")),
        run("").replace(&format!("image: {BUSYBOX}"), &format!("image: {image}")),
    );
    clone.push(&[("compose.yaml", compose)]);
    clone.git(&["pull", "-q"]);
    clone.stack.up();
    clone.push(&[("version", "2\n".to_owned())]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("web builds its image");
    assert_eq!(clone.stack.exec("worker", &["cat", "/app/version"]), "2\n");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.stack.exec("worker", &["cat", "/app/version"]), "1\n");
}

/// One checkout, two stacks: an upgrade of one moves the files of the other, and says so; the same command
/// in the other folder puts them in force there.
#[test]
fn two_stacks_of_one_checkout() {
    let Some(clone) = Cloned::new(&mounted()) else {
        return;
    };
    let (left, right) = (
        clone.stack.second_project("left"),
        clone.stack.second_project("right"),
    );
    let compose = |name: &str, value: &str| {
        let web = idle(&format!("environment: {{V: '{value}'}}"));
        format!("name: {name}\nservices:\n  web: {web}\n")
    };
    let files = |value: &str| {
        [
            ("left/compose.yaml", compose(&left, value)),
            ("right/compose.yaml", compose(&right, value)),
        ]
    };
    clone.push(&files("1"));
    clone.git(&["pull", "-q"]);
    for side in ["left", "right"] {
        let file = clone
            .top
            .join(side)
            .join("compose.yaml")
            .display()
            .to_string();
        docker(&["compose", "-f", &file, "up", "-d"]);
    }
    clone.push(&files("2"));
    let refit = |args: &[&str]| {
        let mut command = clone.command(args);
        command.disturbed("another stack than that of the witness");
        Answer::of(command, b"").exits(0)
    };
    let value = |project: &str| {
        let one = &containers_of(project)[0];
        docker(&[
            "exec",
            one.raw["Id"].as_str().unwrap(),
            "sh",
            "-c",
            "echo $V",
        ])
    };
    refit(&["-C", "left", "upgrade"])
        .says(&format!("{right} runs from files of this checkout too"))
        .says("right upgrade puts that in force there");
    assert_eq!((value(&left).trim(), value(&right).trim()), ("2", "1"));
    refit(&["-C", "right", "upgrade", "--unattended"]).says("Applied");
    assert_eq!(value(&right).trim(), "2");
    refit(&["-C", "left", "rollback"]).says("right apply puts that in force there");
    assert_eq!((value(&left).trim(), value(&right).trim()), ("1", "2"));
}

/// What an earlier fetch brought of a branch that is gone is nowhere that upstream has gone to.
#[test]
fn a_branch_that_is_asked_for_and_gone() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    clone.develop(&["checkout", "-q", "-b", "beta"]);
    clone.push(&[("web.conf", config("beta", "two"))]);
    clone.develop(&["push", "-q", "-u", "origin", "beta"]);
    clone.git(&["fetch", "-q"]);
    clone.develop(&["push", "-q", "origin", ":beta"]);
    let head = clone.head();
    for to in ["beta", "origin/beta"] {
        let answer = clone.refit(&["--json", "upgrade", "--to", to]).exits(1);
        assert_eq!(answer.refusal(), "git_branch_gone", "{answer}");
        answer
            .says("origin has no branch beta any more")
            .says("its own branch is main");
    }
    assert_eq!(clone.head(), head);
    clone.refit(&["upgrade", "--to", ""]).exits(2);
    // As the hint says.
    let last = clone.git(&["rev-parse", "origin/beta"]);
    let to = ["upgrade", "--to", last.trim()];
    clone.refit(&to).exits(0).says("Applied");
}

/// A folder that a symlink leads to, or one above it: Compose names everything after the link.
#[test]
fn a_stack_that_is_known_under_another_name() {
    let Some(clone) = Cloned::new(&version("1")) else {
        return;
    };
    let link = clone.stack.beside("link");
    std::os::unix::fs::symlink(&clone.top, &link).unwrap();
    let compose = clone
        .stack
        .read("compose.yaml")
        .replace("{MINE: '1'}", "{MINE: '${MINE:-0}'}");
    clone.push(&[("compose.yaml", compose)]);
    clone.git(&["pull", "-q"]);
    let file = link.join("compose.yaml").display().to_string();
    let folder = link.display().to_string();
    let project = clone.stack.project.clone();
    clone.stack.compose(&[
        "-p",
        &project,
        "--project-directory",
        &folder,
        "-f",
        &file,
        "up",
        "-d",
        "--build",
        "--wait",
    ]);
    clone.push(&[
        (".env", "MINE=2\n".to_owned()),
        ("version", "2\n".to_owned()),
        ("web.conf", config("new", "two")),
    ]);
    clone.develop(&["add", "-f", ".env"]);
    clone.commit("env", &[]);
    for folder in [&clone.top, &link] {
        let mut command = clone.command(&["upgrade"]);
        command.current_dir(folder).env("PWD", folder);
        command.disturbed("the stack has another name than the witness knows");
        Answer::of(command, b"").exits(0).says("Applied");
        assert_eq!(clone.inside("/app/version"), "2");
        assert_eq!(
            clone.inside("/etc/web.conf"),
            config("new", "two").trim_end()
        );
        assert_eq!(
            clone.stack.exec("neighbour", &["sh", "-c", "echo $MINE"]),
            "2\n"
        );
        let mut command = clone.command(&["rollback"]);
        command.current_dir(folder).env("PWD", folder);
        command.disturbed("the stack has another name than the witness knows");
        Answer::of(command, b"").exits(0);
        assert_eq!(clone.inside("/app/version"), "1");
        assert_eq!(
            clone.stack.exec("neighbour", &["sh", "-c", "echo $MINE"]),
            "0\n"
        );
        assert_eq!(clone.status(), "");
    }
}

/// An upgrade that touches no service has nothing to say of keys.
#[test]
fn a_new_readme_is_no_key() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    clone.push(&[("README", "read me again\n".to_owned())]);
    for args in [&["upgrade", "--check"][..], &["upgrade"], &["rollback"]] {
        clone
            .refit(args)
            .exits(0)
            .never_says("is not used by any service");
    }
}

/// Two stacks in one checkout, and a `git pull` by hand: no commit is new, and the same command puts in
/// force what is there.
#[test]
fn what_is_checked_out_already_is_put_in_force() {
    let compose = |value: &str| {
        let web = idle(&format!("environment: {{V: '{value}'}}"));
        let other = idle(&format!("labels: {{l: '{value}'}}"));
        format!("services:\n  web: {web}\n  rests: {web}\n  other: {other}\n")
    };
    let files = [
        ("compose.yaml", compose("1")),
        (".gitignore", ".env\n".to_owned()),
    ];
    let Some(clone) = Cloned::started(&files) else {
        return;
    };
    clone.stack.compose(&["stop", "rests"]);
    clone.push(&[("compose.yaml", compose("2"))]);
    clone.git(&["pull", "-q"]);
    clone
        .refit(&["upgrade", "--check"])
        .exits(0)
        .has_line(&["web", "recreate", "runs with another V"])
        .never_says("Nothing to do");
    clone
        .refit(&["upgrade", "--unattended"])
        .exits(0)
        .says("Applied");
    assert_eq!(environment(&clone, "V"), "2");
    assert_eq!(clone.stack.container("rests").status(), "exited");
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("Nothing to do: origin/main is at ")
        .never_says("what runs is what the files say");
    clone.stack.compose(&["rm", "-f", "rests"]);

    // What somebody typed besides is not for an upgrade to put in force.
    clone.push(&[(
        "compose.yaml",
        compose("3").replace("V: '3'", "V: '${V:-3}'"),
    )]);
    clone.git(&["pull", "-q"]);
    // The engine tells whole seconds of when it has made a container.
    let whole = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let made = whole(SystemTime::now());
    while whole(SystemTime::now()) == made {
        std::thread::sleep(Duration::from_millis(20));
    }
    clone.stack.write(".env", "V=typed\n");
    clone
        .refit(&["upgrade", "--unattended"])
        .exits(0)
        .says(".env was edited here since the container of rests, web was created")
        .never_says("typed (new)")
        .says("Applied");
    assert_eq!(environment(&clone, "V"), "2");
    assert_eq!(clone.stack.container("other").label("l"), "3");
    clone
        .refit(&["upgrade", "--unattended"])
        .exits(0)
        .says("Out of sync since before; refit apply fixes it");
}

/// A new version touches what it changes; what differs besides is told, and the next upgrade puts it in
/// force.
#[test]
fn what_differs_beside_a_new_version_is_told() {
    let compose = |web: &str, other: &str| {
        let of = |value: &str| idle(&format!("environment: {{V: '{value}'}}"));
        let text = format!("services:\n  web: {}\n  other: {}\n", of(web), of(other));
        [("compose.yaml", text)]
    };
    let Some(clone) = Cloned::started(&compose("1", "1")) else {
        return;
    };
    clone.push(&compose("2", "1"));
    clone.git(&["pull", "-q"]);
    clone.push(&compose("2", "2"));
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("web runs with another V: out of sync since before this run");
    assert_eq!(environment(&clone, "V"), "1");
    clone.refit(&["upgrade"]).exits(0).says("Applied");
    assert_eq!(environment(&clone, "V"), "2");
}

/// git alone fetches a submodule that is new: refused, with a way that ends where the upgrade would.
#[test]
fn a_submodule_that_is_new_upstream() {
    let Some(clone) = Cloned::started(&version("1")) else {
        return;
    };
    let library = clone.stack.beside("library");
    fs::create_dir(&library).unwrap();
    clone.git_in(&library, &["init", "-q"]);
    fs::write(library.join("lib.sh"), "echo lib\n").unwrap();
    clone.git_in(&library, &["add", "-A"]);
    clone.git_in(&library, &["commit", "-q", "-m", "lib"]);
    let address = format!("file://{}", library.display());
    clone.develop(&["submodule", "--quiet", "add", &address, "vendor"]);
    let dockerfile = format!("FROM {BUSYBOX}\nCOPY . /app/\nCOPY vendor/lib.sh /lib.sh\n");
    clone.push(&[("Dockerfile", dockerfile)]);
    let old = clone.side();
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), "not_supported", "{answer}");
    answer.says("git submodule update --init vendor");
    assert_eq!(clone.side(), old);
    clone.git(&["pull", "-q"]);
    clone.git(&["submodule", "--quiet", "update", "--init", "vendor"]);
    clone.refit(&["upgrade"]).exits(0).says("Applied");
    assert_eq!(clone.stack.exec("web", &["cat", "/lib.sh"]), "echo lib\n");
}

/// A build that starts from another service's image by its Dockerfile alone: nobody but the Dockerfile
/// knows, so it is told.
#[test]
fn who_is_built_on_an_image_that_is_built_anew_is_named() {
    let Some(clone) = Cloned::new(&version("1")) else {
        return;
    };
    let base = format!("{}/base", clone.stack.project);
    let run = |more: &str| service("exec sleep infinity", more);
    let compose = format!(
        "services:\n  base: {}\n  web: {}\n",
        run("build: .").replace(&format!("image: {BUSYBOX}"), &format!("image: {base}")),
        run("build: ./web").replace(&format!("image: {BUSYBOX}, "), ""),
    );
    let dockerfile = format!("FROM {base}\nRUN cp /app/version /own\n");
    clone.push(&[("compose.yaml", compose), ("web/Dockerfile", dockerfile)]);
    clone.git(&["pull", "-q"]);
    clone.stack.compose(&["build", "base"]);
    clone.stack.compose(&["up", "-d", "--build"]);
    clone.push(&[("version", "2\n".to_owned())]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says(&format!("web is built on {base}, which is built now"));
    clone.stack.compose(&["build", "web"]);
    clone.refit(&["apply", "web"]).exits(0);
    assert_eq!(clone.stack.exec("web", &["cat", "/own"]), "2\n");
}

/// What was rolled back is just what the checkout has beside what runs, where it came by a `git pull`: no
/// timer puts it in force again.
#[test]
fn what_was_rolled_back_is_not_taken_for_files_that_are_ahead() {
    let compose = |value: &str, other: &str| {
        let of = |value: &str| idle(&format!("environment: {{V: '{value}'}}"));
        let text = format!("services:\n  web: {}\n  other: {}\n", of(value), of(other));
        [
            ("compose.yaml", text),
            ("README", format!("{value}{other}\n")),
        ]
    };
    let Some(clone) = Cloned::started(&compose("1", "1")) else {
        return;
    };
    clone.refit(&["apply"]).exits(0).says("Nothing to do");
    clone.push(&compose("2", "2"));
    clone.git(&["pull", "-q"]);
    clone.refit(&["upgrade"]).exits(0).says("Applied");
    assert_eq!(environment(&clone, "V"), "2");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(environment(&clone, "V"), "1");
    clone.git(&["checkout", "-q", "compose.yaml"]);
    clone
        .refit(&["upgrade", "--unattended"])
        .exits(0)
        .says("run 1 was rolled back")
        .says("Nothing to do");
    assert_eq!(environment(&clone, "V"), "1");
    clone.refit(&["apply"]).exits(0).says("Applied");
    assert_eq!(environment(&clone, "V"), "2");
}

/// Upstream renames an env file together with its use: whoever has edited it is asked.
#[test]
fn an_env_file_that_is_renamed_with_its_use() {
    let compose = |name: &str| {
        let web = idle(&format!("env_file: [{name}]"));
        ("compose.yaml", format!("services:\n  web: {web}\n"))
    };
    let files = [compose("old.env"), ("old.env", "A=1\n".to_owned())];
    let Some(clone) = Cloned::started(&files) else {
        return;
    };
    clone.stack.write("old.env", "A=mine\n");
    clone.stack.up();
    renames(&clone, "old.env", "new.env");
    clone.push(&[compose("new.env")]);
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), "git_conflict", "{answer}");
    answer.says("old.env (now new.env)");
    assert_eq!(clone.stack.read("old.env"), "A=mine\n");
    clone.git(&["checkout", "-q", "old.env"]);
    clone.stack.up();
    clone.refit(&["upgrade"]).exits(0).never_says("in use here");
    assert_eq!(environment(&clone, "A"), "1");
    assert!(!clone.top.join("old.env").exists());
}

/// The folder alone has another name: an unattended run gives no container the published value.
#[test]
fn an_env_file_whose_folder_is_renamed_with_its_use() {
    let compose = |name: &str| {
        let web = idle(&format!("env_file: [{name}]"));
        ("compose.yaml", format!("services:\n  web: {web}\n"))
    };
    let public = "# one\n# two\nPASSWORD=public\n".to_owned();
    let files = [compose("env/app.env"), ("env/app.env", public)];
    let Some(clone) = Cloned::started(&files) else {
        return;
    };
    let mine = "# one\n# two\nPASSWORD=mine\n";
    clone.stack.write("env/app.env", mine);
    clone.stack.up();
    renames(&clone, "env", "conf");
    clone.push(&[compose("conf/app.env")]);
    let answer = clone.refit(&["--json", "upgrade", "--unattended"]).exits(1);
    assert_eq!(answer.refusal(), "git_conflict", "{answer}");
    answer.says("env/app.env (now conf/app.env)");
    assert_eq!(clone.stack.read("env/app.env"), mine);
    assert_eq!(environment(&clone, "PASSWORD"), "mine");
    clone.git(&["checkout", "-q", "env/app.env"]);
    clone.stack.up();
    clone.refit(&["upgrade"]).exits(0).never_says("in use here");
    assert_eq!(environment(&clone, "PASSWORD"), "public");
    assert!(!clone.top.join("env").exists());
}

/// What somebody typed and did not apply takes effect with the new container.
#[test]
fn edits_that_wait_are_named_in_the_plan() {
    let more = "env_file: [own.env, {path: more.env, required: false}]";
    let web = |value: &str| idle(&format!("{more}, environment: {{V: '{value}'}}"));
    let compose = |value: &str| format!("services:\n  web: {}\n", web(value));
    let files = [
        ("compose.yaml", compose("1")),
        ("own.env", "OWN=1\n".to_owned()),
        (".gitignore", "more.env\n".to_owned()),
    ];
    let Some(clone) = Cloned::started(&files) else {
        return;
    };
    clone.stack.write("own.env", "OWN=mine\n");
    clone.stack.write("more.env", "MORE=mine\n");
    clone.push(&[("README", "no service has to do with it\n".to_owned())]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("out of sync since before this run")
        .never_says("waited in the files");
    clone.push(&[("compose.yaml", compose("2"))]);
    let checked = clone.refit(&["upgrade", "--check"]).exits(0);
    let answer = clone.refit(&["upgrade"]).exits(0);
    for answer in [checked, answer] {
        answer
            .says("runs with another OWN")
            .says("what waited in the files takes effect with this run: web: ")
            .never_says("out of sync");
    }
    assert_eq!(environment(&clone, "OWN"), "mine");
    clone.push(&[("compose.yaml", compose("3"))]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .never_says("waited in the files");
}
