//! What is known of stores: databases whose data one version cannot read from another, and the version
//! of one, as its image says it. Pure.

use crate::docker::image::Brought;

/// The variables by which stores are given a password at their first start.
pub(super) const STORE_PASSWORDS: [&str; 8] = [
    "POSTGRES_PASSWORD",
    "MYSQL_PASSWORD",
    "MYSQL_ROOT_PASSWORD",
    "MARIADB_PASSWORD",
    "MARIADB_ROOT_PASSWORD",
    "MONGO_INITDB_ROOT_PASSWORD",
    "DB_PASSWORD",
    "DB_PASS",
];

/// What a newer version makes of the data of an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forward {
    /// It reads that of the same version only, told by so many numbers of it.
    Same(usize),
    /// It reads that of the version just before: none may be left out.
    Next,
    /// It reads it. What it writes, the older one cannot read.
    Reads,
}

/// A kind of store.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Store {
    /// Whose data it keeps.
    data: &'static str,
    /// The last parts of its images' names.
    names: &'static [&'static str],
    /// The same of images whose tags have its version behind `pg`: the first one is another's.
    marked: &'static [&'static str],
    /// The variables of its images that have its version.
    variables: &'static [&'static str],
    /// What its images have besides, where other images have such variables too.
    with: Option<&'static str>,
    /// Whether its images are labelled with its version, and not with that of what they are made from.
    labelled: bool,
    forward: Forward,
    /// So many numbers of the version must not go back.
    back: usize,
    /// Whether it keeps the password of its first start.
    pub(super) keeps_password: bool,
}

/// What most of them have in common.
const COMMON: Store = Store {
    data: "",
    names: &[],
    marked: &[],
    variables: &[],
    with: None,
    labelled: false,
    forward: Forward::Same(1),
    back: 2,
    keeps_password: false,
};

const STORES: [Store; 12] = [
    Store {
        data: "postgres",
        names: &["postgres", "postgresql", "postgis", SELF_UPGRADING],
        marked: &[
            "pgvector",
            "pgvecto-rs",
            "vchord-postgres",
            "timescaledb",
            "timescaledb-ha",
        ],
        variables: &["PG_MAJOR", "PG_VERSION"],
        with: Some("PGDATA"),
        back: 1,
        keeps_password: true,
        ..COMMON
    },
    Store {
        data: "mysql",
        names: &["mysql", "mysql-server", "percona", "percona-server"],
        variables: &["MYSQL_VERSION", "MYSQL_MAJOR", "PS_VERSION"],
        keeps_password: true,
        ..COMMON
    },
    Store {
        data: "mariadb",
        names: &["mariadb"],
        variables: &["MARIADB_VERSION", "MARIADB_MAJOR"],
        keeps_password: true,
        ..COMMON
    },
    Store {
        data: "mongo",
        names: &["mongo", "mongodb"],
        variables: &["MONGO_VERSION", "MONGO_MAJOR"],
        // 4.2 and 4.4 are as far from each other as 5 and 6.
        forward: Forward::Same(2),
        keeps_password: true,
        ..COMMON
    },
    Store {
        data: "meilisearch",
        names: &["meilisearch"],
        labelled: true,
        // 1.12 refuses the data of 1.7.
        forward: Forward::Same(2),
        ..COMMON
    },
    Store {
        data: "elasticsearch",
        names: &["elasticsearch"],
        labelled: true,
        ..COMMON
    },
    Store {
        data: "opensearch",
        names: &["opensearch"],
        labelled: true,
        ..COMMON
    },
    Store {
        data: "qdrant",
        names: &["qdrant"],
        labelled: true,
        forward: Forward::Next,
        ..COMMON
    },
    Store {
        data: "neo4j",
        names: &["neo4j"],
        variables: &["NEO4J_VERSION"],
        labelled: true,
        ..COMMON
    },
    Store {
        data: "influxdb",
        names: &["influxdb"],
        variables: &["INFLUXDB_VERSION"],
        labelled: true,
        ..COMMON
    },
    Store {
        data: "clickhouse",
        names: &["clickhouse", "clickhouse-server"],
        labelled: true,
        ..COMMON
    },
    REDIS,
];

const REDIS: Store = Store {
    data: "redis",
    names: &["redis", "valkey"],
    variables: &["REDIS_VERSION", "VALKEY_VERSION"],
    labelled: true,
    forward: Forward::Reads,
    ..COMMON
};

/// Moves the data of an older version by itself, before it starts.
const SELF_UPGRADING: &str = "pgautoupgrade";

/// Valkey left Redis at 7.2, and reads what it wrote until then.
const LAST_COMMON: [u64; 2] = [7, 2];

/// A store in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoreVersion {
    /// What it is.
    pub(super) store: &'static Store,
    /// Its numbers, the first first; none where nothing says them.
    numbers: Vec<u64>,
    is_valkey: bool,
    upgrades_itself: bool,
}

/// Whether a version can be given the data of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Jump {
    /// It can.
    Reads,
    /// It cannot, or there is no way back from it.
    Refused,
    /// Nothing says which version one of them is.
    NotKnown,
}

impl StoreVersion {
    /// What an image is, as it says itself; by its name where it does not.
    pub(super) fn of(image: Option<&str>, brought: Option<&Brought>) -> Option<Self> {
        let (name, tag) = image.map(parts).unwrap_or_default();
        let by_name = STORES.iter().find(|store| store.is_called(name));
        let is_in = |store: &&'static Store| brought.is_some_and(|brought| store.is_in(brought));
        let store = by_name.or_else(|| STORES.iter().find(is_in))?;
        let said = brought.and_then(|brought| store.said_by(brought));
        let is_called = |other: &str| name == other;
        Some(Self {
            store,
            numbers: said.unwrap_or_else(|| match by_name.is_some() {
                true => store.of_tag(name, tag),
                false => Vec::new(),
            }),
            is_valkey: is_called("valkey")
                || brought.is_some_and(|brought| brought.env.contains_key("VALKEY_VERSION")),
            upgrades_itself: is_called(SELF_UPGRADING),
        })
    }

    /// Whether it can be told.
    pub(super) fn is_known(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// Whether it can have the data that another one wrote, and give it back.
    pub(super) fn takes(&self, old: &Self) -> Jump {
        if self.store != old.store {
            return Jump::Refused;
        }
        if !self.is_known() || !old.is_known() {
            return Jump::NotKnown;
        }
        let (from, to) = (&old.numbers, &self.numbers);
        match (old.is_valkey, self.is_valkey) {
            (true, false) => return Jump::Refused,
            (false, true) => {
                return match from.len() > 1
                    && from.as_slice() < &[LAST_COMMON[0], LAST_COMMON[1] + 1]
                    || from[0] < LAST_COMMON[0]
                {
                    true => Jump::Reads,
                    false => Jump::Refused,
                };
            }
            (true, true) | (false, false) => {}
        }
        let (back, store) = (first(self.store.back, from, to), self.store);
        if back.1 < back.0 {
            return Jump::Refused;
        }
        let reads = match store.forward {
            Forward::Same(_) if self.upgrades_itself => true,
            Forward::Same(count) => {
                let (from, to) = first(count, from, to);
                from == to
            }
            Forward::Next => match (back.0, back.1) {
                ([major, minor], [major_now, minor_now]) => {
                    major == major_now && *minor_now <= minor + 1
                }
                (from, to) => from == to,
            },
            Forward::Reads => true,
        };
        match reads {
            true => Jump::Reads,
            false => Jump::Refused,
        }
    }

    /// Whether it moves the data of another one by itself.
    pub(super) fn moves(&self, old: &Self) -> bool {
        self.upgrades_itself
            && self.is_known()
            && old.is_known()
            && self.numbers[0] > old.numbers[0]
    }

    /// Whether an image's name says it.
    pub(super) fn is_told_by(&self, image: &str) -> bool {
        let told = Self::of(Some(image), None).filter(Self::is_known);
        told.is_some_and(|told| {
            let (own, told) = first(2, &self.numbers, &told.numbers);
            own == told
        })
    }

    /// Whose data it keeps, as a person calls that.
    pub(super) fn store_name(&self) -> &'static str {
        match self.is_valkey {
            true => "valkey",
            false => self.store.data,
        }
    }

    /// As a person calls it.
    pub(super) fn named(&self) -> String {
        let data = self.store_name();
        let numbers: Vec<String> = self.numbers.iter().take(2).map(u64::to_string).collect();
        match numbers.as_slice() {
            [] => data.to_owned(),
            numbers => format!("{data} {}", numbers.join(".")),
        }
    }
}

/// The first numbers of both, as far as both have them: `7` may be any 7.
fn first<'a>(count: usize, from: &'a [u64], to: &'a [u64]) -> (&'a [u64], &'a [u64]) {
    let count = count.min(from.len()).min(to.len());
    (&from[..count], &to[..count])
}

/// The last part of an image's name, and its tag.
fn parts(image: &str) -> (&str, &str) {
    let image = image.split('@').next().unwrap_or(image);
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, ""),
    };
    (name.rsplit('/').next().unwrap_or(name), tag)
}

impl Store {
    fn is_called(&self, name: &str) -> bool {
        self.names.contains(&name) || self.marked.contains(&name)
    }

    /// Whether an image is one, by what it gives to its containers.
    fn is_in(&self, brought: &Brought) -> bool {
        let has = |key: &&str| brought.env.contains_key(*key);
        let name = brought.env.get("BITNAMI_APP_NAME");
        name.is_some_and(|name| self.is_called(name))
            || self.variables.iter().any(has) && self.with.as_ref().is_none_or(has)
    }

    fn said_by(&self, brought: &Brought) -> Option<Vec<u64>> {
        let has_name = brought.env.contains_key("BITNAMI_APP_NAME");
        let packaged = has_name.then(|| brought.env.get("APP_VERSION")).flatten();
        let own = self.variables.iter().find_map(|key| brought.env.get(*key));
        // Of an image that is made from a distribution's the label may be the distribution's.
        let base = brought.labels.get("org.opencontainers.image.ref.name");
        let is_own = base.is_none_or(|base| self.is_called(base));
        let label = |key: &str| brought.labels.get(key).filter(|_| self.labelled && is_own);
        let label =
            label("org.opencontainers.image.version").or_else(|| label("org.label-schema.version"));
        let said = [own, packaged, label].into_iter().flatten();
        let mut said = said.map(|text| numbers(text));
        said.find(|numbers| !numbers.is_empty())
    }

    fn of_tag(&self, name: &str, tag: &str) -> Vec<u64> {
        if self.data != "postgres" {
            return numbers(tag);
        }
        let marks = tag
            .match_indices("pg")
            .map(|(at, mark)| &tag[at + mark.len()..]);
        let marked = marks.map(numbers).find(|numbers| !numbers.is_empty());
        match marked {
            Some(numbers) => numbers,
            None if self.marked.contains(&name) => Vec::new(),
            None => numbers(tag),
        }
    }
}

/// `1:10.11.6+maria~ubu2204` is 10, 11, 6; what does not begin with a number has none.
fn numbers(text: &str) -> Vec<u64> {
    let text = match text.split_once(':') {
        Some((epoch, rest)) if epoch.parse::<u64>().is_ok() => rest,
        _ => text,
    };
    let text = text.trim_start_matches('v');
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let text = &text[..end.unwrap_or(text.len())];
    text.split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests;
