//! Which version an image says it is, and what it makes of another's data.

use super::{Jump, StoreVersion};
use crate::docker::image::Brought;

fn brought(env: &[(&str, &str)], labels: &[(&str, &str)]) -> Brought {
    let pairs = |all: &[(&str, &str)]| {
        let all = all.iter();
        all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    };
    Brought {
        env: pairs(env),
        labels: pairs(labels),
        ..Brought::default()
    }
}

#[test]
fn an_image_says_its_version_before_its_tag_does() {
    let postgres = |major| brought(&[("PG_MAJOR", major), ("PGDATA", "/d")], &[]);
    let ubuntu = [
        ("org.opencontainers.image.ref.name", "ubuntu"),
        ("org.opencontainers.image.version", "22.04"),
    ];
    for (image, brought, named) in [
        (Some("r:5000/postgres"), postgres("16"), "postgres 16"),
        (Some("mine/own:dev"), postgres("15"), "postgres 15"),
        (None, postgres("15"), "postgres 15"),
        (
            Some("mariadb:latest"),
            brought(&[("MARIADB_VERSION", "1:10.11.6+maria~ubu2204")], &[]),
            "mariadb 10.11",
        ),
        (
            Some("bitnami/postgresql:latest"),
            brought(
                &[
                    ("BITNAMI_APP_NAME", "postgresql"),
                    ("APP_VERSION", "16.1.0"),
                ],
                &[],
            ),
            "postgres 16.1",
        ),
        (
            Some("mongo"),
            brought(&[("MONGO_MAJOR", "7.0")], &ubuntu),
            "mongo 7.0",
        ),
        (
            Some("clickhouse/clickhouse-server:23.8"),
            brought(&[], &ubuntu),
            "clickhouse 23.8",
        ),
        (
            Some("qdrant/qdrant"),
            brought(&[], &[("org.opencontainers.image.version", "v1.12.4")]),
            "qdrant 1.12",
        ),
        (
            Some("cache:stable"),
            brought(&[("VALKEY_VERSION", "8.0.1")], &[]),
            "valkey 8.0",
        ),
        (
            Some("ghcr.io/immich-app/postgres:14-vectorchord0.4.3-pgvectors0.2.0"),
            brought(&[], &[]),
            "postgres 14",
        ),
    ] {
        let version = StoreVersion::of(image, Some(&brought)).expect(named);
        assert_eq!(version.named(), named, "{image:?}");
    }
    // A client of PostgreSQL keeps no data of its kind.
    let client = brought(&[("PG_MAJOR", "16")], &[]);
    assert_eq!(StoreVersion::of(Some("mine/app:1"), Some(&client)), None);
}

#[test]
fn what_one_version_makes_of_the_data_of_another() {
    use Jump::{NotKnown, Reads, Refused};
    for (from, to, jump) in [
        ("postgres:15", "postgres:16", Refused),
        ("postgres:16", "postgres:15", Refused),
        ("postgres:15.4", "postgres:15.1-alpine", Reads),
        ("postgres:15", "postgres:latest", NotKnown),
        (
            "postgres:15",
            "pgautoupgrade/pgautoupgrade:17-alpine",
            Reads,
        ),
        (
            "pgautoupgrade/pgautoupgrade:17-alpine",
            "postgres:15",
            Refused,
        ),
        ("bitnami/postgresql:15", "bitnami/postgresql:16", Refused),
        ("postgis/postgis:15-3.4", "postgis/postgis:16-3.4", Refused),
        ("postgis/postgis:15-3.4", "postgis/postgis:15-3.5", Reads),
        ("pgvecto-rs:pg14-v0.2.0", "pgvecto-rs:pg16-v0.2.0", Refused),
        ("pgvecto-rs:pg14-v0.2.0", "pgvecto-rs:pg14-v0.3.0", Reads),
        ("timescaledb:2.14.2-pg15", "timescaledb:2.15.0-pg15", Reads),
        ("timescaledb:2.14", "timescaledb:2.15", NotKnown),
        ("mysql:5.7", "mysql:8.0", Refused),
        ("mysql:8.4", "mysql:8.0", Refused),
        ("mysql:8.0", "percona/percona-server:8.0", Reads),
        (
            "percona/percona-server:5.7",
            "percona/percona-server:8.0",
            Refused,
        ),
        ("mongo:4.4", "mongo:4.2", Refused),
        ("mongo:7", "mongo:7.0.5", Reads),
        ("meilisearch:v1.7", "meilisearch:v1.12", Refused),
        ("meilisearch:v1.12.1", "meilisearch:v1.12.8", Reads),
        ("opensearch:1", "opensearch:2", Refused),
        ("qdrant:v1.7.0", "qdrant:v1.8.0", Reads),
        ("qdrant:v1.7.0", "qdrant:v1.12.0", Refused),
        ("qdrant:v1.8.0", "qdrant:v1.7.0", Refused),
        ("neo4j:4.4", "neo4j:5", Refused),
        ("influxdb:1.8", "influxdb:2.7", Refused),
        ("clickhouse-server:23", "clickhouse-server:24", Refused),
        ("redis:7.2", "redis:8", Reads),
        ("redis:8", "redis:7.2", Refused),
        ("valkey:8", "valkey:9", Reads),
        ("valkey:9", "valkey:8", Refused),
        ("redis:6.2-alpine", "valkey/valkey:8", Reads),
        ("redis:7.2.4", "valkey/valkey:8", Reads),
        ("redis:7.4", "valkey/valkey:8", Refused),
        ("redis:7", "valkey/valkey:8", Refused),
        ("valkey/valkey:8", "redis:8", Refused),
        ("postgres:15", "mysql:8", Refused),
    ] {
        let of = |image| StoreVersion::of(Some(image), None).unwrap();
        assert_eq!(of(to).takes(&of(from)), jump, "{from} → {to}");
    }
    assert_eq!(StoreVersion::of(Some("nginx:1"), None), None);
}
