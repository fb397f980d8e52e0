use super::*;
use crate::docker::network::VolumeSide;
use crate::docker::observed::{MountSide, Publication};
use crate::event::RunId;
use crate::stack::snapshot::{Compared, Left, compare};

pub(crate) fn replica(service: &str, number: u32, id: &str) -> Replica {
    Replica {
        id: id.to_owned(),
        name: format!("shop-{service}-{number}"),
        service: service.into(),
        number,
        image_id: "sha256:aaaaaaaaaaaaaaaa".to_owned(),
        image: "busybox".to_owned(),
        state: RunState::Running,
        health: Health::None,
        restarts: 0,
        created: "2026-11-01T10:00:00Z".to_owned(),
        crashing: false,
        started_at: "2026-11-01T10:00:01Z".to_owned(),
        restart_policy: "no".to_owned(),
        env: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
        labels: BTreeMap::new(),
        settings: BTreeMap::new(),
        networks: BTreeMap::from([(
            "shop_default".to_owned(),
            Attachment {
                aliases: BTreeSet::from([service.to_owned()]),
                addresses: BTreeSet::new(),
                attached: true,
            },
        )]),
        ports: BTreeSet::new(),
        published: true,
        mounts: BTreeSet::new(),
        healthcheck: None,
        config_hash: None,
        reach: Default::default(),
    }
}

pub(crate) fn side(containers: Vec<Replica>) -> EngineSide {
    let network = NetworkSide {
        id: "n1".to_owned(),
        project: Some("shop".to_owned()),
        driver: "bridge".to_owned(),
        options: BTreeMap::new(),
        subnets: BTreeSet::from(["10.1.0.0/24".to_owned()]),
        internal: false,
        attachable: false,
        ipv6: false,
        labels: BTreeMap::new(),
    };
    EngineSide {
        project: "shop".to_owned(),
        containers,
        networks: BTreeMap::from([("shop_default".to_owned(), network)]),
        volumes: BTreeMap::new(),
        images: BTreeMap::new(),
    }
}

fn said(base: &EngineSide, now: &EngineSide, handled: &[&str]) -> Vec<String> {
    let handled = Handled {
        services: handled.iter().map(|&name| name.into()).collect(),
        ..Handled::default()
    };
    let found = differences(base, now, &handled);
    found.iter().map(Difference::sentence).collect()
}

#[test]
fn a_container_that_was_recreated_alike_is_no_difference() {
    let base = side(vec![replica("web", 1, "a")]);
    let mut other = replica("web", 1, "b");
    other.started_at = "2026-11-02T10:00:00Z".to_owned();
    let mut now = side(vec![other]);
    assert_eq!(said(&base, &now, &["web"]), [""; 0]);
    // The engine picks subnets by itself.
    let network = now.networks.get_mut("shop_default").unwrap();
    network.id = "n2".to_owned();
    network.subnets = BTreeSet::from(["10.9.0.0/24".to_owned()]);
    assert_eq!(said(&base, &now, &["web"]), [""; 0]);
}

#[test]
fn a_service_that_nobody_was_to_touch_must_be_the_same_container() {
    let base = side(vec![replica("db", 1, "a")]);
    let mut now = side(vec![replica("db", 1, "b")]);
    assert_eq!(said(&base, &now, &[]), ["db container is another one"]);
    now = base.clone();
    now.containers[0].started_at = "2026-11-02T10:00:00Z".to_owned();
    let told = said(&base, &now, &[]);
    assert_eq!(
        told,
        ["db started at: was 2026-11-01T10:00:01Z, is 2026-11-02T10:00:00Z"]
    );
    // It crashed, and the engine started it again: as it would have without us.
    now.containers[0].restarts = 1;
    assert_eq!(said(&base, &now, &[]), [""; 0]);
}

#[test]
fn what_is_in_force_is_compared_and_no_value_is_told() {
    let base = side(vec![replica("web", 1, "a")]);
    let mut now = side(vec![replica("web", 1, "b")]);
    let web = &mut now.containers[0];
    web.env.insert("A".to_owned(), "secret".to_owned());
    web.settings.insert("Cmd".to_owned(), "[\"x\"]".to_owned());
    web.networks.clear();
    web.ports.insert(Publication {
        target: "80/tcp".to_owned(),
        ip: String::new(),
        port: Some(8080),
    });
    web.mounts.insert(MountSide {
        destination: "/d".to_owned(),
        kind: "volume".to_owned(),
        source: "shop_d".to_owned(),
        rw: true,
    });
    assert_eq!(
        said(&base, &now, &["web"]),
        [
            "web Cmd is another one",
            "web environment A is another one",
            "web mounts: was none, is shop_d:/d",
            "web networks: was shop_default, is none",
            "web ports: was none, is :8080→80/tcp",
        ]
    );
}

#[test]
fn a_container_without_its_network_is_a_difference() {
    let base = side(vec![replica("web", 1, "a")]);
    let mut now = base.clone();
    let attachment = now.containers[0].networks.get_mut("shop_default");
    attachment.unwrap().attached = false;
    let told = said(&base, &now, &[]);
    assert_eq!(
        told,
        ["web network shop_default: was attached, is not attached"]
    );
    now.networks.clear();
    assert_eq!(
        said(&base, &now, &[])[1],
        "network shop_default: was there, is gone"
    );
}

#[test]
fn replicas_are_counted_and_leftovers_are_named() {
    let base = side(vec![replica("web", 1, "a"), replica("web", 2, "b")]);
    let mut now = base.clone();
    now.containers.pop();
    assert_eq!(said(&base, &now, &["web"]), ["web containers: was 2, is 1"]);
    let mut left = replica("web", 1, "c");
    left.name = "0123456789ab_shop-web-1".to_owned();
    left.state = RunState::Created;
    now = base.clone();
    now.containers.push(left.clone());
    assert_eq!(
        said(&base, &now, &["web"]),
        ["web extra container 0123456789ab_shop-web-1: was not there, is created"]
    );
    // One that was there before the run is none of it.
    let mut before = base.clone();
    before.containers.push(left);
    assert_eq!(said(&before, &now, &[]), [""; 0]);
    assert_eq!(said(&before, &base, &[]), [""; 0]);
}

#[test]
fn states_that_are_no_difference() {
    let mut base = side(vec![replica("web", 1, "a")]);
    let mut now = side(vec![replica("web", 1, "b")]);
    now.containers[0].state = RunState::Exited { code: 1 };
    let told = said(&base, &now, &["web"]);
    assert_eq!(told, ["web state: was running, is exited (1)"]);
    // It ran, whatever its healthcheck said.
    base.containers[0].health = Health::Unhealthy;
    assert_eq!(said(&base, &now, &["web"]), told);
    // Trouble from before.
    base.containers[0].state = RunState::Restarting;
    assert_eq!(said(&base, &now, &["web"]), [""; 0]);
    base.containers[0].state = RunState::Exited { code: 0 };
    now.containers[0].state = RunState::Exited { code: 137 };
    assert_eq!(said(&base, &now, &["web"]), [""; 0]);
    now.containers[0].state = RunState::Created;
    let told = said(&base, &now, &["web"]);
    assert_eq!(told, ["web state: was exited (0), is created"]);
}

#[test]
fn a_shared_namespace_is_told_by_its_service() {
    let with = |vpn: &str, id: &str| {
        let mut app = replica("app", 1, id);
        let mode = format!("\"container:{vpn}\"");
        app.settings.insert("NetworkMode".to_owned(), mode);
        side(vec![replica("vpn", 1, vpn), app])
    };
    let (base, now) = (with("v1", "a1"), with("v2", "a2"));
    assert_eq!(said(&base, &now, &["vpn", "app"]), [""; 0]);
    let mut stale = now;
    let mode = "\"container:v1\"".to_owned();
    stale.containers[1]
        .settings
        .insert("NetworkMode".to_owned(), mode);
    assert_eq!(
        said(&base, &stale, &["vpn", "app"]),
        ["app NetworkMode is another one"]
    );
}

#[test]
fn names_of_images_are_compared() {
    let mut base = side(vec![]);
    base.images.insert(
        "app:1".to_owned(),
        Some("sha256:aaaaaaaaaaaaaaaa".to_owned()),
    );
    base.images.insert("none:1".to_owned(), None);
    let mut now = base.clone();
    now.images
        .insert("none:1".to_owned(), Some("sha256:c".to_owned()));
    assert_eq!(said(&base, &now, &[]), [""; 0]);
    now.images.insert(
        "app:1".to_owned(),
        Some("sha256:bbbbbbbbbbbbbbbb".to_owned()),
    );
    assert_eq!(
        said(&base, &now, &[]),
        ["image app:1: was aaaaaaaaaaaa, is bbbbbbbbbbbb"]
    );
}

#[test]
fn only_the_comparison_says_as_it_was_and_leaves_nothing_out() {
    let base = side(vec![replica("web", 1, "a")]);
    let mut now = base.clone();
    let text = |now: &EngineSide, handled: &Handled| match compare(&base, now, handled) {
        Compared::Equal(verified) => verified.sentence(RunId(8)),
        Compared::Differs(found) => panic!("{found:?}"),
    };
    let plain = Handled::default();
    assert_eq!(
        text(&now, &plain),
        "Rolled back: everything is as it was before run 8."
    );
    now.volumes.insert(
        "shop_data".to_owned(),
        VolumeSide {
            project: Some("shop".to_owned()),
            driver: "local".to_owned(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
            created: None,
        },
    );
    let handled = Handled {
        not_run: BTreeSet::from(["migrate".into()]),
        ..Handled::default()
    };
    assert_eq!(
        text(&now, &handled),
        "Rolled back: everything is as it was before run 8, except for the new volume shop_data, \
         which is kept, and migrate, which was recreated and not run again."
    );
}

#[test]
fn what_waited_in_the_files_is_told_by_whether_it_runs() {
    let made = |hash: &str, value: &str| Replica {
        config_hash: Some(hash.to_owned()),
        env: BTreeMap::from([("A".to_owned(), value.to_owned())]),
        ..replica("job", 1, hash)
    };
    let mut base = side(vec![made("a", "1")]);
    base.containers[0].state = RunState::Exited { code: 0 };
    let mut now = side(vec![made("b", "2")]);
    let handled = Handled {
        services: BTreeSet::from(["job".into()]),
        files_are_back: true,
        ..Handled::default()
    };
    let text = |base: &EngineSide, now: &EngineSide| match compare(base, now, &handled) {
        Compared::Equal(verified) => verified.sentence(RunId(8)),
        Compared::Differs(found) => panic!("{found:?}"),
    };
    now.containers[0].state = RunState::Exited { code: 137 };
    let waited = "what waited in its files to be applied (A).";
    assert_eq!(
        text(&base, &now),
        format!(
            "Rolled back: everything is as it was before run 8, except for job, which does not run, \
             and whose container was recreated with {waited}"
        )
    );
    base.containers[0].state = RunState::Running;
    now.containers[0].state = RunState::Running;
    let told = text(&base, &now);
    let runs = format!("except for job, which now runs with {waited}");
    assert!(told.ends_with(&runs), "{told}");
}

#[test]
fn what_a_recreate_has_discarded_is_left_out_of_as_it_was() {
    let base = side(vec![replica("web", 1, "a")]);
    let gone = |files: Option<&[&str]>| Left::Discarded {
        service: "web".into(),
        files: files.map(|files| files.iter().map(|file| (*file).to_owned()).collect()),
    };
    let text = |left: Left| {
        let handled = Handled {
            left: vec![left],
            ..Handled::default()
        };
        match compare(&base, &base, &handled) {
            Compared::Equal(verified) => verified.sentence(RunId(8)),
            Compared::Differs(found) => panic!("{found:?}"),
        }
    };
    let told = text(gone(Some(&["/srv/a", "/srv/b", "/srv/c", "/srv/d"])));
    let end = "except for /srv/a, /srv/b, /srv/c and 1 more file in the old container of web, gone \
               with it.";
    assert!(told.ends_with(end), "{told}");
    let told = text(gone(None));
    assert!(told.ends_with("which is not known."), "{told}");
}

/// Compose gives a container its own name as an alias, and chooses its number anew.
#[test]
fn the_number_in_a_containers_name_is_no_change() {
    let named = |number: u32, id: &str, name: &str| {
        let mut one = replica("web", number, id);
        name.clone_into(&mut one.name);
        for attachment in one.networks.values_mut() {
            attachment.aliases.insert(name.to_owned());
        }
        one
    };
    let base = side(vec![
        named(1, "a", "shop-web-1"),
        named(2, "b", "shop-web-2"),
    ]);
    let now = side(vec![
        named(2, "c", "shop-web-2"),
        named(3, "d", "shop-web-3"),
    ]);
    assert_eq!(said(&base, &now, &["web"]), [""; 0]);
    // A name of its own that was taken off it is one.
    let base = side(vec![named(1, "a", "mine")]);
    let now = side(vec![named(1, "b", "other")]);
    let told = ["web on network shop_default: was mine, web, is other, web"];
    assert_eq!(said(&base, &now, &["web"]), told);
}
