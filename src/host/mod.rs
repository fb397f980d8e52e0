//! This machine, and what refit asks of it besides the engine and git: files, processes, locks, HTTP, mail,
//! systemd and cron. Returns data and errors; decides nothing and prints nothing.

pub mod claims;
pub mod exchange;
pub mod extended_attributes;
pub mod files;
pub mod http;
pub mod peer;
pub mod process;
pub mod proxies;
pub mod redis;
pub mod script;
pub mod sendmail;
pub mod signals;
pub mod timekeeper;
mod trust;
