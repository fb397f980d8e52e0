//! Asks a service in its own words whether it takes its files as they are, where `refit.yaml` says how:
//! before it is told to read them anew, and after that.

use crate::complaint::Code;
use crate::docker::client::Docker;
use crate::event::{Emitter, Kind, ProofResult, ServiceName};
use crate::failure::Failure;
use crate::health::cause::cause;

/// The word for it in JSON and in the journal.
pub(crate) const CHECK: &str = "reload";

/// A check of `refit.yaml`.
pub(crate) struct ReloadCheck<'a> {
    /// Whom it asks.
    pub(crate) service: &'a ServiceName,
    /// What is run in a shell in the container.
    pub(crate) command: &'a str,
}

impl ReloadCheck<'_> {
    /// Runs it in each of these containers.
    ///
    /// # Errors
    /// It says no, or it cannot be run.
    pub(crate) async fn ask(
        &self,
        docker: &Docker,
        containers: &[String],
        emitter: &Emitter,
    ) -> Result<(), Failure> {
        let command = ["sh", "-c", self.command].map(str::to_owned);
        for id in containers {
            let (code, said) = docker.exec_with_input(id, &command, "").await?;
            if let Some(reason) = self.refusal(code, &said) {
                emitter.emit(Kind::Proof {
                    service: self.service.clone(),
                    check: CHECK,
                    result: ProofResult::Failed,
                    what: reason.clone(),
                });
                return Err(Failure {
                    service: Some(self.service.clone()),
                    details: said.lines().map(crate::text::taken).collect(),
                    ..Failure::new(Code::CheckFailed, reason)
                });
            }
        }
        Ok(())
    }

    /// What it says against the files, by exit code and output.
    fn refusal(&self, code: i64, said: &str) -> Option<String> {
        let lines: Vec<String> = said.lines().map(crate::text::taken).collect();
        let why = cause(&lines).map(|line| format!(": {line}"));
        let why = why.unwrap_or_default();
        let command = self.command;
        match code {
            0 => None,
            // As shells say it.
            126 | 127 => Some(format!(
                "check: {command} cannot be run in its container{why}"
            )),
            code => Some(format!(
                "does not accept its files{why} ({command} exited with {code})"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says() {
        let service = ServiceName::from("web");
        let check = ReloadCheck {
            service: &service,
            command: "nginx -t",
        };
        assert_eq!(check.refusal(0, "nginx: configuration file is ok\n"), None);
        let said = "2025/05/01 10:00:00 [emerg] 7#7: unknown directive \"lisen\" in /etc/nginx/a.conf:2\n\
                    nginx: configuration file /etc/nginx/nginx.conf test failed\n";
        assert_eq!(
            check.refusal(1, said).unwrap(),
            "does not accept its files: 7#7: unknown directive \"lisen\" in /etc/nginx/a.conf:2 \
             (nginx -t exited with 1)"
        );
        assert_eq!(
            check.refusal(127, "sh: nginx: not found\n").unwrap(),
            "check: nginx -t cannot be run in its container: sh: nginx: not found"
        );
    }
}
