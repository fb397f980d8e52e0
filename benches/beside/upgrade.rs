//! Upgrades of a checkout beside what a person types instead, and beside the steps of LibreChat's own
//! updater.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::measure::{beside, median, output_of, timed};
use super::outage;
use super::stack::{IMAGE, Stack, free_port};
use super::table::{Row, Table};

/// Upgrades in each way.
const ROUNDS: usize = 3;
/// Pairs in which nothing is new.
const QUIET: usize = 9;
/// How long the image is built, in seconds.
const BUILD: u32 = 2;

/// What one way of upgrading costs.
#[derive(Default)]
struct Cost {
    changed: Vec<Duration>,
    neighbour: Vec<Duration>,
    took: Vec<Duration>,
}

/// A stack that is a clone, and the work tree of those who publish it.
struct Published {
    stack: Stack,
    neighbour: u16,
    version: Cell<u32>,
}

/// Measures all of it.
pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let published = Published::new()?;
    nothing_new(&published, table)?;
    let (mut ours, mut note, mut updater) = (Cost::default(), Cost::default(), Cost::default());
    for _ in 0..ROUNDS {
        ours.add(&published, || {
            output_of(&mut published.stack.refit(&["upgrade"])).map(drop)
        })?;
        note.add(&published, || published.by_the_note())?;
        updater.add(&published, || published.by_the_updater())?;
    }
    let middle = |times: &[Duration]| median(times.iter().copied());
    for (name, theirs) in [
        ("git pull && down && up -d --build", &note),
        ("git pull, down, rmi, build --no-cache, up -d", &updater),
    ] {
        let rows = [
            ("outage, changed", &ours.changed, &theirs.changed),
            ("outage, unchanged", &ours.neighbour, &theirs.neighbour),
            ("command", &ours.took, &theirs.took),
        ];
        for (what, left, right) in rows {
            let what = format!("{what}: upgrade | {name}");
            table.add(Row::times(&what, middle(left), middle(right)));
        }
    }
    Ok(())
}

fn nothing_new(published: &Published, table: &mut Table) -> Result<()> {
    let stack = &published.stack;
    let (ours, theirs) = beside(
        QUIET,
        || timed(&mut stack.refit(&["upgrade"])),
        || {
            let began = Instant::now();
            output_of(&mut stack.git(&["fetch", "--quiet"]))?;
            output_of(&mut stack.compose(&["config"]))?;
            Ok(began.elapsed())
        },
    )?;
    let what = "nothing new: upgrade | git fetch && docker compose config";
    let aim = theirs.as_millis() + 100;
    table.add(Row::times(what, ours, theirs).ours_at_most(&format!("{aim} ms")));
    Ok(())
}

impl Cost {
    /// The next version, taken in this way.
    fn add(&mut self, published: &Published, take: impl FnOnce() -> Result<()>) -> Result<()> {
        published.publish()?;
        let changed = outage::during(published.stack.port, || {
            outage::during(published.neighbour, take)
        })?;
        self.changed.push(changed.outage);
        self.neighbour.push(changed.result.outage);
        self.took.push(changed.result.took);
        Ok(())
    }
}

impl Published {
    fn new() -> Result<Self> {
        let neighbour = free_port()?;
        let port = free_port()?;
        let stack = Stack::cloned(&compose(port, neighbour), port, |author| {
            let dockerfile = format!(
                "FROM {IMAGE}\nCOPY version /www/index.html\nRUN sleep {BUILD}\n\
                 CMD [\"httpd\", \"-f\", \"-p\", \"80\", \"-h\", \"/www\"]\n"
            );
            fs::write(author.join("web/Dockerfile"), dockerfile)?;
            Ok(fs::write(author.join("web/version"), "0\n")?)
        })?;
        output_of(&mut stack.compose(&["build", "--quiet"]))?;
        stack.start()?;
        let version = Cell::new(0);
        Ok(Self {
            stack,
            neighbour,
            version,
        })
    }

    /// Another version of what `web` is built from.
    fn publish(&self) -> Result<()> {
        self.version.set(self.version.get() + 1);
        let text = format!("{}\n", self.version.get());
        fs::write(self.stack.author().join("web/version"), text)?;
        self.stack.publish()
    }

    fn by_the_note(&self) -> Result<()> {
        output_of(&mut self.stack.git(&["pull", "--quiet"]))?;
        output_of(&mut self.stack.compose(&["down"]))?;
        output_of(&mut self.stack.compose(&["up", "--detach", "--build"])).map(drop)
    }

    /// The image is removed and built without a cache; the start is the person's own.
    fn by_the_updater(&self) -> Result<()> {
        output_of(&mut self.stack.git(&["pull", "--quiet"]))?;
        output_of(&mut self.stack.compose(&["down"]))?;
        output_of(&mut self.stack.remove_image("web"))?;
        output_of(&mut self.stack.compose(&["build", "--no-cache"]))?;
        output_of(&mut self.stack.compose(&["up", "--detach"])).map(drop)
    }
}

fn compose(port: u16, neighbour: u16) -> String {
    format!(
        r#"services:
  web:
    build: ./web
    init: true
    ports: ["127.0.0.1:{port}:80"]
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"]
      interval: 30s
      start_period: 10s
      start_interval: 100ms
  neighbour:
    image: {IMAGE}
    init: true
    command: ["httpd", "-f", "-p", "80", "-h", "/etc"]
    ports: ["127.0.0.1:{neighbour}:80"]
"#
    )
}
