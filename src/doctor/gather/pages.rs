//! What the application answers, on this host and at the address that the person names. Asks each
//! page once, and follows nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::examination::Examination;
use crate::docker::container::Health;
use crate::doctor::{Answered, Outside, REDIS, Visit};
use crate::host::{http, redis};
use crate::profile::Page;
use crate::profile::image::image_name;
use crate::stack::address;
use crate::stack::url::Address;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An application that was started less than so many seconds ago may not answer yet.
const YOUNG: i64 = 60;

impl Examination<'_> {
    /// Redis servers that a person started by hand, open to others and without a password.
    pub(super) async fn outside(&self) -> Vec<Outside> {
        let Some(running) = self.running.filter(|_| self.is_local()) else {
            return Vec::new();
        };
        let found = running.place.docker.running().await.unwrap_or_default();
        let meant = found
            .iter()
            .filter(|one| one.project.is_none() && REDIS.contains(&image_name(&one.image)));
        let mut outside: Vec<Outside> = Vec::new();
        for (one, port) in meant.flat_map(|one| one.ports.iter().map(move |port| (one, port))) {
            let is_told = outside.iter().any(|told| told.port == port.port);
            if !is_told && address::is_open(&port.ip) && redis::answers_anybody(port.port).await {
                outside.push(Outside {
                    name: one.name.clone(),
                    port: port.port,
                });
            }
        }
        outside
    }

    /// The application's page of health; nothing where there is none to be asked.
    pub(super) async fn health(&self) -> Result<Option<(Page, Answered)>, String> {
        let Some(subject) = self.subject else {
            return Ok(None);
        };
        let pages = subject.profile.health_pages(subject.version.as_deref());
        if pages.is_empty() {
            return Ok(None);
        }
        let running = self.running.ok_or("no engine answers")?;
        if !self.is_local() {
            return Err("the engine is on another machine".to_owned());
        }
        let own = running
            .containers
            .iter()
            .find(|(container, _)| container.service == subject.service && container.is_up());
        let (_, inspected) = own.ok_or_else(|| format!("{} does not run", subject.service))?;
        let service = self.resolved.model.services.get(&subject.service);
        let base = service
            .and_then(|service| address::on_this_host(service, subject.profile.port))
            .ok_or("its port is not published on this machine")?;
        let mut found = None;
        for page in pages {
            let answered = ask(&base, &page).await;
            let lacks = answered
                .reply
                .as_ref()
                .is_ok_and(|reply| subject.profile.lacks_page(&page, reply.status, &reply.body));
            found = Some((page, answered));
            if !lacks {
                break;
            }
        }
        let is_young = inspected.as_ref().is_some_and(|inspected| {
            let age = |at: Timestamp| Timestamp::now().as_second() - at.as_second();
            inspected.health == Health::Starting
                || inspected.started_at.is_some_and(|at| age(at) < YOUNG)
        });
        let is_starting = found
            .as_ref()
            .is_some_and(|(_, answered)| match &answered.reply {
                Ok(reply) => reply.status == 503,
                Err(_) => true,
            });
        match is_young && is_starting {
            true => Err(format!("{} is still starting", subject.service)),
            false => Ok(found),
        }
    }

    pub(super) async fn visit(&self, address: Address) -> Visit {
        let page = Page {
            path: match address.rest.split('#').next() {
                Some("") | None => "/".to_owned(),
                Some(rest) => rest.to_owned(),
            },
            post: false,
            status: 200,
            body: None,
        };
        let origin = address.origin();
        let known = self
            .subject
            .and_then(|subject| subject.profile.health.as_ref());
        let path = address.rest.split(['?', '#']).next().unwrap_or_default();
        let path = path.trim_end_matches('/');
        let mut health = Vec::new();
        if let Some(known) = known {
            health.push(ask(&origin, known).await);
            if !path.is_empty() {
                health.push(ask(&format!("{origin}{path}"), known).await);
            }
        }
        Visit {
            page: ask(&origin, &page).await,
            health,
            address,
        }
    }
}

async fn ask(base: &str, page: &Page) -> Answered {
    let url = format!("{base}{}", page.path);
    let asked = http::PageRequest {
        url: url.clone(),
        ..http::PageRequest::default()
    };
    Answered {
        reply: http::ask(asked, PATIENCE).await,
        url,
    }
}
