//! Folders of a checkout that become symlinks upstream, and symlinks that become folders: what reads as
//! lying at a path is another file then, and nobody may write or remove it in its name.

use std::fs;
use std::os::unix::fs::symlink;

use crate::faulty::at;
use crate::stack::checkout::Cloned;
use crate::stack::{idle, service};

/// `web` mounts `conf`, which is a folder of its own or a symlink to `real`.
fn files() -> Vec<(&'static str, String)> {
    let web = service(
        "grep -q bad /conf/one && exit 7; exec sleep infinity",
        "volumes: ['./conf:/conf:ro']",
    );
    vec![
        ("compose.yaml", format!("services:\n  web: {web}\n")),
        ("real/one", "1\n".to_owned()),
        ("real/two", "2\n".to_owned()),
        ("real/env", "K=1\n".to_owned()),
    ]
}

fn as_link(clone: &Cloned) {
    let _ = fs::remove_dir_all(clone.developer.join("conf"));
    symlink("real", clone.developer.join("conf")).unwrap();
}

/// With the texts of `real`, and a file below a folder of its own.
fn as_folder(clone: &Cloned) {
    let conf = clone.developer.join("conf");
    let _ = fs::remove_file(&conf);
    fs::create_dir_all(conf.join("sub")).unwrap();
    for name in ["one", "two", "env"] {
        fs::copy(clone.developer.join("real").join(name), conf.join(name)).unwrap();
    }
    fs::write(conf.join("sub/three"), "3\n").unwrap();
}

type Shape = fn(&Cloned);

fn started(shape: Shape) -> Option<Cloned> {
    let clone = Cloned::new(&files())?;
    shape(&clone);
    clone.commit("conf", &[]);
    clone.git(&["pull", "-q"]);
    clone.stack.up();
    Some(clone)
}

#[test]
fn a_folder_and_a_symlink_that_take_each_others_place() {
    for (before, after) in [(as_link as Shape, as_folder as Shape), (as_folder, as_link)] {
        let Some(clone) = started(before) else { return };
        let old = clone.side();
        after(&clone);
        fs::write(clone.developer.join("real/one"), "bad\n").unwrap();
        let bad = clone.developer.join("conf/one");
        fs::write(bad, "bad\n").unwrap();
        clone.commit("bad", &[]);
        let answer = clone.refit(&["upgrade"]).exits(3);
        assert_eq!(clone.side(), old, "{answer}");
        for point in [
            "git.files",
            "git.index",
            "write.written",
            "converge.touched",
        ] {
            let fault = at(point, "return(kill)");
            let killed = clone.refit_failing(&fault, &["upgrade", "--retry"]);
            assert_eq!(killed.code, -1, "{point} was not passed: {killed}");
            let last = clone.refit(&["apply"]).exits(0);
            assert_eq!(clone.side(), old, "killed at {point}\n{last}");
        }
        for name in ["real/one", "conf/one"] {
            fs::write(clone.developer.join(name), "good\n").unwrap();
        }
        clone.commit("good", &[]);
        clone.refit(&["upgrade"]).exits(0);
        assert_eq!(clone.status(), "");
        assert_eq!(clone.inside("/conf/one"), "good");
        let new = clone.side();
        let back = clone.refit(&["rollback"]).exits(0);
        assert_eq!(clone.side().content(), old.content());
        assert_eq!(clone.inside("/conf/one"), "1");
        let (_, redo) = back.stdout.split_once("Redo: refit rollback ").unwrap();
        clone.refit(&["rollback", redo.trim()]).exits(0);
        assert_eq!(clone.side().content(), new.content());
    }
}

/// The new version is read as it will lie there, and not as what the present symlink leads to.
#[test]
fn an_env_file_beyond_a_symlink() {
    let Some(clone) = started(as_folder) else {
        return;
    };
    as_link(&clone);
    fs::write(clone.developer.join("real/new"), "N=1\n").unwrap();
    let web = idle("env_file: [conf/env, conf/new]");
    clone.push(&[("compose.yaml", format!("services:\n  web: {web}\n"))]);
    clone.refit(&["upgrade"]).exits(0);
    let env = || clone.stack.container("web").env;
    assert_eq!(env().get("N").map(String::as_str), Some("1"));
    clone.push(&[("real/env", "K=2\n".to_owned())]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("environment has K=2");
    // The folder has a text of its own again, and the file that the symlink led to stays.
    as_folder(&clone);
    fs::write(clone.developer.join("conf/env"), "K=3\n").unwrap();
    fs::write(clone.developer.join("conf/new"), "N=3\n").unwrap();
    clone.commit("a folder again", &[]);
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("environment has K=3");
    assert_eq!(clone.stack.read("real/env"), "K=2\n");
    clone
        .refit(&["rollback"])
        .exits(0)
        .says("environment has K=2");
    assert_eq!(clone.status(), "");
    assert_eq!(clone.stack.read("real/env"), "K=2\n");
}

/// What somebody put into the new folder is not lost on the way back.
#[test]
fn a_file_of_a_person_in_a_folder_that_is_to_be_a_symlink_again() {
    let Some(clone) = started(as_link) else {
        return;
    };
    as_folder(&clone);
    clone.commit("a folder", &[]);
    clone.refit(&["upgrade"]).exits(0);
    clone.stack.write("conf/mine", "mine\n");
    let now = clone.side();
    let answer = clone.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(answer.refusal(), "git_untracked", "{answer}");
    assert_eq!(clone.side(), now);
}

/// A mounted file gets another name upstream, and a symlink leads there from the old one.
#[test]
fn a_mounted_file_that_becomes_a_symlink() {
    let compose = |version: &str| {
        let more =
            format!("volumes: ['./web.conf:/etc/web.conf:ro'], environment: {{V: '{version}'}}");
        let web = service(
            "grep -q bad /etc/web.conf && exit 7; exec sleep infinity",
            &more,
        );
        ("compose.yaml", format!("services:\n  web: {web}\n"))
    };
    let text = |first: &str| format!("{first}\na\nb\nc\nd\ne\nf\n");
    for (last, folder) in [("two", ""), ("bad", ""), ("two", "aaa/"), ("bad", "aaa/")] {
        let files = [compose("1"), ("web.conf", text("one"))];
        let Some(clone) = Cloned::started(&files) else {
            return;
        };
        let before = clone.side();
        let to = format!("{folder}real.conf");
        fs::create_dir_all(clone.developer.join(folder)).unwrap();
        clone.develop(&["mv", "web.conf", &to]);
        symlink(&to, clone.developer.join("web.conf")).unwrap();
        clone.push(&[compose("2"), (&to, text(last))]);
        if last == "bad" {
            clone.refit(&["upgrade"]).exits(3).says("as it was before");
            assert_eq!(clone.side().content(), before.content());
            continue;
        }
        clone.refit(&["upgrade"]).exits(0).says("Applied");
        let seen = || clone.stack.exec("web", &["head", "-n1", "/etc/web.conf"]);
        assert_eq!(seen().trim(), "two");
        let upgraded = clone.side();
        // Neither way back, nor the way back from a failed one, takes a writer for another.
        let killed = clone.refit_failing(&at("watch.before", "return(kill)"), &["rollback"]);
        assert_eq!(killed.code, -1, "{killed}");
        clone
            .refit(&["apply"])
            .exits(0)
            .never_says("somebody goes on writing");
        assert_eq!(clone.side().content(), upgraded.content());
        clone.refit(&["rollback"]).exits(0);
        assert_eq!(seen().trim(), "one");
        assert!(!clone.top.join("web.conf").is_symlink());
        assert_eq!(clone.side().content(), before.content());
    }
}
