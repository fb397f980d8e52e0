//! Killed at every step of a move: back to what was, or on to what was meant.

use std::fs;

use super::{Lab, Planned, lines};
use crate::git::TreeEdit;

/// A checkout with local edits before a move that changes, adds, removes and turns files around.
async fn planned(lab: &Lab) -> Planned {
    lab.write("up/app/settings", &lines(&[(2, "two")]));
    lab.write("up/new/file", "x");
    lab.write("up/same", "same");
    fs::remove_file(lab.path("up/link")).unwrap();
    lab.mode("up/run.sh", 0o644);
    let to = lab.commit("second");
    lab.write("here/app/settings", &lines(&[(9, "mine")]));
    lab.write("here/same", "same");
    lab.write("here/.env", "A=1");
    lab.plan("here", &to).await
}

/// How far a move came before it was killed.
async fn part(plan: &Planned, steps: usize, lab: &Lab) {
    let index = lab.path("index-of-the-move");
    let checkout = &plan.checkout;
    fs::write(checkout.git_dir.join("index.lock"), "refit 4194304 1\n").unwrap();
    if steps == 0 {
        // In the middle of the files: every second one is there.
        for edit in plan.edits.iter().step_by(2) {
            let swapped = TreeEdit {
                path: edit.path.clone(),
                before: edit.after.clone(),
                after: edit.before.clone(),
            };
            TreeEdit::put_back_all(&[swapped], checkout.git.top()).unwrap();
        }
        return;
    }
    checkout.move_files(&plan.to, &index).await.unwrap();
    if steps > 1 {
        checkout.move_ref(&plan.to).await.unwrap();
    }
    if steps > 2 {
        checkout.move_index(&plan.to, &index).await.unwrap();
    }
}

#[tokio::test]
async fn back_from_every_step() {
    for steps in 0..=3 {
        let lab = Lab::new();
        let plan = planned(&lab).await;
        let before = lab.picture("here");
        part(&plan, steps, &lab).await;
        assert_ne!(lab.picture("here"), before);
        plan.back().await;
        assert_eq!(lab.picture("here"), before, "after {steps} steps");
    }
}

#[tokio::test]
async fn on_from_every_step() {
    for steps in 0..=3 {
        let lab = Lab::new();
        let plan = planned(&lab).await;
        part(&plan, steps, &lab).await;
        plan.advance().await.unwrap();
        plan.assert_as_exported();
        assert_eq!(lab.git("here", "rev-parse HEAD"), plan.to.to.as_str());
        assert_eq!(
            lab.git("here", "status --porcelain"),
            "M app/settings\n?? .env"
        );
    }
}

#[tokio::test]
async fn who_committed_since_is_not_thrown_back() {
    let lab = Lab::new();
    let plan = planned(&lab).await;
    plan.advance().await.unwrap();
    lab.commit_in("here", "mine");
    let before = lab.picture("here");
    let git = &plan.checkout.git;
    let error = plan
        .state
        .restore(git, &plan.to.to, &plan.saved)
        .await
        .unwrap_err();
    assert_eq!(error.code().word(), "git_failed");
    assert_eq!(lab.picture("here"), before);
}

#[tokio::test]
async fn who_edits_meanwhile_loses_nothing() {
    let lab = Lab::new();
    let plan = planned(&lab).await;
    lab.write("here/run.sh", "#!/bin/sh\n# mine\n");
    let before = lab.picture("here");
    let error = plan.advance().await.unwrap_err();
    assert_eq!(error.code().word(), "edited");
    assert!(error.to_string().contains("run.sh"), "{error}");
    assert_eq!(lab.picture("here"), before);
    // A new file where the target has one is somebody's as well.
    lab.write("here/run.sh", "#!/bin/sh\n");
    lab.write("here/new/file", "mine");
    let before = lab.picture("here");
    let error = plan.advance().await.unwrap_err();
    assert_eq!(error.code().word(), "edited");
    assert!(error.to_string().contains("new/file"), "{error}");
    assert_eq!(lab.picture("here"), before);
}

#[tokio::test]
async fn a_kept_commit_outlives_its_branch() {
    let lab = Lab::new();
    let checkout = lab.checkout().await;
    for _ in 0..2 {
        checkout
            .git
            .keep_ref("run-7/head", &checkout.head)
            .await
            .unwrap();
    }
    assert_eq!(
        lab.git("here", "rev-parse refs/refit/run-7/head"),
        checkout.head.as_str()
    );
    for _ in 0..2 {
        checkout.git.drop_ref("run-7/head").await.unwrap();
    }
    assert_eq!(lab.git("here", "for-each-ref refs/refit"), "");
}

#[tokio::test]
async fn hooks_have_no_part_in_it() {
    let lab = Lab::new();
    let plan = planned(&lab).await;
    for hook in [
        "reference-transaction",
        "post-index-change",
        "post-checkout",
    ] {
        let file = format!("here/.git/hooks/{hook}");
        lab.write(
            &file,
            &format!("#!/bin/sh\ntouch {}\nexit 1\n", lab.path("ran").display()),
        );
        lab.mode(&file, 0o755);
    }
    let before = lab.picture("here");
    plan.advance().await.unwrap();
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
    assert!(!lab.path("ran").exists());
}

#[tokio::test]
async fn what_somebody_staged_meanwhile_is_kept_aside() {
    let lab = Lab::new();
    let plan = planned(&lab).await;
    plan.advance().await.unwrap();
    lab.write("here/compose.yaml", "staged");
    lab.git("here", "add compose.yaml");
    lab.write("here/compose.yaml", "services: {}\n");
    let git = &plan.checkout.git;
    let kept = plan.state.restore(git, &plan.to.to, &plan.saved).await;
    let kept = kept.unwrap().unwrap();
    let mut show = lab.command("here");
    show.env("GIT_INDEX_FILE", kept)
        .args(["show", ":compose.yaml"]);
    assert_eq!(show.output().unwrap().stdout, b"staged");
    let again = plan.state.restore(git, &plan.to.to, &plan.saved).await;
    assert_eq!(again.unwrap(), None);
}
