use super::*;
use crate::stack::snapshot::tests::{replica, side};

fn listening(service: &str, id: &str, exposed: &[u16], listens: &[u16]) -> Replica {
    let ports = |ports: &[u16]| ports.iter().copied().map(ServedPort::tcp).collect();
    let mut one = replica(service, 1, id);
    one.reach = ContainerReach {
        pid: 7,
        exposed: ports(exposed),
        published: BTreeMap::from([(ServedPort::tcp(80), "127.0.0.1:8080".parse().unwrap())]),
        network_of: None,
        listens: Listens::On(ports(listens)),
    };
    one
}

#[test]
fn what_answered_and_what_has_to_answer_again() {
    let web = listening("web", "a", &[80, 90, 91], &[80, 90, 5]);
    let before = PortsBefore::of(&side(vec![web.clone()]), &"web".into());
    let answered: Vec<u16> = before.answered.keys().map(|port| port.number).collect();
    assert_eq!(answered, [80, 90]);
    let wanted = before.wanted(&web.reach);
    let missing = |listens: &[u16]| -> Vec<u16> {
        let listens = listens.iter().copied().map(ServedPort::tcp).collect();
        let missing = wanted.missing(&listens).into_iter();
        missing.map(|port| port.number).collect()
    };
    assert_eq!(
        wanted.told([80, 90].map(ServedPort::tcp)),
        "ports 90 and 8080"
    );
    assert_eq!(missing(&[]), [80, 90]);
    assert_eq!(missing(&[80, 5]), [90]);
    // It listens elsewhere now, where the definition says nothing of it; a published one stays.
    assert_eq!(missing(&[91]), [80]);
    assert_eq!(missing(&[80, 90]), [0; 0]);
    let mut moved = web.reach;
    moved.exposed = BTreeSet::from([ServedPort::tcp(81)]);
    assert!(before.wanted(&moved).is_empty());
}

#[test]
fn a_port_answers_where_each_container_listens() {
    let (a, mut b) = (
        listening("web", "a", &[80, 90], &[80, 90]),
        listening("web", "b", &[80, 90], &[80]),
    );
    b.number = 2;
    let before = PortsBefore::of(&side(vec![a.clone(), b.clone()]), &"web".into());
    assert_eq!(
        before.answered.into_keys().collect::<Vec<_>>(),
        [ServedPort::tcp(80)]
    );
    b.reach.listens = Listens::NotLooked("denied".to_owned());
    let before = PortsBefore::of(&side(vec![b]), &"web".into());
    assert_eq!(
        (before.answered.len(), before.not_looked.as_deref()),
        (0, Some("denied"))
    );
    let mut follower = listening("app", "f", &[], &[80]);
    follower.reach.published.clear();
    follower.reach.network_of = Some("a".to_owned());
    let before = PortsBefore::of(&side(vec![a, follower]), &"app".into());
    assert!(before.answered[&ServedPort::tcp(80)].is_published && before.is_shared);
}

#[test]
fn what_is_served_over_udp() {
    let (dns, exposed) = (ServedPort::udp(53), ServedPort::udp(54));
    let mut one = listening("dns", "a", &[], &[]);
    one.reach.exposed = BTreeSet::from([dns, exposed]);
    one.reach.published = BTreeMap::from([(dns, "127.0.0.1:5353".parse().unwrap())]);
    one.reach.listens = Listens::On(BTreeSet::from([dns, exposed]));
    let before = PortsBefore::of(&side(vec![one.clone()]), &"dns".into());
    assert_eq!(before.answered.len(), 2);
    assert_eq!(before.worth_asking(), []);
    assert_eq!(before.udp(None), BTreeSet::from([53, 54]));
    let wanted = before.wanted(&one.reach);
    // Of a port that is only exposed it is said, for nobody sees whether it has moved.
    assert_eq!(wanted.missing(&BTreeSet::new()), BTreeSet::from([dns]));
    assert_eq!(wanted.told([dns]), "port 5353/udp");
    assert_eq!(
        wanted.told_moved([exposed], &BTreeSet::from([dns])),
        "does not listen on port 54/udp any more"
    );
}

#[test]
fn a_published_port_that_leads_elsewhere() {
    let at =
        |port: u16| BTreeMap::from([(ServedPort::tcp(port), "127.0.0.1:8080".parse().unwrap())]);
    let web = listening("web", "a", &[80], &[80]);
    let mut before = PortsBefore::of(&side(vec![web.clone()]), &"web".into());
    before.spoke_http(ServedPort::tcp(80), 200);
    let mut moved = web.reach.clone();
    moved.published = at(81);
    moved.exposed = BTreeSet::from([ServedPort::tcp(81)]);
    before.is_published_at(&moved);
    let wanted = before.wanted(&moved);
    let listens = BTreeSet::from([ServedPort::tcp(80)]);
    let missing = wanted.missing(&listens);
    assert_eq!(wanted.told(missing.iter().copied()), "port 8080");
    assert_eq!(
        wanted.told_astray(&missing, &listens).as_deref(),
        Some(
            "published 8080 leads to port 81 of the container, on which nothing listens; \
             it listens on 80"
        )
    );
    assert!(
        wanted
            .missing(&BTreeSet::from([ServedPort::tcp(81)]))
            .is_empty()
    );
    assert_eq!(before.asked(), Some((ServedPort::tcp(81), 200)));
}

#[test]
fn a_published_port_that_leads_nowhere() {
    let mut web = listening("web", "a", &[80], &[90]);
    let told = |reach: &ContainerReach, ran| unserved(&PortsBefore::default(), ran, reach);
    let nowhere = "published 8080 leads to port 80 of the container, on which nothing \
                   listens; it listens on 90";
    assert_eq!(told(&web.reach, false), [nowhere]);
    // It was so before.
    let before = PortsBefore::of(&side(vec![web.clone()]), &"web".into());
    assert!(unserved(&before, true, &web.reach).is_empty());
    web.reach.listens = Listens::On(BTreeSet::new());
    assert!(told(&web.reach, false).is_empty());
    assert!(told(&web.reach, true)[0].ends_with("it listens on no port"));
    web.reach.listens = Listens::NotLooked("denied".to_owned());
    assert_eq!(
        told(&web.reach, false),
        ["its ports were not looked at: denied"]
    );
    assert!(told(&web.reach, true).is_empty());
}
