//! Looks at the application itself: signs in as a person would, restarts it, asks again. What cannot
//! be looked at is said to be not proven; what is not as asked fails the run.

use crate::complaint::Code;
use std::time::Duration;

use jiff::Timestamp;

use crate::event::{Action, Kind, NoteCode, ProofResult, Route, ServiceName, VerdictWord};
use crate::failure::Failure;
use crate::fault::fault;
use crate::health::check::{self, Check, CheckResult, Proofs};
use crate::health::set_cookie::SetCookie;
use crate::health::watch::Watch;
use crate::host::http::{self, PageRequest, Reply};
use crate::plan::Step;
use crate::profile::SignIn;
use crate::run::transaction::Transaction;
use crate::stack::address;
use crate::state::journal::Entry;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A healthy application may still be a moment from answering a person: it is asked again so long.
const WARM_UP: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);

/// A person who has just signed in.
struct Login<'p> {
    sign_in: &'p SignIn,
    /// What the sign-in was answered with.
    reply: Reply,
    cookie: SetCookie,
    /// Only what came over https is given a cookie.
    by_https: bool,
}

fn by(https: bool, ask: PageRequest) -> PageRequest {
    PageRequest {
        came_by_https: https,
        ..ask
    }
}

/// Why something cannot be looked at, or what was seen.
type LookResult = Result<CheckResult, String>;

impl Transaction<'_> {
    /// Every proof that the change asks for. Each question has its limit; a signal ends them all.
    pub(crate) async fn proofs(&self, watch: &mut Watch) -> Result<(), Failure> {
        let Some(proofs) = self.assessment.proofs() else {
            return Ok(());
        };
        fault!("proof.before");
        let was_failing = watch
            .verdicts()
            .get(&proofs.service)
            .is_some_and(|verdict| verdict.word == VerdictWord::AlreadyFailing);
        if was_failing {
            return self.leave_out(proofs, "it was failing before");
        }
        if let Some(account) = &proofs.account {
            self.unless_signalled(self.make_account(proofs, account))
                .await??;
        }
        for check in &proofs.checks {
            let finding = match check {
                Check::SessionSurvives => self.survives(proofs, watch).await?,
                Check::OpenWithoutLogin | Check::SessionLasts(_) | Check::CookieFits { .. } => {
                    self.unless_signalled(self.look(proofs, *check)).await?
                }
            };
            let finding = finding.unwrap_or_else(|why| CheckResult::not_proven(*check, &why));
            self.tell_proof(&proofs.service, *check, finding)?;
        }
        fault!("proof.after");
        Ok(())
    }

    async fn unless_signalled<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            done = work => Ok(done),
            signal = self.signals.wait() => Err(Failure::of_signal(signal)),
        }
    }

    /// Nothing was touched, so there is nothing new to look at.
    pub(crate) fn proofs_left_out(&self) -> Result<(), Failure> {
        let Some(proofs) = self.assessment.proofs() else {
            return Ok(());
        };
        let why = match (
            self.request.options.no_apply,
            self.assessment.plan.stack_is_down,
        ) {
            (true, _) => "the change was not applied",
            (_, true) => "the stack is down",
            _ => "no service was touched",
        };
        self.leave_out(proofs, why)
    }

    fn leave_out(&self, proofs: &Proofs, why: &str) -> Result<(), Failure> {
        for check in &proofs.checks {
            let finding = CheckResult::not_proven(*check, why);
            self.tell_proof(&proofs.service, *check, finding)?;
        }
        Ok(())
    }

    fn tell_proof(
        &self,
        service: &ServiceName,
        check: Check,
        finding: CheckResult,
    ) -> Result<(), Failure> {
        let CheckResult { result, what } = finding;
        self.emitter.emit(Kind::Proof {
            service: service.clone(),
            check: check.word(),
            result,
            what: what.clone(),
        });
        self.journal.add(Entry::Proof {
            service: service.clone(),
            check: check.word().to_owned(),
            result,
            what: what.clone(),
        })?;
        if result != ProofResult::Failed {
            return Ok(());
        }
        Err(Failure {
            service: Some(service.clone()),
            ..Failure::new(Code::CheckFailed, what)
        })
    }

    async fn look(&self, proofs: &Proofs, check: Check) -> LookResult {
        let base = &self.base(proofs).await?;
        match check {
            Check::OpenWithoutLogin => {
                let page = proofs
                    .open
                    .as_ref()
                    .ok_or("nothing is known of its pages")?;
                let reply = self.patiently(|| check::asks(base, page, None)).await?;
                Ok(check::judge_open(page, &reply))
            }
            Check::SessionLasts(wanted) => {
                let login = self.signed_in(proofs, base).await?;
                let (cookie, reply) = (&login.cookie, &login.reply);
                Ok(check::judge_life(cookie, reply, Timestamp::now(), wanted))
            }
            Check::CookieFits { secure, same_site } => {
                let login = self.signed_in(proofs, base).await?;
                Ok(check::judge_fit(&login.cookie, secure, same_site))
            }
            Check::SessionSurvives => Err("it was not started anew".to_owned()),
        }
    }

    /// Signs in, and makes sure that the page is another one than a visitor's.
    async fn signed_in<'p>(&self, proofs: &'p Proofs, base: &str) -> Result<Login<'p>, String> {
        let sign_in = proofs
            .sign_in
            .as_ref()
            .ok_or("how to sign in is not known")?;
        let credentials = proofs.credentials.as_ref().ok_or(
            "no account to sign in with; --sign-in NAME reads the password from standard input",
        )?;
        let visitor = self
            .patiently(|| check::asks(base, &sign_in.page, None))
            .await?;
        if check::is_page(&sign_in.page, &visitor) {
            return Err(format!("{} is open to everybody", sign_in.page.path));
        }
        let cookie_of = |reply: &Reply| check::cookie_of(&sign_in.cookie, reply);
        let signs_in = || check::signs_in(base, sign_in, credentials);
        let mut reply = self.patiently(signs_in).await?;
        let (mut cookie, mut by_https) = (cookie_of(&reply), false);
        if cookie.is_none() && reply.status < 400 {
            // Behind a proxy that ends https, cookies are given to what came to that over https.
            by_https = true;
            reply = http::ask(by(true, signs_in()), PATIENCE).await?;
            cookie = cookie_of(&reply);
        }
        let cookie = cookie.ok_or_else(|| match reply.status {
            400.. => format!(
                "the sign-in of {} is answered with {}",
                credentials.user, reply.status
            ),
            _ => format!(
                "the sign-in brought no cookie {}, neither over http nor as through an https proxy",
                sign_in.cookie
            ),
        })?;
        let seen = check::asks(base, &sign_in.page, Some(&cookie.pair()));
        let seen = http::ask(by(by_https, seen), PATIENCE).await?;
        if !check::is_page(&sign_in.page, &seen) {
            return Err(format!(
                "the cookie of a new login does not lead to {}: {}",
                sign_in.page.path, seen.status
            ));
        }
        Ok(Login {
            sign_in,
            reply,
            cookie,
            by_https,
        })
    }

    /// Signs in, starts the application anew, waits for its verdict, and asks with the same cookie. It gets
    /// another container where the run has made one: what an upgrade does to it. What the run has only
    /// restarted may keep things in its container.
    async fn survives(&self, proofs: &Proofs, watch: &mut Watch) -> Result<LookResult, Failure> {
        let sign_in = async {
            let base = self.base(proofs).await?;
            self.signed_in(proofs, &base).await
        };
        let login = match self.unless_signalled(sign_in).await? {
            Ok(login) => login,
            Err(why) => return Ok(Err(why)),
        };
        let done = match self.assessment.makes_anew(&proofs.service) {
            true => "recreated",
            false => "restarted",
        };
        fault!("proof.restart");
        self.start_anew(&proofs.service, watch).await?;
        let page = &login.sign_in.page;
        let ask = async {
            // A port that the engine chooses is another one now.
            let base = self.base(proofs).await?;
            let asks = || check::asks(&base, page, Some(&login.cookie.pair()));
            self.patiently(|| by(login.by_https, asks())).await
        };
        let reply = self.unless_signalled(ask).await?;
        Ok(reply.map(|reply| match check::is_page(page, &reply) {
            true => CheckResult::proven(format!(
                "was {done} for a test, and the login of the test, made before that, still counts"
            )),
            false => CheckResult::failed(format!(
                "was {done} for a test, and the login of the test, made before that, no longer counts: {} on {}",
                reply.status, page.path
            )),
        }))
    }

    /// Does to the application, and to those who live with it, what the run has done, once more.
    async fn start_anew(&self, service: &ServiceName, watch: &mut Watch) -> Result<(), Failure> {
        let follows = |step: &Step| step.reasons.iter().any(|why| why.route == Route::Follows);
        let mut steps: Vec<Step> = self.assessment.plan.steps.clone();
        steps.retain(|step| {
            step.action != Action::Remove && (step.service == *service || follows(step))
        });
        for step in &mut steps {
            step.action = match step.action {
                Action::Start | Action::Rebuild => Action::Recreate,
                Action::Signal => Action::Restart,
                Action::None | Action::Restart | Action::Recreate | Action::Remove => step.action,
            };
            watch.touched_again(&step.service, step.action);
        }
        self.convergence().run(&steps, watch, &self.journal).await?;
        let services: Vec<ServiceName> = steps.into_iter().map(|step| step.service).collect();
        let settled = watch.settle(&services, self.signals).await;
        settled.map_err(Failure::of_stopped)?;
        Failure::of_verdicts(watch).map_or(Ok(()), Err)
    }

    /// Asks until there is an answer; who answers nothing for a while cannot be asked.
    async fn patiently(&self, ask: impl Fn() -> PageRequest) -> Result<Reply, String> {
        let until = tokio::time::Instant::now() + WARM_UP;
        loop {
            let answered = http::ask(ask(), PATIENCE).await;
            if answered.is_ok() || tokio::time::Instant::now() >= until {
                return answered;
            }
            // Only a listening socket could end the wait, and nobody tells of one.
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Where this host reaches the application.
    async fn base(&self, proofs: &Proofs) -> Result<String, String> {
        if !self.place.docker.endpoint.is_local() {
            return Err("the engine is on another machine".to_owned());
        }
        let service = self.assessment.after.services.get(&proofs.service);
        let named = service.and_then(|service| address::on_this_host(service, proofs.port));
        if let Some(named) = named {
            return Ok(named);
        }
        let all = self.place.docker.compose_containers().await;
        let all = all.unwrap_or_default();
        let own = crate::stack::of_project(&all, &self.assessment.after.name);
        let mut own = own.iter().filter(|c| c.service == proofs.service);
        own.find_map(|container| address::of_container(container, proofs.port))
            .ok_or_else(|| "its port is not published on this machine".to_owned())
    }

    /// Whether one can sign in with the account at hand.
    async fn lets_in(&self, proofs: &Proofs) -> bool {
        match self.base(proofs).await {
            Ok(base) => self.signed_in(proofs, &base).await.is_ok(),
            Err(_) => false,
        }
    }

    async fn make_account(
        &self,
        proofs: &Proofs,
        account: &check::NewAccount,
    ) -> Result<(), Failure> {
        let service = &proofs.service;
        let docker = &self.place.docker;
        let all = docker.compose_containers().await?;
        let own = crate::stack::of_project(&all, &self.assessment.after.name);
        let running = own.iter().find(|c| c.service == *service && c.is_up());
        let failed = |reason: String, details: Vec<String>| Failure {
            service: Some(service.clone()),
            details,
            ..Failure::new(Code::AccountFailed, reason)
        };
        let Some(container) = running else {
            return Err(failed(
                "does not run, so no account can be made".into(),
                Vec::new(),
            ));
        };
        // Asked for once, and once more to be sure where a script does so.
        let password = account.password.expose();
        let stdin = format!("{password}\n{password}\n");
        let (code, said) = docker
            .exec_with_input(&container.id, &account.command, &stdin)
            .await?;
        let said = said.replace(password, crate::secret::HIDDEN);
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        if code != 0 && said.contains(&account.exists) && self.lets_in(proofs).await {
            self.emitter.note(
                NoteCode::Account,
                "the account is there already, and is used",
            );
            return Ok(());
        }
        if code != 0 {
            let last = lines.iter().rfind(|line| !line.trim().is_empty());
            let why = last.map(|line| format!(": {}", line.trim()));
            let reason = format!(
                "made no account, its script ended with {code}{}",
                why.unwrap_or_default()
            );
            return Err(failed(reason, lines));
        }
        self.emitter.note(
            NoteCode::Account,
            "the account was made by the application's own script",
        );
        Ok(())
    }
}
