//! Moves that succeed, each of them given back afterwards: byte for byte.

use std::fs;
use std::path::Path;

use super::{Lab, lines};
use crate::git::TreeEntry;
use crate::git::checkout::HeadName;

#[tokio::test]
async fn a_clean_checkout_moves_and_comes_back() {
    let lab = Lab::new();
    lab.write("up/app/settings", &lines(&[(2, "two")]));
    fs::remove_file(lab.path("up/link")).unwrap();
    lab.write("up/new/deep/file", "x");
    lab.mode("up/run.sh", 0o644);
    let to = lab.commit("second");
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    let mut paths: Vec<_> = plan
        .edits
        .iter()
        .map(|edit| edit.path.to_str().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!(paths, ["app/settings", "link", "new/deep/file", "run.sh"]);

    plan.advance().await.unwrap();
    plan.assert_as_exported();
    assert_eq!(lab.git("here", "rev-parse main"), to.as_str());
    assert_eq!(lab.git("here", "status --porcelain"), "");
    assert_eq!(lab.git("here", "diff-files"), "", "the index is fresh");
    plan.advance().await.unwrap();
    assert_eq!(
        lab.git("here", "status --porcelain"),
        "",
        "again is no harm"
    );

    plan.back().await;
    assert_eq!(lab.picture("here"), before);
    plan.back().await;
    assert_eq!(lab.picture("here"), before, "again is no harm");
    assert_eq!(lab.git("here", "status --porcelain"), "");
}

#[tokio::test]
async fn edits_on_other_lines_are_kept_staged_or_not() {
    for stage in ["", "add -A"] {
        let lab = Lab::new();
        lab.write("up/app/settings", &lines(&[(2, "two")]));
        let to = lab.commit("second");
        lab.write("here/app/settings", &lines(&[(9, "mine")]));
        lab.write("here/compose.yaml", "services: {web: {}}\n");
        if !stage.is_empty() {
            lab.git("here", stage);
        }
        let before = lab.picture("here");
        let untouched = fs::metadata(lab.path("here/compose.yaml")).unwrap();
        let plan = lab.plan("here", &to).await;
        plan.advance().await.unwrap();
        plan.assert_as_exported();
        assert_eq!(
            lab.read("here/app/settings"),
            lines(&[(2, "two"), (9, "mine")])
        );
        let status = match stage {
            "" => "M app/settings\n M compose.yaml",
            _ => "M  app/settings\nM  compose.yaml",
        };
        assert_eq!(lab.git("here", "status --porcelain"), status);
        use std::os::unix::fs::MetadataExt as _;
        let now = fs::metadata(lab.path("here/compose.yaml")).unwrap();
        assert_eq!(
            now.ino(),
            untouched.ino(),
            "what upstream left alone keeps its inode"
        );
        plan.back().await;
        assert_eq!(lab.picture("here"), before);
    }
}

/// What upstream removes or renames and the stack reads stays, edited or not, and is no longer tracked.
#[tokio::test]
async fn a_file_that_is_kept_stays_and_comes_back_tracked() {
    for mine in ["A=mine\n", "A=theirs\n"] {
        let lab = Lab::empty();
        lab.write("up/.env", "A=theirs\n");
        lab.commit("with .env");
        lab.clone("here", &[]);
        lab.git("up", "mv .env .env.example");
        lab.write("up/.gitignore", ".env\n");
        let to = lab.commit("second");
        lab.write("here/.env", mine);
        let before = lab.picture("here");
        let plan = lab.plan_keeping("here", &to, &[".env".into()]).await;
        plan.prediction().refuse_loss().unwrap();
        assert!(plan.edits.iter().all(|edit| edit.path != Path::new(".env")));
        plan.advance().await.unwrap();
        assert_eq!(lab.read("here/.env"), mine);
        assert_eq!(lab.read("here/.env.example"), "A=theirs\n");
        assert_eq!(lab.git("here", "status --porcelain"), "");
        assert_eq!(lab.git("here", "ls-files .env"), "");

        // Another text since: the way back of a later command leaves it.
        lab.write("here/.env", "A=later\n");
        let checkout = lab.checkout().await;
        let (tree, worktree) = (&plan.prediction().tree, &plan.prediction().worktree);
        let staged = &plan.prediction().staged;
        let back = checkout.predict_tree(tree, worktree, staged).await.unwrap();
        back.refuse_loss().unwrap();
        assert!(
            back.changes
                .iter()
                .all(|change| change.path != Path::new(".env"))
        );
        lab.write("here/.env", mine);
        plan.back().await;
        assert_eq!(lab.picture("here"), before);
    }
}

#[tokio::test]
async fn a_file_that_becomes_a_folder_and_back() {
    let lab = Lab::new();
    fs::remove_file(lab.path("up/compose.yaml")).unwrap();
    lab.write("up/compose.yaml/inner", "x");
    fs::remove_dir_all(lab.path("up/app")).unwrap();
    lab.write("up/app", "now a file");
    let to = lab.commit("second");
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    plan.advance().await.unwrap();
    plan.assert_as_exported();
    assert_eq!(lab.git("here", "status --porcelain"), "");
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
}

#[tokio::test]
async fn a_symlink_that_becomes_a_file_and_back() {
    let lab = Lab::new();
    fs::remove_file(lab.path("up/link")).unwrap();
    lab.write("up/link", "now a file");
    fs::remove_file(lab.path("up/run.sh")).unwrap();
    std::os::unix::fs::symlink("app", lab.path("up/run.sh")).unwrap();
    let to = lab.commit("second");
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    plan.advance().await.unwrap();
    plan.assert_as_exported();
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
}

#[tokio::test]
async fn an_edit_that_git_was_told_to_overlook_is_kept() {
    for mark in ["--assume-unchanged", "--skip-worktree"] {
        let lab = Lab::new();
        lab.write("up/app/settings", &lines(&[(2, "two")]));
        let to = lab.commit("second");
        lab.git("here", &format!("update-index {mark} app/settings"));
        lab.write("here/app/settings", &lines(&[(9, "mine")]));
        let before = lab.picture("here");
        let plan = lab.plan("here", &to).await;
        plan.advance().await.unwrap();
        assert_eq!(
            lab.read("here/app/settings"),
            lines(&[(2, "two"), (9, "mine")])
        );
        assert_eq!(
            lab.git("here", "status --porcelain"),
            "",
            "{mark} still holds"
        );
        plan.back().await;
        assert_eq!(lab.picture("here"), before);
    }
}

#[tokio::test]
async fn detached_at_a_tag() {
    let lab = Lab::empty();
    lab.git("up", "tag v1.0.0");
    lab.clone("here", &[]);
    lab.git("here", "checkout -q v1.0.0");
    lab.write("up/app/settings", "new");
    let to = lab.commit("second");
    lab.git("up", "tag -a -m x v1.1.0");
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    let tags = vec!["v1.0.0".to_owned()];
    assert_eq!(plan.checkout.at, HeadName::Detached { tags });
    plan.advance().await.unwrap();
    assert_eq!(lab.git("here", "describe --exact-match"), "v1.1.0");
    assert_eq!(lab.git("here", "rev-parse main"), plan.to.from.as_str());
    plan.back().await;
    // The fetch has brought the tag; all else is as it was.
    lab.git("here", "tag -d v1.1.0");
    assert_eq!(lab.picture("here"), before);
}

#[tokio::test]
async fn a_sparse_checkout_stays_sparse() {
    let lab = Lab::new();
    lab.write("up/app/settings", "new");
    lab.write("up/other/file", "not wanted");
    lab.write("up/compose.yaml", "services: {b: {}}\n");
    let to = lab.commit("second");
    lab.git("here", "sparse-checkout set --no-cone /compose.yaml");
    assert!(!lab.path("here/app").exists());
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    assert!(plan.checkout.is_sparse);
    assert_eq!(plan.edits.len(), 1, "{:?}", plan.edits);
    assert!(!plan.export.join("other").exists());
    plan.advance().await.unwrap();
    assert!(!lab.path("here/app").exists() && !lab.path("here/other").exists());
    assert_eq!(lab.git("here", "status --porcelain"), "");
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
    assert_eq!(lab.git("here", "status --porcelain"), "");
}

#[tokio::test]
async fn a_worktree_moves_alone() {
    let lab = Lab::new();
    lab.git("here", "worktree add -q -b stack ../tree");
    lab.write("up/app/settings", "new");
    let to = lab.commit("second");
    let main = lab.picture("here");
    let before = lab.picture("tree");
    let plan = lab.plan("tree", &to).await;
    assert_ne!(plan.checkout.git_dir, plan.checkout.common_dir);
    plan.advance().await.unwrap();
    assert_eq!(lab.read("tree/app/settings"), "new");
    assert_eq!(lab.picture("here").files, main.files);
    plan.back().await;
    assert_eq!(lab.picture("tree"), before);
    assert_eq!(lab.picture("here"), main);
}

#[tokio::test]
async fn line_ends_are_as_a_checkout_writes_them() {
    let lab = Lab::empty();
    lab.clone(
        "here",
        &["-c", "core.autocrlf=true", "-c", "core.safecrlf=true"],
    );
    assert_eq!(lab.read("here/compose.yaml"), "services: {}\r\n");
    lab.write("up/compose.yaml", "services: {b: {}}\n");
    lab.write("up/app/settings", &lines(&[(2, "two")]));
    let to = lab.commit("second");
    let mine = lines(&[(9, "mine")]).replace('\n', "\r\n");
    lab.write("here/app/settings", &mine);
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    plan.advance().await.unwrap();
    plan.assert_as_exported();
    assert_eq!(lab.read("here/compose.yaml"), "services: {b: {}}\r\n");
    let merged = lines(&[(2, "two"), (9, "mine")]).replace('\n', "\r\n");
    assert_eq!(lab.read("here/app/settings"), merged);
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
}

#[tokio::test]
async fn a_submodule_that_is_initialised_moves_and_comes_back() {
    let lab = Lab::empty();
    fs::create_dir(lab.path("sub")).unwrap();
    lab.git("sub", "init -q -b main");
    lab.write("sub/file", "1");
    lab.commit_in("sub", "sub first");
    lab.git(
        "up",
        &format!("submodule --quiet add {} lib", lab.path("sub").display()),
    );
    lab.git(
        "up",
        &format!("submodule --quiet add {} idle", lab.path("sub").display()),
    );
    lab.commit("with submodules");
    lab.clone("here", &[]);
    lab.git("here", "submodule --quiet update --init lib");
    lab.write("sub/file", "2");
    lab.write("sub/extra", "x");
    let inner = lab.commit_in("sub", "sub second");
    for sub in ["up/lib", "up/idle"] {
        lab.git(sub, "pull -q origin main");
    }
    let to = lab.commit("submodules moved");
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    assert!(plan.checkout.has_submodules);
    assert_eq!(
        fs::read_to_string(plan.export.join("lib/file")).unwrap(),
        "2"
    );
    let file = plan
        .edits
        .iter()
        .find(|edit| edit.path == Path::new("lib/file"))
        .unwrap();
    let bytes = b"2".to_vec();
    assert_eq!(
        file.after,
        Some(TreeEntry::File {
            bytes,
            executable: false
        })
    );
    plan.advance().await.unwrap();
    assert_eq!(lab.git("here/lib", "rev-parse HEAD"), inner.as_str());
    assert_eq!(lab.git("here", "status --porcelain"), "");
    assert!(
        !lab.path("here/idle/file").exists(),
        "what is not initialised stays so"
    );
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
    assert_eq!(lab.git("here", "status --porcelain"), "");
}

#[tokio::test]
async fn an_untracked_file_that_is_the_same_is_no_obstacle() {
    let lab = Lab::new();
    lab.write("up/extra", "same");
    let to = lab.commit("second");
    lab.write("here/extra", "same");
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    assert_eq!(plan.prediction().untracked_and_same, [Path::new("extra")]);
    plan.advance().await.unwrap();
    assert_eq!(lab.git("here", "status --porcelain"), "");
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
}

#[tokio::test]
async fn mode_and_owner_of_what_is_replaced_stay() {
    use std::os::unix::fs::MetadataExt as _;
    let lab = Lab::new();
    lab.write("up/app/settings", "new");
    lab.write("up/fresh/file", "new");
    let to = lab.commit("second");
    lab.mode("here/app/settings", 0o600);
    let root = rustix::process::geteuid().is_root();
    if root {
        std::os::unix::fs::chown(lab.path("here/app/settings"), Some(65534), Some(65534)).unwrap();
    }
    let plan = lab.plan("here", &to).await;
    plan.advance().await.unwrap();
    let now = fs::metadata(lab.path("here/app/settings")).unwrap();
    assert_eq!(now.mode() & 0o7777, 0o600);
    assert_eq!(now.uid() == 65534, root);
    assert_eq!(lab.git("here", "status --porcelain"), "");
    assert_eq!(lab.git("here", "diff-files"), "", "the index is fresh");
    let top = fs::metadata(lab.path("here")).unwrap().uid();
    assert_eq!(fs::metadata(lab.path("here/fresh")).unwrap().uid(), top);
}

#[tokio::test]
async fn filters_write_what_a_checkout_writes() {
    let lab = Lab::empty();
    lab.write("up/.gitattributes", "*.txt filter=loud\n");
    lab.write("up/a.txt", "one\n");
    lab.commit("filtered");
    let loud = [
        "-c",
        "filter.loud.smudge=tr a-z A-Z",
        "-c",
        "filter.loud.clean=tr A-Z a-z",
    ];
    lab.clone("here", &loud);
    assert_eq!(lab.read("here/a.txt"), "ONE\n");
    lab.write("up/a.txt", "one\ntwo\n");
    // An attribute that only the target has counts for the target's files.
    lab.write(
        "up/.gitattributes",
        "*.txt filter=loud\n*.new filter=loud\n",
    );
    lab.write("up/b.new", "three\n");
    let to = lab.commit("second");
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    let exported = fs::read_to_string(plan.export.join("a.txt")).unwrap();
    assert_eq!(exported, "ONE\nTWO\n");
    plan.advance().await.unwrap();
    plan.assert_as_exported();
    assert_eq!(lab.read("here/b.new"), "THREE\n");
    assert_eq!(lab.git("here", "status --porcelain"), "");
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
}

/// Through a symlink everything of the folder reads as being there, and nothing of it is.
#[tokio::test]
async fn folders_and_symlinks_take_each_others_place() {
    for to_folder in [true, false] {
        let lab = Lab::empty();
        let (as_link, as_folder) = (
            |lab: &Lab| {
                let _ = fs::remove_dir_all(lab.path("up/conf"));
                std::os::unix::fs::symlink("app", lab.path("up/conf")).unwrap();
            },
            |lab: &Lab| {
                let _ = fs::remove_file(lab.path("up/conf"));
                lab.write("up/conf/settings", &lines(&[]));
                lab.write("up/conf/sub/own", "x");
            },
        );
        match to_folder {
            true => as_link(&lab),
            false => as_folder(&lab),
        }
        lab.commit("before");
        lab.clone("here", &[]);
        match to_folder {
            true => as_folder(&lab),
            false => as_link(&lab),
        }
        let to = lab.commit("after");
        let before = lab.picture("here");
        let plan = lab.plan("here", &to).await;
        let mut paths: Vec<_> = plan.edits.iter().map(|edit| edit.path.clone()).collect();
        paths.sort_unstable();
        let all = ["conf", "conf/settings", "conf/sub/own"].map(std::path::PathBuf::from);
        assert_eq!(paths, all);
        for _ in 0..2 {
            plan.advance().await.unwrap();
            plan.assert_as_exported();
            assert_eq!(lab.git("here", "status --porcelain"), "");
        }
        for _ in 0..2 {
            plan.back().await;
            assert_eq!(lab.picture("here"), before, "to a folder: {to_folder}");
        }
    }
}

/// A text that is staged, and neither in HEAD nor in the work tree, is nowhere else.
#[tokio::test]
async fn what_is_staged_stays_staged() {
    let lab = Lab::empty();
    lab.write("up/listed", "x");
    lab.commit("with a list");
    lab.clone("here", &[]);
    lab.write("up/app/settings", &lines(&[(2, "two")]));
    let to = lab.commit("second");
    lab.write("here/app/settings", &lines(&[(9, "staged")]));
    lab.write("here/fresh", "staged");
    lab.git("here", "add app/settings fresh");
    lab.write("here/app/settings", &lines(&[(9, "mine")]));
    lab.write("here/fresh", "mine");
    lab.write("here/announced", "mine");
    lab.git("here", "add -N announced");
    lab.git("here", "rm -q --cached listed");
    let before = lab.picture("here");
    let status = lab.git("here", "status --porcelain");
    assert_eq!(
        status,
        "A announced\nMM app/settings\nAM fresh\nD  listed\n?? listed"
    );
    let plan = lab.plan("here", &to).await;
    plan.advance().await.unwrap();
    assert_eq!(lab.git("here", "status --porcelain"), status);
    let index_of = |name: &str| lab.git("here", &format!("show :{name}"));
    let merged = lines(&[(2, "two"), (9, "staged")]);
    assert_eq!(index_of("app/settings"), merged.trim_end());
    assert_eq!(index_of("fresh"), "staged");
    plan.back().await;
    assert_eq!(lab.picture("here"), before);

    // The way back of a later command, with more that was staged meanwhile.
    plan.advance().await.unwrap();
    lab.write(
        "here/app/settings",
        &lines(&[(2, "two"), (5, "later"), (9, "mine")]),
    );
    lab.git("here", "add app/settings");
    lab.write("here/app/settings", &lines(&[(2, "two"), (9, "mine")]));
    let checkout = lab.checkout().await;
    let (tree, worktree) = (&plan.prediction().tree, &plan.prediction().worktree);
    let staged = &plan.prediction().staged;
    let back = checkout.predict_tree(tree, worktree, staged).await.unwrap();
    back.refuse_loss().unwrap();
    let there = super::Move {
        from: to,
        to: plan.checkout.head.clone(),
        prediction: back,
    };
    checkout.advance(&there).await.unwrap();
    assert_eq!(lab.git("here", "status --porcelain"), status);
    let merged = lines(&[(5, "later"), (9, "mine")]);
    assert_eq!(index_of("app/settings"), merged.trim_end());
}
