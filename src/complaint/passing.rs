//! Whether the cause of a failure lies outside of the version that was tried, and may be gone the next time.
//! Pure.

use super::Code;

/// Causes that no other version would mend.
const OUTSIDE: &[Code] = &[
    Code::CutOff,
    Code::DiskLow,
    Code::Edited,
    Code::EngineError,
    Code::EnginePermission,
    Code::GitBusy,
    Code::GitCredentials,
    Code::GitFailed,
    Code::GitNetwork,
    Code::HookFailed,
    Code::ImageNotFound,
    Code::Interrupted,
    Code::Io,
    Code::Locked,
    Code::NoEngine,
    Code::PullFailed,
    Code::RegistryDenied,
    Code::RegistryLimit,
    Code::RegistryUnreachable,
];

/// Another program failed: its own lines say for want of what.
const TOLD_BY_LINES: &[Code] = &[Code::BuildFailed, Code::ComposeFailed];

/// What the programs of a build say of a network, a server or a disk.
const PASSING: &[&str] = &[
    "bad gateway",
    "connection refused",
    "connection reset",
    "connection timed out",
    "context deadline exceeded",
    "could not get lock",
    "could not resolve host",
    "dial tcp",
    "dial udp",
    "disk quota exceeded",
    "eai_again",
    "econnrefused",
    "econnreset",
    "enospc",
    "enotfound",
    "etimedout",
    "failed to do request",
    "failed to fetch anonymous token",
    "failed to resolve source metadata",
    "gateway time-out",
    "gateway timeout",
    "http 500",
    "http 502",
    "http 503",
    "http 504",
    "i/o timeout",
    "max retries exceeded",
    "network is unreachable",
    "no route to host",
    "no space left",
    "no such host",
    "service unavailable",
    "temporary failure",
    "tls handshake timeout",
    "too many requests",
    "toomanyrequests",
    "unexpected status from",
];

/// Whether no other version would mend it.
pub(crate) fn is_outside(code: Code) -> bool {
    OUTSIDE.contains(&code)
}

/// Whether it may be gone the next time; `lines`: all that is told of it.
pub(crate) fn may_pass<'a>(code: Code, lines: impl IntoIterator<Item = &'a str>) -> bool {
    let says = |line: &str| {
        let lower = line.to_lowercase();
        PASSING.iter().any(|words| lower.contains(words))
    };
    is_outside(code) || TOLD_BY_LINES.contains(&code) && lines.into_iter().any(says)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines are those of buildkit, npm, pip, apt and git.
    #[test]
    fn what_no_other_version_would_mend_is_told_from_a_bad_version() {
        for line in [
            "failed to solve: failed to resolve source metadata for docker.io/library/node:22: \
             dial tcp: lookup registry-1.docker.io: i/o timeout",
            "#9 1.2 npm error code EAI_AGAIN",
            "npm error request to https://registry.example/x failed, reason: getaddrinfo ENOTFOUND",
            "W: Temporary failure resolving 'deb.debian.org'",
            "write /var/lib/docker/tmp/x: no space left on device",
            "net/http: TLS handshake timeout",
            "received unexpected HTTP status: 503 Service Unavailable",
            "fatal: unable to access 'https://x/': Could not resolve host: x",
            "WARNING: Retrying after connection broken: Max retries exceeded with url: /simple/",
        ] {
            assert!(may_pass(Code::BuildFailed, [line]), "{line}");
            assert!(
                may_pass(Code::BuildFailed, ["exit code: 1", line]),
                "{line}"
            );
            assert!(!may_pass(Code::Unhealthy, [line]), "{line}");
        }
        for line in [
            "failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2",
            "dockerfile parse error on line 3: unknown instruction: RUNN",
            "COPY failed: file not found in build context: app.js",
            "",
        ] {
            assert!(!may_pass(Code::BuildFailed, [line]), "{line}");
        }
        assert!(may_pass(Code::GitNetwork, []));
        assert!(!may_pass(Code::GuardStore, []));
    }
}
