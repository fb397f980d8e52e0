//! This machine, and what refit asks of it besides the engine and git: files, processes, locks, HTTP, mail,
//! systemd and cron. Returns data and errors; decides nothing and prints nothing.

pub(crate) mod accounts;
pub(crate) mod claims;
pub(crate) mod cron;
pub(crate) mod exchange;
pub(crate) mod extended_attributes;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod mounts;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod programs;
pub(crate) mod proxies;
pub(crate) mod redis;
pub(crate) mod script;
pub(crate) mod sendmail;
pub(crate) mod signals;
pub(crate) mod sockets;
pub(crate) mod systemd;
mod trust;
pub(crate) mod writable;
