//! Which stack is found, from folders, labels and settings.

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::docker::container::{Health, State};

fn container(project: &str, folder: &Path, files: &str) -> Container {
    Container {
        id: format!("id-{project}"),
        name: project.to_owned(),
        project: project.to_owned(),
        service: "web".into(),
        oneoff: false,
        state: State::Running,
        exit_code: None,
        health: Health::None,
        crashing: false,
        network_of: None,
        image_id: String::new(),
        image: String::new(),
        created: 0,
        labels: BTreeMap::from([
            (label::WORKING_DIR.to_owned(), folder.display().to_string()),
            (label::CONFIG_FILES.to_owned(), files.to_owned()),
        ]),
        mounts: Vec::new(),
        ports: Vec::new(),
    }
}

fn folder(names: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        fs::write(dir.path().join(name), "").unwrap();
    }
    let path = dir.path().canonicalize().unwrap();
    (dir, path)
}

fn ask(folder: &Path) -> LocateRequest {
    LocateRequest {
        directory: Some(folder.to_owned()),
        ..LocateRequest::default()
    }
}

#[test]
fn default_names_with_their_override_from_a_folder_below() {
    let (_keep, dir) = folder(&["docker-compose.yml", "docker-compose.override.yml"]);
    fs::create_dir(dir.join("below")).unwrap();
    let found = locate(&ask(&dir.join("below")), &[]).unwrap();
    assert_eq!(
        found.args.files,
        [
            dir.join("docker-compose.yml"),
            dir.join("docker-compose.override.yml")
        ]
    );
    assert_eq!(found.args.directory, dir);
    assert_eq!(found.first_env_file(), dir.join(".env"));
}

#[test]
fn a_running_project_gives_name_and_files() {
    let (_keep, dir) = folder(&["base.yml", "more.yml", "compose.yaml"]);
    let files = format!("{0}/base.yml,{0}/more.yml", dir.display());
    let found = locate(&ask(&dir), &[container("shop", &dir, &files)]).unwrap();
    assert_eq!(found.args.name.as_deref(), Some("shop"));
    assert_eq!(
        found.args.files,
        [dir.join("base.yml"), dir.join("more.yml")]
    );
}

#[test]
fn an_override_made_since_the_start_is_seen() {
    let (_keep, dir) = folder(&["compose.yaml", "compose.override.yaml"]);
    let files = format!("{}/compose.yaml", dir.display());
    let found = locate(&ask(&dir), &[container("shop", &dir, &files)]).unwrap();
    assert_eq!(found.args.files.len(), 2);
}

#[test]
fn two_projects_of_one_folder_need_a_choice() {
    let (_keep, dir) = folder(&["compose.yaml"]);
    let files = format!("{}/compose.yaml", dir.display());
    let both = [container("a", &dir, &files), container("b", &dir, &files)];
    assert!(matches!(
        locate(&ask(&dir), &both),
        Err(LocateError::Ambiguous { .. })
    ));
    let request = LocateRequest {
        project_name: Some("b".into()),
        ..ask(&dir)
    };
    assert_eq!(
        locate(&request, &both).unwrap().args.name.as_deref(),
        Some("b")
    );
}

#[test]
fn compose_file_in_the_env_file_counts() {
    let (_keep, dir) = folder(&["compose.yaml", "one.yml", "two.yml"]);
    fs::write(
        dir.join(".env"),
        "COMPOSE_FILE=one.yml:two.yml\nCOMPOSE_PROFILES=a,b\n",
    )
    .unwrap();
    let found = locate(&ask(&dir), &[]).unwrap();
    assert_eq!(found.args.files, [dir.join("one.yml"), dir.join("two.yml")]);
    assert_eq!(found.args.profiles, ["a", "b"]);
    let files = format!("{0}/one.yml,{0}/two.yml", dir.display());
    let found = locate(&ask(&dir), &[container("shop", &dir, &files)]).unwrap();
    assert_eq!(found.args.name.as_deref(), Some("shop"));
}

#[test]
fn a_project_is_found_by_name_from_anywhere() {
    let (_keep, dir) = folder(&["compose.yaml"]);
    let (_keep2, elsewhere) = folder(&[]);
    let files = format!("{}/compose.yaml", dir.display());
    let request = LocateRequest {
        project_name: Some("shop".into()),
        ..ask(&elsewhere)
    };
    let found = locate(&request, &[container("shop", &dir, &files)]).unwrap();
    assert_eq!(found.args.directory, dir);
}

#[test]
fn nothing_there_is_said_so() {
    let (_keep, dir) = folder(&[]);
    assert!(matches!(
        locate(&ask(&dir), &[]),
        Err(LocateError::NoComposeFile(_))
    ));
    let request = LocateRequest {
        files: vec!["nope.yml".into()],
        ..ask(&dir)
    };
    assert!(matches!(
        locate(&request, &[]),
        Err(LocateError::MissingFile(_))
    ));
}
