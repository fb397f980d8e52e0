//! What is refused, with its code and the names in it.

use std::fs;
use std::path::Path;

use super::{Lab, lines};
use crate::complaint::Complaint;
use crate::git::{Checkout, Relation, Tags};

#[tokio::test]
async fn edits_on_the_same_lines() {
    let lab = Lab::new();
    lab.write("up/app/settings", &lines(&[(2, "two")]));
    let to = lab.commit("second");
    lab.write("here/app/settings", &lines(&[(2, "mine")]));
    let plan = lab.plan("here", &to).await;
    let error = plan.prediction().refuse_loss().unwrap_err();
    assert_eq!(error.code().word(), "git_conflict");
    let text = "1 file is edited here and changed upstream on the same lines: app/settings";
    assert_eq!(error.to_string(), text);
    let edits = plan.checkout.local_edits().await.unwrap();
    assert_eq!(edits.edited, [Path::new("app/settings")]);
}

#[tokio::test]
async fn an_edited_file_that_upstream_removed() {
    let lab = Lab::new();
    fs::remove_file(lab.path("up/app/settings")).unwrap();
    let to = lab.commit("second");
    lab.write("here/app/settings", "mine");
    let plan = lab.plan("here", &to).await;
    let error = plan.prediction().refuse_loss().unwrap_err();
    assert_eq!(error.code().word(), "git_conflict");
    let text = "edited here, and removed or renamed upstream: app/settings";
    assert_eq!(error.to_string(), text);
}

/// Neither the file's own edits nor those of its folder are carried to where nobody reads them.
#[tokio::test]
async fn an_edited_file_that_upstream_renamed_or_whose_folder_it_renamed() {
    for (from, to, expected) in [
        ("app/settings", "app/settings.sample", "app/settings"),
        ("app", "samples", "app/settings"),
    ] {
        let lab = Lab::new();
        lab.git("up", &format!("mv {from} {to}"));
        let to = lab.commit("second");
        lab.write("here/app/settings", &lines(&[(9, "mine")]));
        let plan = lab.plan("here", &to).await;
        let gone = &plan.prediction().edited_and_gone;
        let [gone] = gone.as_slice() else {
            panic!("{gone:?}");
        };
        assert_eq!(gone.path, Path::new(expected));
        assert!(gone.renamed_to.is_some());
        assert!(plan.prediction().refuse_loss().is_err());
    }
}

/// A branch that is gone is told from one without news, and the remote's own branch is named.
#[tokio::test]
async fn a_branch_that_upstream_renamed() {
    let lab = Lab::new();
    let git = lab.here();
    let found = git.remote_branch("origin", "main").await.unwrap();
    assert!(found.exists);
    lab.git("up", "branch -m main trunk");
    let found = git.remote_branch("origin", "main").await.unwrap();
    assert!(!found.exists);
    assert_eq!(found.default.as_deref(), Some("trunk"));
}

#[tokio::test]
async fn untracked_files_in_the_way_also_ignored_ones() {
    let lab = Lab::empty();
    lab.write("up/.gitignore", ".env\n");
    lab.commit("ignore");
    lab.clone("here", &[]);
    lab.write("up/extra", "theirs");
    lab.write("up/data/file", "theirs");
    lab.write("up/folder", "theirs");
    lab.write("up/.env", "theirs");
    lab.git("up", "add -f .env");
    let to = lab.commit("second");
    lab.write("here/extra", "mine");
    lab.write("here/data", "a file, not a folder");
    lab.write("here/folder/inner", "mine");
    lab.write("here/.env", "mine");
    lab.write("here/fine", "mine");
    let plan = lab.plan("here", &to).await;
    let error = plan.prediction().refuse_loss().unwrap_err();
    assert_eq!(error.code().word(), "git_untracked");
    assert_eq!(
        plan.prediction().untracked_in_the_way,
        [".env", "data", "extra", "folder/inner"].map(Path::new)
    );
}

#[tokio::test]
async fn history_that_was_rewritten() {
    // Known from the clone alone, and after a fetch of the user's own.
    for fetch_before in [false, true] {
        let lab = Lab::new();
        if fetch_before {
            lab.write("up/a", "1");
            lab.commit("second");
            lab.git("here", "pull -q");
        }
        lab.git("up", "commit -q --amend -m changed");
        let to = lab.commit("third");
        let checkout = lab.checkout().await;
        checkout
            .git
            .fetch("origin", Tags::Following, |_| ())
            .await
            .unwrap();
        let upstream = checkout.upstream.as_ref();
        let relation = checkout.relation(&to, upstream).await.unwrap();
        let expected = Relation::Rewritten {
            gone: 1,
            ours: 0,
            theirs: 2,
        };
        assert_eq!(relation, expected);
        let error = relation.refuse_loss("origin/main").unwrap_err();
        assert_eq!(error.code().word(), "git_rewritten");
        let text = "the history of origin/main was rewritten: 1 commit that this checkout is built on is gone";
        assert_eq!(error.to_string(), text);
        // Allowed, the move is one like any other.
        let before = lab.picture("here");
        let plan = lab.plan("here", &to).await;
        plan.advance().await.unwrap();
        assert_eq!(lab.git("here", "status --porcelain"), "");
        plan.back().await;
        assert_eq!(lab.picture("here"), before);
    }
}

#[tokio::test]
async fn commits_on_both_sides() {
    let lab = Lab::new();
    lab.write("up/a", "1");
    let to = lab.commit("theirs");
    lab.write("here/b", "1");
    lab.commit_in("here", "mine");
    lab.commit_in("here", "mine too");
    let plan = lab.plan("here", &to).await;
    let upstream = plan.checkout.upstream.as_ref();
    let relation = plan.checkout.relation(&to, upstream).await.unwrap();
    assert_eq!(relation, Relation::Diverged { ours: 2, theirs: 1 });
    assert_eq!(
        relation.refuse_loss("x").unwrap_err().code().word(),
        "git_diverged"
    );
}

#[tokio::test]
async fn a_merge_in_progress_and_a_lock() {
    let lab = Lab::new();
    lab.write("here/app/settings", "mine");
    lab.commit_in("here", "mine");
    lab.write("up/app/settings", "theirs");
    let to = lab.commit("second");
    lab.git("here", "fetch -q");
    let merge = lab
        .command("here")
        .args(["merge", "-q", "origin/main"])
        .output();
    assert!(!merge.unwrap().status.success());
    let checkout = lab.checkout().await;
    let error = checkout.predict(&to, &[], &[]).await.unwrap_err();
    assert_eq!(error.code().word(), "git_busy");
    let complaint = Complaint::from(error);
    assert_eq!(complaint.hint.as_deref(), Some("git merge --abort"));
    assert_eq!(
        checkout.local_edits().await.unwrap().unmerged,
        [Path::new("app/settings")]
    );
    lab.git("here", "merge --abort");
    lab.write("here/.git/index.lock", "");
    assert_eq!(
        checkout
            .predict(&to, &[], &[])
            .await
            .unwrap_err()
            .code()
            .word(),
        "git_busy"
    );
    assert!(
        lab.path("here/.git/index.lock").exists(),
        "not ours to remove"
    );
}

#[tokio::test]
async fn a_folder_of_another_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    let lab = Lab::new();
    std::os::unix::fs::chown(lab.path("here"), Some(65534), None).unwrap();
    let mut git = lab.here();
    git = git.with_env("SUDO_UID", "0");
    let error = Checkout::find(&git, &lab.path("here")).await.unwrap_err();
    assert_eq!(error.code().word(), "git_ownership");
    let complaint = Complaint::from(error);
    assert!(
        complaint.text.contains("nobody") && complaint.text.contains("root"),
        "{complaint}"
    );
    let hint = complaint.hint.unwrap();
    let folder = lab.path("here");
    assert!(
        hint.contains(&format!("safe.directory '{}'", folder.display())),
        "{hint}"
    );
}

#[tokio::test]
async fn a_remote_that_is_gone() {
    let lab = Lab::new();
    fs::rename(lab.path("up"), lab.path("away")).unwrap();
    let git = lab.here();
    let error = git.fetch("origin", Tags::All, |_| ()).await.unwrap_err();
    assert_eq!(error.code().word(), "git_network");
    assert!(!Complaint::from(error).details.is_empty());
    lab.git("here", "remote set-url origin http://127.0.0.1:1/x");
    let error = git.fetch("origin", Tags::All, |_| ()).await.unwrap_err();
    assert_eq!(error.code().word(), "git_network", "{error:?}");
}

#[tokio::test]
async fn a_remote_that_wants_a_password() {
    use std::io::{Read as _, Write as _};
    let lab = Lab::new();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    // Ends with the process: the connection that it waits for may never come.
    std::thread::spawn(move || {
        for connection in server.incoming() {
            let mut connection = connection.unwrap();
            let _ = connection.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    lab.git(
        "here",
        &format!("remote set-url origin http://user:hunter22@{address}/x"),
    );
    let git = lab
        .here()
        .with_env("NO_PROXY", "*")
        .with_env("no_proxy", "*");
    let error = git.fetch("origin", Tags::All, |_| ()).await.unwrap_err();
    assert_eq!(error.code().word(), "git_credentials", "{error:?}");
    assert!(!format!("{error:?}").contains("hunter22"), "{error:?}");
    lab.git("here", &format!("remote set-url origin http://{address}/x"));
    let error = git.fetch("origin", Tags::All, |_| ()).await.unwrap_err();
    assert_eq!(error.code().word(), "git_credentials", "{error:?}");
}

#[tokio::test]
async fn what_is_staged_on_the_same_lines() {
    let lab = Lab::new();
    lab.write("up/app/settings", &lines(&[(2, "two")]));
    let to = lab.commit("second");
    lab.write("here/app/settings", &lines(&[(2, "staged")]));
    lab.git("here", "add app/settings");
    lab.write("here/app/settings", &lines(&[]));
    let plan = lab.plan("here", &to).await;
    let error = plan.prediction().refuse_loss().unwrap_err();
    assert_eq!(error.code().word(), "git_conflict");
    let text = "1 file is staged here, and the same lines change with the move: app/settings";
    assert_eq!(error.to_string(), text);
}

/// The reason is told as it is: nobody has edited the file.
#[tokio::test]
async fn a_file_that_is_gone_here_and_changed_upstream() {
    for listed in [true, false] {
        let lab = Lab::new();
        lab.write("up/app/settings", &lines(&[(2, "two")]));
        let to = lab.commit("second");
        match listed {
            true => fs::remove_file(lab.path("here/app/settings")).unwrap(),
            false => drop(lab.git("here", "rm -q --cached app/settings")),
        }
        let plan = lab.plan("here", &to).await;
        let error = plan.prediction().refuse_loss().unwrap_err();
        assert_eq!(error.code().word(), "git_conflict");
        let text = "removed here, or no longer tracked, and changed upstream: app/settings";
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_symlink_in_place_of_a_file_that_upstream_changes_has_one_name() {
    let lab = Lab::new();
    lab.write("up/app/settings", &lines(&[(2, "two")]));
    let to = lab.commit("second");
    fs::remove_file(lab.path("here/app/settings")).unwrap();
    std::os::unix::fs::symlink("mine", lab.path("here/app/settings")).unwrap();
    let plan = lab.plan("here", &to).await;
    assert_eq!(plan.prediction().conflicts, [Path::new("app/settings")]);
}
