//! `refit edit`, with an editor that is a script.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::{Screens, shop};

#[test]
fn a_file_is_edited() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    let edited = |name: &str, line: &str, script: &str| {
        let editor = stack.beside("editor");
        fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&editor, Permissions::from_mode(0o755)).unwrap();
        screens.shows_changed(name, line, |command| {
            command.env("EDITOR", &editor);
        });
    };
    let line = "edit --settle 300ms";
    edited("edit-unchanged", line, "true");
    edited("edit-applied", line, "sed -i s/MODE=one/MODE=two/ $1");
    edited("edit-comment", line, "echo '# more' >> $1");
    edited("edit-unreadable", line, "echo 'A=\"open' >> $1");
    edited(
        "edit-yaml-unreadable",
        "edit compose.yaml --settle 300ms",
        "echo '  web: {' >> $1",
    );
    edited("edit-editor-failed", line, "exit 1");
    edited(
        "edit-failed",
        "edit --settle 3s",
        "sed -i s/MODE=two/MODE=bad/ $1",
    );
    edited(
        "edit-mounted",
        "edit web.conf --settle 300ms",
        "echo more >> $1",
    );
}
